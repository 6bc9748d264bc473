// Writes a new store with what another one held: the one road of repair and import. Events, ends
// and attempts become commits again, in order of time, each sealed with the chain as an engine's
// are; what an engine derives from them (sets, windows, indexes) the next start makes anew.
#pragma once

#include "journal/journal.hpp"
#include "journal/kept_part.hpp"
#include "journal/pending_set.hpp"
#include "journal/sealed_commit.hpp"
#include "journal/store_state.hpp"

#include <deque>
#include <memory>
#include <queue>
#include <string>
#include <tuple>
#include <vector>

namespace skein::journal {

struct sqlite_parts;

/// An event with all that came of it so far.
struct past_event {
  event_record record; // its times absolute, bodies and replies read
  hash128 identity;
  std::uint64_t content = 0;
  std::vector<start_row> starts{}; // one a delivery, or none at all
};

class history_writer {
 public:
  /// A new store in this directory, which must be empty or absent.
  static result<std::unique_ptr<history_writer>> make(const std::string& directory,
                                                      const store_identity& identity,
                                                      std::vector<std::string> agents);
  ~history_writer();

  /// Before the first event, if retention has dropped something: where it begins, and the time of
  /// its oldest commit. What `kept.dropped` says of events is made to fit those that come.
  void begin_at(const kept_part& kept, instant oldest);

  /// In order of sequence, from 1 on, without gaps but below `swept_to`; accepted at times that do
  /// not go back, and ended not before. invalid_argument if it is not so.
  result<void> add(past_event event);
  /// After the last event.
  result<void> add_state(agent_no agent, std::string key, slice value);
  /// That commit number `number` was made at this time. Told in order; what is written at that time
  /// keeps the number if it can.
  void was_commit(commit_no number, instant at) { known_.push_back({number, at}); }

  /// The rest is written, all is on disk. What was written is opened once, as a node would, and
  /// closed in order.
  result<void> finish();

 private:
  explicit history_writer(std::unique_ptr<sqlite_parts> parts, std::vector<std::string> agents);

  /// What becomes of an event later.
  struct later {
    instant at = no_instant;
    std::uint64_t order = 0; // of those at one time
    finish_op end;
    bool is_end = false;
    attempt_op failed;
  };
  struct is_later {
    bool operator()(const later& a, const later& b) const {
      return std::tie(a.at, a.order) > std::tie(b.at, b.order);
    }
  };

  result<void> check(const past_event& event) const;
  void expect_ends(const past_event& event);
  void expect_attempt(const delivery_id& delivery, agent_no agent, const attempt_record& of,
                      instant accepted);
  void push(later what);
  result<void> go_on_to(instant at);
  result<void> join(instant at);
  result<void> stage(later what);
  result<void> seal();
  result<void> end_old_part();
  void fit_dropped();
  result<void> fill_up_to(instant at);
  result<void> write_commit();
  result<void> write_empty(std::uint64_t first_event);
  result<void> write(commit_rows rows);
  result<void> write_events();

  std::unique_ptr<sqlite_parts> parts_;
  std::vector<std::string> agents_;
  std::size_t agents_written_ = 0;
  sealed_commit sealed_;
  ledgers totals_;
  ledgers totals_written_; // after the last commit that is written
  std::uint64_t low_water_ = 1;
  instant written_at_ = no_instant;
  bool events_written_ = false;
  pending_set pending_;
  std::uint64_t next_ = 1; // sequence of the next event
  kept_part kept_;
  instant oldest_ = no_instant; // commit; with a part before it
  bool is_old_ = false;         // rows of that part, which are in no commit
  std::uint64_t order_ = 0;
  std::priority_queue<later, std::vector<later>, is_later> later_;
  struct known_commit {
    commit_no number{};
    instant at = no_instant;
  };
  std::deque<known_commit> known_;

  // The commit that is being gathered. What its rows point at.
  staged_batch staged_;
  std::size_t bytes_ = 0; // of bodies and replies
  std::deque<accept_op> accepted_;
  std::deque<finish_op> ended_;
  std::deque<attempt_op> failed_;
  std::deque<state_change> states_;
  std::vector<std::pair<delivery_id, std::optional<start_row>>> starts_;
};

/// Opens a store that was put together elsewhere once, as a node would, and closes it in order: so
/// it has its mark and all that a start makes.
result<void> settle_store(const std::string& directory, std::uint32_t shards);

} // namespace skein::journal
