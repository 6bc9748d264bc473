// What is pending at a start: walks over the events from the low-water mark on, with their outcomes
// beside them. Nothing is kept of an event but its bits; one that became due while it waited is
// told at its place among those that were accepted later.
#include "journal/checked_rows.hpp"
#include "journal/rows_by_delivery.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_journal.hpp"

#include <functional>
#include <queue>
#include <tuple>
#include <utility>

namespace skein::journal {

namespace {

/// A crash is counted once for each time that a start alone is found without its end. What stays is
/// the mark that it was started. If there is none, the process died for something else while those
/// that had crashed waited: each of them is taken one crash back.
result<void> count_crashes(sqlite_parts& parts) {
  database& db = parts.writer->db();
  const auto alone = db.number("SELECT count(*) FROM start WHERE mark = 2");
  const auto waited = db.number("SELECT count(*) FROM start WHERE mark = 1 AND crashes > 0");
  if (!alone || !waited)
    return !alone ? alone.error() : waited.error();
  if (*alone > 0)
    return parts.writer->transact(
        [&] { return db.run("UPDATE start SET mark = 1, crashes = crashes + 1 WHERE mark = 2"); });
#ifndef SKEIN_BUG_CRASHES_NEVER_TAKEN_BACK
  if (*waited > 0)
    return parts.writer->transact([&] {
      return db.run("UPDATE start SET crashes = crashes - 1 WHERE mark = 1 AND crashes > 0");
    });
#endif
  return {};
}

result<void> load_starts(sqlite_parts& parts) {
  auto query = parts.writer->db().prepare("SELECT s.id, s.mark, s.crashes, e.shard FROM start s "
                                          "JOIN event e ON e.no = s.id / 16");
  if (!query)
    return query.error();
  int code = SQLITE_OK;
  while ((code = query->step()) == SQLITE_ROW) {
    const std::uint64_t id = query->natural(0);
    const shard_id shard{static_cast<std::uint32_t>(query->integer(3))};
    parts.state->set_start({{shard, id / 16}, static_cast<std::uint8_t>(id % 16)},
                           {static_cast<start_mark>(query->integer(1)),
                            static_cast<std::uint32_t>(query->integer(2))});
  }
  return code == SQLITE_DONE ? result<void>{} : sqlite_error(query->db(), code, "reading starts");
}

using teller = std::function<void(const pending_event&)>;

/// Puts those that became due in their places; all others come in the order of their numbers, which
/// is that of their times.
class lane_order {
 public:
  explicit lane_order(const teller& each) : each_{each} {}

  void add(const pending_event& one, instant accepted, instant due) {
    tell_until({accepted, one.event.sequence});
    if (!one.sleeps && due > accepted)
      late_.push({{due, one.event.sequence}, one});
    else
      each_(one);
  }
  void tell_rest() { tell_until({instant::max(), 0}); }

 private:
  using place = std::pair<instant, std::uint64_t>;
  struct became_due {
    place at;
    pending_event what;
    friend bool operator>(const became_due& a, const became_due& b) { return a.at > b.at; }
  };
  void tell_until(const place& end) {
    for (; !late_.empty() && late_.top().at < end; late_.pop())
      each_(late_.top().what);
  }

  const teller& each_;
  std::priority_queue<became_due, std::vector<became_due>, std::greater<>> late_;
};

class pending_scan {
 public:
  pending_scan(sqlite_parts& parts, statement& outcomes, const teller& each)
    : parts_{parts}, outcomes_{outcomes}, order_{each} {}

  /// One row of `event`.
  result<void> read(statement& row) {
    const auto event = small_event_at(row, parts_.old);
    if (!event)
      return event.error();
    pending_event found;
    found.event = {shard_id{static_cast<std::uint32_t>(event->shard)},
                   static_cast<std::uint64_t>(event->no)};
    const auto deliveries = read_deliveries(event->deliveries);
    if (!deliveries || event->shard < 0 || event->shard >= parts_.identity.hash.shards)
      return damaged_store("event " + std::to_string(event->no) + " is not readable");
    found.deliveries = *deliveries;
    found.sleeps = event->due > parts_.last_at;
    for (std::size_t i = 0; i < deliveries->size(); ++i)
      if (!outcomes_.is_at(row_of({found.event, static_cast<std::uint8_t>(i)})))
        found.live = static_cast<std::uint16_t>(found.live | 1u << i);
    if (found.live == 0)
      return {};
    parts_.state->pending().add(found.event, found.live);
    order_.add(found, from_ns(event->at), event->due);
    return {};
  }

  result<void> finish() {
    order_.tell_rest();
    return outcomes_.check();
  }

 private:
  sqlite_parts& parts_;
  rows_by_delivery outcomes_;
  lane_order order_;
};

} // namespace

result<void> load_pending(sqlite_parts& parts, const teller& each) {
  database& db = parts.writer->db();
  const auto low = db.number("SELECT low_water FROM commits ORDER BY no DESC LIMIT 1", 1);
  if (!low)
    return low.error();
  for (const auto step : {count_crashes, load_starts})
    if (auto done = step(parts); !done)
      return done;
  auto outcomes =
      db.prepare("SELECT " SKEIN_OUTCOME_COLUMNS_SMALL " FROM outcome WHERE id >= ? ORDER BY id");
  auto events =
      db.prepare("SELECT " SKEIN_EVENT_COLUMNS_SMALL " FROM event WHERE no >= ? ORDER BY no");
  if (!outcomes || !events)
    return !outcomes ? outcomes.error() : events.error();
  outcomes->bind(1, *low * 16);
  events->bind(1, *low);
  pending_scan scan{parts, *outcomes, each};
  int code = SQLITE_OK;
  while ((code = events->step()) == SQLITE_ROW)
    if (auto done = scan.read(*events); !done)
      return done;
  return code == SQLITE_DONE ? scan.finish()
                             : sqlite_error(events->db(), code, "reading what is pending");
}

} // namespace skein::journal
