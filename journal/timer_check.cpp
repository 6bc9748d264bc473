#include "journal/timer_check.hpp"

#include "journal/checked_rows.hpp"
#include "journal/pending_set.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/timer_buckets.hpp"
#include "journal/timer_row.hpp"

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

/// Those that are not as they were written; none in a store from before there were checksums.
result<void> check_rows(database& db, std::size_t most, std::vector<std::string>& wrong) {
  const auto has_crc =
      db.number("SELECT count(*) FROM pragma_table_info('timer') WHERE name = 'crc'");
  if (!has_crc || *has_crc == 0)
    return has_crc ? result<void>{} : has_crc.error();
  auto rows = db.prepare("SELECT " SKEIN_TIMER_COLUMNS " FROM timer");
  if (!rows)
    return rows.error();
  int code = SQLITE_OK;
  while ((code = rows->step()) == SQLITE_ROW && wrong.size() < most)
    if (const auto row = timer_at(*rows); !row)
      wrong.push_back(without_advice(row.error().detail));
  return code == SQLITE_DONE || code == SQLITE_ROW ? result<void>{} : failed(*rows, code);
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
  if (auto read = check_rows(db, most, wrong); !read)
    return read.error();
  return wrong;
}

} // namespace skein::journal
