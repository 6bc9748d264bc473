#include "journal/sqlite_chain.hpp"

#include "journal/chain.hpp"
#include "journal/checked_rows.hpp"
#include "journal/migrations/migrations.hpp"
#include "journal/sqlite_codec.hpp"

#include <utility>
#include <vector>

namespace skein::journal {

namespace {

/// The schema's step that made the chain.
constexpr std::int64_t version_with_chain = 2;

/// How a person says that journal.db counts as it is, whatever was marked.
constexpr std::string_view trust_it =
    "sqlite3 journal.db \"UPDATE meta SET value = 0 WHERE name = 'high_water'\"";

error refused(const std::string& what) {
  return {errc::store_corrupt,
          what +
              "; keep a copy of the whole directory, then restore a backup, or, to go on with "
              "what is left, move the file high-water away and run: " +
              std::string{trust_it}};
}

std::string number(commit_no commit) { return std::to_string(raw(commit)); }

/// The commits after a mark: each digest is made anew from the records that the commit names.
class tail {
 public:
  tail(database& db, const unchecked_rows& old, const high_water_mark& from)
    : db_{db}, old_{old}, last_{from} {}

  result<void> check() {
    if (auto ready = prepare(); !ready)
      return ready;
    commits_.bind(1, raw(last_.commit));
    int code = SQLITE_OK;
    while ((code = commits_.step()) == SQLITE_ROW)
      if (auto whole = check_commit(); !whole)
        return whole;
    return code == SQLITE_DONE ? result<void>{} : failed(code);
  }

 private:
  error failed(int code) { return sqlite_error(db_.raw(), code, "checking the last commits"); }
  error broken(const std::string& why) {
    return damaged_store("commit " + std::to_string(raw(last_.commit) + 1) +
                         " is not as it was written: " + why);
  }

  result<void> prepare() {
    const std::pair<statement*, std::string_view> all[] = {
        {&commits_, "SELECT " SKEIN_COMMIT_COLUMNS " FROM commits WHERE no > ? ORDER BY no"},
        {&events_, "SELECT " SKEIN_EVENT_COLUMNS " FROM event WHERE no >= ? AND no < ? "
                   "ORDER BY no"},
        {&outcome_, "SELECT " SKEIN_OUTCOME_COLUMNS " FROM outcome WHERE id = ?"},
        {&attempt_, "SELECT " SKEIN_ATTEMPT_COLUMNS " FROM attempt WHERE id = ? AND attempt = ?"},
        {&dead_, "SELECT id FROM dead WHERE id = ?"},
    };
    for (const auto& [which, sql] : all) {
      auto prepared = db_.prepare(sql);
      if (!prepared)
        return prepared.error();
      *which = std::move(*prepared);
    }
    return {};
  }

  result<void> check_commit() {
    const auto commit = commit_at(commits_, old_);
    if (!commit)
      return commit.error();
    const auto next = static_cast<std::uint64_t>(commit->no);
    if (next != raw(last_.commit) + 1)
      return broken("it is not there");
    records_.clear();
    if (auto done = add_events(*commit); !done)
      return done;
    if (auto done = add_outcomes(*commit); !done)
      return done;
    if (auto done = add_attempts(*commit); !done)
      return done;
    const hash128 digest = next_digest(last_.digest, next, crc_of(*commit), records_);
    if (digest_of_bytes(commits_.blob(10)) != digest)
      return broken("its digest is another one");
    last_.commit = commit_no{next};
    last_.digest = digest;
    return {};
  }

  result<void> add_events(const commit_columns& commit) {
    const reset_at_end end{events_};
    events_.bind(1, commit.first_event).bind(2, commit.first_event + commit.events);
    int code = SQLITE_OK;
    while ((code = events_.step()) == SQLITE_ROW) {
      const auto event = event_at(events_, old_);
      if (!event)
        return event.error();
      records_.push_back(crc_of(*event));
    }
    if (code != SQLITE_DONE)
      return failed(code);
    return records_.size() == static_cast<std::size_t>(commit.events)
               ? result<void>{}
               : broken("events of it are missing");
  }

  result<void> add_outcomes(const commit_columns& commit) {
    const auto ended = read_outcome_list(commit.outcomes);
    if (!ended)
      return broken("its list of outcomes is not readable");
    for (const delivery_id& each : *ended) {
      const reset_at_end end{outcome_};
      if (outcome_.bind(1, row_of(each)).step() != SQLITE_ROW)
        return broken("an outcome of event " + std::to_string(each.event.sequence) + " is missing");
      const auto outcome = outcome_at(outcome_, old_);
      if (!outcome)
        return outcome.error();
      records_.push_back(crc_of(*outcome));
      if (static_cast<delivery_state>(outcome->state) != delivery_state::dead)
        continue;
      const reset_at_end end_of_dead{dead_};
      if (dead_.bind(1, row_of(each)).step() != SQLITE_ROW)
        return broken("the dead letter of event " + std::to_string(each.event.sequence) +
                      " is missing");
    }
    return {};
  }

  result<void> add_attempts(const commit_columns& commit) {
    const auto made = read_attempts(commit.changes);
    if (!made)
      return broken("its list of attempts is not readable");
    for (const attempt_name& each : *made) {
      const reset_at_end end{attempt_};
      attempt_.bind(1, each.id).bind(2, std::int64_t{each.attempt});
      if (attempt_.step() != SQLITE_ROW)
        return broken("an attempt of event " + std::to_string(each.id / 16) + " is missing");
      const auto attempt = attempt_at(attempt_, old_);
      if (!attempt)
        return attempt.error();
      records_.push_back(crc_of(*attempt));
    }
    return {};
  }

  database& db_;
  unchecked_rows old_;
  high_water_mark last_; // what was checked so far
  statement commits_, events_, outcome_, attempt_, dead_;
  std::vector<std::uint32_t> records_;
};

result<std::string> meta_text(database& db, const std::string& name) {
  auto query = db.prepare("SELECT value FROM meta WHERE name = '" + name + "'");
  if (!query)
    return query.error();
  if (query->step() != SQLITE_ROW)
    return damaged_store("there is no '" + name + "' in the table 'meta'");
  return std::string{query->text(0)};
}

/// The digest of a commit that has one; else that of the beginning.
result<hash128> digest_of(database& db, commit_no commit, const std::string& store_id,
                          const unchecked_rows& old) {
  if (raw(commit) <= static_cast<std::uint64_t>(old.commits_to))
    return first_digest(store_id);
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

/// Where the check begins: at the mark, which must fit; without one, where the chain begins.
result<high_water_mark> first_of_check(database& db, const high_water& mark,
                                       const unchecked_rows& old) {
  const auto store_id = meta_text(db, "store_id");
  const auto must_be_there = db.number("SELECT value FROM meta WHERE name = 'high_water'", 1);
  const auto last = db.number("SELECT max(no) FROM commits");
  if (!store_id || !must_be_there || !last)
    return !store_id ? store_id.error() : !must_be_there ? must_be_there.error() : last.error();
  const high_water_mark& named = mark.mark();
  if (named.store_id.empty()) {
    if (*must_be_there == 0)
      return high_water_mark{*store_id, commit_no{static_cast<std::uint64_t>(old.commits_to)},
                             first_digest(*store_id)};
    return error{errc::store_corrupt,
                 std::string{"the file high-water is "} +
                     (mark.is_there() ? "damaged" : "missing") +
                     ", so nobody can tell whether the end of journal.db is there; put the file "
                     "back, or, to trust journal.db as it is, run: " +
                     std::string{trust_it}};
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
  const auto digest = digest_of(db, named.commit, *store_id, old);
  if (!digest)
    return digest.error();
  if (*digest != named.digest)
    return refused("commit " + number(named.commit) +
                   " of journal.db is not the one that was on disk (high-water)");
  return named;
}

/// The events end where the last commit says.
result<void> check_end(database& db) {
  const auto next =
      db.number("SELECT first_event + events FROM commits ORDER BY no DESC LIMIT 1", 1);
  const auto last = db.number("SELECT max(no) FROM event");
  if (!next || !last)
    return !next ? next.error() : last.error();
  return *next == *last + 1 ? result<void>{}
                            : refused("journal.db has events up to " + std::to_string(*last) +
                                      ", its last commit ends with " + std::to_string(*next - 1));
}

} // namespace

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
  const auto from = first_of_check(db, mark, *old);
  if (!from)
    return from.error();
#ifdef SKEIN_BUG_CHAIN_NOT_CHECKED_AT_THE_TAIL
  return db.run("COMMIT");
#endif
  if (auto whole = tail{db, *old, *from}.check(); !whole)
    return whole;
  if (auto whole = check_end(db); !whole)
    return whole;
  return db.run("COMMIT");
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
