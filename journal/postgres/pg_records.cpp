#include "journal/postgres/pg_records.hpp"

#include "journal/record_crc.hpp"
#include "journal/sqlite_codec.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

namespace skein::journal {

namespace {

/// A larger body is not read along: bodies() tells it.
constexpr std::size_t body_along_max = 4'096;

const pg_statement read_outcomes{
    "read_outcomes",
    "SELECT o.id, o.at, o.started, o.finished, o.agent, o.attempt, o.emitted, o.crc, o.state, "
    "o.code, o.reply_kind, o.error, o.reply FROM unnest($1::int4[], $2::int8[]) AS d(shard, no) "
    "JOIN outcome o ON o.shard = d.shard AND o.id >= d.no * 16 AND o.id < d.no * 16 + 16"};
const pg_statement read_attempts_sql{
    "read_attempts",
    "SELECT a.id, a.started, a.finished, a.next_due, a.attempt, a.agent, a.crc, a.code, a.error "
    "FROM unnest($1::int4[], $2::int8[]) AS d(shard, no) "
    "JOIN attempt a ON a.shard = d.shard AND a.id >= d.no * 16 AND a.id < d.no * 16 + 16 "
    "ORDER BY a.id, a.attempt"};
const pg_statement read_marks{
    "read_marks",
    "SELECT s.id, s.mark, s.crashes FROM unnest($1::int4[], $2::int8[]) AS d(shard, no) "
    "JOIN start s ON s.shard = d.shard AND s.id >= d.no * 16 AND s.id < d.no * 16 + 16"};
const pg_statement read_small{
    "read_small", "SELECT e.no, e.shard, e.at, e.due, e.expires, e.priority, e.deliveries, e.key, "
                  "CASE WHEN octet_length(e.body) <= $2 THEN e.body END, e.crc FROM event e "
                  "WHERE e.no = ANY($1) ORDER BY e.no"};

slice copy(std::string_view bytes) { return bytes.empty() ? slice{} : slice{std::string{bytes}}; }

/// Why events cannot be read, by their numbers.
using damages = std::map<std::uint64_t, error>;

error damaged(std::uint64_t event, const std::string& what = "its row") {
  return {errc::store_corrupt, "event " + std::to_string(event) + " is damaged: " + what};
}

void add_damage(damages& all, std::int64_t id, const std::string& what) {
  const std::uint64_t event = static_cast<std::uint64_t>(id) / 16;
  all.try_emplace(event, damaged(event, what));
}

/// Events by their numbers, to be told what became of them.
using index = std::unordered_map<std::uint64_t, event_record*>;

delivery_record* delivery_of(const index& events, std::uint64_t id) {
  const auto at = events.find(id / 16);
  return at == events.end() || id % 16 >= at->second->deliveries.size()
             ? nullptr
             : &at->second->deliveries[id % 16];
}

void take_outcomes(const pg_rows& rows, const index& events, damages& unread) {
  for (int row = 0; row < rows.size(); ++row) {
    const outcome_columns columns{.id = rows.integer(row, 0),
                                  .state = rows.integer(row, 8),
                                  .agent = rows.integer(row, 4),
                                  .attempt = rows.integer(row, 5),
                                  .started = rows.time(row, 2),
                                  .finished = rows.time(row, 3),
                                  .at = rows.integer(row, 1),
                                  .code = rows.integer(row, 9),
                                  .error = rows.bytes(row, 11),
                                  .reply_kind = rows.integer(row, 10),
                                  .reply = rows.bytes(row, 12),
                                  .emitted = rows.integer(row, 6)};
    delivery_record* each = delivery_of(events, static_cast<std::uint64_t>(columns.id));
    if (static_cast<std::int32_t>(crc_of(columns)) != rows.integer(row, 7) || each == nullptr) {
      add_damage(unread, columns.id, "an outcome");
      continue;
    }
    each->state = static_cast<delivery_state>(columns.state);
    each->attempt = static_cast<std::uint32_t>(columns.attempt);
    each->started = columns.started;
    each->finished = columns.finished;
    each->committed = from_ns(columns.at);
    each->code = static_cast<errc>(columns.code);
    each->error = columns.error;
    each->reply_kind = static_cast<data_kind>(columns.reply_kind);
    each->reply = copy(columns.reply);
    each->emitted = static_cast<std::uint32_t>(columns.emitted);
  }
}

void take_attempts(const pg_rows& rows, const index& events, damages& unread) {
  for (int row = 0; row < rows.size(); ++row) {
    const attempt_columns columns{.id = rows.integer(row, 0),
                                  .attempt = rows.integer(row, 4),
                                  .agent = rows.integer(row, 5),
                                  .started = rows.time(row, 1),
                                  .finished = rows.time(row, 2),
                                  .code = rows.integer(row, 7),
                                  .error = rows.bytes(row, 8),
                                  .next_due = rows.time(row, 3)};
    delivery_record* each = delivery_of(events, static_cast<std::uint64_t>(columns.id));
    if (static_cast<std::int32_t>(crc_of(columns)) != rows.integer(row, 6) || each == nullptr) {
      add_damage(unread, columns.id, "an attempt");
      continue;
    }
    each->add({static_cast<std::uint32_t>(columns.attempt), columns.started, columns.finished,
               static_cast<errc>(columns.code), std::string{columns.error}, columns.next_due});
  }
}

/// Names of events as two columns.
struct asked_events {
  pg_array shards{pg_type::int4};
  pg_array numbers{pg_type::int8};
  pg_params params;
  explicit asked_events(std::span<const event_record> events) {
    for (const event_record& each : events) {
      shards.add_int4(raw(each.event.shard));
      numbers.add_int8(each.event.sequence);
    }
    params.array(shards).array(numbers);
  }
  asked_events(const asked_events&) = delete;
  asked_events& operator=(const asked_events&) = delete;
};

index index_of(std::span<event_record> events) {
  index all;
  for (event_record& each : events)
    all[each.event.sequence] = &each;
  return all;
}

/// One delivery of an event that waits.
pending_delivery describe(const event_record& event, std::size_t number) {
  const delivery_record& mine = event.deliveries[number];
  pending_delivery found;
  found.delivery = {event.event, static_cast<std::uint8_t>(number)};
  found.agent = mine.agent;
  found.priority = event.priority;
  found.accepted = event.accepted;
  found.due = event.due;
  found.expires = event.expires;
  found.attempts = mine.last_turn();
  found.sleeps = mine.sleeps();
  found.asleep = mine.is_asleep();
  found.next_due = mine.next_due();
  for (std::size_t i = 0; i < event.deliveries.size(); ++i) {
    found.siblings.add(event.deliveries[i].agent);
    const delivery_state state = event.deliveries[i].state;
    found.sibling_states[i] = is_terminal(state) ? state : delivery_state::pending;
  }
  found.body = event.body;
  return found;
}

} // namespace

result<event_record> event_at(const pg_rows& rows, int row) {
  const bool is_whole = !rows.is_null(row, 8);
  const event_columns columns{.no = rows.integer(row, 0),
                              .shard = rows.integer(row, 1),
                              .at = rows.integer(row, 2),
                              .key = rows.bytes(row, 7),
                              .due = rows.time(row, 3),
                              .expires = rows.time(row, 4),
                              .priority = rows.integer(row, 5),
                              .deliveries = rows.bytes(row, 6),
                              .body = is_whole ? rows.bytes(row, 8) : std::string_view{}};
  const auto agents = read_deliveries(columns.deliveries);
  if (!agents || (is_whole && static_cast<std::int32_t>(crc_of(columns)) != rows.integer(row, 9)))
    return damaged(static_cast<std::uint64_t>(columns.no));
  event_record record;
  record.event = {shard_id{static_cast<std::uint32_t>(columns.shard)},
                  static_cast<std::uint64_t>(columns.no)};
  record.accepted = from_ns(columns.at);
  record.due = columns.due;
  record.expires = columns.expires;
  record.priority = static_cast<priority_class>(columns.priority);
  record.body = copy(columns.body);
  record.deliveries.resize(agents->size());
  for (std::size_t i = 0; i < agents->size(); ++i)
    record.deliveries[i].agent = (*agents)[i];
  return record;
}

namespace {

/// What became of them; of what is damaged why, the others are told all the same.
result<damages> read_whole_ends(pg_connection& db, std::span<event_record> events) {
  damages unread;
  if (events.empty())
    return unread;
  const asked_events asked{events};
  const auto rows =
      db.execute_all({{&read_outcomes, &asked.params}, {&read_attempts_sql, &asked.params}});
  if (!rows)
    return rows.error();
  const index all = index_of(events);
  take_attempts((*rows)[1], all, unread);
  take_outcomes((*rows)[0], all, unread);
  return unread;
}

/// Durable starts of what is pending.
result<void> add_marks(pg_connection& db, std::span<const event_record> events,
                       std::vector<pending_delivery>& into) {
  const asked_events asked{events};
  const auto marks = db.execute(read_marks, asked.params);
  if (!marks)
    return marks.error();
  std::unordered_map<std::uint64_t, int> mark_of;
  for (int row = 0; row < marks->size(); ++row)
    mark_of[marks->natural(row, 0)] = row;
  for (pending_delivery& each : into) {
    const auto mark =
        mark_of.find(each.delivery.event.sequence * 16 + std::uint64_t{each.delivery.index});
    if (mark == mark_of.end())
      continue;
    each.mark = static_cast<start_mark>(marks->integer(mark->second, 1));
    each.crashes = static_cast<std::uint32_t>(marks->integer(mark->second, 2));
  }
  return {};
}

} // namespace

result<void> read_ends(pg_connection& db, std::span<event_record> events) {
  const auto unread = read_whole_ends(db, events);
  if (!unread)
    return unread.error();
  return unread->empty() ? result<void>{} : unread->begin()->second;
}

result<read_rows> read_pending(pg_connection& db, std::span<const std::uint64_t> sequences) {
  read_rows found;
  if (sequences.empty())
    return found;
  pg_array numbers{pg_type::int8};
  for (const std::uint64_t each : sequences)
    numbers.add_int8(each);
  pg_params params;
  params.array(numbers).int4(body_along_max);
  const auto rows = db.execute(read_small, params);
  if (!rows)
    return rows.error();
  damages unread;
  for (const std::uint64_t each : sequences)
    unread.try_emplace(
        each, error{errc::store_corrupt, "event " + std::to_string(each) + " is not there"});
  std::vector<event_record> events;
  std::unordered_map<std::uint64_t, std::string> keys;
  for (int row = 0; row < rows->size(); ++row) {
    auto event = event_at(*rows, row);
    if (!event) {
      unread[rows->natural(row, 0)] = event.error();
      continue;
    }
    unread.erase(event->event.sequence);
    keys[event->event.sequence] = rows->text(row, 7);
    events.push_back(std::move(*event));
  }
  auto ends = read_whole_ends(db, events);
  if (!ends)
    return ends.error();
  unread.merge(*ends);
  for (const event_record& event : events)
    for (std::size_t i = 0; !unread.contains(event.event.sequence) && i < event.deliveries.size();
         ++i)
      if (!is_terminal(event.deliveries[i].state)) {
        found.rows.push_back(describe(event, i));
        found.rows.back().key = keys[event.event.sequence];
      }
  for (const auto& [sequence, why] : unread)
    found.unread.push_back({sequence, why});
  if (found.rows.empty())
    return found;
  if (auto marked = add_marks(db, events, found.rows); !marked)
    return marked.error();
  return found;
}

} // namespace skein::journal
