#include "journal/timer_load.hpp"

#include "journal/checked_rows.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_journal.hpp"
#include "journal/timer_buckets.hpp"

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
    const std::uint64_t delayed = count_delayed();
    if (delayed == 0)
      return std::vector<std::uint64_t>{};
    auto due = scan(delayed);
    if (!due)
      return due.error();
    if (!*due) {
      parts_.notes.push_back("what was saved of the times of pending events is damaged; it was "
                             "made anew from their rows");
      if (auto made = make_anew(); !made)
        return made.error();
      due = scan(delayed);
      if (!due || !*due)
        return !due ? due.error() : damaged_store("the times of pending events do not fit them");
    }
    std::sort((*due)->begin(), (*due)->end());
    return std::move(**due);
  }

 private:
  std::uint64_t count_delayed() const {
    std::uint64_t delayed = 0;
    for (const std::uint64_t range : pending_.ranges())
      for (const placed_mark& each : pending_.marks_of(range))
        delayed += each.mark.delayed() ? 1u : 0u;
    return delayed;
  }

  /// Those that have come; nothing if the table is not whole.
  result<std::optional<std::vector<std::uint64_t>>> scan(std::uint64_t delayed) {
    auto rows = db_.prepare("SELECT bucket, no, kind, at FROM timer");
    if (!rows)
      return rows.error();
    std::vector<std::uint64_t> due;
    std::uint64_t found = 0;
    bool whole = true;
    int code = SQLITE_OK;
    while ((code = rows->step()) == SQLITE_ROW) {
      const instant at = rows->time(3);
      const auto places = timer_places(at);
      whole = whole && std::find(places.begin(), places.end(), rows->integer(0)) != places.end();
      if (rows->integer(2) != 0 || !pending_.at(rows->natural(1)).delayed())
        continue; // an expiry, or of an event that is over
      ++found;
      if (at <= parts_.last_at)
        due.push_back(rows->natural(1));
    }
    if (code != SQLITE_DONE)
      return sqlite_error(db_.raw(), code, "reading timers");
#ifdef SKEIN_BUG_TIMERS_NOT_COUNTED
    whole = true;
    found = delayed;
#endif
    return whole && found == delayed ? std::optional{std::move(due)} : std::nullopt;
  }

  result<void> make_anew() {
    auto read = db_.prepare("SELECT " SKEIN_EVENT_COLUMNS_SMALL " FROM event WHERE no = ?");
    auto add = db_.prepare("INSERT INTO timer VALUES(?, ?, ?, ?, ?)");
    if (!read || !add)
      return !read ? read.error() : add.error();
    return parts_.writer->transact([&]() -> result<void> {
      if (auto emptied = db_.run("DELETE FROM timer"); !emptied)
        return emptied;
      for (const std::uint64_t range : pending_.ranges())
        for (const placed_mark& each : pending_.marks_of(range))
          if (auto made = add_times(*read, *add, range * pending_.range_events() + each.slot);
              !made)
            return made;
      return {};
    });
  }

  result<void> add_times(statement& read, statement& add, std::uint64_t sequence) {
    const reset_at_end end{read};
    const int code = read.bind(1, sequence).step();
    if (code != SQLITE_ROW && code != SQLITE_DONE)
      return sqlite_error(db_.raw(), code, "reading what is pending");
    if (code == SQLITE_DONE)
      return damaged_store("event " + std::to_string(sequence) + " is pending but not there");
    const auto event = small_event_at(read, parts_.old);
    if (!event)
      return event.error();
    const auto add_one = [&](instant at, std::int64_t kind) -> result<void> {
      add.bind(1, timer_bucket(at, parts_.last_at)).bind(2, sequence).bind(3, kind);
      const int done = add.bind(4, at).bind(5, event->shard).run();
      return done == SQLITE_DONE ? result<void>{} : sqlite_error(db_.raw(), done, "writing timers");
    };
    if (is_delayed(event->due, from_ns(event->at)))
      if (auto added = add_one(event->due, 0); !added)
        return added;
    return event->expires == no_instant ? result<void>{} : add_one(event->expires, 1);
  }

  sqlite_parts& parts_;
  database& db_;
  const pending_set& pending_;
};

} // namespace

result<std::vector<std::uint64_t>> load_due(sqlite_parts& parts) { return timer_load{parts}.run(); }

} // namespace skein::journal
