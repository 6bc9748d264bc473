// What is pending at a start, in lane order: from the pending set, without rows but those of
// delayed events whose time has come.
#include "journal/checked_rows.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_journal.hpp"
#include "journal/sqlite_ranges.hpp"
#include "journal/timer_load.hpp"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

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
    return parts.writer->transact([&] {
      return db.run("UPDATE start SET mark = 1, crashes = crashes + 1, "
                    "crc = row_crc(id, 1, crashes + 1) WHERE mark = 2");
    });
#ifndef SKEIN_BUG_CRASHES_NEVER_TAKEN_BACK
  if (*waited > 0)
    return parts.writer->transact([&] {
      return db.run("UPDATE start SET crashes = crashes - 1, crc = row_crc(id, 1, crashes - 1) "
                    "WHERE mark = 1 AND crashes > 0");
    });
#endif
  return {};
}

result<void> load_starts(sqlite_parts& parts) {
  auto query = parts.writer->db().prepare("SELECT id, mark, crashes FROM start");
  if (!query)
    return query.error();
  int code = SQLITE_OK;
  while ((code = query->step()) == SQLITE_ROW) {
    const std::uint64_t id = query->natural(0);
    const shard_id shard{parts.state->pending().at(id / 16).shard};
    parts.state->set_start({{shard, id / 16}, static_cast<std::uint8_t>(id % 16)},
                           {static_cast<start_mark>(query->integer(1)),
                            static_cast<std::uint32_t>(query->integer(2))});
  }
  return code == SQLITE_DONE ? result<void>{} : sqlite_error(query->db(), code, "reading starts");
}

using teller = std::function<void(const pending_event&)>;

/// Tells the pending set in lane order. Sequences are in the order of acceptance, so that only what
/// became due since it was accepted stands elsewhere: before the first event accepted at that time
/// or later.
class lane_order {
 public:
  lane_order(sqlite_parts& parts, const teller& each) : parts_{parts}, each_{each} {}

  result<void> run() {
    if (auto prepared = parts_.writer->db().prepare_all(
            {{&by_number_, by_number_sql}, {&accepted_, accepted_sql}});
        !prepared)
      return prepared;
    if (auto found = find_delayed(); !found)
      return found;
    if (auto placed = place_delayed(); !placed)
      return placed;
    auto told = each_mark([&](std::uint64_t sequence, const pending_mark& mark) -> result<void> {
      if (mark.delayed())
        return {};
      for (; next_ < delayed_.size() && delayed_[next_].place <= sequence; ++next_)
        each_(delayed_[next_].what);
      return tell(sequence, mark);
    });
    for (; told && next_ < delayed_.size(); ++next_)
      each_(delayed_[next_].what);
    return told;
  }

 private:
  static constexpr std::string_view by_number_sql =
      "SELECT " SKEIN_EVENT_COLUMNS_SMALL " FROM event WHERE no = ?";
  static constexpr std::string_view accepted_sql =
      "SELECT no, at FROM event WHERE no >= ? ORDER BY no LIMIT 1";

  struct delayed_event {
    instant due = no_instant;
    std::uint64_t place = 0; // the sequence before which it stands
    pending_event what;
  };

  template <class Each>
  result<void> each_mark(Each each) {
    pending_set& pending = parts_.state->pending();
    for (const std::uint64_t range : pending.ranges())
      for (const placed_mark& one : pending.marks_of(range))
        if (auto done = each(range * pending.range_events() + one.slot, one.mark); !done)
          return done;
    return {};
  }

  result<void> tell(std::uint64_t sequence, const pending_mark& mark, bool sleeps = false) {
    pending_event found{{shard_id{mark.shard}, sequence}, {}, mark.live, sleeps};
    if (const delivery_list* route = parts_.state->routes().find(mark.route())) {
      found.deliveries = *route;
      each_(found);
      return {};
    }
    const auto row = read_row(sequence, found);
    if (row)
      each_(found);
    return row ? result<void>{} : row.error();
  }

  /// The event's due time; its list of deliveries goes into `into`. If the row cannot be read the
  /// event is told all the same, as far as the pending set knows it: whoever reads it then ends it.
  result<instant> read_row(std::uint64_t sequence, pending_event& into) {
    const delivery_list* route =
        parts_.state->routes().find(parts_.state->pending().at(sequence).route());
    auto due = read_due(sequence, into);
    if (due || due.error().code != errc::store_corrupt || route == nullptr)
      return due;
    into.deliveries = *route;
    return no_instant;
  }

  result<instant> read_due(std::uint64_t sequence, pending_event& into) {
    const reset_at_end end{by_number_};
    const int code = by_number_.bind(1, sequence).step();
    if (code != SQLITE_ROW && code != SQLITE_DONE)
      return sqlite_error(by_number_.db(), code, "reading what is pending");
    if (code == SQLITE_DONE)
      return damaged_store("event " + std::to_string(sequence) + " is pending but not there");
    const auto event = small_event_at(by_number_, parts_.old);
    if (!event)
      return event.error();
    const auto deliveries = read_deliveries(event->deliveries);
    if (!deliveries)
      return damaged_store("event " + std::to_string(sequence) + " is not readable");
    into.deliveries = *deliveries;
    return event->due;
  }

  /// Those that sleep are told at once: they have no place yet.
  result<void> find_delayed() {
    const auto due_ones = load_due(parts_);
    if (!due_ones)
      return due_ones.error();
    return each_mark([&](std::uint64_t sequence, const pending_mark& mark) -> result<void> {
      if (!mark.delayed())
        return {};
      if (!std::binary_search(due_ones->begin(), due_ones->end(), sequence))
        return tell(sequence, mark, true);
      pending_event found{{shard_id{mark.shard}, sequence}, {}, mark.live, false};
      const auto due = read_row(sequence, found);
      if (!due)
        return due.error();
      found.sleeps = *due > parts_.last_at;
      if (found.sleeps)
        each_(found);
      else
        delayed_.push_back({*due, 0, found});
      return {};
    });
  }

  /// In order of their times, so that each search goes on where the last one ended.
  result<void> place_delayed() {
    std::sort(delayed_.begin(), delayed_.end(), [](const auto& a, const auto& b) {
      return std::pair{a.due, a.what.event.sequence} < std::pair{b.due, b.what.event.sequence};
    });
    std::uint64_t from = 1;
    for (delayed_event& each : delayed_) {
      const auto place = first_accepted_at(each.due, from);
      if (!place)
        return place.error();
      each.place = from = *place;
    }
    return {};
  }

  /// The first sequence from `from` on that was accepted at this time or later: in steps that
  /// double, then by halves.
  result<std::uint64_t> first_accepted_at(instant at, std::uint64_t from) {
    const std::uint64_t end = parts_.state->next_sequence();
    std::uint64_t low = from;
    std::uint64_t step = 1;
    std::uint64_t high = from;
    while (high < end) {
      const auto later = is_accepted_at(high, at);
      if (!later)
        return later.error();
      if (*later)
        break;
      low = high + 1;
      high = std::min(end, high + step);
      step *= 2;
    }
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      const auto later = is_accepted_at(middle, at);
      if (!later)
        return later.error();
      (*later ? high : low) = *later ? middle : middle + 1;
    }
    return low;
  }

  /// Whether the first event from `sequence` on was accepted at this time or later.
  result<bool> is_accepted_at(std::uint64_t sequence, instant at) {
    const reset_at_end end{accepted_};
    const int code = accepted_.bind(1, sequence).step();
    if (code != SQLITE_ROW && code != SQLITE_DONE)
      return sqlite_error(accepted_.db(), code, "reading what is pending");
    return code == SQLITE_DONE || accepted_.time(1) >= at;
  }

  sqlite_parts& parts_;
  const teller& each_;
  statement by_number_, accepted_;
  std::vector<delayed_event> delayed_;
  std::size_t next_ = 0; // of them, to be told
};

} // namespace

result<void> load_pending(sqlite_parts& parts, const teller& each) {
  for (const auto step : {count_crashes, load_ranges, load_starts})
    if (auto done = step(parts); !done)
      return done;
  return lane_order{parts, each}.run();
}

} // namespace skein::journal
