// Reading a store at start: what a commit is judged by, and the pending deliveries. Neither looks
// at history: the window reads the commits of its time, the pending set starts at the low-water
// mark.
#include "journal/checked_rows.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_journal.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

namespace {

result<void> load_agents(sqlite_parts& parts) {
  auto query = parts.writer->db().prepare("SELECT no, name FROM agent ORDER BY no");
  if (!query)
    return query.error();
  int code = SQLITE_OK;
  while ((code = query->step()) == SQLITE_ROW) {
    if (query->natural(0) != parts.agents.size())
      return damaged_store("an agent's number is missing");
    parts.agents.emplace_back(query->text(1));
  }
  return code == SQLITE_DONE ? result<void>{} : sqlite_error(query->db(), code, "reading agents");
}

result<void> load_epochs(sqlite_parts& parts) {
  auto query = parts.writer->db().prepare("SELECT shard, epoch FROM fence");
  if (!query)
    return query.error();
  int code = SQLITE_OK;
  while ((code = query->step()) == SQLITE_ROW) {
    if (query->natural(0) >= parts.identity.hash.shards)
      return damaged_store("an epoch of a shard that does not exist");
    parts.state->set_epoch(shard_id{static_cast<std::uint32_t>(query->natural(0))},
                           epoch_no{query->natural(1)});
  }
  return code == SQLITE_DONE ? result<void>{} : sqlite_error(query->db(), code, "reading epochs");
}

/// The last commit says where to go on.
result<void> load_last_commit(sqlite_parts& parts) {
  auto query = parts.writer->db().prepare("SELECT " SKEIN_COMMIT_COLUMNS
                                          " FROM commits ORDER BY no DESC LIMIT 1");
  if (!query)
    return query.error();
  const int code = query->step();
  if (code == SQLITE_DONE)
    return {};
  if (code != SQLITE_ROW)
    return sqlite_error(query->db(), code, "reading the last commit");
  const auto last = commit_at(*query, parts.old);
  if (!last)
    return last.error();
  const auto totals = read_ledgers(last->ledger);
  if (!totals)
    return damaged_store("the last commit's ledger is not readable");
  parts.last_at = std::max(parts.last_at, from_ns(last->at));
  auto next = static_cast<std::uint64_t>(last->first_event);
#ifndef SKEIN_BUG_NUMBERS_REUSED
  next += static_cast<std::uint64_t>(last->events);
#endif
  parts.state->resume(next, *totals);
  return {};
}

/// The first commit that is within the window: times grow with the numbers, so it is searched by
/// halves.
result<std::uint64_t> first_in_window(sqlite_parts& parts) {
  auto query = parts.writer->db().prepare("SELECT at FROM commits WHERE no = ?");
  if (!query)
    return query.error();
  const instant oldest = parts.last_at - parts.state->window().window();
  std::uint64_t low = 1;
  std::uint64_t high = raw(parts.last_commit) + 1;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const int code = query->bind(1, middle).step();
    if (code != SQLITE_ROW)
      return damaged_store("commit " + std::to_string(middle) + " is missing");
    const bool is_old = query->time(0) <= oldest;
    query->reset();
    (is_old ? low : high) = is_old ? middle + 1 : middle;
  }
  return low;
}

result<void> load_window(sqlite_parts& parts) {
  const auto first = first_in_window(parts);
  if (!first)
    return first.error();
  auto query = parts.writer->db().prepare("SELECT " SKEIN_COMMIT_COLUMNS
                                          " FROM commits WHERE no >= ? ORDER BY no");
  if (!query)
    return query.error();
  query->bind(1, *first);
  auto next_commit = static_cast<std::int64_t>(*first);
  int code = SQLITE_OK;
  while ((code = query->step()) == SQLITE_ROW) {
    const auto commit = commit_at(*query, parts.old);
    if (!commit)
      return commit.error();
    if (commit->no != next_commit++)
      return damaged_store("commit " + std::to_string(next_commit - 1) + " is missing");
    const auto events = static_cast<std::uint64_t>(commit->events);
    if (commit->identities.size() != events * identity_entry_bytes)
      return damaged_store("a commit's identities are not whole");
    for (std::size_t i = 0; i < events; ++i) {
      const identity_entry each = read_identity(commit->identities, i);
      if (!parts.state->window().insert(each.identity, each.content,
                                        static_cast<std::uint64_t>(commit->first_event) + i,
                                        from_ns(commit->at)))
        return error{errc::dedupe_full, "the identities of the dedupe window are more than may be "
                                        "kept in memory; raise the limit"};
    }
  }
  return code == SQLITE_DONE ? result<void>{}
                             : sqlite_error(query->db(), code, "reading identities");
}

/// Rows of one table in the order of their delivery, read along with the events.
class rows_by_delivery {
 public:
  /// `sql` has the row number first, one parameter (the first row number), and is in that order.
  static result<rows_by_delivery> open(database& db, std::string_view sql, std::int64_t first) {
    auto query = db.prepare(sql);
    if (!query)
      return query.error();
    rows_by_delivery opened;
    opened.query_ = std::move(*query);
    opened.query_.bind(1, first);
    opened.next();
    return opened;
  }

  /// Whether the current row belongs to this delivery; steps over rows of earlier ones.
  bool is_at(std::int64_t delivery) {
    while (code_ == SQLITE_ROW && query_.integer(0) < delivery)
      next();
    return code_ == SQLITE_ROW && query_.integer(0) == delivery;
  }
  void next() { code_ = query_.step(); }
  statement& row() { return query_; }
  result<void> check() {
    return code_ == SQLITE_ROW || code_ == SQLITE_DONE
               ? result<void>{}
               : sqlite_error(query_.db(), code_, "reading what is pending");
  }

 private:
  statement query_;
  int code_ = SQLITE_OK;
};

/// A crash is counted once for each time that a start alone is found without its end. What stays is
/// the mark that it was started. Returns the starts as they were found, with the count raised.
result<std::vector<std::pair<std::int64_t, start_row>>> count_crashes(sqlite_parts& parts) {
  std::vector<std::pair<std::int64_t, start_row>> found;
  auto query = parts.writer->db().prepare("SELECT id, mark, crashes FROM start ORDER BY id");
  if (!query)
    return query.error();
  bool any_alone = false;
  int code = SQLITE_OK;
  while ((code = query->step()) == SQLITE_ROW) {
    const auto mark = static_cast<start_mark>(query->integer(1));
    const bool alone = mark == start_mark::alone;
    any_alone = any_alone || alone;
    found.emplace_back(query->integer(0),
                       start_row{mark, static_cast<std::uint32_t>(query->integer(2)) + alone});
  }
  if (code != SQLITE_DONE)
    return sqlite_error(query->db(), code, "reading starts");
  query->reset();
  if (any_alone) {
    auto written = parts.writer->transact([&] {
      return parts.writer->db().run("UPDATE start SET mark = 1, crashes = crashes + 1 "
                                    "WHERE mark = 2");
    });
    if (!written)
      return written.error();
  }
  return found;
}

class pending_scan {
 public:
  pending_scan(sqlite_parts& parts, rows_by_delivery outcomes, rows_by_delivery attempts,
               std::vector<std::pair<std::int64_t, start_row>> starts)
    : parts_{parts}, outcomes_{std::move(outcomes)}, attempts_{std::move(attempts)},
      starts_{std::move(starts)} {}

  /// One row of `event`; reports its deliveries that are not over.
  result<void> read(statement& row, const std::function<void(pending_delivery)>& each) {
    const auto event = small_event_at(row, parts_.old);
    if (!event)
      return event.error();
    event_.delivery.event = {shard_id{static_cast<std::uint32_t>(event->shard)},
                             static_cast<std::uint64_t>(event->no)};
    const auto deliveries = read_deliveries(event->deliveries);
    if (!deliveries || event->shard < 0 || event->shard >= parts_.identity.hash.shards)
      return damaged_store("event " + std::to_string(event->no) + " is not readable");
    event_.siblings = *deliveries;
    const auto live = read_states();
    if (!live)
      return live.error();
    if (*live == 0)
      return {};
    parts_.state->pending().add(event_.delivery.event, *live);
    event_.accepted = from_ns(event->at);
    event_.key = event->key;
    event_.due = event->due;
    event_.expires = event->expires;
    event_.priority = static_cast<priority_class>(event->priority);
    for (std::size_t i = 0; i < deliveries->size(); ++i)
      if ((*live >> i & 1) != 0)
        if (auto reported = report(i, each); !reported)
          return reported;
    return {};
  }

  result<void> check() {
    auto outcomes = outcomes_.check();
    return outcomes ? attempts_.check() : outcomes;
  }

 private:
  /// Which deliveries live; the states of the others.
  result<pending_set::mask> read_states() {
    pending_set::mask live = 0;
    delivery_id each = event_.delivery;
    for (each.index = 0; each.index < event_.siblings.size(); ++each.index) {
      delivery_state& state = event_.sibling_states[each.index];
      state = delivery_state::pending;
      if (!outcomes_.is_at(row_of(each))) {
        live = static_cast<pending_set::mask>(live | 1u << each.index);
        continue;
      }
      const auto outcome = small_outcome_at(outcomes_.row(), parts_.old);
      if (!outcome)
        return outcome.error();
      state = static_cast<delivery_state>(outcome->state);
    }
    return live;
  }

  result<void> report(std::size_t index, const std::function<void(pending_delivery)>& each) {
    pending_delivery found = event_;
    found.delivery.index = static_cast<std::uint8_t>(index);
    found.agent = found.siblings[index];
    const std::int64_t row = row_of(found.delivery);
    for (; attempts_.is_at(row); attempts_.next()) {
      const auto attempt = attempt_at(attempts_.row(), parts_.old);
      if (!attempt)
        return attempt.error();
      ++found.attempts;
      found.next_due = attempt->next_due;
    }
#ifdef SKEIN_BUG_ATTEMPT_RESET_AT_BOOT
    found.attempts = 0;
#endif
    while (start_ < starts_.size() && starts_[start_].first < row)
      ++start_;
    if (start_ < starts_.size() && starts_[start_].first == row) {
      const start_row& start = starts_[start_].second;
      found.mark = start.mark;
      found.crashes = start.crashes;
      const bool counted = start.mark == start_mark::alone;
      parts_.state->set_start(found.delivery,
                              {counted ? start_mark::started : start.mark, start.crashes});
    }
    each(std::move(found));
    return {};
  }

  sqlite_parts& parts_;
  rows_by_delivery outcomes_;
  rows_by_delivery attempts_;
  std::vector<std::pair<std::int64_t, start_row>> starts_; // in order of delivery
  std::size_t start_ = 0;
  pending_delivery event_; // what its deliveries have in common
};

} // namespace

result<void> load_state(sqlite_parts& parts) {
  const open_options& options = parts.options.store;
  parts.state = std::make_unique<store_state>(
      parts.identity.hash.shards, epoch_no{parts.identity.boot},
      dedupe_window{options.dedupe_window, options.dedupe_entries_max});
  parts.last_at = options.now;
  const auto old = unchecked_rows::of(parts.writer->db());
  if (!old)
    return old.error();
  parts.old = *old;
  for (const auto step : {load_agents, load_epochs, load_last_commit})
    if (auto done = step(parts); !done)
      return done;
#ifdef SKEIN_BUG_DEDUP_KEPT_IN_CACHE_ONLY
  return {};
#endif
  return load_window(parts);
}

result<void> load_pending(sqlite_parts& parts, const std::function<void(pending_delivery)>& each) {
  database& db = parts.writer->db();
  const auto low = db.number("SELECT low_water FROM commits ORDER BY no DESC LIMIT 1", 1);
  auto starts = count_crashes(parts);
  if (!low || !starts)
    return !low ? low.error() : starts.error();
  auto outcomes = rows_by_delivery::open(
      db, "SELECT " SKEIN_OUTCOME_COLUMNS_SMALL " FROM outcome WHERE id >= ? ORDER BY id",
      *low * 16);
  auto attempts = rows_by_delivery::open(
      db, "SELECT " SKEIN_ATTEMPT_COLUMNS " FROM attempt WHERE id >= ? ORDER BY id, attempt",
      *low * 16);
  if (!outcomes || !attempts)
    return !outcomes ? outcomes.error() : attempts.error();
  auto events =
      db.prepare("SELECT " SKEIN_EVENT_COLUMNS_SMALL " FROM event WHERE no >= ? ORDER BY no");
  if (!events)
    return events.error();
  events->bind(1, *low);
  pending_scan scan{parts, std::move(*outcomes), std::move(*attempts), std::move(*starts)};
  int code = SQLITE_OK;
  while ((code = events->step()) == SQLITE_ROW)
    if (auto done = scan.read(*events, each); !done)
      return done;
  return code == SQLITE_DONE ? scan.check()
                             : sqlite_error(events->db(), code, "reading what is pending");
}

} // namespace skein::journal
