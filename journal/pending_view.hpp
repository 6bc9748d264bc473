// Which events may be pending at a reader's moment: the saved pending set, without what the commits
// after it ended, and with what they accepted. It leaves out no event that is pending; the others
// that it names are told by their rows.
#pragma once

#include "journal/checked_rows.hpp"
#include "journal/event_walk.hpp"
#include "journal/saved_marks.hpp"
#include "journal/unread_pending.hpp"

#include <map>
#include <optional>
#include <vector>

namespace skein::journal {

/// The statements of it, prepared once a reader.
struct pending_statements {
  statement saved;      // of `pending_saved`
  statement commits;    // (from)
  statement range;      // of `pending_range`: (at most), the newest one
  statement route;      // (code)
  statement deliveries; // of an event: (sequence)

  result<void> prepare(database& db);
};

class pending_view {
 public:
  /// With an agent only events that have a delivery for it.
  pending_view(pending_statements& use, std::uint64_t range_events, std::optional<agent_no> agent)
    : use_{use}, range_events_{range_events}, agent_{agent} {}

  /// Begins; false if nothing usable was saved: then nothing is known.
  result<bool> open(const unchecked_rows& old);
  /// The newest event below that may be pending; 0 if there is none.
  result<std::uint64_t> newest_below(std::uint64_t below);
  result<bool> may_be(std::uint64_t sequence);
  /// As saved_pending's.
  result<std::optional<pending_mark>> mark_of(std::uint64_t sequence);
  result<std::optional<delivery_list>> deliveries_of(const pending_mark& mark);
  /// Of what was saved something that these were asked for is damaged, and is to be saved anew.
  bool met_damage() const noexcept { return met_damage_; }

 private:
  result<bool> read_commits(commit_no saved, const unchecked_rows& old);
  result<void> load(std::uint64_t range);
  result<std::uint64_t> newest_accepted(std::uint64_t below);
  result<std::uint64_t> newest_saved(std::uint64_t below);
  result<bool> is_live(std::uint64_t sequence);
  result<bool> may_be(std::uint64_t sequence, const pending_mark& mark);
  placed_marks::const_iterator first_from(std::uint64_t slot) const;
  result<bool> is_of_agent(route_code route);
  std::uint32_t ended(std::uint64_t sequence) const;

  pending_statements& use_;
  std::uint64_t range_events_;
  std::optional<agent_no> agent_;
  std::uint64_t accepted_from_ = 0;  // events that were accepted after what was saved
  std::vector<std::uint64_t> ended_; // deliveries that were pending or accepted then, in order
  bool met_damage_ = false;
  bool is_loaded_ = false;
  std::uint64_t asked_ = 0;            // the range that was asked for,
  std::optional<std::uint64_t> range_; // the newest one up to it that has marks
  std::optional<placed_marks> marks_;  // its marks; empty: damaged, any event of it may be pending
  std::map<route_code, bool> routes_;  // whether it has a delivery for the agent
};

/// The events of a view. `find` gives the event of a sequence.
class pending_walk final : public event_walk {
 public:
  pending_walk(pending_view& view, statement& find, const event_bounds& within)
    : view_{view}, find_{find}, end_{find}, left_{within} {}
  result<statement*> next() override;

 private:
  pending_view& view_;
  statement& find_;
  reset_at_end end_;
  event_bounds left_;
};

/// A view as what was saved for events that cannot be read.
class saved_in_view final : public saved_pending {
 public:
  saved_in_view(pending_view& view, const unchecked_rows& old) : view_{view}, old_{old} {}

  result<bool> open() override { return view_.open(old_); }
  result<std::optional<pending_mark>> mark_of(std::uint64_t sequence) override {
    return view_.mark_of(sequence);
  }
  result<std::optional<delivery_list>> deliveries_of(const pending_mark& mark) override {
    return view_.deliveries_of(mark);
  }

 private:
  pending_view& view_;
  const unchecked_rows& old_;
};

} // namespace skein::journal
