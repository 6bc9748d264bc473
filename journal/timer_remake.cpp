#include "journal/timer_remake.hpp"

#include "journal/checked_rows.hpp"
#include "journal/derived_table.hpp"
#include "journal/sqlite_journal.hpp"
#include "journal/timer_buckets.hpp"
#include "journal/timer_row.hpp"

#include <vector>

namespace skein::journal {

namespace {

class remake {
 public:
  remake(sqlite_parts& parts, instant of_unreadable, std::uint64_t below)
    : parts_{parts}, db_{parts.writer->db()}, of_unreadable_{of_unreadable}, below_{below} {}

  /// What is read is read first: a transaction that met damage could not be ended.
  result<void> run() {
    const auto readable = is_readable(db_, timer_table);
    if (!readable)
      return readable.error();
    if (auto found = find_times(); !found)
      return found;
    return parts_.writer->try_transact([&]() -> result<void> {
      auto emptied = empty(db_, timer_table, *readable);
      return emptied ? write() : emptied;
    });
  }

 private:
  result<void> find_times() {
    if (auto prepared = db_.prepare_all(
            {{&read_, "SELECT " SKEIN_EVENT_COLUMNS_SMALL " FROM event WHERE no = ?"}});
        !prepared)
      return prepared;
    const pending_set& pending = parts_.state->pending();
    for (const std::uint64_t range : pending.ranges())
      for (const placed_mark& each : pending.marks_of(range))
        if (auto found = add_times(range * pending.range_events() + each.slot, each.mark); !found)
          return found;
    return {};
  }

  result<void> add_times(std::uint64_t sequence, const pending_mark& mark) {
    if ((!mark.delayed() && !mark.expires()) || sequence >= below_)
      return {};
    const reset_at_end end{read_};
    const int code = read_.bind(1, sequence).step();
    if (code == SQLITE_DONE)
      return add_unreadable(sequence, mark);
    const auto event = code == SQLITE_ROW
                           ? small_event_at(read_, parts_.old)
                           : sqlite_error(db_.raw(), code, "reading what is pending");
    if (!event && !is_unreadable(event.error().code))
      return event.error();
    if (!event)
      return add_unreadable(sequence, mark);
    if (mark.delayed())
      add(sequence, 0, event->due, mark);
    if (mark.expires())
      add(sequence, 1, event->expires, mark);
    return {};
  }

  /// It has as many times as its mark says: a start counts them.
  result<void> add_unreadable(std::uint64_t sequence, const pending_mark& mark) {
    if (mark.delayed())
      add(sequence, 0, of_unreadable_, mark);
    if (mark.expires())
      add(sequence, 1, of_unreadable_, mark);
    return {};
  }

  void add(std::uint64_t sequence, std::int64_t kind, instant at, const pending_mark& mark) {
    times_.push_back({timer_bucket(at, parts_.last_at), static_cast<std::int64_t>(sequence), kind,
                      to_ns(at), std::int64_t{mark.shard}});
  }

  result<void> write() {
    auto insert = db_.prepare("INSERT INTO timer VALUES(?, ?, ?, ?, ?, ?)");
    if (!insert)
      return insert.error();
    for (const timer_row& each : times_) {
      bind_timer(*insert, each);
      if (const int code = insert->run(); code != SQLITE_DONE)
        return sqlite_error(db_.raw(), code, "writing timers");
    }
    return {};
  }

  sqlite_parts& parts_;
  database& db_;
  instant of_unreadable_;
  std::uint64_t below_;
  statement read_;
  std::vector<timer_row> times_;
};

} // namespace

result<void> remake_timers(sqlite_parts& parts, instant of_unreadable, std::uint64_t below) {
  return remake{parts, of_unreadable, below}.run();
}

} // namespace skein::journal
