// Opening a store, in this order: the directory and who may write to it, its lock, the file, its
// end held against the high-water mark, the schema (made if it is not there), the log moved into
// the file whole and synced, the identity checked, the mark brought to the last commit, this
// opening counted, the state read. Up to the check nothing of a store that is there is changed: of
// one that is refused, a person may want to save what the log holds. Moving the log also rewrites
// its end: what the page cache still shows of a sync that failed before the last stop may not be on
// disk.
#include "journal/clock_check.hpp"
#include "journal/migrations/migrations.hpp"
#include "journal/new_place.hpp"
#include "journal/sealed_tables.hpp"
#include "journal/sqlite_chain.hpp"
#include "journal/sqlite_file.hpp"
#include "journal/sqlite_journal.hpp"
#include "journal/store_folder.hpp"
#include "journal/store_identity.hpp"
#include "journal/store_swap.hpp"
#include "protocol/text.hpp"

#include <array>
#include <charconv>

namespace skein::journal {

namespace {

/// Before journal.db is made: a mark without it is all that is left of a store.
result<void> read_mark(high_water& mark, const std::string& directory, const guarded_vfs& guard) {
  const auto found = mark.read();
  if (!found)
    return found.error();
  int is_there = 0;
  const std::string path = journal_file(directory);
  const int code =
      guard.base()->xAccess(guard.base(), path.c_str(), SQLITE_ACCESS_EXISTS, &is_there);
  if (code != SQLITE_OK)
    return sqlite_error(nullptr, code, "looking for " + path);
  if (*found && is_there == 0)
    return lost_file(directory, (*found)->commit);
  return {};
}

result<database> open_file(const sqlite_options& options, const guarded_vfs& guard) {
  const std::string path = journal_file(options.directory);
  if (options.vfs.empty()) // else the file lies in the VFS, not in the directory
    if (auto made = make_private_file(path); !made)
      return made.error();
  auto db = database::open(path, {.write = true, .vfs = guard.name()});
  if (!db)
    return db;
  // page_size counts only for a file without content; SQLite's own checkpoints would come at any
  // commit and at close, after a failed sync too.
  if (auto set = db->run("PRAGMA page_size=" + std::to_string(options.page_bytes)); !set)
    return set.error();
  if (auto ours = check_ours(*db); !ours)
    return ours.error();
  if (auto added = add_row_crc(*db); !added)
    return added.error();
  auto mode = db->prepare("PRAGMA journal_mode=WAL");
  if (!mode)
    return mode.error();
  if (const int code = mode->step(); code != SQLITE_ROW)
    return sqlite_error(db->raw(), code, "opening " + path);
  if (mode->text(0) != "wal")
    return error{errc::io_error, "SQLite cannot keep a write-ahead log on this file system"};
  mode->reset();
  const std::string settings = "PRAGMA synchronous=FULL"
                               ";PRAGMA wal_autocheckpoint=0"
                               ";PRAGMA secure_delete=OFF"
                               ";PRAGMA temp_store=MEMORY"
                               ";PRAGMA cache_size=-" +
                               std::to_string(limits::journal_cache_bytes / 1024);
  if (auto set = db->run(settings); !set)
    return set.error();
#if defined(SKEIN_BUG_ACK_BEFORE_SYNC) || defined(SKEIN_BUG_NO_SYNC)
  if (auto set = db->run("PRAGMA synchronous=OFF"); !set)
    return set.error();
#elif defined(SKEIN_BUG_SYNC_AT_CHECKPOINT)
  if (auto set = db->run("PRAGMA synchronous=NORMAL"); !set)
    return set.error();
#endif
  sqlite3_db_config(db->raw(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (options.vfs.empty())
    if (auto synced = sync_directory(options.directory); !synced)
      return synced.error();
  return db;
}

result<void> insert_identity(database& db, const store_identity& identity) {
  return db.run("INSERT INTO meta(name, value) VALUES ('store_id', '" + identity.store_id +
                "'), ('shards', " + std::to_string(identity.hash.shards) + "), ('hash', '" +
                identity.hash_name + "'), ('seed_high', '" + hex_of(identity.hash.seed_high) +
                "'), ('seed_low', '" + hex_of(identity.hash.seed_low) + "'), ('boot', " +
                std::to_string(identity.boot) + "), ('clean', 1)");
}

/// Applies the steps that the store has not seen, in one transaction, which also makes a new store.
result<void> migrate(sqlite_writer& writer, const sqlite_options& options) {
  database& db = writer.db();
  const auto version = db.number("PRAGMA user_version");
  if (!version)
    return version.error();
  const auto steps = migrations();
  const auto latest = static_cast<std::int64_t>(steps.size());
  if (*version < 0 || *version > latest)
    return error{errc::store_version, "the store has version " + std::to_string(*version) +
                                          ", this program knows " + std::to_string(latest) +
                                          "; start it with the newer program"};
  std::size_t seen = static_cast<std::size_t>(*version);
#ifdef SKEIN_BUG_MIGRATION_APPLIED_TWICE
  seen -= seen > 0 ? 1 : 0;
#endif
  if (seen == steps.size())
    return {};
  return writer.transact([&]() -> result<void> {
    for (const std::string_view step : steps.subspan(seen))
      if (auto applied = db.run(std::string{step}); !applied)
        return applied;
    if (*version == 0)
      if (auto made =
              insert_identity(db, options.identity.value_or(new_store_identity(options.store)));
          !made)
        return made;
    // With the step that made the checksums; a later one adds no row to the small tables.
    if (*version < version_with_ranges)
      if (auto sealed = seal_small_tables(db); !sealed)
        return sealed;
    return db.run("PRAGMA application_id=" + std::to_string(application_id) +
                  ";PRAGMA user_version=" + std::to_string(latest));
  });
}

result<std::string> meta_text(database& db, const std::string& name) {
  auto query = db.prepare("SELECT value FROM meta WHERE name = '" + name + "'");
  if (!query)
    return query.error();
  const int code = query->step();
  if (code != SQLITE_ROW)
    return error{errc::store_corrupt, "journal.db has no '" + name + "'; restore a backup"};
  return std::string{query->text(0)};
}

result<store_identity> read_identity(database& db) {
  constexpr std::array names{"store_id", "hash", "shards", "seed_high",
                             "seed_low", "boot", "clean"};
  std::array<std::string, names.size()> texts;
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto text = meta_text(db, names[i]);
    if (!text)
      return text.error();
    texts[i] = std::move(*text);
  }
  const auto high = word_of_hex(texts[3]);
  const auto low = word_of_hex(texts[4]);
  const auto shards = db.number("SELECT value FROM meta WHERE name = 'shards'");
  const auto boot = db.number("SELECT value FROM meta WHERE name = 'boot'");
  if (!high || !low || !shards || !boot || *shards < 1 || *shards > limits::shards_max)
    return error{errc::store_corrupt, "journal.db's table 'meta' is damaged; restore a backup"};
  store_identity found;
  found.store_id = texts[0];
  found.hash_name = texts[1];
  found.hash = {static_cast<std::uint32_t>(*shards), *high, *low};
  found.boot = static_cast<std::uint64_t>(*boot);
  found.clean = texts[6] == "1";
  return found;
}

/// The mark names the last commit, and must be there from now on.
result<void> start_mark(sqlite_parts& parts) {
  auto last = end_of_chain(parts.writer->db(), parts.identity.store_id);
  if (!last)
    return last.error();
  parts.last_commit = last->commit;
  parts.last_digest = last->digest;
  const sqlite_options& options = parts.options;
  if (options.vfs.empty())
    if (auto made = make_private_file(options.directory + "/high-water"); !made)
      return made;
  const bool is_new = !parts.mark->is_there();
  if (auto started = parts.mark->start(*last); !started)
    return started;
  return is_new && options.vfs.empty() ? sync_directory(options.directory) : result<void>{};
}

/// Before anything is judged by the clock.
result<void> check_clock(database& db, const open_options& options) {
  if (options.clock_jump_max == duration{0})
    return {};
  const auto last = db.number("SELECT at FROM commits ORDER BY no DESC LIMIT 1", 0);
  if (!last)
    return last.error();
  return judge_clock(options.now, from_ns(*last), options.clock_jump_max);
}

/// From here on an end without close() is an unclean one.
result<void> count_opening(sqlite_writer& writer, store_identity& identity) {
  ++identity.boot;
#ifdef SKEIN_BUG_EPOCH_REUSED
  --identity.boot;
#endif
  return writer.transact([&] {
    auto counted = writer.db().run("UPDATE meta SET value = " + std::to_string(identity.boot) +
                                   " WHERE name = 'boot';"
                                   "UPDATE meta SET value = 0 WHERE name = 'clean';"
                                   "UPDATE meta SET value = 1 WHERE name = 'high_water'");
    return counted ? seal_meta(writer.db()) : counted;
  });
}

result<void> open_store(sqlite_parts& parts) {
  sqlite_writer& writer = *parts.writer;
  if (auto whole = check_chain(writer.db(), *parts.mark); !whole)
    return whole;
  if (auto ready = writer.prepare_transactions(); !ready)
    return ready;
  if (auto migrated = migrate(writer, parts.options); !migrated)
    return migrated;
  if (auto moved = writer.checkpoint_and_truncate(); !moved)
    return moved;
  auto identity = read_identity(writer.db());
  if (!identity)
    return identity.error();
  parts.identity = std::move(*identity);
  if (auto fits = check_identity(parts.identity, parts.options.store); !fits)
    return fits;
  if (auto believed = check_clock(writer.db(), parts.options.store); !believed)
    return believed;
  if (auto marked = start_mark(parts); !marked)
    return marked;
  if (auto counted = count_opening(writer, parts.identity); !counted)
    return counted;
  if (auto ready = writer.prepare_rows(); !ready)
    return ready;
  return load_state(parts);
}

} // namespace

result<sqlite_parts> open_parts(const sqlite_options& options) {
  if (auto valid = check_options(options.store); !valid)
    return valid.error();
  if (auto made = make_private_directory(options.directory); !made)
    return made.error();
  sqlite_parts parts;
  parts.options = options;
  if (auto safe = check_store_files(options.directory); !safe)
    return safe.error();
  auto lock = store_lock::take(options.directory, options.lock_patience);
  if (!lock)
    return lock.error();
  parts.lock = std::move(*lock);
#ifndef SKEIN_BUG_SWAP_NOT_ENDED_AT_START
  if (auto whole = finish_swap(options.directory); !whole) // of a repair that was stopped
    return whole.error();
#endif
#ifndef SKEIN_BUG_START_IN_UNFINISHED
  if (auto finished = clear_finished(options.directory); !finished)
    return finished.error();
#endif
  parts.guard = std::make_unique<guarded_vfs>(options.vfs);
  if (parts.guard->name().empty())
    return error{errc::invalid_argument, "there is no VFS '" + options.vfs + "'"};
  parts.mark = std::make_unique<high_water>(options.directory, *parts.guard);
  if (auto found = read_mark(*parts.mark, options.directory, *parts.guard); !found)
    return found.error();
  auto db = open_file(options, *parts.guard);
  if (!db)
    return db.error();
  if (options.vfs.empty())
    parts.pages = page_hints::open(journal_file(options.directory), limits::journal_page_bytes);
  parts.writer = std::make_unique<sqlite_writer>(std::move(*db), *parts.guard, options.wal_bytes);
  if (auto opened = open_store(parts); !opened)
    return opened.error();
  if (options.vfs.empty()) { // else its files lie in no directory
    auto watch = store_watch::begin(options.directory);
    if (!watch)
      return watch.error();
    parts.watch = *std::move(watch);
  }
  return parts;
}

result<std::unique_ptr<engine>> open_sqlite(const sqlite_options& options) {
  auto parts = open_parts(options);
  if (!parts)
    return parts.error();
  auto made = std::make_unique<sqlite_journal>(std::move(*parts));
  if (auto ready = made->prepare(); !ready)
    return ready.error();
  return std::unique_ptr<engine>{std::move(made)};
}

} // namespace skein::journal
