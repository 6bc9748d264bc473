// A file of a store beside journal.db, by way of the same VFS: what counts, refuses and breaks
// SQLite's writes does so with these too.
#pragma once

#include "protocol/result.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3_file;
struct sqlite3_vfs;

namespace skein::journal {

/// One thread a handle.
class vfs_file {
 public:
  enum class how { read, write }; // write: and make

  /// `vfs` is the name of a registered one; empty = the system's.
  static result<std::unique_ptr<vfs_file>> open(const std::string& vfs, const std::string& path,
                                                how mode);
  static result<bool> exists(const std::string& vfs, const std::string& path);
  /// It may be gone already.
  static result<void> remove(const std::string& vfs, const std::string& path);

  ~vfs_file();
  vfs_file(const vfs_file&) = delete;
  vfs_file& operator=(const vfs_file&) = delete;

  /// Fills `bytes`; what lies behind the end reads as zeros.
  result<void> read(char* bytes, std::size_t size, std::uint64_t at);
  /// A read of this will come: the system may begin with it. Nothing but time depends on it.
  void will_read(std::size_t size, std::uint64_t at) noexcept;
  result<void> write(std::string_view bytes, std::uint64_t at);
  result<void> truncate(std::uint64_t size);
  result<void> sync();
  result<std::uint64_t> size();

 private:
  vfs_file(sqlite3_vfs* vfs, std::string path);

  std::string path_;
  const char* name_; // SQLite's, which must stay as long as the file is open
  sqlite3_vfs* vfs_;
  sqlite3_file* raw_;
  int own_ = not_opened; // the same file without the VFS, which has no word for it

  static constexpr int not_opened = -2;
};

} // namespace skein::journal
