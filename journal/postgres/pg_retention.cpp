#include "journal/postgres/pg_retention.hpp"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

namespace skein::journal {

namespace {

constexpr int commits_a_step = 256;
constexpr std::int64_t events_a_step = 2'048;
constexpr int survivors_a_step = 1'024;
constexpr int steps_a_round = 64;
constexpr std::chrono::seconds summed_every{60};

// Whoever has this row does it; nobody waits for it.
const pg_statement take_turn{"take_turn",
                             "SELECT dropped FROM kept WHERE id = 1 FOR UPDATE SKIP LOCKED"};
// A takeover needs those behind what was saved; the last one stays. One whose transaction is not
// over for all yet is no candidate.
const pg_statement old_commits{
    "old_commits", "SELECT xid, at, first, events FROM commits "
                   "WHERE xid <= (SELECT min(upto) FROM saved) "
                   "AND xid < (SELECT max(xid) FROM commits) "
                   "AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid LIMIT $1"};
const pg_statement drop_commits{"drop_commits", "DELETE FROM commits WHERE xid <= $1"};
const pg_statement oldest_commit{"oldest_commit", "SELECT at FROM commits ORDER BY xid LIMIT 1"};

#define SKEIN_EVENT_IS_OVER                                                                        \
  "(SELECT count(*) FROM outcome o WHERE o.shard = e.shard AND o.id >= e.no * 16 "                 \
  "AND o.id < e.no * 16 + 16 AND o.state <> 4 AND o.at < $1) = "                                   \
  "json_array_length(e.deliveries::json)"
#define SKEIN_DROP_ROWS_OF_GONE                                                                    \
  "ends AS (DELETE FROM outcome o USING gone g WHERE o.shard = g.shard AND o.id >= g.no * 16 "     \
  "AND o.id < g.no * 16 + 16 RETURNING 1), "                                                       \
  "tries AS (DELETE FROM attempt a USING gone g WHERE a.shard = g.shard AND a.id >= g.no * 16 "    \
  "AND a.id < g.no * 16 + 16 RETURNING 1), "                                                       \
  "noted AS (DELETE FROM survivor s USING gone g WHERE s.shard = g.shard AND s.no = g.no "         \
  "RETURNING 1) "                                                                                  \
  "SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM ends) + "                             \
  "(SELECT count(*) FROM tries) + (SELECT count(*) FROM noted)"

const pg_statement drop_events{
    "drop_events",
    "WITH gone AS (DELETE FROM event e USING unnest($2::int8[], $3::int8[]) AS r(first, last) "
    "WHERE e.no >= r.first AND e.no < r.last AND " SKEIN_EVENT_IS_OVER
    " RETURNING e.shard, e.no), " SKEIN_DROP_ROWS_OF_GONE};
const pg_statement note_survivors{"note_survivors",
                                  "INSERT INTO survivor SELECT e.shard, e.no FROM event e "
                                  "JOIN unnest($1::int8[], $2::int8[]) AS r(first, last) "
                                  "ON e.no >= r.first AND e.no < r.last ON CONFLICT DO NOTHING"};
const pg_statement list_survivors{"list_survivors",
                                  "SELECT shard, no FROM survivor WHERE (shard, no) > ($1, $2) "
                                  "ORDER BY shard, no LIMIT $3"};
const pg_statement drop_survivors{
    "drop_survivors",
    "WITH gone AS (DELETE FROM event e USING unnest($2::int4[], $3::int8[]) AS s(shard, no) "
    "WHERE e.shard = s.shard AND e.no = s.no AND " SKEIN_EVENT_IS_OVER
    " RETURNING e.shard, e.no), " SKEIN_DROP_ROWS_OF_GONE};
const pg_statement count_dropped{
    "count_dropped",
    "UPDATE kept SET upto = greatest(upto, $1), dropped = dropped + $2 WHERE id = 1"};

} // namespace

/// What lasts from round to round; shared with who carries it out.
struct pg_retention::round {
  pg_settings database;
  std::optional<pg_connection> db;
  facts found;
  std::int64_t after_shard = -1; // survivors are looked at in turn
  std::int64_t after_no = 0;
  std::chrono::steady_clock::time_point summed_at{};
  std::atomic<bool> busy = false;
  std::atomic<bool> give_up = false;

  result<void> run(instant before);
  result<bool> step(instant before);
  result<bool> drop_old(instant before, std::uint64_t& upto, std::int64_t& dropped);
  result<bool> look_at_survivors(std::int64_t& dropped);
  result<void> count(const pg_rows& rows, std::int64_t& dropped);
  result<void> sum_up();
  result<void> sum_up_parts();
};

pg_retention::pg_retention(pg_settings database, job_runner run)
  : round_{std::make_shared<round>()}, run_{std::move(run)} {
  round_->database = std::move(database);
}

pg_retention::~pg_retention() { round_->give_up = true; }

bool pg_retention::is_busy() const noexcept { return round_->busy; }
const pg_retention::facts& pg_retention::last() const noexcept { return round_->found; }

void pg_retention::begin(instant before) {
  if (round_->busy.exchange(true))
    return;
  run_([work = round_, before] {
    work->found.ended = work->run(before);
    if (!work->found.ended)
      work->db.reset();
    work->busy = false;
  });
}

result<void> pg_retention::round::run(instant before) {
  if (!db || db->is_lost()) {
    auto made = pg_connection::open(database);
    if (!made)
      return made.error();
    db.emplace(std::move(*made));
  }
  found.has_more = true;
  for (int i = 0; i < steps_a_round && found.has_more && !give_up; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    const auto more = step(before);
    if (!more)
      return more.error();
    found.has_more = *more;
    found.longest_step =
        std::max<duration>(found.longest_step, std::chrono::steady_clock::now() - begun);
  }
  return sum_up();
}

result<bool> pg_retention::round::step(instant before) {
  bool more = false;
  auto done = db->transact([&]() -> result<void> {
    const auto turn = db->execute(take_turn);
    if (!turn)
      return turn.error();
    if (turn->empty())
      return {};
    std::uint64_t upto = 0;
    std::int64_t dropped = 0;
    const auto old = drop_old(before, upto, dropped);
    if (!old)
      return old.error();
    const auto survivors = look_at_survivors(dropped);
    if (!survivors)
      return survivors.error();
    more = *old || *survivors;
    found.dropped_events = static_cast<std::uint64_t>(turn->integer(0, 0) + dropped);
    if (upto == 0 && dropped == 0)
      return {};
    pg_params sum;
    sum.xid(upto).int8(dropped);
    const auto counted = db->execute(count_dropped, sum);
    return counted ? result<void>{} : counted.error();
  });
  if (!done)
    return done.error();
  return more;
}

result<bool> pg_retention::round::drop_old(instant before, std::uint64_t& upto,
                                           std::int64_t& dropped) {
  pg_params most;
  most.int8(std::int64_t{commits_a_step});
  const auto commits = db->execute(old_commits, most);
  if (!commits)
    return commits.error();
  pg_array first{pg_type::int8}, last{pg_type::int8};
  std::int64_t events = 0;
  int row = 0;
  for (; row < commits->size() && events < events_a_step && commits->time(row, 1) <= before;
       ++row) {
    upto = commits->natural(row, 0);
    events += commits->integer(row, 3);
    first.add_int8(commits->integer(row, 2));
    last.add_int8(commits->integer(row, 2) + commits->integer(row, 3));
  }
  if (row == 0)
    return false;
  pg_params which;
  which.xid(upto);
  const auto gone = db->execute_all({{&drop_commits, &which}, {&oldest_commit, nullptr}});
  if (!gone)
    return gone.error();
  found.oldest = (*gone)[1].time(0, 0);
  pg_params over, stay;
  over.int8(to_ns(found.oldest)).array(first).array(last);
  stay.array(first).array(last);
  const auto rows = db->execute_all({{&drop_events, &over}, {&note_survivors, &stay}});
  if (!rows)
    return rows.error();
  found.dropped_rows += static_cast<std::uint64_t>(row);
  if (auto counted = count((*rows)[0], dropped); !counted)
    return counted.error();
  return true;
}

result<void> pg_retention::round::count(const pg_rows& rows, std::int64_t& dropped) {
  dropped += rows.integer(0, 0);
  found.dropped_rows += static_cast<std::uint64_t>(rows.integer(0, 0) + rows.integer(0, 1));
  return {};
}

/// True if any went: then the next ones may too.
result<bool> pg_retention::round::look_at_survivors(std::int64_t& dropped) {
  const auto oldest = db->execute(oldest_commit);
  if (!oldest)
    return oldest.error();
  if (oldest->empty())
    return false;
  found.oldest = oldest->time(0, 0);
  pg_params after;
  after.int4(after_shard).int8(after_no).int8(std::int64_t{survivors_a_step});
  const auto some = db->execute(list_survivors, after);
  if (!some)
    return some.error();
  const bool at_end = some->size() < survivors_a_step;
  after_shard = at_end ? -1 : some->integer(some->size() - 1, 0);
  after_no = at_end ? 0 : some->integer(some->size() - 1, 1);
  if (some->empty())
    return false;
  pg_array shards{pg_type::int4}, numbers{pg_type::int8};
  for (int row = 0; row < some->size(); ++row) {
    shards.add_int4(some->integer(row, 0));
    numbers.add_int8(some->integer(row, 1));
  }
  pg_params over;
  over.int8(to_ns(found.oldest)).array(shards).array(numbers);
  const auto rows = db->execute(drop_survivors, over);
  if (!rows)
    return rows.error();
  if (auto counted = count(*rows, dropped); !counted)
    return counted.error();
  return rows->integer(0, 0) > 0;
}

/// Those that are full, for look-ups: not the last two, which events still come into.
result<void> pg_retention::round::sum_up_parts() {
  const auto done = db->query(
      "WITH size AS (SELECT pg_relation_size('event') / current_setting('block_size')::int8 AS "
      "pages), "
      "parts AS (SELECT p.page FROM kept k, size s, generate_series(k.summed, s.pages - 384, 128) "
      "AS p(page) WHERE k.id = 1 ORDER BY 1 LIMIT 1024), "
      "made AS (SELECT page, brin_summarize_range('event_parts', page) FROM parts) "
      "UPDATE kept SET summed = greatest(summed, (SELECT max(page) + 128 FROM made)) "
      "WHERE id = 1 AND EXISTS (SELECT 1 FROM made)");
  return done ? result<void>{} : done.error();
}

/// What the store takes, and look-ups by time, key and id.
result<void> pg_retention::round::sum_up() {
  const auto now = std::chrono::steady_clock::now();
  if (now - summed_at < summed_every && summed_at.time_since_epoch().count() != 0)
    return {};
  summed_at = now;
  if (auto done = sum_up_parts(); !done)
    return done;
  const auto bytes = db->query("SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::int8 "
                               "FROM pg_class WHERE relkind = 'r' AND relnamespace = "
                               "current_schema()::regnamespace");
  if (!bytes)
    return bytes.error();
  found.bytes_used = bytes->natural(0, 0);
  return {};
}

} // namespace skein::journal
