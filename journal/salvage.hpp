// All that can still be read of a damaged store, row by row, whatever is lost around it. Trees are
// walked from their roots; where a page is lost, the pages that nothing points at any more and
// older images in the log are searched for rows whose checksum holds.
#pragma once

#include "journal/btree_page.hpp"
#include "journal/kept_part.hpp"
#include "journal/page_source.hpp"
#include "journal/record_crc.hpp"
#include "journal/store_state.hpp"
#include "protocol/ids.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
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

  // Rows whose checksum holds; empty if there is none. Texts are valid until the next call.
  std::optional<event_columns> event(std::int64_t number);
  /// Whether there is one where it counts, whole or not: elsewhere are those that retention has
  /// dropped too.
  bool has_kept_event(std::int64_t number);
  bool has_kept_outcome(std::int64_t id);
  std::optional<outcome_columns> outcome(std::int64_t id);
  std::optional<commit_columns> commit(std::int64_t number);
  std::optional<attempt_columns> attempt(std::int64_t id, std::int64_t attempt);
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

  /// Whether an event of this number may have been on a page that is lost.
  bool may_have_lost_event(std::int64_t number) const { return is_in_gap(event_, number); }
  /// Whether an outcome of this number may have been on a page that is lost.
  bool may_have_lost_outcome(std::int64_t id) const;
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
    std::vector<gap> gaps{};
    std::multimap<std::int64_t, row_place> spares{};
    bool stale = false;
    bool is_lost() const noexcept { return !gaps.empty() || stale; }
  };
  using values = std::vector<stored_value>;

  explicit salvage(page_source pages) : pages_{std::move(pages)} {}
  void read_all();
  void read_schema();
  void walk(tree& of, std::uint32_t page, const gap& keys, int depth);
  void keep_rows(tree& of, const page_image& image, const page_cells& found);
  template <class Columns>
  std::int64_t last_of(tree& in, std::int64_t old_to);
  void keep_row(tree& of, const row_place& at, const cell_place& cell, const values& row);
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
  std::optional<Columns> find(tree& in, std::int64_t key, std::int64_t old_to);

  page_source pages_;
  std::vector<bool> reached_;
  tree meta_{"meta"}, agent_{"agent"}, agent_name_{"sqlite_autoindex_agent_1"}, fence_{"fence"},
      event_{"event"}, outcome_{"outcome"}, attempt_{"attempt"}, start_{"start"}, state_{"state"},
      commits_{"commits"}, kept_{"kept"}, schema_{"sqlite_schema"};
  std::vector<tree*> all_{&meta_,    &agent_, &agent_name_, &fence_,   &event_, &outcome_,
                          &attempt_, &start_, &state_,      &commits_, &kept_};
  std::map<std::string, std::string> meta_values_;
  std::map<std::string, std::string> meta_quoted_; // as SQL's quote() has them
  std::vector<std::string> agents_;
  std::map<std::int64_t, std::int64_t> agent_crcs_;
  std::optional<kept_part> kept_part_ = kept_part{};
  std::map<std::int64_t, start_row> starts_;
  std::uint64_t epoch_max_ = 0;
  std::map<std::pair<std::int64_t, std::int64_t>, row_place> attempts_;
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
