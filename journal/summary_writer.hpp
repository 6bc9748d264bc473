// The writer's side of the summaries: of each group of 16 ranges that all have an index, made from
// their blocks, in steps. A summary stays right whatever becomes of those blocks, as no event is
// added to a closed range.
#pragma once

#include "journal/lookup_summary.hpp"
#include "journal/lookup_tail.hpp"
#include "journal/sqlite_db.hpp"

#include <set>
#include <string>
#include <vector>

namespace skein::journal {

class summary_writer {
 public:
  explicit summary_writer(const lookup_layout& layout) : layout_{layout} {}

  /// Prepares, and looks which groups lack a summary.
  result<void> begin(database& db);
  /// The range has an index now, or its group lost its summary: the group may be due.
  result<void> look_at(std::uint64_t group);
  /// The range loses its index.
  void leave_out(std::uint64_t range);

  bool has_work() const noexcept { return !due_.empty(); }
  /// Some blocks of a summary, in a transaction of the caller's, who says with written() that it is
  /// on disk. A block of a range that is not whole is told to the tail, and its group is put off.
  result<void> write(lookup_tail& tail);
  void written();

  /// In a transaction of the caller's: the group has no summary any more.
  result<void> forget(std::uint64_t group);
  /// Likewise those before this one, with a step's worth of their blocks; whether there were any.
  result<bool> drop_below(std::uint64_t group);

 private:
  using words = std::vector<std::uint16_t>;

  result<bool> gather(std::uint64_t range, lookup_kind kind, std::uint32_t block,
                      lookup_tail& tail);
  result<void> run(statement& which);

  summary_layout layout_;
  std::set<std::uint64_t> due_;
  std::uint64_t writing_ = 0;  // the group whose blocks are being written
  std::uint32_t written_ = 0;  // blocks of a range whose part of it is, of both kinds
  std::uint32_t count_ = 0;    // of the last write(); 0: the group was put off
  std::size_t bytes_read_ = 0; // by it
  statement indexed_, blocks_, add_block_, add_group_, forget_group_, forget_groups_, first_block_,
      drop_blocks_;
  std::vector<words> parts_; // of a step, kept for their memory
  std::vector<std::uint32_t> remainders_;
  std::string entries_;
};

} // namespace skein::journal
