#include "journal/sqlite_verify.hpp"

#include "journal/chain.hpp"
#include "journal/chain_walk.hpp"
#include "journal/kept_part.hpp"
#include "journal/lookup_check.hpp"
#include "journal/migrations/migrations.hpp"
#include "journal/sealed_tables.hpp"
#include "journal/sqlite_audit.hpp"
#include "journal/sqlite_chain.hpp"
#include "journal/sqlite_file.hpp"
#include "journal/sqlite_vfs.hpp"
#include "journal/timer_check.hpp"

#include <utility>

namespace skein::journal {

namespace {

class verification {
 public:
  verification(database db, high_water& mark) : db_{std::move(db)}, mark_{mark} {}

  result<verify_report> run() {
    if (auto ready = look_at_meta(); !ready)
      return ready.error();
    for (const auto step :
         {&verification::check_structure, &verification::check_tables,
          &verification::check_the_mark, &verification::check_commits,
          &verification::check_old_rows, &verification::check_states, &verification::check_counts,
          &verification::check_times, &verification::check_lookups})
      if (auto done = (this->*step)(); !done)
        tell(done.error());
    return std::move(report_);
  }

 private:
  /// At most so many of each step, so that the others are told too.
  struct kind {
    std::size_t told = 0;
  };
  void tell(std::string what) { report_.problems.push_back(std::move(what)); }
  void tell(const error& problem) { tell(without_advice(problem.detail)); }
  /// False once enough of this kind were told.
  bool tell(const error& problem, kind& of) {
    tell(problem);
    if (++of.told < verify_problems_max)
      return true;
    tell("there may be more of this kind; the check of it ends here");
    return false;
  }

  result<void> look_at_meta() {
    const auto version = db_.number("PRAGMA user_version");
    if (!version)
      return version.error();
    if (*version > static_cast<std::int64_t>(migrations().size()))
      return error{errc::store_version,
                   "the store has version " + std::to_string(*version) + ", this program knows " +
                       std::to_string(migrations().size()) + "; check it with the newer program"};
    if (*version < version_with_chain)
      return error{errc::store_version, "the store is from before there were checksums; it gets "
                                        "them when a node has been started on it once"};
    auto id = store_id_of(db_);
    auto old = unchecked_rows::of(db_);
    const auto last = db_.number("SELECT max(no) FROM commits");
    if (!id || !old || !last)
      return !id ? id.error() : !old ? old.error() : last.error();
    report_.store_id = std::move(*id);
    report_.last = commit_no{static_cast<std::uint64_t>(*last)};
    report_.unchecked_commits = static_cast<std::uint64_t>(old->commits_to);
    report_.unchecked_events = static_cast<std::uint64_t>(old->events_to);
    old_ = *old;
    return {};
  }

  /// SQLite's own: pages, trees, indexes.
  result<void> check_structure() {
    auto rows = db_.prepare("PRAGMA integrity_check(" + std::to_string(verify_problems_max) + ")");
    if (!rows)
      return rows.error();
    int code = SQLITE_OK;
    while ((code = rows->step()) == SQLITE_ROW)
      if (rows->text(0) != "ok")
        tell("journal.db: SQLite says: " + std::string{rows->text(0)});
    return code == SQLITE_DONE ? result<void>{}
                               : sqlite_error(db_.raw(), code, "checking the file's structure");
  }

  result<void> check_tables() { return check_small_tables(db_); }

  result<void> check_the_mark() {
    if (!mark_.mark().store_id.empty())
      report_.marked = mark_.mark().commit;
    const auto fits = check_mark(db_, mark_, old_);
    return fits ? result<void>{} : fits.error();
  }

  result<void> check_commits() {
    const auto start = start_of_chain(db_, report_.store_id, old_);
    if (!start)
      return start.error();
    chain_walk walk{db_, old_, start->commit, start->digest};
    if (auto ready = walk.prepare(); !ready)
      return ready;
    kind damaged;
    for (auto more = walk.next(); !more || *more; more = walk.next()) {
      ++report_.commits;
      if (!more && !tell(more.error(), damaged))
        return {};
    }
    return check_end(db_);
  }

  /// What retention has left of the time before the oldest commit: no commit names it.
  result<void> check_old_rows() {
#ifdef SKEIN_BUG_OLD_ROWS_NOT_VERIFIED
    return {};
#endif
    const auto kept = kept_part::of(db_);
    if (!kept)
      return kept.error();
    const std::uint64_t end = kept->first_event;
    auto done = check_rows("SELECT " SKEIN_EVENT_COLUMNS " FROM event WHERE no < ?", end, event_at);
    if (done)
      done = check_rows("SELECT " SKEIN_OUTCOME_COLUMNS " FROM outcome WHERE id < ?", end * 16,
                        outcome_at);
    if (done)
      done = check_rows("SELECT " SKEIN_ATTEMPT_COLUMNS " FROM attempt WHERE id < ?", end * 16,
                        attempt_at);
    return done;
  }
  template <class Row>
  result<void> check_rows(std::string_view sql, std::uint64_t end, const Row& row_at) {
    auto rows = db_.prepare(sql);
    if (!rows)
      return rows.error();
    rows->bind(1, end);
    kind damaged;
    int code = SQLITE_OK;
    while ((code = rows->step()) == SQLITE_ROW) {
      const auto row = row_at(*rows, old_);
      if (!row && !tell(row.error(), damaged))
        return {};
    }
    return code == SQLITE_DONE ? result<void>{}
                               : sqlite_error(db_.raw(), code, "reading old events");
  }

  result<void> check_states() {
    auto rows = db_.prepare("SELECT value, crc, agent, key FROM state");
    if (!rows)
      return rows.error();
    kind damaged;
    int code = SQLITE_OK;
    while ((code = rows->step()) == SQLITE_ROW) {
      ++report_.states;
      const auto state = state_at(*rows, rows->integer(2), rows->text(3), old_);
      if (!state && !tell(state.error(), damaged))
        return {};
    }
    return code == SQLITE_DONE ? result<void>{} : sqlite_error(db_.raw(), code, "reading states");
  }

  result<void> check_counts() {
    auto audited = audit_sqlite(db_);
    if (!audited)
      return audited.error();
    report_.counted = audited->counted;
    for (std::string& each : audited->problems)
      tell(std::move(each));
    return {};
  }

  /// Derived from the events, but what it leaves out would not come.
  result<void> check_times() {
#ifdef SKEIN_BUG_TIMERS_NOT_VERIFIED
    return {};
#endif
    const auto is_there = db_.number("SELECT count(*) FROM sqlite_master WHERE name = 'timer'");
    if (!is_there || *is_there == 0)
      return is_there ? result<void>{} : is_there.error();
    auto wrong = check_timers(db_, verify_problems_max);
    if (!wrong)
      return wrong.error();
    for (std::string& each : *wrong)
      tell(std::move(each));
    return {};
  }

  /// Derived from the events, but what it leaves out nobody would find.
  result<void> check_lookups() {
    const auto is_there =
        db_.number("SELECT count(*) FROM sqlite_master WHERE name = 'lookup_range'");
    if (!is_there || *is_there == 0)
      return is_there ? result<void>{} : is_there.error();
    const auto hash = hash_settings_of(db_);
    if (!hash)
      return hash.error();
    auto wrong = check_lookup_index(db_, *hash, verify_problems_max);
    if (!wrong)
      return wrong.error();
    for (std::string& each : *wrong)
      tell(std::move(each));
    return {};
  }

  database db_;
  high_water& mark_;
  unchecked_rows old_;
  verify_report report_;
};

} // namespace

namespace {

result<verify_report> verify_file(const std::string& file, high_water& mark,
                                  const std::string& vfs) {
  auto db = open_as_of_now(file, vfs);
  if (!db)
    return db.error();
  return verification{std::move(*db), mark}.run();
}

} // namespace

result<verify_report> verify_sqlite(const std::string& directory, const std::string& vfs) {
  if (vfs.empty()) // else the file lies in the VFS, not in the directory
    if (auto there = require_store(directory); !there)
      return there.error();
  guarded_vfs guard{vfs};
  high_water mark{directory, guard};
  // Before the file: a node that runs marks only what is there already.
  if (auto read = mark.read(); !read)
    return read.error();
  return verify_file(journal_file(directory), mark, vfs);
}

result<verify_report> verify_copy(const std::string& file) {
  guarded_vfs guard{""};
  high_water none{file, guard};
  return verify_file(file, none, {});
}

} // namespace skein::journal
