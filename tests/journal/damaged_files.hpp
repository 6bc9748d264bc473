// A store as files in memory, to be laid down damaged again and again, and all that was in it, row
// by row, so that what a repair says is lost can be held against what is lost.
#pragma once

#include "journal/sqlite_repair.hpp"
#include "tests/journal/lockstep_workload.hpp"
#include "tests/support/temp_dir.hpp"

#include <map>
#include <string>

namespace skein::test {

using file_map = std::map<std::string, std::string>; // name below the directory -> bytes

file_map read_files(const std::string& directory);
/// The directory has these and nothing else.
void lay_files(const std::string& directory, const file_map& files);

/// A row as text, and the commit that wrote it; 0 if none says.
struct kept_row {
  std::string bytes;
  std::uint64_t commit = 0;
};
struct kept_rows {
  std::map<std::int64_t, kept_row> events;
  std::map<std::int64_t, kept_row> outcomes;
  std::map<std::pair<std::int64_t, std::int64_t>, kept_row> attempts;
  std::map<std::pair<std::int64_t, std::string>, kept_row> states;
  std::uint64_t first = 0;      // commit that is there
  std::int64_t first_event = 0; // of it: what was below may have been dropped
  std::uint64_t last = 0;       // commit
};
/// Of the store in this directory, which is whole.
kept_rows read_rows(const std::string& directory);

class damaged_files {
 public:
  /// A store with so many commits of a workload; a kill ends it, or else a close in order. With
  /// `dropping` retention has taken most of what was over.
  damaged_files(int commits, bool killed, bool dropping = false);

  const file_map& whole() const { return whole_; }
  std::uint64_t marked() const { return marked_; }

  /// Lays the files down, looks at them with a start and with verify, repairs them, and holds what
  /// is left against what was there.
  void check(const file_map& files);
  std::uint64_t refused() const { return refused_; }
  std::uint64_t repaired() const { return repaired_; }
  std::uint64_t without_loss() const { return without_loss_; }
  std::uint64_t beyond_repair() const { return beyond_repair_; }

 private:
  void check_start(const file_map& files);
  void check_loss(const repair_report& report);
  bool is_excused(std::uint64_t commit, const repair_report& report) const;

  temp_dir parent_;
  std::string path_ = parent_.path() + "/store";
  file_map whole_;
  kept_rows rows_;
  std::uint64_t marked_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t repaired_ = 0;
  std::uint64_t without_loss_ = 0;
  std::uint64_t beyond_repair_ = 0;
};

} // namespace skein::test
