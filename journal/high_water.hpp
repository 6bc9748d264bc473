// The file `high-water` beside journal.db: the newest commit that is known to be on disk, with its
// digest. SQLite drops the end of its log from the first damaged byte on and says nothing; this
// file says up to where a store must be whole.
//
//   two slots of 4 KiB, written in turn, so that a write that is cut short leaves the other one:
//   magic "skein-hw" (8), version (4), store id (16), commit (8), digest (16), zeros, CRC-32C (4)
//   of all before it; numbers big-endian
//
// A mark is written only after its commit's sync has returned.
#pragma once

#include "journal/sqlite_vfs.hpp"
#include "journal/vfs_file.hpp"
#include "protocol/ids.hpp"
#include "protocol/result.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace skein::journal {

struct high_water_mark {
  std::string store_id; // 16 hex digits
  commit_no commit{};
  hash128 digest;

  friend bool operator==(const high_water_mark&, const high_water_mark&) = default;
};

inline constexpr std::size_t high_water_slot_bytes = 4096;

std::string write_slot(const high_water_mark& mark);
/// Empty for what is no slot, or not a whole one. store_version if a newer program wrote it.
result<std::optional<high_water_mark>> read_slot(std::string_view bytes);

class high_water {
 public:
  /// Of the store in this directory, by way of this VFS. Touches nothing yet.
  high_water(const std::string& directory, const guarded_vfs& vfs);
  ~high_water();
  high_water(const high_water&) = delete;
  high_water& operator=(const high_water&) = delete;

  /// The newest mark; empty if the file is not there or has no whole slot. Changes nothing.
  result<std::optional<high_water_mark>> read();
  bool is_there() const noexcept { return is_there_; }

  /// After read(): the file with this mark, made if it has none.
  result<void> start(const high_water_mark& mark);
  /// After start(); of the same store. The slot of the mark before stays as it is.
  result<void> write(commit_no commit, const hash128& digest);
  /// The newest mark that is on disk.
  const high_water_mark& mark() const noexcept { return mark_; }

 private:
  result<void> put(const high_water_mark& mark);

  std::string path_;
  std::string vfs_;
  bool is_there_ = false;
  std::size_t slot_ = 0; // of the newest mark
  bool has_mark_ = false;
  high_water_mark mark_;
  std::unique_ptr<vfs_file> file_;
};

} // namespace skein::journal
