#include "journal/timer_load.hpp"

#include "journal/checked_rows.hpp"
#include "journal/sqlite_journal.hpp"
#include "journal/timer_remake.hpp"
#include "journal/timer_row.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace skein::journal {

namespace {

class timer_load {
 public:
  explicit timer_load(sqlite_parts& parts)
    : parts_{parts}, db_{parts.writer->db()}, pending_{parts.state->pending()} {}

  result<std::vector<std::uint64_t>> run() {
    const expected all = count_expected();
    if (all == expected{})
      return std::vector<std::uint64_t>{};
    auto due = scan(all);
    if (!due && !is_unreadable(due.error().code))
      return due.error();
    if (!due || !*due) {
      parts_.notes.push_back("what was saved of the times of pending events is damaged; it was "
                             "made anew from their rows");
      if (auto made = remake_timers(parts_, parts_.last_at, parts_.state->next_sequence()); !made)
        return made.error();
      due = scan(all);
      if (!due || !*due)
        return !due ? due.error() : damaged_store("the times of pending events do not fit them");
    }
    std::sort((*due)->begin(), (*due)->end());
    return std::move(**due);
  }

 private:
  /// Times of pending events.
  struct expected {
    std::uint64_t due = 0;
    std::uint64_t expiries = 0;
    friend bool operator==(const expected&, const expected&) = default;
  };
  expected count_expected() const {
    expected all;
    for (const std::uint64_t range : pending_.ranges())
      for (const placed_mark& each : pending_.marks_of(range)) {
        all.due += each.mark.delayed() ? 1u : 0u;
        all.expiries += each.mark.expires() ? 1u : 0u;
      }
    return all;
  }

  /// Those that have come; nothing if the table is not whole.
  result<std::optional<std::vector<std::uint64_t>>> scan(const expected& all) {
    auto rows = db_.prepare("SELECT " SKEIN_TIMER_COLUMNS " FROM timer");
    if (!rows)
      return rows.error();
    std::vector<std::uint64_t> due;
    expected found;
    int code = SQLITE_OK;
    while ((code = rows->step()) == SQLITE_ROW) {
      const auto row = timer_at(*rows);
      if (!row)
        return std::optional<std::vector<std::uint64_t>>{};
      const auto sequence = static_cast<std::uint64_t>(row->no);
      const pending_mark mark = pending_.at(sequence);
      if (row->kind != 0)
        found.expiries += mark.expires() ? 1u : 0u;
      if (row->kind != 0 || !mark.delayed())
        continue; // an expiry, or of an event that is over
      ++found.due;
      if (from_ns(row->at) <= parts_.last_at)
        due.push_back(sequence);
    }
    if (code != SQLITE_DONE)
      return sqlite_error(db_.raw(), code, "reading timers");
#ifdef SKEIN_BUG_TIMERS_NOT_COUNTED
    found = all;
#endif
    return found == all ? std::optional{std::move(due)} : std::nullopt;
  }

  sqlite_parts& parts_;
  database& db_;
  const pending_set& pending_;
};

} // namespace

result<std::vector<std::uint64_t>> load_due(sqlite_parts& parts) { return timer_load{parts}.run(); }

} // namespace skein::journal
