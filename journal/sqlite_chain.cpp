#include "journal/sqlite_chain.hpp"

#include "journal/chain.hpp"
#include "journal/chain_walk.hpp"
#include "journal/kept_part.hpp"
#include "journal/migrations/migrations.hpp"
#include "journal/sealed_tables.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_file.hpp"
#include "journal/sqlite_vfs.hpp"

#include <utility>
#include <vector>

namespace skein::journal {

namespace {

error refused(const std::string& what) {
  return {errc::store_corrupt,
          what + "; keep a copy of the whole directory, then restore a backup, or, to go on with "
                 "what is left, run 'skein journal repair', which says what is lost"};
}

std::string number(commit_no commit) { return std::to_string(raw(commit)); }

/// The digest of a commit that has one; else that of the chain's beginning.
result<hash128> digest_of(database& db, commit_no commit, const std::string& store_id,
                          const unchecked_rows& old) {
  const auto start = start_of_chain(db, store_id, old);
  if (!start)
    return start.error();
  if (commit <= start->commit)
    return start->digest;
  auto query = db.prepare("SELECT digest FROM commits WHERE no = ?");
  if (!query)
    return query.error();
  const int code = query->bind(1, raw(commit)).step();
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    return sqlite_error(db.raw(), code, "reading a commit");
  const auto found = code == SQLITE_ROW ? digest_of_bytes(query->blob(0)) : std::nullopt;
  if (!found)
    return damaged_store("commit " + number(commit) + " has no digest");
  return *found;
}

} // namespace

result<std::string> store_id_of(database& db) {
  auto query = db.prepare("SELECT value FROM meta WHERE name = 'store_id'");
  if (!query)
    return query.error();
  if (query->step() != SQLITE_ROW)
    return damaged_store("there is no 'store_id' in the table 'meta'");
  return std::string{query->text(0)};
}

result<high_water_mark> start_of_chain(database& db, const std::string& store_id,
                                       const unchecked_rows& old) {
  const auto kept = kept_part::of(db);
  if (!kept)
    return kept.error();
  const auto unchecked = static_cast<std::uint64_t>(old.commits_to);
  const std::uint64_t before = raw(kept->first_commit) - 1;
  if (before > unchecked)
    return high_water_mark{store_id, commit_no{before}, kept->before};
  return high_water_mark{store_id, commit_no{unchecked}, first_digest(store_id)};
}

result<high_water_mark> check_mark(database& db, const high_water& mark,
                                   const unchecked_rows& old) {
  const auto store_id = store_id_of(db);
  const auto must_be_there = db.number("SELECT value FROM meta WHERE name = 'high_water'", 1);
  const auto last = db.number("SELECT max(no) FROM commits");
  if (!store_id || !must_be_there || !last)
    return !store_id ? store_id.error() : !must_be_there ? must_be_there.error() : last.error();
#ifdef SKEIN_BUG_HIGH_WATER_IGNORED
  return end_of_chain(db, *store_id);
#endif
  const high_water_mark& named = mark.mark();
  if (named.store_id.empty()) {
    if (*must_be_there == 0)
      return start_of_chain(db, *store_id, old);
    return error{errc::store_corrupt,
                 std::string{"the file high-water is "} +
                     (mark.is_there() ? "damaged" : "missing") +
                     ", so nobody can tell whether the end of journal.db is there; put the file "
                     "back, or, to go on with journal.db as it is, run 'skein journal repair'"};
  }
  if (named.store_id != *store_id)
    return refused("journal.db is of the store " + *store_id +
                   ", the file high-water of the store " + named.store_id +
                   ": files of two stores are mixed");
  const auto end = static_cast<std::uint64_t>(*last);
  if (end < raw(named.commit))
    return refused("journal.db ends with commit " + std::to_string(end) + ", but commit " +
                   number(named.commit) +
                   " was on disk (high-water): the commits between are lost");
  const auto start = start_of_chain(db, *store_id, old);
  if (!start)
    return start.error();
  // The newer slot is damaged, and what the older one names was dropped since: all that is kept is
  // held against the chain.
  if (named.commit < start->commit)
    return start;
  const auto digest = digest_of(db, named.commit, *store_id, old);
  if (!digest)
    return digest.error();
  if (*digest != named.digest)
    return refused("commit " + number(named.commit) +
                   " of journal.db is not the one that was on disk (high-water)");
  return named;
}

namespace {

result<void> check_commits(database& db, const unchecked_rows& old, const high_water_mark& from) {
  chain_walk walk{db, old, from.commit, from.digest};
  if (auto ready = walk.prepare(); !ready)
    return ready;
  for (auto more = walk.next(); !more || *more; more = walk.next())
    if (!more)
      return more.error();
  return {};
}

} // namespace

result<void> check_end(database& db) {
  const auto next =
      db.number("SELECT first_event + events FROM commits ORDER BY no DESC LIMIT 1", 1);
  const auto last = db.number("SELECT max(no) FROM event");
  const auto kept = kept_part::of(db);
  if (!next || !last || !kept)
    return !next ? next.error() : !last ? last.error() : kept.error();
  // Of what was swept, the newest may be gone.
  bool is_swept = kept->swept_to >= static_cast<std::uint64_t>(*next);
#ifdef SKEIN_BUG_SWEPT_END_IS_DAMAGE
  is_swept = false;
#endif
  if (*last + 1 == *next || (is_swept && *last < *next))
    return {};
  return refused("journal.db has events up to " + std::to_string(*last) +
                 ", its last commit ends with " + std::to_string(*next - 1));
}

result<void> check_chain(database& db, const high_water& mark) {
  const auto version = db.number("PRAGMA user_version");
  if (!version)
    return version.error();
  if (*version < version_with_chain)
    return mark.mark().store_id.empty()
               ? result<void>{}
               : refused("journal.db knows of no commit, but commit " + number(mark.mark().commit) +
                         " was on disk (high-water)");
  if (*version > static_cast<std::int64_t>(migrations().size()))
    return {}; // of a newer program, which is told as that
  if (auto begun = db.run("BEGIN"); !begun)
    return begun;
  const auto old = unchecked_rows::of(db);
  if (!old)
    return old.error();
  if (auto whole = check_small_tables(db); !whole)
    return whole;
  const auto from = check_mark(db, mark, *old);
  if (!from)
    return from.error();
#ifdef SKEIN_BUG_CHAIN_NOT_CHECKED_AT_THE_TAIL
  return db.run("COMMIT");
#endif
  if (auto whole = check_commits(db, *old, *from); !whole)
    return whole;
  if (auto whole = check_end(db); !whole)
    return whole;
  return db.run("COMMIT");
}

result<void> require_chain(database& db) {
  const auto version = db.number("PRAGMA user_version");
  if (!version)
    return version.error();
  if (*version < version_with_chain)
    return error{errc::store_version, "the store is from before there were checksums; start a node "
                                      "on it once"};
  return {};
}

result<database> open_up_to_mark(const std::string& directory) {
  if (auto there = require_store(directory); !there)
    return there.error();
  guarded_vfs guard{""};
  high_water mark{directory, guard};
  // Before the file: a node that runs marks only what is there already.
  if (auto read = mark.read(); !read)
    return read.error();
  auto db = open_as_of_now(journal_file(directory));
  if (!db)
    return db.error();
  if (auto there = require_chain(*db); !there)
    return there.error();
  const auto old = unchecked_rows::of(*db);
  if (!old)
    return old.error();
  if (auto fits = check_mark(*db, mark, *old); !fits)
    return fits.error();
  return db;
}

result<high_water_mark> end_of_chain(database& db, const std::string& store_id) {
  const auto old = unchecked_rows::of(db);
  const auto last = db.number("SELECT max(no) FROM commits");
  if (!old || !last)
    return !old ? old.error() : last.error();
  const commit_no commit{static_cast<std::uint64_t>(*last)};
  const auto digest = digest_of(db, commit, store_id, *old);
  if (!digest)
    return digest.error();
  return high_water_mark{store_id, commit, *digest};
}

} // namespace skein::journal
