#include "tests/support/sim_vfs.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <random>

namespace skein::test {

namespace {

constexpr std::size_t sector = 512;

struct handle {
  sqlite3_file base;
  sim_disk* disk;
  std::shared_ptr<void>* file; // owned; a plain struct for SQLite must not have destructors
  std::uint64_t generation;
  int lock;
};

} // namespace

/// SQLite's calls, by name.
struct sim_calls {
  using file = sim_disk::file;

  static handle& of(sqlite3_file* raw) { return *reinterpret_cast<handle*>(raw); }
  static file& file_of(sqlite3_file* raw) { return *static_cast<file*>(of(raw).file->get()); }
  static bool is_dead(sqlite3_file* raw) { return of(raw).generation != of(raw).disk->generation_; }
  static sim_disk& disk_of(sqlite3_vfs* vfs) { return *static_cast<sim_disk*>(vfs->pAppData); }

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* raw, int flags, int* out);
  static int remove(sqlite3_vfs* vfs, const char* name, int) {
    sim_disk& disk = disk_of(vfs);
    if (disk.down_)
      return SQLITE_IOERR_DELETE;
    return disk.files_.erase(name) == 0 ? SQLITE_IOERR_DELETE_NOENT : SQLITE_OK;
  }
  static int access(sqlite3_vfs* vfs, const char* name, int, int* out) {
    *out = disk_of(vfs).files_.contains(name) ? 1 : 0;
    return SQLITE_OK;
  }
  static int full_path(sqlite3_vfs*, const char* name, int size, char* out) {
    sqlite3_snprintf(size, out, "%s", name);
    return SQLITE_OK;
  }
  static int randomness(sqlite3_vfs* vfs, int size, char* out) {
    std::mt19937_64 random{++disk_of(vfs).randomness_};
    for (int i = 0; i < size; ++i)
      out[i] = static_cast<char>(random());
    return size;
  }
  static int pause(sqlite3_vfs*, int us) { return us; }
  static int time(sqlite3_vfs*, double* out) {
    *out = 2'460'000.5;
    return SQLITE_OK;
  }
  static int last_error(sqlite3_vfs*, int, char*) { return 0; }

  static int close(sqlite3_file* raw) {
    if (!is_dead(raw))
      unlock(raw, SQLITE_LOCK_NONE);
    delete of(raw).file;
    return SQLITE_OK;
  }
  static bool is_bad(sqlite3_file* raw, std::size_t from, std::size_t size) {
    const sim_disk& disk = *of(raw).disk;
    if (from >= disk.bad_.to || from + size <= disk.bad_.from)
      return false;
    const auto bad = disk.files_.find(disk.bad_.path);
    return bad != disk.files_.end() && bad->second.get() == &file_of(raw);
  }
  static int read(sqlite3_file* raw, void* to, int size, sqlite3_int64 at) {
    if (is_dead(raw))
      return SQLITE_IOERR_READ;
    const std::string& bytes = file_of(raw).bytes;
    if (is_bad(raw, static_cast<std::size_t>(at), static_cast<std::size_t>(size)))
      return SQLITE_IOERR_READ;
    const auto begin = std::min(static_cast<std::size_t>(at), bytes.size());
    const auto there = std::min(static_cast<std::size_t>(size), bytes.size() - begin);
    std::memcpy(to, bytes.data() + begin, there);
    std::memset(static_cast<char*>(to) + there, 0, static_cast<std::size_t>(size) - there);
    return there == static_cast<std::size_t>(size) ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
  }
  static int change_file(sqlite3_file* raw, sim_disk::change what) {
    if (is_dead(raw))
      return SQLITE_IOERR_WRITE;
    sim_disk& disk = *of(raw).disk;
    const bool was_down = disk.down_;
    if (const int fault = disk.meet_fault(sim_disk::on::write); fault != SQLITE_OK) {
      if (disk.down_ && !was_down) // the power goes in the middle of this write
        file_of(raw).unsynced.push_back(std::move(what));
      return fault;
    }
    sim_disk::apply(file_of(raw).bytes, what);
    file_of(raw).unsynced.push_back(std::move(what));
    return SQLITE_OK;
  }
  static int write(sqlite3_file* raw, const void* from, int size, sqlite3_int64 at) {
    return change_file(raw, {static_cast<std::size_t>(at),
                             {static_cast<const char*>(from), static_cast<std::size_t>(size)},
                             false});
  }
  static int truncate(sqlite3_file* raw, sqlite3_int64 size) {
    return change_file(raw, {static_cast<std::size_t>(size), {}, true});
  }
  static int sync(sqlite3_file* raw, int) {
    if (is_dead(raw))
      return SQLITE_IOERR_FSYNC;
    sim_disk& disk = *of(raw).disk;
    ++disk.syncs_;
    if (const int fault = disk.meet_fault(sim_disk::on::sync); fault != SQLITE_OK) {
      disk.sync_failed_ = true;
      return fault == SQLITE_FULL ? SQLITE_IOERR_FSYNC : fault;
    }
    if (disk.sync_is_lie_)
      return SQLITE_OK;
    file_of(raw).synced = file_of(raw).bytes;
    file_of(raw).unsynced.clear();
    return SQLITE_OK;
  }
  static int size(sqlite3_file* raw, sqlite3_int64* out) {
    *out = static_cast<sqlite3_int64>(file_of(raw).bytes.size());
    return SQLITE_OK;
  }

  static int lock(sqlite3_file* raw, int level) {
    file& on = file_of(raw);
    int& mine = of(raw).lock;
    if (mine >= level)
      return SQLITE_OK;
    if (level == SQLITE_LOCK_SHARED) {
      if (on.exclusive)
        return SQLITE_BUSY;
      ++on.readers;
    } else {
      if ((on.reserved && mine < SQLITE_LOCK_RESERVED) ||
          (level == SQLITE_LOCK_EXCLUSIVE && on.readers > 1))
        return SQLITE_BUSY;
      on.reserved = true;
      on.exclusive = level == SQLITE_LOCK_EXCLUSIVE;
    }
    mine = level;
    return SQLITE_OK;
  }
  static int unlock(sqlite3_file* raw, int level) {
    file& on = file_of(raw);
    int& mine = of(raw).lock;
    if (mine <= level)
      return SQLITE_OK;
    if (mine > SQLITE_LOCK_SHARED)
      on.reserved = on.exclusive = false;
    if (level == SQLITE_LOCK_NONE)
      --on.readers;
    mine = level;
    return SQLITE_OK;
  }
  static int is_reserved(sqlite3_file* raw, int* out) {
    *out = file_of(raw).reserved ? 1 : 0;
    return SQLITE_OK;
  }
  static int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
  static int sector_size(sqlite3_file*) { return 4096; }
  static int traits(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

  static int shm_map(sqlite3_file* raw, int page, int bytes, int extend, void volatile** out) {
    auto& regions = file_of(raw).shared_memory;
    const auto wanted = static_cast<std::size_t>(page);
    if (extend != 0 && regions.size() <= wanted && of(raw).disk->shared_memory_is_full_) {
      errno = ENOSPC;
      return SQLITE_IOERR_SHMSIZE;
    }
    while (extend != 0 && regions.size() <= wanted)
      regions.push_back(std::make_unique<char[]>(static_cast<std::size_t>(bytes)));
    *out = wanted < regions.size() ? regions[wanted].get() : nullptr;
    return SQLITE_OK;
  }
  static int shm_lock(sqlite3_file* raw, int offset, int count, int flags) {
    file& on = file_of(raw);
    const auto first = static_cast<std::size_t>(offset);
    const auto end = first + static_cast<std::size_t>(count);
    const bool shared = (flags & SQLITE_SHM_SHARED) != 0;
    for (std::size_t i = first; i < end; ++i) {
      if ((flags & SQLITE_SHM_UNLOCK) != 0)
        continue;
      if (on.shm_exclusive[i] || (!shared && on.shm_shared[i] > 0))
        return SQLITE_BUSY;
    }
    for (std::size_t i = first; i < end; ++i) {
      const int step = (flags & SQLITE_SHM_UNLOCK) != 0 ? -1 : 1;
      if (shared)
        on.shm_shared[i] += step;
      else
        on.shm_exclusive[i] = step > 0;
    }
    return SQLITE_OK;
  }
  static void shm_barrier(sqlite3_file*) {}
  static int shm_unmap(sqlite3_file* raw, int remove) {
    if (remove != 0 && !is_dead(raw))
      file_of(raw).shared_memory.clear();
    return SQLITE_OK;
  }
};

namespace {

constexpr sqlite3_io_methods methods{2,
                                     sim_calls::close,
                                     sim_calls::read,
                                     sim_calls::write,
                                     sim_calls::truncate,
                                     sim_calls::sync,
                                     sim_calls::size,
                                     sim_calls::lock,
                                     sim_calls::unlock,
                                     sim_calls::is_reserved,
                                     sim_calls::control,
                                     sim_calls::sector_size,
                                     sim_calls::traits,
                                     sim_calls::shm_map,
                                     sim_calls::shm_lock,
                                     sim_calls::shm_barrier,
                                     sim_calls::shm_unmap,
                                     nullptr,
                                     nullptr};

} // namespace

int sim_calls::open(sqlite3_vfs* vfs, const char* name, sqlite3_file* raw, int flags, int* out) {
  sim_disk& disk = disk_of(vfs);
  auto& mine = *new (raw) handle{};
  sim_disk::file_pointer found;
  if (name == nullptr) {
    found = std::make_shared<file>();
  } else if (const auto at = disk.files_.find(name); at != disk.files_.end()) {
    found = at->second;
  } else {
    if ((flags & SQLITE_OPEN_CREATE) == 0 || disk.down_)
      return SQLITE_CANTOPEN;
    found = disk.files_[name] = std::make_shared<file>();
  }
  mine.base.pMethods = &methods;
  mine.disk = &disk;
  mine.file = new std::shared_ptr<void>(found);
  mine.generation = disk.generation_;
  if (out != nullptr)
    *out = flags;
  return SQLITE_OK;
}

sim_disk::sim_disk(std::string name) : name_{std::move(name)}, vfs_{new sqlite3_vfs{}} {
  vfs_->iVersion = 1;
  vfs_->szOsFile = sizeof(handle);
  vfs_->mxPathname = 512;
  vfs_->zName = name_.c_str();
  vfs_->pAppData = this;
  vfs_->xOpen = sim_calls::open;
  vfs_->xDelete = sim_calls::remove;
  vfs_->xAccess = sim_calls::access;
  vfs_->xFullPathname = sim_calls::full_path;
  vfs_->xRandomness = sim_calls::randomness;
  vfs_->xSleep = sim_calls::pause;
  vfs_->xCurrentTime = sim_calls::time;
  vfs_->xGetLastError = sim_calls::last_error;
  sqlite3_vfs_register(vfs_.get(), 0);
}

sim_disk::~sim_disk() { sqlite3_vfs_unregister(vfs_.get()); }

void sim_disk::fail(std::uint64_t nth, fault what, on which, bool lasting) {
  nth_ = nth;
  fault_ = what;
  which_ = which;
  lasting_ = lasting;
}

int sim_disk::meet_fault(on which) {
  ++calls_;
  calls_after_failed_sync_ += sync_failed_ ? 1u : 0u;
  const int generic = which == on::sync ? SQLITE_IOERR_FSYNC : SQLITE_IOERR_WRITE;
  if (down_)
    return generic;
  if (nth_ == 0 || (which_ != on::any && which_ != which))
    return SQLITE_OK;
  if (nth_ > 1) {
    --nth_;
    return SQLITE_OK;
  }
  nth_ = lasting_ ? 1 : 0;
  down_ = fault_ == fault::power_cut;
  return fault_ == fault::disk_full ? SQLITE_FULL : generic;
}

void sim_disk::apply(std::string& bytes, const change& what) {
  if (what.truncate) {
    bytes.resize(what.at);
    return;
  }
  if (bytes.size() < what.at + what.bytes.size())
    bytes.resize(what.at + what.bytes.size());
  bytes.replace(what.at, what.bytes.size(), what.bytes);
}

void sim_disk::crash(std::uint64_t seed, kept unsynced) {
  std::mt19937_64 random{seed};
  for (auto& [name, each] : files_) {
    // Of four sectors or truncations so many are there.
    std::uint64_t of_four = std::array<std::uint64_t, 4>{0, 1, 2, 4}[random() % 4];
    if (unsynced != kept::by_chance)
      of_four = unsynced == kept::all ? 4 : 0;
    for (const change& what : each->unsynced) {
      if (what.truncate && random() % 4 < of_four)
        apply(each->synced, what);
      for (std::size_t at = 0; at < what.bytes.size(); at += sector)
        if (random() % 4 < of_four)
          apply(each->synced, {what.at + at, what.bytes.substr(at, sector), false});
    }
    auto after = std::make_shared<file>();
    after->bytes = after->synced = std::move(each->synced);
    each = std::move(after);
  }
  ++generation_;
  down_ = sync_failed_ = false;
  nth_ = 0;
}

void sim_disk::put(const std::string& path, std::string content) {
  auto made = std::make_shared<file>();
  made->bytes = made->synced = std::move(content);
  files_[path] = std::move(made);
}

std::string& sim_disk::bytes(const std::string& path) { return files_.at(path)->bytes; }

} // namespace skein::test
