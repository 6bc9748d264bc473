#include "journal/sqlite_backup.hpp"

#include "journal/chain.hpp"
#include "journal/checked_rows.hpp"
#include "journal/high_water.hpp"
#include "journal/history_writer.hpp"
#include "journal/migrations/migrations.hpp"
#include "journal/new_place.hpp"
#include "journal/sqlite_chain.hpp"
#include "journal/sqlite_file.hpp"
#include "journal/sqlite_options.hpp"
#include "journal/store_export.hpp"
#include "journal/store_folder.hpp"
#include "protocol/unique_fd.hpp"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace skein::journal {

namespace {

constexpr int pages_a_step = 1'024;
constexpr std::size_t copy_bytes = 1 << 20;

/// A name that goes at the end, whether the file has got its own by then or not.
class unfinished_file {
 public:
  explicit unfinished_file(std::string path) : path_{std::move(path)} {}
  ~unfinished_file() {
    for (const char* const more : {"", "-journal", "-wal", "-shm"})
      ::unlink((path_ + more).c_str());
  }
  unfinished_file(const unfinished_file&) = delete;
  unfinished_file& operator=(const unfinished_file&) = delete;
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

result<void> sync_file(const std::string& path) {
  const unique_fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  return fd && ::fsync(fd.get()) == 0 ? result<void>{} : system_error(errno, "syncing " + path);
}

result<void> check_version(database& db) {
  const auto version = db.number("PRAGMA user_version");
  if (!version)
    return version.error();
  if (*version == static_cast<std::int64_t>(migrations().size()))
    return {};
  return error{errc::store_version,
               "the store has version " + std::to_string(*version) + ", this program " +
                   std::to_string(migrations().size()) +
                   "; use the program that fits, or start a node of this one on it once"};
}

/// The store as of one moment, into this file.
result<void> copy_pages(database& from, const std::string& to, const backup_options& options) {
  auto db = database::open(to, {.write = true, .vfs = {}});
  if (!db)
    return db.error();
  sqlite3_backup* copy = sqlite3_backup_init(db->raw(), "main", from.raw(), "main");
  if (copy == nullptr)
    return sqlite_error(db->raw(), sqlite3_errcode(db->raw()), "beginning the copy");
  int code = SQLITE_OK;
  while ((code = sqlite3_backup_step(copy, pages_a_step)) == SQLITE_OK)
    if (options.progress) {
      const auto all = static_cast<std::uint64_t>(sqlite3_backup_pagecount(copy));
      options.progress(all - static_cast<std::uint64_t>(sqlite3_backup_remaining(copy)), all);
    }
  sqlite3_backup_finish(copy);
  if (code != SQLITE_DONE)
    return sqlite_error(db->raw(), code, "copying the store to " + to);
  return {};
}

/// One file without a log, which says where it ends.
result<void> finish_copy(const std::string& path, instant now) {
  auto db = database::open(path, {.write = true, .vfs = {}});
  if (!db)
    return db.error();
  if (auto single = db->run("PRAGMA journal_mode=DELETE"); !single)
    return single;
  const auto id = store_id_of(*db);
  const auto last = id ? end_of_chain(*db, *id) : id.error();
  if (!last)
    return last.error();
  auto add = db->prepare("INSERT OR REPLACE INTO meta VALUES('backup_commit', ?1), "
                         "('backup_digest', ?2), ('backup_made', ?3), ('high_water', 0)");
  if (!add)
    return add.error();
  const std::string digest = digest_bytes(last->digest);
  add->bind(1, raw(last->commit)).bind_blob(2, digest).bind(3, to_ns(now));
  const int code = add->run();
  return code == SQLITE_DONE ? result<void>{} : sqlite_error(db->raw(), code, "finishing the copy");
}

result<std::string> choose_file(const backup_options& options, database& from) {
  std::error_code ignored;
  std::string file = options.file;
  if (std::filesystem::is_directory(file, ignored)) {
    const auto id = store_id_of(from);
    const auto last = from.number("SELECT max(no) FROM commits");
    if (!id || !last)
      return !id ? id.error() : last.error();
    const std::string name = *id + "-" + std::to_string(*last) + ".skein-backup";
    file = (std::filesystem::path{file} / name).string();
  }
  if (std::filesystem::exists(std::filesystem::symlink_status(file, ignored)))
    return error{errc::state_conflict, file + " is there already; choose another name"};
  return file;
}

constexpr std::string_view no_whole_backup = " is no whole backup: ";

error not_whole(const std::string& file, const std::string& why) {
  return {errc::store_corrupt, file + std::string{no_whole_backup} + why};
}

/// Of a copy that was just made: what is wrong with it is wrong with the store.
error blamed_on_store(const error& of_copy) {
  const auto at = of_copy.detail.find(no_whole_backup);
  return at == std::string::npos
             ? of_copy
             : damaged_store("its copy is not whole: " +
                             of_copy.detail.substr(at + no_whole_backup.size()));
}

/// By its first bytes, so that a wrong file is not told as a damaged store.
result<void> check_kind(const std::string& file) {
  std::string head(64, '\0');
  std::ifstream from{file, std::ios::binary};
  from.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(from.gcount()));
  if (from.bad() || !from.is_open() || head.starts_with(sqlite_head))
    return {}; // what cannot be read is told by who opens it
  if (head.starts_with(export_head))
    return error{errc::invalid_argument,
                 file + " is no backup but an export: use 'skein journal import'"};
  return error{errc::invalid_argument, file + " does not begin as a backup does"};
}

} // namespace

result<backup_report> check_backup(const std::string& file) {
  std::error_code absent;
  const std::uint64_t bytes = std::filesystem::file_size(file, absent);
  if (absent)
    return error{errc::not_found, "there is no file " + file};
  if (auto known = check_kind(file); !known)
    return known.error();
  auto db = database::open(file, {.write = false, .vfs = {}});
  if (!db)
    return db.error();
  if (auto ours = check_ours(*db); !ours)
    return not_whole(file, without_advice(ours.error().detail));
  const auto commit = db->number("SELECT value FROM meta WHERE name = 'backup_commit'", -1);
  const auto made = db->number("SELECT value FROM meta WHERE name = 'backup_made'");
  auto digest = db->prepare("SELECT value FROM meta WHERE name = 'backup_digest'");
  if (!commit || !made || !digest)
    return not_whole(file, without_advice((!commit ? commit.error()
                                           : !made ? made.error()
                                                   : digest.error())
                                              .detail));
  if (*commit < 0 || digest->step() != SQLITE_ROW)
    return not_whole(file,
                     "it does not say up to which commit it goes; a plain copy of a store is none");
  auto checked = verify_copy(file);
  if (!checked)
    return checked.error();
#ifndef SKEIN_BUG_BACKUP_NOT_VERIFIED
  if (!checked->problems.empty())
    return not_whole(file, checked->problems.front());
#endif
  const auto last = end_of_chain(*db, checked->store_id);
  if (!last)
    return last.error();
  if (raw(last->commit) != static_cast<std::uint64_t>(*commit) ||
      digest_of_bytes(digest->blob(0)) != last->digest)
    return not_whole(file, "it ends with commit " + std::to_string(raw(last->commit)) +
                               ", not with " + std::to_string(*commit));
  return backup_report{file, bytes, from_ns(*made), std::move(*checked)};
}

result<backup_report> create_backup(const backup_options& options) {
  auto from = open_up_to_mark(options.directory);
  if (!from)
    return from.error();
  if (auto fits = check_version(*from); !fits)
    return fits.error();
  auto file = choose_file(options, *from);
  if (!file)
    return file.error();
  if (options.dry_run) {
    auto checked = verify_sqlite(options.directory);
    if (!checked)
      return checked.error();
    if (!checked->problems.empty())
      return damaged_store(checked->problems.front());
    const auto pages =
        from->number("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    return backup_report{*file, static_cast<std::uint64_t>(pages ? *pages : 0), options.now,
                         std::move(*checked)};
  }
  unfinished_file copy{*file + ".unfinished"};
  ::unlink(copy.path().c_str());
  if (auto made = make_private_file(copy.path()); !made)
    return made.error();
  if (auto copied = copy_pages(*from, copy.path(), options); !copied)
    return copied.error();
  if (auto ended = from->run("COMMIT"); !ended)
    return ended.error();
  if (auto finished = finish_copy(copy.path(), options.now); !finished)
    return finished.error();
  auto checked = check_backup(copy.path());
  if (!checked)
    return blamed_on_store(checked.error());
  if (auto synced = sync_file(copy.path()); !synced)
    return synced.error();
  // Not a rename: a file that has come in between stays.
  if (::link(copy.path().c_str(), file->c_str()) != 0)
    return errno == EEXIST ? error{errc::state_conflict, *file + " is there already"}
                           : system_error(errno, "naming " + *file);
  const auto parent = std::filesystem::path{*file}.parent_path().string();
  if (auto synced = sync_directory(parent.empty() ? "." : parent); !synced)
    return synced.error();
  checked->file = *file;
  return checked;
}

namespace {

result<void> copy_file(const std::string& from, const std::string& to,
                       const backup_options& options, std::uint64_t all) {
  if (auto made = make_private_file(to); !made)
    return made;
  const unique_fd in{::open(from.c_str(), O_RDONLY | O_CLOEXEC)};
  const unique_fd out{::open(to.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (!in || !out)
    return system_error(errno, "opening " + (in ? to : from));
  std::string bytes(copy_bytes, '\0');
  std::uint64_t done = 0;
  for (;;) {
    const ssize_t got = ::read(in.get(), bytes.data(), bytes.size());
    if (got < 0)
      return system_error(errno, "reading " + from);
    if (got == 0)
      break;
    for (ssize_t written = 0; written < got;) {
      const ssize_t more =
          ::write(out.get(), bytes.data() + written, static_cast<std::size_t>(got - written));
      if (more < 0)
        return system_error(errno, "writing " + to);
      written += more;
    }
    done += static_cast<std::uint64_t>(got);
    if (options.progress)
      options.progress(done, all);
  }
  return ::fsync(out.get()) == 0 ? result<void>{} : system_error(errno, "syncing " + to);
}

} // namespace

result<backup_report> restore_backup(const backup_options& options) {
  auto checked = check_backup(options.file);
  if (!checked)
    return checked.error();
  if (auto fits = new_place::check(options.directory); !fits)
    return fits.error();
  if (options.dry_run)
    return checked;
  auto place = new_place::make(options.directory, store_lock_patience);
  if (!place)
    return place.error();
  const std::string file = journal_file(place->folder());
  if (auto copied = copy_file(options.file, file, options, checked->bytes); !copied)
    return copied.error();
  auto again = check_backup(file); // what was read may not be what was checked
  if (!again)
    return again.error();
  std::int64_t shards = 0;
  {
    auto db = database::open(file, {.write = true, .vfs = {}});
    const auto count = db ? db->number("SELECT value FROM meta WHERE name = 'shards'") : db.error();
    if (!count)
      return count.error();
    shards = *count;
    if (auto cleared = db->run("DELETE FROM meta WHERE name LIKE 'backup_%'"); !cleared)
      return cleared.error();
  }
  if (auto settled = settle_store(place->folder(), static_cast<std::uint32_t>(shards)); !settled)
    return settled.error();
  auto verified = verify_sqlite(place->folder());
  if (!verified)
    return verified.error();
  if (!verified->problems.empty() || verified->last != checked->checked.last)
    return error{errc::internal, "the restored store is not as the backup is"};
  if (auto moved = place->settle(); !moved)
    return moved.error();
  checked->file = options.directory;
  checked->checked = std::move(*verified);
  return checked;
}

} // namespace skein::journal
