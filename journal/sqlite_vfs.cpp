#include "journal/sqlite_vfs.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <new>

namespace skein::journal {

/// What SQLite allocates for an open file: ours, with the base's right behind it.
struct guarded_file {
  sqlite3_file base; // first: SQLite knows us as this
  guarded_vfs* guard;
  sqlite3_file* real;

  static guarded_file& of(sqlite3_file* file) { return *reinterpret_cast<guarded_file*>(file); }
  static sqlite3_file* real_of(sqlite3_file* file) { return of(file).real; }

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out);
  static int close(sqlite3_file* file);
  static int read(sqlite3_file* file, void* to, int size, sqlite3_int64 at);
  static int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at);
  static int truncate(sqlite3_file* file, sqlite3_int64 size);
  static int sync(sqlite3_file* file, int flags);
  static int shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** out);
};

namespace {

sqlite3_vfs* base_of(sqlite3_vfs* vfs) { return static_cast<guarded_vfs*>(vfs->pAppData)->base(); }

} // namespace

int guarded_file::close(sqlite3_file* file) {
  sqlite3_file* real = real_of(file);
  return real->pMethods == nullptr ? SQLITE_OK : real->pMethods->xClose(real);
}

int guarded_file::read(sqlite3_file* file, void* to, int size, sqlite3_int64 at) {
  guarded_file& mine = of(file);
  errno = 0;
  const int code = mine.real->pMethods->xRead(mine.real, to, size, at);
  if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)
    mine.guard->errno_ = errno;
  return code;
}

int guarded_file::write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
  guarded_file& mine = of(file);
  if (mine.guard->shut_) {
    mine.guard->failed_writes_.fetch_add(1, std::memory_order_relaxed);
    return SQLITE_IOERR_WRITE;
  }
  errno = 0;
  const int code = mine.real->pMethods->xWrite(mine.real, bytes, size, at);
  if (code == SQLITE_OK) {
    mine.guard->bytes_.fetch_add(static_cast<std::uint64_t>(size), std::memory_order_relaxed);
    return code;
  }
  mine.guard->errno_ = errno;
  // SQLite knows ENOSPC only; a quota that is used up and a limit of the file's size are the same.
  if (errno == EDQUOT || errno == EFBIG || (code & 0xff) == SQLITE_FULL)
    return SQLITE_FULL;
  mine.guard->failed_writes_.fetch_add(1, std::memory_order_relaxed);
  return code;
}

int guarded_file::truncate(sqlite3_file* file, sqlite3_int64 size) {
  guarded_file& mine = of(file);
  if (mine.guard->shut_)
    return SQLITE_IOERR_TRUNCATE;
  errno = 0;
  const int code = mine.real->pMethods->xTruncate(mine.real, size);
  if (code != SQLITE_OK) {
    mine.guard->errno_ = errno;
    mine.guard->failed_writes_.fetch_add(1, std::memory_order_relaxed);
  }
  return code;
}

int guarded_file::sync(sqlite3_file* file, int flags) {
  guarded_file& mine = of(file);
  if (mine.guard->shut_)
    return SQLITE_IOERR_FSYNC;
  errno = 0;
  int code = mine.real->pMethods->xSync(mine.real, flags);
#ifdef SKEIN_BUG_SECOND_FSYNC_AFTER_FAILED
  if (code != SQLITE_OK)
    code = mine.real->pMethods->xSync(mine.real, flags);
#endif
  mine.guard->syncs_.fetch_add(1, std::memory_order_relaxed);
  if (code != SQLITE_OK) {
    mine.guard->errno_ = errno;
    mine.guard->failed_writes_.fetch_add(1, std::memory_order_relaxed);
    mine.guard->sync_failed_ = true;
    mine.guard->shut();
  }
  return code;
}

int guarded_file::shm_map(sqlite3_file* file, int region, int size, int extend,
                          void volatile** out) {
  guarded_file& mine = of(file);
  errno = 0;
  const int code = mine.real->pMethods->xShmMap(mine.real, region, size, extend, out);
  if (code != SQLITE_OK && errno != 0)
    mine.guard->errno_ = errno;
  return code;
}

namespace {

using file = sqlite3_file;

constexpr auto real_of = guarded_file::real_of;

// What is only handed on.
int file_size(file* f, sqlite3_int64* size) {
  return real_of(f)->pMethods->xFileSize(real_of(f), size);
}
int lock(file* f, int level) { return real_of(f)->pMethods->xLock(real_of(f), level); }
int unlock(file* f, int level) { return real_of(f)->pMethods->xUnlock(real_of(f), level); }
int is_reserved(file* f, int* out) {
  return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}
int control(file* f, int what, void* with) {
  return real_of(f)->pMethods->xFileControl(real_of(f), what, with);
}
int sector_size(file* f) { return real_of(f)->pMethods->xSectorSize(real_of(f)); }
int traits(file* f) { return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f)); }
int shm_lock(file* f, int offset, int count, int flags) {
  return real_of(f)->pMethods->xShmLock(real_of(f), offset, count, flags);
}
void shm_barrier(file* f) { real_of(f)->pMethods->xShmBarrier(real_of(f)); }
int shm_unmap(file* f, int remove) { return real_of(f)->pMethods->xShmUnmap(real_of(f), remove); }

/// Version 2: no memory-mapped reads, so that every byte passes here.
constexpr sqlite3_io_methods methods{2,
                                     guarded_file::close,
                                     guarded_file::read,
                                     guarded_file::write,
                                     guarded_file::truncate,
                                     guarded_file::sync,
                                     file_size,
                                     lock,
                                     unlock,
                                     is_reserved,
                                     control,
                                     sector_size,
                                     traits,
                                     guarded_file::shm_map,
                                     shm_lock,
                                     shm_barrier,
                                     shm_unmap,
                                     nullptr,
                                     nullptr};

int remove_file(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  const auto* guard = static_cast<guarded_vfs*>(vfs->pAppData);
  return guard->is_shut() ? SQLITE_IOERR_DELETE
                          : base_of(vfs)->xDelete(base_of(vfs), name, sync_directory);
}
int access_file(sqlite3_vfs* vfs, const char* name, int flags, int* out) {
  return base_of(vfs)->xAccess(base_of(vfs), name, flags, out);
}
int full_path(sqlite3_vfs* vfs, const char* name, int size, char* out) {
  return base_of(vfs)->xFullPathname(base_of(vfs), name, size, out);
}
int randomness(sqlite3_vfs* vfs, int size, char* out) {
  return base_of(vfs)->xRandomness(base_of(vfs), size, out);
}
int pause(sqlite3_vfs* vfs, int us) { return base_of(vfs)->xSleep(base_of(vfs), us); }
int current_time(sqlite3_vfs* vfs, double* out) {
  return base_of(vfs)->xCurrentTime(base_of(vfs), out);
}
/// What SQLite asks for after a failure. By then the C library's errno may be another call's.
int last_error(sqlite3_vfs* vfs, int size, char* out) {
  const int kept = static_cast<guarded_vfs*>(vfs->pAppData)->last_errno();
  if (kept != 0)
    return kept;
  return base_of(vfs)->xGetLastError == nullptr
             ? 0
             : base_of(vfs)->xGetLastError(base_of(vfs), size, out);
}
int current_time64(sqlite3_vfs* vfs, sqlite3_int64* out) {
  return base_of(vfs)->xCurrentTimeInt64(base_of(vfs), out);
}

} // namespace

int guarded_file::open(sqlite3_vfs* vfs, const char* name, sqlite3_file* opened, int flags,
                       int* out) {
  auto& mine = *new (opened) guarded_file{};
  mine.guard = static_cast<guarded_vfs*>(vfs->pAppData);
  mine.real = reinterpret_cast<sqlite3_file*>(&mine + 1);
  const int code = base_of(vfs)->xOpen(base_of(vfs), name, mine.real, flags, out);
  if (code == SQLITE_OK)
    mine.base.pMethods = &methods;
  return code;
}

int last_errno_of(sqlite3* db) {
  sqlite3_vfs* vfs = nullptr;
  const int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_VFS_POINTER, &vfs);
  const bool guarded = code == SQLITE_OK && vfs != nullptr && vfs->xOpen == guarded_file::open;
  return guarded ? static_cast<guarded_vfs*>(vfs->pAppData)->last_errno() : 0;
}

int make_log_index(sqlite3* db, std::uint64_t& frames) {
  // As the format of the index has it: the first region begins with a header.
  constexpr int region_bytes = 32'768;
  constexpr std::uint64_t region_frames = 4'096;
  constexpr std::uint64_t header_frames = 34;
  sqlite3_file* file = nullptr;
  if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
      file->pMethods == nullptr)
    return EIO;
  void volatile* unused = nullptr;
  const auto last = static_cast<int>((frames + header_frames - 1) / region_frames);
  // One after the other: each becomes as large as it has to be, and stays.
  for (int region = 0; region <= last; ++region) {
    errno = 0;
    if (file->pMethods->xShmMap(file, region, region_bytes, 1, &unused) != SQLITE_OK)
      return errno != 0 ? errno : EIO;
  }
  frames = (static_cast<std::uint64_t>(last) + 1) * region_frames - header_frames;
  return 0;
}

guarded_vfs::guarded_vfs(const std::string& base)
  : base_{sqlite3_vfs_find(base.empty() ? nullptr : base.c_str())} {
  if (base_ == nullptr)
    return;
  static std::atomic<std::uint64_t> made = 0;
  name_ = "skein-guard-" + std::to_string(++made);
  vfs_ = std::make_unique<sqlite3_vfs>();
  vfs_->iVersion = std::min(2, base_->iVersion);
  vfs_->szOsFile = static_cast<int>(sizeof(guarded_file)) + base_->szOsFile;
  vfs_->mxPathname = base_->mxPathname;
  vfs_->zName = name_.c_str();
  vfs_->pAppData = this;
  vfs_->xOpen = guarded_file::open;
  vfs_->xDelete = remove_file;
  vfs_->xAccess = access_file;
  vfs_->xFullPathname = full_path;
  vfs_->xRandomness = randomness;
  vfs_->xSleep = pause;
  vfs_->xCurrentTime = current_time;
  vfs_->xGetLastError = last_error;
  vfs_->xCurrentTimeInt64 = current_time64;
  if (sqlite3_vfs_register(vfs_.get(), 0) != SQLITE_OK)
    name_.clear();
}

guarded_vfs::~guarded_vfs() {
  if (vfs_)
    sqlite3_vfs_unregister(vfs_.get());
}

} // namespace skein::journal
