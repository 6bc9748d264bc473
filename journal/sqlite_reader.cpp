#include "journal/sqlite_reader.hpp"

#include "journal/payload_bytes.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_db.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

namespace {

error damaged(std::uint64_t event) {
  return {errc::store_corrupt,
          "journal.db: event " + std::to_string(event) + " is not readable; restore a backup"};
}

slice copy(std::string_view bytes) { return bytes.empty() ? slice{} : slice{std::string{bytes}}; }

bool is_head_needed(const event_filter& filter) {
  return filter.source || filter.id || filter.type;
}
bool is_head_needed(const dead_filter& filter) { return filter.type.has_value(); }

bool head_matches(const event_filter& filter, const event_head& head) {
  return (!filter.source || head.source == *filter.source) &&
         (!filter.id || head.id == *filter.id) && (!filter.type || head.type == *filter.type);
}
bool head_matches(const dead_filter& filter, const event_head& head) {
  return head.type == *filter.type;
}

/// What a filter says of the columns of an event, before its deliveries are read. The body, which
/// may lie on many pages, is looked at only if it must be.
template <class Filter>
bool may_match(const Filter& filter, statement& row) {
  return (!filter.key || row.text(3) == *filter.key) &&
         (!is_head_needed(filter) || head_matches(filter, read_head(row.blob(8))));
}

bool matches(const event_filter& filter, const event_record& record) {
  if (filter.agent && std::none_of(record.deliveries.begin(), record.deliveries.end(),
                                   [&](const auto& each) { return each.agent == *filter.agent; }))
    return false;
  if (!filter.state)
    return true;
  const delivery_state state = record.state();
  return state == *filter.state ||
         (*filter.state == delivery_state::running && state == delivery_state::pending);
}

bool matches(const dead_filter& filter, const event_record& record) {
  return std::any_of(record.deliveries.begin(), record.deliveries.end(), [&](const auto& each) {
    return each.state == delivery_state::dead && (!filter.agent || each.agent == *filter.agent);
  });
}

class sqlite_reader final : public reader {
 public:
  explicit sqlite_reader(database db) : db_{std::move(db)} {}

  result<void> prepare();

  result<std::optional<event_record>> find(event_id event) override;
  result<std::vector<slice>> bodies(std::span<const event_id> events) override;
  result<event_page> list(const event_filter& filter) override { return page(list_, filter); }
  result<event_page> list_dead(const dead_filter& filter) override {
    return page(list_dead_, filter);
  }
  result<std::optional<slice>> state_of(agent_no agent, std::string_view key) override;
  result<feed> commits_after(commit_no after, std::size_t limit) override;

 private:
  /// All statements of a call see one state of the store.
  result<void> begin() {
    const int code = begin_.run();
    return code == SQLITE_DONE ? result<void>{} : failed(code);
  }
  struct end_of_read {
    statement& commit;
    ~end_of_read() { commit.run(); }
  };
  error failed(int code) { return sqlite_error(db_.raw(), code, "reading the store"); }

  /// The record of the event that `row` (columns as in `event_columns`) is at.
  result<event_record> read_event(statement& row);
  result<void> read_outcomes(event_record& record);
  result<void> read_attempts(event_record& record);
  template <class Filter>
  result<event_page> page(statement& rows, const Filter& filter);
  result<void> read_accepted(std::uint64_t first, std::uint64_t count, feed_commit& into);

  database db_;
  statement begin_, commit_;
  statement find_, body_, list_, list_dead_, outcomes_, attempts_, state_, commits_, shards_;
};

// `event_columns`: what read_event() expects.
#define SKEIN_EVENT_COLUMNS                                                                        \
  "e.no, e.shard, e.at, e.key, e.due, e.expires, e.priority, e.deliveries, e.body"

result<void> sqlite_reader::prepare() {
  const std::pair<statement*, std::string_view> all[] = {
      {&begin_, "BEGIN"},
      {&commit_, "COMMIT"},
      {&find_, "SELECT " SKEIN_EVENT_COLUMNS " FROM event e WHERE no = ? AND shard = ?"},
      {&body_, "SELECT body FROM event WHERE no = ? AND shard = ?"},
      {&list_, "SELECT " SKEIN_EVENT_COLUMNS " FROM event e WHERE no < ? ORDER BY no DESC"},
      {&list_dead_, "SELECT " SKEIN_EVENT_COLUMNS
                    " FROM (SELECT DISTINCT id / 16 AS no FROM dead WHERE id < ? * 16"
                    " ORDER BY id DESC) d CROSS JOIN event e ON e.no = d.no ORDER BY d.no DESC"},
      {&outcomes_, "SELECT id, state, attempt, started, finished, at, code, error, "
                   "reply_kind, reply, emitted FROM outcome WHERE id >= ? AND id < ? ORDER BY id"},
      {&attempts_, "SELECT id, attempt, started, finished, code, error, next_due FROM attempt "
                   "WHERE id >= ? AND id < ? ORDER BY id, attempt"},
      {&state_, "SELECT value FROM state WHERE agent = ? AND key = ?"},
      {&commits_, "SELECT no, at, first_event, events, outcomes FROM commits WHERE no > ? "
                  "ORDER BY no LIMIT ?"},
      {&shards_, "SELECT no, shard FROM event WHERE no >= ? AND no < ? ORDER BY no"},
  };
  for (const auto& [which, sql] : all) {
    auto prepared = db_.prepare(sql);
    if (!prepared)
      return prepared.error();
    *which = std::move(*prepared);
  }
  return {};
}

result<event_record> sqlite_reader::read_event(statement& row) {
  event_record record;
  record.event = {shard_id{static_cast<std::uint32_t>(row.natural(1))}, row.natural(0)};
  record.accepted = row.time(2);
  record.due = row.time(4);
  record.expires = row.time(5);
  record.priority = static_cast<priority_class>(row.integer(6));
  const auto agents = read_deliveries(row.text(7));
  if (!agents)
    return damaged(record.event.sequence);
  record.body = copy(row.blob(8));
  record.deliveries.resize(agents->size());
  for (std::size_t i = 0; i < agents->size(); ++i)
    record.deliveries[i].agent = (*agents)[i];
  if (agents->empty())
    return record;
  if (auto done = read_attempts(record); !done)
    return done.error();
  if (auto done = read_outcomes(record); !done)
    return done.error();
  return record;
}

result<void> sqlite_reader::read_outcomes(event_record& record) {
  const reset_at_end end{outcomes_};
  const delivery_id first{record.event, 0};
  outcomes_.bind(1, row_of(first)).bind(2, row_of(first) + 16);
  int code = SQLITE_OK;
  while ((code = outcomes_.step()) == SQLITE_ROW) {
    const std::uint64_t index = outcomes_.natural(0) % 16;
    if (index >= record.deliveries.size())
      return damaged(record.event.sequence);
    delivery_record& each = record.deliveries[index];
    each.state = static_cast<delivery_state>(outcomes_.integer(1));
    each.attempt = static_cast<std::uint32_t>(outcomes_.integer(2));
    each.started = outcomes_.time(3);
    each.finished = outcomes_.time(4);
    each.committed = outcomes_.time(5);
    each.code = static_cast<errc>(outcomes_.integer(6));
    each.error = outcomes_.text(7);
    each.reply_kind = static_cast<data_kind>(outcomes_.integer(8));
    each.reply = copy(outcomes_.blob(9));
    each.emitted = static_cast<std::uint32_t>(outcomes_.integer(10));
  }
  return code == SQLITE_DONE ? result<void>{} : failed(code);
}

result<void> sqlite_reader::read_attempts(event_record& record) {
  const reset_at_end end{attempts_};
  const delivery_id first{record.event, 0};
  attempts_.bind(1, row_of(first)).bind(2, row_of(first) + 16);
  int code = SQLITE_OK;
  while ((code = attempts_.step()) == SQLITE_ROW) {
    const std::uint64_t index = attempts_.natural(0) % 16;
    if (index >= record.deliveries.size())
      return damaged(record.event.sequence);
    delivery_record& each = record.deliveries[index];
    each.state = delivery_state::retrying;
    each.attempts.push_back({static_cast<std::uint32_t>(attempts_.integer(1)), attempts_.time(2),
                             attempts_.time(3), static_cast<errc>(attempts_.integer(4)),
                             std::string{attempts_.text(5)}, attempts_.time(6)});
  }
  return code == SQLITE_DONE ? result<void>{} : failed(code);
}

result<std::optional<event_record>> sqlite_reader::find(event_id event) {
  if (auto begun = begin(); !begun)
    return begun.error();
  const end_of_read last{commit_};
  const reset_at_end end{find_};
  find_.bind(1, event.sequence).bind(2, std::int64_t{raw(event.shard)});
  const int code = find_.step();
  if (code == SQLITE_DONE)
    return std::optional<event_record>{};
  if (code != SQLITE_ROW)
    return failed(code);
  auto record = read_event(find_);
  if (!record)
    return record.error();
  return std::optional{std::move(*record)};
}

result<std::vector<slice>> sqlite_reader::bodies(std::span<const event_id> events) {
  if (auto begun = begin(); !begun)
    return begun.error();
  const end_of_read last{commit_};
  std::vector<slice> all;
  all.reserve(events.size());
  for (const event_id each : events) {
    const reset_at_end end{body_};
    const int code = body_.bind(1, each.sequence).bind(2, std::int64_t{raw(each.shard)}).step();
    if (code != SQLITE_ROW && code != SQLITE_DONE)
      return failed(code);
    all.push_back(code == SQLITE_ROW ? copy(body_.blob(0)) : slice{});
  }
  return all;
}

template <class Filter>
result<event_page> sqlite_reader::page(statement& rows, const Filter& filter) {
  if (auto begun = begin(); !begun)
    return begun.error();
  const end_of_read last{commit_};
  const reset_at_end end{rows};
  constexpr std::uint64_t newest = std::uint64_t{1} << 58;
  rows.bind(1, filter.before == 0 ? newest : std::min(filter.before, newest));
  const auto limit = std::clamp<std::size_t>(filter.limit, 1, limits::page_rows_max);
  event_page found;
  std::uint64_t at = 0;
  std::size_t bytes = 0;
  int code = SQLITE_OK;
  while ((code = rows.step()) == SQLITE_ROW && found.events.size() < limit &&
         bytes < page_bytes_max && found.scanned < limits::scan_budget_rows) {
    ++found.scanned;
    at = rows.natural(0);
    if (!may_match(filter, rows))
      continue;
    auto record = read_event(rows);
    if (!record)
      return record.error();
    if (!matches(filter, *record))
      continue;
    bytes += payload_bytes(*record);
    found.events.push_back(std::move(*record));
  }
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    return failed(code);
  found.next = code == SQLITE_ROW ? at : 0;
  found.budget_spent = code == SQLITE_ROW && found.scanned >= limits::scan_budget_rows;
  return found;
}

result<std::optional<slice>> sqlite_reader::state_of(agent_no agent, std::string_view key) {
  const reset_at_end end{state_};
  const int code = state_.bind(1, std::int64_t{raw(agent)}).bind_text(2, key).step();
  if (code == SQLITE_DONE)
    return std::optional<slice>{};
  if (code != SQLITE_ROW)
    return failed(code);
  return std::optional{copy(state_.blob(0))};
}

result<void> sqlite_reader::read_accepted(std::uint64_t first, std::uint64_t count,
                                          feed_commit& into) {
  const reset_at_end end{shards_};
  shards_.bind(1, first).bind(2, first + count);
  int code = SQLITE_OK;
  while ((code = shards_.step()) == SQLITE_ROW) {
    const shard_id shard{static_cast<std::uint32_t>(shards_.natural(1))};
    into.items.push_back({feed_item::what::accepted, {{shard, shards_.natural(0)}, 0}});
  }
  return code == SQLITE_DONE ? result<void>{} : failed(code);
}

result<reader::feed> sqlite_reader::commits_after(commit_no after, std::size_t limit) {
  if (auto begun = begin(); !begun)
    return begun.error();
  const end_of_read last{commit_};
  const auto newest = db_.number("SELECT max(no) FROM commits");
  if (!newest)
    return newest.error();
  feed found;
  if (raw(after) > static_cast<std::uint64_t>(*newest)) {
    found.reset = true; // a cursor of another store, or of commits that were lost
    return found;
  }
  const reset_at_end end{commits_};
  commits_.bind(1, raw(after)).bind(2, static_cast<std::int64_t>(limit));
  int code = SQLITE_OK;
  while ((code = commits_.step()) == SQLITE_ROW) {
    feed_commit each{commit_no{commits_.natural(0)}, commits_.time(1), {}};
    if (auto done = read_accepted(commits_.natural(2), commits_.natural(3), each); !done)
      return done.error();
    const auto ended = read_outcome_list(commits_.blob(4));
    if (!ended)
      return error{errc::store_corrupt, "journal.db: a commit's outcomes are not readable"};
    for (const delivery_id& delivery : *ended)
      each.items.push_back({feed_item::what::outcome, delivery});
    found.commits.push_back(std::move(each));
  }
  if (code != SQLITE_DONE)
    return failed(code);
  return found;
}

} // namespace

result<std::unique_ptr<reader>> open_sqlite_reader(const std::string& file,
                                                   const std::string& vfs) {
  auto db = database::open(file, {.write = false, .vfs = vfs});
  if (!db)
    return db.error();
  auto made = std::make_unique<sqlite_reader>(std::move(*db));
  if (auto ready = made->prepare(); !ready)
    return ready.error();
  return std::unique_ptr<reader>{std::move(made)};
}

} // namespace skein::journal
