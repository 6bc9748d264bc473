// A disk for SQLite that a test can break: files in memory, of which it is known what was synced.
//
//   crash(seed)   the power goes: of every write since its file's last sync, an arbitrary subset
//                 of the 512-byte sectors is there afterwards (or all, or none of them: the
//                 extremes must not be left to chance). Open handles are dead.
//   fail(...)     the nth call from now that changes or syncs a file fails: with an I/O error, with
//                 a full disk, or by the power going in the middle of it (then every later call
//                 fails too, until crash() is called).
//   make_unreadable(...)   some bytes of a file cannot be read.
//   set_sync_is_lie(true)   syncs do nothing and say that all is well: the control.
//
// One thread. Shared memory and locks work between connections of the process.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct sqlite3_vfs;

namespace skein::test {

class sim_disk {
 public:
  /// Registers a VFS of this name.
  explicit sim_disk(std::string name);
  ~sim_disk();
  sim_disk(const sim_disk&) = delete;
  sim_disk& operator=(const sim_disk&) = delete;

  const std::string& name() const { return name_; }

  enum class fault { io_error, disk_full, power_cut };
  enum class on { any, write, sync };
  /// The nth such call from now, counted from 1. `lasting`: and all such calls after it.
  void fail(std::uint64_t nth, fault what, on which = on::any, bool lasting = false);
  void stop_failing() { nth_ = 0; }
  /// The memory that SQLite's handles share lies in a file too: it finds no room to grow.
  void set_shared_memory_is_full(bool full) { shared_memory_is_full_ = full; }
  /// Reads of these bytes of a file fail, as those of a bad sector do; none with an empty range.
  void make_unreadable(const std::string& path, std::size_t from, std::size_t to) {
    bad_ = {path, from, to};
  }
  void set_sync_is_lie(bool lie) { sync_is_lie_ = lie; }

  enum class kept { by_chance, none, all };
  void crash(std::uint64_t seed, kept unsynced = kept::by_chance);
  /// The power went in the middle of a call, and is still gone.
  bool is_down() const { return down_; }

  /// Calls that changed or synced a file, or tried to.
  std::uint64_t calls() const { return calls_; }
  std::uint64_t syncs() const { return syncs_; }
  /// Of them, those after the first one that failed.
  std::uint64_t calls_after_failed_sync() const { return calls_after_failed_sync_; }

  /// The bytes of a file as a program would read them; to be damaged.
  std::string& bytes(const std::string& path);
  bool has(const std::string& path) const { return files_.contains(path); }
  /// Puts a file in the place of what was there, synced. Nobody may have that open.
  void put(const std::string& path, std::string content);
  void remove(const std::string& path) { files_.erase(path); }

 private:
  friend struct sim_calls;
  struct change {
    std::size_t at = 0;
    std::string bytes;
    bool truncate = false; // to `at`
  };
  struct file {
    std::string bytes;
    std::string synced;
    std::vector<change> unsynced;
    std::vector<std::unique_ptr<char[]>> shared_memory;
    std::array<int, 8> shm_shared{};
    std::array<bool, 8> shm_exclusive{};
    int readers = 0;
    bool reserved = false;
    bool exclusive = false;
  };
  using file_pointer = std::shared_ptr<file>;
  struct bad_bytes {
    std::string path;
    std::size_t from = 0;
    std::size_t to = 0;
  };

  /// Counts a call; the fault that hits it, if any, as an SQLite code, else 0.
  int meet_fault(on which);
  static void apply(std::string& bytes, const change& what);

  std::string name_;
  std::unique_ptr<sqlite3_vfs> vfs_;
  std::map<std::string, file_pointer> files_;
  std::uint64_t generation_ = 0; // of open handles; a crash makes the next
  std::uint64_t calls_ = 0;
  std::uint64_t syncs_ = 0;
  std::uint64_t calls_after_failed_sync_ = 0;
  std::uint64_t nth_ = 0; // 0 = no fault is set
  fault fault_ = fault::io_error;
  on which_ = on::any;
  bool lasting_ = false;
  bool down_ = false;
  bool sync_failed_ = false;
  bool sync_is_lie_ = false;
  bool shared_memory_is_full_ = false;
  bad_bytes bad_;
  std::uint64_t randomness_ = 1;
};

} // namespace skein::test
