// Opening: the server is asked whether it keeps what it acknowledges, the schema is made or brought
// up to date, and this process is entered as an owner of its own.
#include "journal/chain.hpp"
#include "journal/clock_check.hpp"
#include "journal/postgres/pg_migrate.hpp"
#include "journal/postgres/postgres_journal.hpp"
#include "journal/store_identity.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

namespace {

const pg_statement add_owner{
    "add_owner",
    "WITH before AS (SELECT closed FROM owner WHERE node = $2 ORDER BY no DESC LIMIT 1) "
    "INSERT INTO owner (no, name, node) VALUES (nextval('owner_no'), $1, $2) "
    "RETURNING no, coalesce((SELECT closed FROM before), true)"};

/// Waits for what runs so that it stops with the engine; a thread of its own unless it is told.
job_runner runner_of(postgres_parts& parts) {
  if (parts.options.run)
    return parts.options.run;
  parts.background = std::make_unique<background_thread>("skein-dedupe");
  return
      [thread = parts.background.get()](std::function<void()> job) { thread->run(std::move(job)); };
}

/// What only SQLite does is refused where it is asked for, rather than left undone in silence.
result<void> check_asked_for(const open_options& store) {
  if (store.retention_bytes != limits::retention_bytes)
    return error{
        errc::invalid_argument,
        "retention by size is of SQLite: on PostgreSQL events are kept by their age alone, "
        "as the server's disk is not this store's. Leave retention_bytes away, set "
        "retention"};
  if (store.disk_reserve != 0)
    return error{
        errc::invalid_argument,
        "a reserve of free space is of SQLite: a client does not see how much its server's "
        "disk has left. Leave it away, and watch the disk where the server runs"};
  return {};
}

result<void> check_postgres_options(const postgres_options& options) {
  for (const auto check : {check_options, check_asked_for})
    if (auto valid = check(options.store); !valid)
      return valid;
  const std::uint64_t numbers = options.store.numbers_at_once;
  if ((numbers & (numbers - 1)) != 0)
    return error{errc::invalid_argument, "an owner takes a power of two of numbers at once"};
  if (options.who.node.empty() || options.who.boot.empty())
    return error{errc::invalid_argument, "an owner has a node's name and a boot nonce"};
  if (options.schema.empty())
    return error{errc::invalid_argument, "a store has a schema"};
  return {};
}

/// A restored copy may hold commits whose order its server would give out again.
result<void> check_order(pg_connection& db) {
  const auto ahead = db.query("SELECT count(*) FROM (SELECT max(xid) AS last FROM commits) c "
                              "WHERE c.last >= pg_snapshot_xmax(pg_current_snapshot())");
  if (!ahead)
    return ahead.error();
  if (ahead->integer(0, 0) != 0)
    return error{
        errc::store_mismatch,
        "the store holds commits of a later time than its server's: it was restored from a "
        "dump. Bring the server's transaction numbers behind them (pg_resetwal -e)"};
  return {};
}

result<void> enter(postgres_parts& parts) {
  pg_params me;
  me.text(parts.owner_name).text(parts.options.who.node);
  const auto row = parts.db->execute(add_owner, me);
  if (!row)
    return row.error();
  parts.owner = row->integer(0, 0);
  parts.identity.boot = static_cast<std::uint64_t>(parts.owner);
  parts.identity.clean = row->boolean(0, 1);
  parts.last_digest = first_digest(parts.identity.store_id);
  return {};
}

result<void> load_last(postgres_parts& parts) {
  const auto last =
      parts.db->query("SELECT max(at), max(last::text::int8), (SELECT dropped FROM "
                      "kept), (SELECT at FROM commits ORDER BY xid LIMIT 1) FROM fence");
  if (!last)
    return last.error();
  parts.retained.dropped_events = last->natural(0, 2);
  parts.retained.oldest = last->time(0, 3);
  const instant at = last->time(0, 0);
  parts.last_at = std::max(parts.options.store.now, at);
  parts.last_xid = last->natural(0, 1);
  const open_options& options = parts.options.store;
  return options.clock_jump_max == duration{0} // it is believed
             ? result<void>{}
             : judge_clock(options.now, at, options.clock_jump_max);
}

} // namespace

pg_settings connection_of(const postgres_options& options, const char* purpose) {
  return {.url = options.url,
          .schema = options.schema,
          .purpose = purpose,
          .answer_within = options.answer_within,
          .idle_in_transaction = options.idle_in_transaction};
}

result<void> load_agents(postgres_parts& parts) {
  const auto rows = parts.db->query("SELECT no, name FROM agent ORDER BY no");
  if (!rows)
    return rows.error();
  std::vector<std::string> all;
  for (int row = 0; row < rows->size(); ++row) {
    if (rows->integer(row, 0) != row)
      return error{errc::store_corrupt, "an agent's number is missing"};
    all.push_back(rows->text(row, 1));
  }
  parts.agents = std::move(all);
  return {};
}

result<void> take_numbers(postgres_parts& parts) {
  constexpr std::uint64_t numbers_at_once = 1 << 20;
  const std::uint64_t wanted = parts.options.store.numbers_at_once;
  const std::uint64_t size = wanted == 0 ? numbers_at_once : wanted;
  const auto row = parts.db->query("SELECT nextval('number_block')");
  if (!row)
    return row.error();
  const std::uint64_t block = row->natural(0, 0);
  parts.state->resume(std::max<std::uint64_t>(1, block * size), parts.state->totals());
  parts.block_end = (block + 1) * size;
  return {};
}

result<postgres_parts> open_parts(const postgres_options& options) {
  if (auto valid = check_postgres_options(options); !valid)
    return valid.error();
  postgres_parts parts;
  parts.options = options;
  parts.owner_name = options.who.owner();
  auto db = pg_connection::open(connection_of(options, "skein writer"));
  if (!db)
    return db.error();
  parts.db = std::make_unique<pg_connection>(std::move(*db));
  for (auto done : {check_durability(*parts.db, options.single), migrate(*parts.db, options)})
    if (!done)
      return done.error();
  auto identity = read_identity(*parts.db, options);
  if (!identity)
    return identity.error();
  parts.identity = std::move(*identity);
  pg_window::settings how{.window = options.store.dedupe_window,
                          .entries_max = options.store.dedupe_entries_max,
                          .bucket = options.dedupe_bucket,
                          .bucket_time = options.dedupe_bucket_time,
                          .database = connection_of(options, "skein dedupe"),
                          .run = runner_of(parts)};
  parts.run = how.run;
  auto window = std::make_unique<pg_window>(std::move(how), *parts.db);
  parts.window = window.get();
  parts.state = std::make_unique<store_state>(parts.identity.hash.shards, store_state::not_held,
                                              std::move(window), options.store.range_events);
  parts.totals.resize(parts.identity.hash.shards);
  for (const auto step : {load_last, load_agents})
    if (auto done = step(parts); !done)
      return done.error();
  parts.agents_told = parts.agents.size();
  if (auto ordered = check_order(*parts.db); !ordered)
    return ordered.error();
  if (auto entered = enter(parts); !entered)
    return entered.error();
  return parts;
}

result<instant> time_of_postgres(const postgres_options& options) {
  if (auto valid = check_postgres_options(options); !valid)
    return valid.error();
  auto db = pg_connection::open(connection_of(options, "skein time"));
  if (!db)
    return db.error();
  const auto row = db->query("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8");
  return row ? result<instant>{from_ns(row->integer(0, 0) * 1'000)} : row.error();
}

result<std::unique_ptr<engine>> open_postgres(const postgres_options& options) {
  auto parts = open_parts(options);
  if (!parts)
    return parts.error();
  return std::unique_ptr<engine>{std::make_unique<postgres_journal>(std::move(*parts))};
}

} // namespace skein::journal
