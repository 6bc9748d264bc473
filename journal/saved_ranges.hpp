// The pending set on disk, range by range: written now and then, read at a start, which then only
// has to look at the commits after it. Derived from the rows of events and outcomes; whatever of it
// is damaged is made anew from those.
#pragma once

#include "journal/sqlite_writer.hpp"
#include "journal/store_state.hpp"

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace skein::journal {

class saved_ranges {
 public:
  explicit saved_ranges(sqlite_writer& writer) : writer_{writer} {}

  static constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
  /// Writes changed ranges, those that were written longest ago first, until they are so many
  /// bytes. The state is that after the commit `last`. One transaction; nothing if nothing has
  /// changed. If the tables cannot be read (is_unreadable), the next save makes them anew.
  result<void> save(store_state& state, commit_no last, std::size_t bytes_max);
  /// A range without a row has been empty since this commit; the others hold for it or a later one.
  commit_no upto() const noexcept { return upto_; }

  // ---- at a start ----

  /// What lies on disk.
  struct found {
    bool usable = false;                     // else nothing of it is: all is made anew
    bool is_new = false;                     // nothing was saved, or not in ranges of this size
    std::map<std::uint64_t, commit_no> upto; // of each whole range
    std::vector<std::uint64_t> damaged;      // ranges
  };
  /// Puts what is whole into the state's pending set, and the routes into its book. Tables that
  /// cannot be read are of no use, which is no error.
  result<found> read(store_state& state, commit_no last);
  /// As if nothing had been saved yet: the next save writes all, and no other row stays.
  void forget() noexcept;

 private:
  result<found> read_tables(store_state& state, commit_no last);
  result<void> save_routes(const route_book& routes);
  result<void> save_range(std::uint64_t number, commit_no upto, const placed_marks& marks,
                          std::string_view packed);
  result<void> drop_range(std::uint64_t number);
  result<void> save_position(commit_no upto, std::uint64_t range_events, route_code routes);
  result<std::optional<route_code>> read_position(std::uint64_t range_events, commit_no last,
                                                  bool& is_new);
  result<bool> read_routes(route_book& routes, route_code count);
  result<void> read_ranges(store_state& state, found& got);

  struct row {
    commit_no upto{};
    bool is_empty = false;
  };
  sqlite_writer& writer_;
  commit_no upto_{};
  route_code routes_ = 0; // that are on disk
  std::map<std::uint64_t, row> rows_;
  /// Changed ranges that the last save left, with the commit up to which what lies on disk holds.
  std::map<std::uint64_t, commit_no> waiting_;
  commit_no looked_at_{};   // by the last save: up to it that holds for all other ranges
  bool must_clear_ = false; // rows on disk that are not in rows_
};

} // namespace skein::journal
