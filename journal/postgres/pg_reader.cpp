#include "journal/postgres/pg_reader.hpp"

#include "journal/event_match.hpp"
#include "journal/payload_bytes.hpp"
#include "journal/postgres/pg_commit_codec.hpp"
#include "journal/postgres/pg_records.hpp"
#include "journal/postgres/pg_saved_pending.hpp"
#include "journal/postgres/pg_search.hpp"
#include "journal/record_crc.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

namespace {

/// One state of the store for all statements of a call.
constexpr const char* begin_reading = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Rows looked at in one round trip at most.
constexpr std::size_t rows_at_once = 512;

const pg_statement find_event{
    "find_event", "SELECT e.no, e.shard, e.at, e.due, e.expires, e.priority, e.deliveries, e.key, "
                  "e.body, e.crc FROM event e WHERE e.shard = $1 AND e.no = $2"};
const pg_statement read_events{
    "read_events", "SELECT e.no, e.shard, e.at, e.due, e.expires, e.priority, e.deliveries, e.key, "
                   "e.body, e.crc FROM event e WHERE e.no = ANY($1) ORDER BY e.no DESC"};
const pg_statement read_bodies{
    "read_bodies", "SELECT e.no, e.shard, e.at, e.due, e.expires, e.priority, e.deliveries, e.key, "
                   "e.body, e.crc, d.place FROM unnest($1::int4[], $2::int8[]) "
                   "WITH ORDINALITY AS d(shard, no, place) "
                   "JOIN event e ON e.shard = d.shard AND e.no = d.no"};
const pg_statement find_state{
    "find_state", "SELECT value, crc FROM state WHERE shard = $1 AND agent = $2 AND key = $3"};
const pg_statement page_of_states{"page_of_states",
                                  "SELECT key, value, crc FROM state WHERE agent = $1 AND key > $2 "
                                  "AND ($3 = ''::bytea OR key < $3) ORDER BY key LIMIT $4"};
// $2 to $4: behind which one; a shard at a time, so that each is read in the order of its key.
const pg_statement page_of_timers{
    "page_of_timers",
    "SELECT t.shard, t.at, t.no, t.kind FROM unnest($1::int4[]) AS s(shard) CROSS JOIN LATERAL ("
    "SELECT * FROM timer WHERE timer.shard = s.shard AND (second, no, kind) > ($2, $3, $4) "
    "AND second <= $5 AND (kind = 1 OR NOT $6) ORDER BY second, no, kind LIMIT $7) AS t "
    "ORDER BY t.second, t.no, t.kind LIMIT $7"};
const pg_statement next_timer{
    "next_timer", "SELECT min(t.second) FROM unnest($1::int4[]) AS s(shard) CROSS JOIN LATERAL ("
                  "SELECT second FROM timer WHERE timer.shard = s.shard AND second > $2 "
                  "ORDER BY second LIMIT 1) AS t"};
// Told are those before which no other transaction can come any more: each once, and none is
// missed.
const pg_statement feed_bounds{"feed_bounds", "SELECT (SELECT upto FROM kept WHERE id = 1), "
                                              "pg_snapshot_xmin(pg_current_snapshot()), "
                                              "pg_snapshot_xmax(pg_current_snapshot())"};
const pg_statement page_of_commits{
    "page_of_commits", "SELECT xid, at, first, events, accepted, outcomes FROM commits "
                       "WHERE xid > $1 AND xid < $2 AND NOT void ORDER BY xid LIMIT $3"};

error damaged(const std::string& what) { return {errc::store_corrupt, what + " is damaged"}; }

slice copy(std::string_view bytes) { return bytes.empty() ? slice{} : slice{std::string{bytes}}; }

std::int64_t second_of(instant at) {
  return std::chrono::floor<std::chrono::seconds>(at.time_since_epoch()).count();
}

/// The server read something of a row that is damaged, or could not read it. An index that is
/// damaged can be made anew: what it hides is not lost.
bool is_row_trouble(const pg_connection& db) {
  return !db.is_lost() && (db.sqlstate() == "XX001" || db.sqlstate() == "58030");
}

bool head_matches(const event_filter& filter, const event_record& record) {
  if (!filter.source && !filter.id && !filter.type && !filter.key)
    return true;
  const event_head head = read_head(record.body.view());
  return (!filter.source || head.source == *filter.source) &&
         (!filter.id || head.id == *filter.id) && (!filter.type || head.type == *filter.type) &&
         (!filter.key || head.key == *filter.key);
}
bool head_matches(const dead_filter& filter, const event_record& record) {
  if (!filter.type && !filter.key)
    return true;
  const event_head head = read_head(record.body.view());
  return (!filter.type || head.type == *filter.type) && (!filter.key || head.key == *filter.key);
}

class postgres_reader final : public reader {
 public:
  postgres_reader(reader_settings how, pg_connection db)
    : how_{std::move(how)}, db_{std::move(db)} {}

  /// Times, keys and ids are found by the summaries of the table's parts, never by all of it.
  result<void> prepare() {
    const auto done = db_.run("SET enable_seqscan TO off; SET jit TO off");
    return done ? result<void>{} : done.error();
  }

  result<std::optional<event_record>> find(event_id event) override;
  result<std::vector<slice>> bodies(std::span<const event_id> events) override;
  result<event_page> list(const event_filter& filter) override;
  result<event_page> list_dead(const dead_filter& filter) override;
  result<std::vector<pending_delivery>> pending(std::span<const std::uint64_t> sequences) override;
  result<timer_page> timers(const timer_query& which) override;
  result<std::optional<slice>> state_of(agent_no agent, std::string_view key) override;
  result<state_page> states(agent_no agent, std::string_view after, std::string_view before,
                            std::size_t limit) override;
  result<feed> commits_after(commit_no after, std::size_t limit) override;

 private:
  /// `body` gives a result. A connection that was lost is made anew, once: reading twice does no
  /// harm.
  template <class Body>
  auto connected(Body body) -> decltype(body()) {
    for (bool again = false;; again = true) {
      if (auto there = connect(); !there)
        return there.error();
      auto got = body();
      if (got || !db_.is_lost())
        return got;
      if (again)
        return error{errc::store_unreachable, got.error().detail};
    }
  }
  /// All its statements see one state.
  template <class Body>
  auto in_one_state(Body body) -> decltype(body()) {
    return connected([&]() -> decltype(body()) {
      if (const auto begun = db_.run(begin_reading); !begun)
        return begun.error();
      auto got = body();
      db_.roll_back();
      return got;
    });
  }
  result<pg_rows> execute(const pg_statement& which, const pg_params& params) {
    return connected([&] { return db_.execute(which, params); });
  }
  template <class Filter>
  result<event_page> page(number_walk& walk, const Filter& filter);
  /// False: the page is full.
  template <class Filter>
  result<bool> look_at(std::span<const std::uint64_t> numbers, const Filter& filter,
                       event_page& page, std::size_t& bytes);

  result<void> connect() {
    if (!db_.is_lost())
      return {};
    auto made = pg_connection::open(how_.database);
    if (!made)
      return made.error();
    db_ = std::move(*made);
    return prepare();
  }
  result<read_rows> read_each(std::span<const std::uint64_t> sequences);
  reader_settings how_;
  pg_connection db_;
  unread_pending unread_;
};

result<std::optional<event_record>> postgres_reader::find(event_id event) {
  return in_one_state([&]() -> result<std::optional<event_record>> {
    pg_params which;
    which.int4(raw(event.shard)).int8(event.sequence);
    const auto rows = db_.execute(find_event, which);
    if (!rows)
      return rows.error();
    if (rows->empty())
      return std::optional<event_record>{};
    auto record = event_at(*rows, 0);
    if (!record)
      return record.error();
    if (auto done = read_ends(db_, std::span{&*record, 1}); !done)
      return done.error();
    return std::optional{std::move(*record)};
  });
}

result<std::vector<slice>> postgres_reader::bodies(std::span<const event_id> events) {
  pg_array shards{pg_type::int4}, numbers{pg_type::int8};
  for (const event_id each : events) {
    shards.add_int4(raw(each.shard));
    numbers.add_int8(each.sequence);
  }
  pg_params which;
  which.array(shards).array(numbers);
  const auto rows = execute(read_bodies, which);
  if (!rows)
    return rows.error();
  std::vector<slice> all(events.size());
  for (int row = 0; row < rows->size(); ++row) {
    // A damaged one is as good as absent: its deliveries end dead, the others do not wait for it.
    auto event = event_at(*rows, row);
    const auto place = static_cast<std::size_t>(rows->integer(row, 10) - 1);
    if (event && place < all.size())
      all[place] = std::move(event->body);
  }
  return all;
}

result<std::vector<pending_delivery>>
postgres_reader::pending(std::span<const std::uint64_t> sequences) {
  auto found = in_one_state([&] { return read_pending(db_, sequences); });
  if (!found && is_row_trouble(db_))
    found = read_each(sequences);
  if (!found)
    return found.error();
  unread_.were_read(sequences, found->unread);
  if (found->unread.empty())
    return std::move(found->rows);
  return in_one_state([&]() -> result<std::vector<pending_delivery>> {
    pg_saved_pending saved{db_, how_.range_events};
    auto rows = found->rows;
    if (auto told = unread_.resolve(found->unread, saved, rows); !told)
      return told.error();
    return rows;
  });
}

/// One by one, so that those alone are left out which the server's disk does not give.
result<read_rows> postgres_reader::read_each(std::span<const std::uint64_t> sequences) {
  read_rows all;
  for (const std::uint64_t sequence : sequences) {
    const auto one = in_one_state([&] { return read_pending(db_, std::span{&sequence, 1}); });
    if (one) {
      all.rows.insert(all.rows.end(), one->rows.begin(), one->rows.end());
      all.unread.insert(all.unread.end(), one->unread.begin(), one->unread.end());
    } else if (is_row_trouble(db_)) {
      all.unread.push_back({sequence, {errc::io_error, one.error().detail}, true});
    } else {
      return one.error();
    }
  }
  return all;
}

result<event_page> postgres_reader::list(const event_filter& filter) {
  return in_one_state([&]() -> result<event_page> {
    const auto walk = walk_for(db_, filter, how_.range_events);
    if (!walk)
      return walk.error();
    return page(**walk, filter);
  });
}

result<event_page> postgres_reader::list_dead(const dead_filter& filter) {
  return in_one_state([&] { return page(*walk_dead(db_), filter); });
}

template <class Filter>
result<event_page> postgres_reader::page(number_walk& walk, const Filter& filter) {
  const auto limit = std::clamp<std::size_t>(filter.limit, 1, limits::page_rows_max);
  constexpr std::uint64_t above_all = std::numeric_limits<std::int64_t>::max() / 16;
  event_page found;
  std::uint64_t at = filter.before == 0 ? above_all : std::min(filter.before, above_all);
  std::size_t bytes = 0;
  const auto is_full = [&] {
    return found.events.size() >= limit || bytes >= page_bytes_max ||
           found.scanned >= limits::scan_budget_rows;
  };
  while (true) {
    const std::size_t left = std::min(limit - found.events.size(),
                                      limits::scan_budget_rows - std::size_t{found.scanned});
    // A filter that leaves few is looked for in larger steps; one that leaves all in small ones.
    const std::size_t most =
        is_full() ? 1 : std::min(rows_at_once, found.scanned == 0 ? left : left + found.scanned);
    const auto numbers = walk.below(at, most);
    if (!numbers)
      return numbers.error();
    if (numbers->empty())
      return found;
    if (is_full())
      break;
    for (std::size_t next = 0; next < numbers->size() && !is_full();) {
      // No more than the page may still take, so that what is looked at is what is counted.
      const std::size_t some = std::min({numbers->size() - next, limit - found.events.size(),
                                         limits::scan_budget_rows - std::size_t{found.scanned}});
      const auto part = std::span{*numbers}.subspan(next, some);
      const std::uint64_t before = found.scanned;
      if (auto done = look_at(part, filter, found, bytes); !done)
        return done.error();
      next += static_cast<std::size_t>(found.scanned - before);
      at = (*numbers)[next - 1];
    }
  }
  found.next = at;
  found.budget_spent = found.scanned >= limits::scan_budget_rows;
  if (!found.budget_spent)
    found.reached = no_instant;
  return found;
}

template <class Filter>
result<bool> postgres_reader::look_at(std::span<const std::uint64_t> numbers, const Filter& filter,
                                      event_page& page, std::size_t& bytes) {
  pg_array asked{pg_type::int8};
  for (const std::uint64_t each : numbers)
    asked.add_int8(each);
  pg_params which;
  which.array(asked);
  const auto rows = db_.execute(read_events, which);
  if (!rows)
    return rows.error();
  std::vector<event_record> candidates;
  int row = 0;
  std::size_t weight = bytes;
  for (; row < rows->size() && weight < page_bytes_max; ++row) {
    auto event = event_at(*rows, row);
    if (!event)
      return event.error();
    page.reached = event->accepted;
    if (!head_matches(filter, *event))
      continue;
    weight += payload_bytes(*event);
    candidates.push_back(std::move(*event));
  }
  const bool is_whole = row == rows->size();
  page.scanned += is_whole ? numbers.size() : static_cast<std::size_t>(row);
  if (auto done = read_ends(db_, candidates); !done)
    return done.error();
  for (event_record& each : candidates)
    if (matches(filter, each)) {
      bytes += payload_bytes(each);
      page.events.push_back(std::move(each));
    }
  return is_whole;
}

result<timer_page> postgres_reader::timers(const timer_query& which) {
  timer_page page;
  pg_array shards{pg_type::int4};
  for (const shard_id each : how_.held->of_loop(which.loops, which.loop))
    shards.add_int4(raw(each));
  if (shards.empty())
    return page;
  const std::int64_t until = second_of(which.until);
  pg_params params, behind;
  params.array(shards).int8(second_of(which.after.at)).int8(which.after.event.sequence);
  params.int2(which.after.expiry ? 1 : 0).int8(until).boolean(which.only_expiries);
  params.int8(which.limit + 1);
  behind.array(shards).int8(until);
  const auto rows = connected([&] {
    return db_.execute_all({{&page_of_timers, &params}, {&next_timer, &behind}});
  });
  if (!rows)
    return rows.error();
  const pg_rows& found = (*rows)[0];
  for (int row = 0; row < found.size(); ++row) {
    const timer each{
        found.time(row, 1),
        {shard_id{static_cast<std::uint32_t>(found.integer(row, 0))}, found.natural(row, 2)},
        found.integer(row, 3) == 1};
    if (each.at > which.until) {
      page.next = std::min(page.next, each.at);
      continue;
    }
    page.more = page.timers.size() == which.limit;
    if (page.more)
      return page;
    page.timers.push_back(each);
  }
  page.more = static_cast<std::size_t>(found.size()) > which.limit;
  if (!page.more && !(*rows)[1].is_null(0, 0))
    page.next = std::min(page.next, instant{std::chrono::seconds{(*rows)[1].integer(0, 0)}});
  return page;
}

result<std::optional<slice>> postgres_reader::state_of(agent_no agent, std::string_view key) {
  pg_params which;
  which.int4(raw(shard_of(key, how_.hash))).int4(raw(agent)).bytes(key);
  const auto rows = execute(find_state, which);
  if (!rows)
    return rows.error();
  if (rows->empty())
    return std::optional<slice>{};
  const state_columns columns{.agent = raw(agent), .key = key, .value = rows->bytes(0, 0)};
  if (static_cast<std::int32_t>(crc_of(columns)) != rows->integer(0, 1))
    return damaged("a state");
  return std::optional{copy(columns.value)};
}

result<reader::state_page> postgres_reader::states(agent_no agent, std::string_view after,
                                                   std::string_view before, std::size_t limit) {
  state_page page;
  std::size_t bytes = 0;
  std::string last{after};
  while (true) {
    pg_params which;
    which.int4(raw(agent)).bytes(last).bytes(before);
    which.int8(std::min<std::size_t>(limit - page.states.size() + 1, 64));
    const auto rows = execute(page_of_states, which);
    if (!rows)
      return rows.error();
    for (int row = 0; row < rows->size(); ++row) {
      page.more = page.states.size() >= limit || bytes >= page_bytes_max;
      if (page.more) // what cannot be read is for the next page to tell
        return page;
      const state_columns columns{
          .agent = raw(agent), .key = rows->bytes(row, 0), .value = rows->bytes(row, 1)};
      if (static_cast<std::int32_t>(crc_of(columns)) != rows->integer(row, 2))
        return damaged("a state");
      last = columns.key;
      bytes += columns.key.size() + columns.value.size();
      page.states.emplace_back(last, copy(columns.value));
    }
    if (rows->empty())
      return page;
  }
}

result<reader::feed> postgres_reader::commits_after(commit_no after, std::size_t limit) {
  return in_one_state([&]() -> result<feed> {
    const auto bounds = db_.execute(feed_bounds);
    if (!bounds)
      return bounds.error();
    feed found;
#ifndef SKEIN_BUG_OLD_CURSOR_ACCEPTED
    found.reset = raw(after) < bounds->natural(0, 0) || raw(after) >= bounds->natural(0, 2);
#endif
    if (found.reset)
      return found;
    pg_params which;
#ifdef SKEIN_BUG_FEED_TELLS_WHAT_IS_THERE
    which.xid(raw(after)).xid(bounds->natural(0, 2)).int8(limit);
#else
    which.xid(raw(after)).xid(bounds->natural(0, 1)).int8(limit);
#endif
    const auto rows = db_.execute(page_of_commits, which);
    if (!rows)
      return rows.error();
    for (int row = 0; row < rows->size(); ++row) {
      feed_commit each{commit_no{rows->natural(row, 0)}, rows->time(row, 1), {}};
      std::string_view left = rows->bytes(row, 4);
      for (std::int64_t i = 0; i < rows->integer(row, 3); ++i) {
        const auto entry = take_accepted(left);
        if (!entry)
          return damaged("a commit");
        each.items.push_back(
            {feed_item::what::accepted,
             {{entry->shard, static_cast<std::uint64_t>(rows->integer(row, 2) + i)}, 0}});
      }
      const auto ended = read_outcome_list(rows->bytes(row, 5));
      if (!ended)
        return damaged("a commit");
      for (const delivery_id& delivery : *ended)
        each.items.push_back({feed_item::what::outcome, delivery});
      found.commits.push_back(std::move(each));
    }
    return found;
  });
}

} // namespace

result<std::unique_ptr<reader>> open_postgres_reader(reader_settings how) {
  auto db = pg_connection::open(how.database);
  if (!db)
    return db.error();
  auto made = std::make_unique<postgres_reader>(std::move(how), std::move(*db));
  if (auto ready = made->prepare(); !ready)
    return ready.error();
  return std::unique_ptr<reader>{std::move(made)};
}

} // namespace skein::journal
