// All that can still be read of a damaged store, row by row, whatever is lost around it. Trees are
// walked from their roots; where a page is lost, the pages that nothing points at any more and
// older images in the log are searched for rows whose checksum holds.
#pragma once

#include "journal/btree_page.hpp"
#include "journal/kept_part.hpp"
#include "journal/page_source.hpp"
#include "journal/salvage_rows.hpp"
#include "journal/store_state.hpp"
#include "protocol/ids.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace skein::journal {

class salvage {
 public:
  static result<std::unique_ptr<salvage>> open(const std::string& directory);

  /// A value of the table `meta`, a number as its digits.
  std::optional<std::string> meta(const std::string& name) const;
  /// Its rows are as they were written, or from before they had a checksum.
  bool is_meta_whole() const;
  /// Where what is kept begins; empty if the row that says so is lost.
  const std::optional<kept_part>& kept() const noexcept { return kept_part_; }
  /// Index = number; empty where the name is lost.
  const std::vector<std::string>& agents() const noexcept { return agents_; }
  const std::map<std::int64_t, start_row>& starts() const noexcept { return starts_; }
  std::uint64_t epoch_max() const noexcept { return epoch_max_; }

  /// Whether the row is the one that its commit names.
  template <class Columns>
  using judge = std::function<bool(const Columns&)>;

  // Rows whose checksum holds; empty if there is none. Texts are valid until the next call. What
  // stands where it counts is taken as it is. From elsewhere only what fits is taken; without a
  // judge what was committed once.
  std::optional<event_columns> event(std::int64_t number, const judge<event_columns>& fits = {});
  /// Whether there is one where it counts, whole or not: elsewhere are those that retention has
  /// dropped too.
  bool has_kept_event(std::int64_t number);
  bool has_kept_outcome(std::int64_t id);
  std::optional<outcome_columns> outcome(std::int64_t id, const judge<outcome_columns>& fits = {});
  std::optional<commit_columns> commit(std::int64_t number);
  std::optional<attempt_columns> attempt(std::int64_t id, std::int64_t attempt);
  /// Counts one that a commit names and that stands behind the last commit in the log. False if
  /// there is none.
  bool take_attempt(std::int64_t id, std::int64_t attempt);
  /// The mark names it, so it was acknowledged: its row counts, also behind the last commit that
  /// the log shows to be whole.
  void take_commit(std::int64_t number, const hash128& digest);
  /// Whether the table of dead letters has it. Its rows have no checksums.
  bool is_dead(std::int64_t id) const { return dead_ids_.contains(id); }
  bool has_dead(std::int64_t event) const;
  /// Numbers of the attempts of a delivery, in order.
  std::vector<std::int64_t> attempts_of(std::int64_t id) const;
  std::int64_t last_event();
  std::int64_t last_commit();

  struct state_place {
    std::int64_t agent = 0;
    std::string key;
    bool whole = false; // its checksum holds
    bool stale = false; // a newer one may have been lost
  };
  const std::vector<state_place>& states() const noexcept { return states_; }
  /// Of number `index` of them, which is whole.
  std::optional<std::string> state_value(std::size_t index);
  bool is_state_lost() const noexcept { return state_.is_lost(); }

  /// Whether an event of this number may have been there: on a page that is lost, or in the place
  /// of a row whose checksum does not hold, as its number may be what was damaged.
  bool may_have_lost_event(std::int64_t number) const { return is_in_gap(event_, number); }
  /// The same of an outcome.
  bool may_have_lost_outcome(std::int64_t id) const { return is_in_gap(outcome_, id); }
  bool may_have_lost_start() const noexcept { return start_.is_lost(); }
  bool may_have_lost_attempt() const noexcept { return attempt_.is_lost(); }
  /// Sentences: pages and frames that cannot be read.
  const std::vector<std::string>& damages() const noexcept { return damages_; }

 private:
  struct leaf {
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::uint32_t page = 0;
  };
  struct row_place {
    page_image image;
    std::uint16_t cell = 0;
  };
  struct gap {
    std::int64_t above = 0;
    std::int64_t up_to = 0;
  };
  struct tree {
    const char* name = "";
    std::uint32_t root = 0;
    std::vector<leaf> leaves{};
    std::vector<gap> gaps{}; // in order, once all is read
    std::multimap<std::int64_t, row_place> spares{};
    bool stale = false; // a newer page of it, or a row, cannot be read
    bool is_lost() const noexcept { return !gaps.empty() || stale; }
  };
  using values = row_values;

  explicit salvage(page_source pages) : pages_{std::move(pages)} {}
  void read_all();
  void read_schema();
  void walk(tree& of, std::uint32_t page, const gap& keys, int depth);
  void keep_rows(tree& of, std::uint32_t page, const page_cells& found, const gap& keys);
  void note_rows(tree& of, std::uint32_t page, const page_cells& found, const gap& keys);
  bool is_whole(const tree& of, std::int64_t key, const values& row) const;
  void join_gaps();
  template <class Columns>
  std::int64_t last_of(tree& in, std::int64_t old_to);
  void keep_row(tree& of, const row_place& at, const cell_place& cell, const values& row);
  std::size_t columns_min(const tree& of) const;
  void keep_state(const row_place& at, const values& row);
  void lose_attempt(const values& row);
  void keep_meta(const values& row);
  void keep_agent(std::int64_t number, std::string_view name);
  void keep_agent_row(std::int64_t number, const values& row);
  void keep_start(tree& of, std::int64_t id, const values& row);
  void keep_kept(const values& row);
  bool is_in_gap(const tree& in, std::int64_t key) const;
  template <class Columns>
  std::optional<Columns> find_in_leaves(tree& in, std::int64_t key, std::int64_t old_to,
                                        bool& is_there);
  void walk_free_pages();
  void look_for_spares();
  void keep_spares(const page_image& image, bool is_current);
  void tell(const tree& of, std::uint32_t page);

  const std::string* load(const page_image& image);
  /// The values of a row, held until the next call.
  const values* values_at(const row_place& place);
  template <class Columns>
  std::optional<Columns> find(tree& in, std::int64_t key, std::int64_t old_to,
                              const judge<Columns>& fits = {});

  page_source pages_;
  std::vector<bool> reached_;
  tree meta_{"meta"}, agent_{"agent"}, agent_name_{"sqlite_autoindex_agent_1"}, fence_{"fence"},
      event_{"event"}, outcome_{"outcome"}, attempt_{"attempt"}, start_{"start"}, state_{"state"},
      commits_{"commits"}, kept_{"kept"}, dead_{"dead"}, schema_{"sqlite_schema"};
  std::vector<tree*> all_{&meta_,    &agent_, &agent_name_, &fence_,   &event_, &outcome_,
                          &attempt_, &start_, &state_,      &commits_, &kept_,  &dead_};
  std::map<std::string, std::string> meta_values_;
  std::map<std::string, std::string> meta_quoted_; // as SQL's quote() has them
  std::vector<std::string> agents_;
  std::map<std::int64_t, std::int64_t> agent_crcs_;
  std::optional<kept_part> kept_part_ = kept_part{};
  std::map<std::int64_t, start_row> starts_;
  std::uint64_t epoch_max_ = 0;
  std::map<std::pair<std::int64_t, std::int64_t>, row_place> attempts_;
  std::map<std::pair<std::int64_t, std::int64_t>, row_place> loose_attempts_; // not committed
  std::set<std::int64_t> dead_ids_;
  std::vector<state_place> states_;
  std::vector<row_place> state_places_;
  std::int64_t old_events_ = 0;
  std::int64_t old_commits_ = 0;
  bool spares_known_ = false;
  std::vector<std::string> damages_;

  // The row that was read last.
  page_image loaded_;
  std::string page_;
  page_cells cells_;
  std::string record_;
  values values_;
};

} // namespace skein::journal
