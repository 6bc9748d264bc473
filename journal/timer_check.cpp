#include "journal/timer_check.hpp"

#include "journal/pending_set.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/timer_buckets.hpp"

namespace skein::journal {

namespace {

error failed(statement& which, int code) {
  return sqlite_error(which.db(), code, "checking timers");
}

/// Of this event, at this time, in one of the buckets that the time may stand in.
result<bool> is_there(statement& find, std::uint64_t sequence, std::int64_t kind, instant at) {
  const reset_at_end end{find};
  int column = 1;
  for (const std::int64_t bucket : timer_places(at))
    find.bind(column++, bucket);
  const int code = find.bind(column, sequence).bind(column + 1, kind).bind(column + 2, at).step();
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    return failed(find, code);
  return code == SQLITE_ROW;
}

} // namespace

result<std::vector<std::string>> check_timers(database& db, std::size_t most) {
  auto events = db.prepare("SELECT no, at, due, expires, deliveries, (SELECT count(*) FROM outcome "
                           "WHERE id >= event.no * 16 AND id < event.no * 16 + 16) "
                           "FROM event WHERE due > at OR expires IS NOT NULL");
  auto find = db.prepare("SELECT 1 FROM timer WHERE bucket IN (?, ?, ?, ?) AND no = ? AND kind = ? "
                         "AND at = ?");
  if (!events || !find)
    return !events ? events.error() : find.error();
  std::vector<std::string> wrong;
  int code = SQLITE_OK;
  while ((code = events->step()) == SQLITE_ROW && wrong.size() < most) {
    const auto deliveries = read_deliveries(events->text(4));
    if (!deliveries || events->natural(5) >= deliveries->size())
      continue; // told elsewhere, or over
    const std::uint64_t sequence = events->natural(0);
    const instant due = events->time(2), expires = events->time(3);
    const auto has_due =
        is_delayed(due, events->time(1)) ? is_there(*find, sequence, 0, due) : result<bool>{true};
    const auto has_expiry =
        expires != no_instant ? is_there(*find, sequence, 1, expires) : result<bool>{true};
    if (!has_due || !has_expiry)
      return !has_due ? has_due.error() : has_expiry.error();
    if (!*has_due || !*has_expiry)
      wrong.push_back("the table 'timer' does not have when event " + std::to_string(sequence) +
                      (*has_due ? " expires" : " is due"));
  }
  if (code != SQLITE_DONE && code != SQLITE_ROW)
    return failed(*events, code);
  return wrong;
}

} // namespace skein::journal
