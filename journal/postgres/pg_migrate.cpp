#include "journal/postgres/pg_migrate.hpp"

#include "journal/postgres/migrations/migrations.hpp"
#include "journal/store_identity.hpp"
#include "protocol/text.hpp"

#include <array>
#include <charconv>
#include <map>

namespace skein::journal {

namespace {

constexpr int makers_tries = 20;

/// What two that make the same at once may be told; the one that comes later finds it made.
bool is_race(std::string_view sqlstate) {
  constexpr std::array<std::string_view, 6> all{"23505", "42P06", "42P07",
                                                "42710", "XX000", "40P01"};
  return std::find(all.begin(), all.end(), sqlstate) != all.end();
}

std::string quoted_name(const std::string& name) {
  std::string out = "\"";
  for (const char each : name)
    out += each == '"' ? std::string{"\"\""} : std::string(1, each);
  return out + '"';
}

/// The schema and the table that says what it has seen; -1 = the schema has none yet.
result<std::int64_t> seen(pg_connection& db) {
  const auto there = db.query("SELECT to_regclass('migration') IS NOT NULL");
  if (!there)
    return there.error();
  if (!there->boolean(0, 0))
    return std::int64_t{-1};
  const auto newest = db.query("SELECT coalesce(max(no), 0)::bigint FROM migration");
  return newest ? result<std::int64_t>{newest->integer(0, 0)} : newest.error();
}

result<void> make_schema(pg_connection& db, const postgres_options& options) {
  const std::string name = quoted_name(options.schema);
  for (int i = 0;; ++i) {
    const auto made =
        db.run("CREATE SCHEMA IF NOT EXISTS " + name + "; CREATE TABLE IF NOT EXISTS " + name +
               ".migration (no bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT "
               "clock_timestamp())");
    if (made)
      return {};
    if (!is_race(db.sqlstate()) || i == makers_tries)
      return made.error();
  }
}

result<void> put(pg_connection& db, const std::string& name, const std::string& value) {
  pg_params params;
  params.text(name).text(value);
  const auto done = db.query("INSERT INTO meta VALUES ($1, $2)", params);
  return done ? result<void>{} : done.error();
}

result<void> fill(pg_connection& db, const postgres_options& options) {
  const store_identity made = new_store_identity(options.store);
  const std::array<std::pair<std::string, std::string>, 7> all{{
      {"store", made.store_id},
      {"cluster", options.cluster},
      {"shards", std::to_string(made.hash.shards)},
      {"hash", made.hash_name},
      {"hash_seed_high", hex_of(made.hash.seed_high)},
      {"hash_seed_low", hex_of(made.hash.seed_low)},
      {"range_events", std::to_string(options.store.range_events)},
  }};
  for (const auto& [name, value] : all)
    if (auto done = put(db, name, value); !done)
      return done;
  const std::string last = std::to_string(made.hash.shards - 1);
  const auto rows = db.run(
      "INSERT INTO lease SELECT s, 0, '', '-infinity' FROM generate_series(0, " + last +
      ") s; INSERT INTO fence SELECT s, 0, '', 0, '0', array_fill(0::bigint, ARRAY[14]) "
      "FROM generate_series(0, " +
      last + ") s; INSERT INTO saved SELECT s, '0', '0' FROM generate_series(0, " + last + ") s");
  return rows ? result<void>{} : rows.error();
}

result<void> apply(pg_connection& db, const postgres_options& options) {
  // Whoever comes second waits here, and then finds that there is nothing to do.
  if (const auto locked = db.run("LOCK TABLE migration IN ACCESS EXCLUSIVE MODE"); !locked)
    return locked.error();
  const auto from = seen(db);
  if (!from)
    return from.error();
  const auto steps = postgres_migrations();
  for (auto no = static_cast<std::size_t>(*from); no < steps.size(); ++no) {
    if (const auto done = db.run(std::string{steps[no]}); !done)
      return done.error();
    if (const auto noted =
            db.run("INSERT INTO migration (no) VALUES (" + std::to_string(no + 1) + ")");
        !noted)
      return noted.error();
  }
  const auto filled = db.query("SELECT count(*) FROM meta");
  if (!filled)
    return filled.error();
  return filled->integer(0, 0) == 0 ? fill(db, options) : result<void>{};
}

std::optional<std::uint64_t> number_of(const std::string& text, int base) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return problem == std::errc{} && end == text.data() + text.size() ? std::optional{value}
                                                                    : std::nullopt;
}

} // namespace

result<void> migrate(pg_connection& db, const postgres_options& options) {
  const auto steps = static_cast<std::int64_t>(postgres_migrations().size());
  auto version = seen(db);
  if (!version)
    return version.error();
  if (*version < 0)
    if (auto made = make_schema(db, options); !made)
      return made;
  if (*version > steps)
    return error{errc::store_version, "the schema is at step " + std::to_string(*version) +
                                          ", this program knows " + std::to_string(steps)};
  if (*version == steps)
    return {};
  return db.transact([&] { return apply(db, options); });
}

result<store_identity> read_identity(pg_connection& db, const postgres_options& options) {
  const auto rows = db.query("SELECT name, value FROM meta");
  if (!rows)
    return rows.error();
  std::map<std::string, std::string> meta;
  for (int row = 0; row < rows->size(); ++row)
    meta[rows->text(row, 0)] = rows->text(row, 1);
  const auto shards = number_of(meta["shards"], 10);
  const auto high = number_of(meta["hash_seed_high"], 16);
  const auto low = number_of(meta["hash_seed_low"], 16);
  if (!shards || !high || !low || meta["store"].size() != 16)
    return error{errc::store_corrupt, "the table meta does not say what a store is"};
  store_identity made;
  made.store_id = meta["store"];
  made.hash = {};
  made.hash.shards = static_cast<std::uint32_t>(*shards);
  made.hash.seed_high = *high;
  made.hash.seed_low = *low;
  made.hash_name = meta["hash"];
  if (meta["cluster"] != options.cluster)
    return error{errc::store_mismatch, "the store is the cluster '" + meta["cluster"] +
                                           "'s, and the configuration says '" + options.cluster +
                                           "'"};
  if (meta["range_events"] != std::to_string(options.store.range_events))
    return error{errc::store_mismatch, "the store has ranges of " + meta["range_events"] +
                                           " events, not of " +
                                           std::to_string(options.store.range_events)};
  if (auto fits = check_identity(made, options.store); !fits)
    return fits.error();
  return made;
}

result<void> check_durability(pg_connection& db, bool single) {
  const auto rows = db.query(
      "SELECT current_setting('fsync'), current_setting('full_page_writes'), "
      "current_setting('synchronous_commit'), current_setting('synchronous_standby_names')");
  if (!rows)
    return rows.error();
  const auto refuse = [](const std::string& what) { return error{errc::store_not_durable, what}; };
  if (rows->text(0, 0) != "on")
    return refuse("fsync is off: a power cut loses what was acknowledged");
  if (rows->text(0, 1) != "on")
    return refuse("full_page_writes is off: a power cut leaves pages half written");
  const std::string waits = rows->text(0, 2);
  if (waits != "on" && waits != "remote_apply")
    return refuse("synchronous_commit is '" + waits + "': it must be on, or remote_apply");
  if (!single && rows->text(0, 3).empty())
    return refuse("synchronous_standby_names is empty: a commit that was acknowledged is lost with "
                  "the server's disk. Name a standby, or say that one copy is enough "
                  "(durability = single)");
  return {};
}

} // namespace skein::journal
