#include "journal/vfs_file.hpp"

#include "journal/sqlite_db.hpp"

#include <algorithm>
#include <fcntl.h>
#include <new>
#include <unistd.h>

namespace skein::journal {

namespace {

/// SQLite's own VFS takes a size modulo 128 KiB: it is never asked for more than a page.
constexpr std::size_t call_bytes = 64 << 10;

sqlite3_vfs* find_vfs(const std::string& name) {
  sqlite3_vfs* const found = sqlite3_vfs_find(name.empty() ? nullptr : name.c_str());
  SKEIN_CHECK(found != nullptr);
  return found;
}

} // namespace

vfs_file::vfs_file(sqlite3_vfs* vfs, std::string path)
  : path_{std::move(path)}, name_{sqlite3_create_filename(path_.c_str(), "", "", 0, nullptr)},
    vfs_{vfs}, raw_{static_cast<sqlite3_file*>(
                   ::operator new(static_cast<std::size_t>(vfs->szOsFile)))} {
  *raw_ = {};
}

vfs_file::~vfs_file() {
  if (raw_->pMethods != nullptr)
    raw_->pMethods->xClose(raw_);
  if (own_ >= 0)
    ::close(own_);
  ::operator delete(raw_);
  sqlite3_free_filename(name_);
}

result<std::unique_ptr<vfs_file>> vfs_file::open(const std::string& vfs, const std::string& path,
                                                 how mode) {
  std::unique_ptr<vfs_file> opened{new vfs_file{find_vfs(vfs), path}};
  const int flags =
      mode == how::read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code = opened->vfs_->xOpen(opened->vfs_, opened->name_, opened->raw_,
                                       flags | SQLITE_OPEN_MAIN_DB, nullptr);
  if (code != SQLITE_OK)
    return sqlite_error(nullptr, code, "opening " + path);
  return opened;
}

result<bool> vfs_file::exists(const std::string& vfs, const std::string& path) {
  sqlite3_vfs* const found = find_vfs(vfs);
  int there = 0;
  const int code = found->xAccess(found, path.c_str(), SQLITE_ACCESS_EXISTS, &there);
  if (code != SQLITE_OK)
    return sqlite_error(nullptr, code, "looking for " + path);
  return there != 0;
}

result<void> vfs_file::remove(const std::string& vfs, const std::string& path) {
  sqlite3_vfs* const found = find_vfs(vfs);
  const int code = found->xDelete(found, path.c_str(), 0);
  return code == SQLITE_OK || code == SQLITE_IOERR_DELETE_NOENT
             ? result<void>{}
             : sqlite_error(nullptr, code, "removing " + path);
}

result<void> vfs_file::read(char* bytes, std::size_t size, std::uint64_t at) {
  for (std::size_t done = 0; done < size; done += call_bytes) {
    const std::size_t piece = std::min(call_bytes, size - done);
    const int code = raw_->pMethods->xRead(raw_, bytes + done, static_cast<int>(piece),
                                           static_cast<sqlite3_int64>(at + done));
    if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)
      return sqlite_error(nullptr, code, "reading " + path_);
  }
  return {};
}

void vfs_file::will_read(std::size_t size, std::uint64_t at) noexcept {
  if (own_ == not_opened)
    own_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW); // of a simulated disk: none
  if (own_ >= 0)
    ::posix_fadvise(own_, static_cast<off_t>(at), static_cast<off_t>(size), POSIX_FADV_WILLNEED);
}

result<void> vfs_file::write(std::string_view bytes, std::uint64_t at) {
  while (!bytes.empty()) {
    const std::size_t piece = std::min(call_bytes, bytes.size());
    const int code = raw_->pMethods->xWrite(raw_, bytes.data(), static_cast<int>(piece),
                                            static_cast<sqlite3_int64>(at));
    if (code != SQLITE_OK)
      return sqlite_error(nullptr, code, "writing " + path_);
    at += piece;
    bytes.remove_prefix(piece);
  }
  return {};
}

result<void> vfs_file::truncate(std::uint64_t size) {
  const int code = raw_->pMethods->xTruncate(raw_, static_cast<sqlite3_int64>(size));
  return code == SQLITE_OK ? result<void>{} : sqlite_error(nullptr, code, "truncating " + path_);
}

result<void> vfs_file::sync() {
  const int code = raw_->pMethods->xSync(raw_, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
  return code == SQLITE_OK ? result<void>{} : sqlite_error(nullptr, code, "syncing " + path_);
}

result<std::uint64_t> vfs_file::size() {
  sqlite3_int64 bytes = 0;
  const int code = raw_->pMethods->xFileSize(raw_, &bytes);
  if (code != SQLITE_OK)
    return sqlite_error(nullptr, code, "looking at " + path_);
  return static_cast<std::uint64_t>(bytes);
}

} // namespace skein::journal
