// The writer's side of look-ups by key and id: takes the hashes of what was committed, and writes
// the blocks of ranges that have closed, in steps that nobody waits for. A range whose hashes are
// not in memory (from before this start, or of a lost index) is read from its rows first. Of 16
// ranges that have their blocks a summary is made (summary_writer). Ranges that retention has swept
// lose their index, also those of a process before this one.
//
// The index can be done without: no trouble with its tables stops the store. Damage turns it off,
// so that look-ups read rows; what passes is tried again at the next step.
#pragma once

#include "journal/lookup_tail.hpp"
#include "journal/sealed_commit.hpp"
#include "journal/sqlite_writer.hpp"
#include "journal/summary_writer.hpp"

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace skein::journal {

class lookup_index {
 public:
  /// `next`: the sequence that the next event will get. Events before `swept_to` are gone, but for
  /// a few.
  lookup_index(sqlite_writer& writer, const hash_settings& hash, const lookup_layout& layout,
               std::uint64_t next, std::uint64_t swept_to = 0);

  /// Of a commit that is on disk.
  void append(const sealed_commit& commit);

  /// One step of what is to be done, of a few milliseconds; whether there is more. A range that
  /// cannot be read stays without an index: whoever searches it meets the error.
  result<bool> step();

  /// The events of the ranges before this one are dropped: their index goes, a step at a time, and
  /// is not built again. A summary goes with the last of its ranges.
  void leave_out_below(std::uint64_t range);

  /// What kept a step from its work since this was asked last.
  std::optional<error> take_trouble() { return std::exchange(trouble_, std::nullopt); }

  const std::shared_ptr<lookup_tail>& tail() const noexcept { return tail_; }

 private:
  using hashes = std::shared_ptr<range_hashes>;

  result<void> begin();
  result<bool> try_step();
  result<bool> do_step();
  result<bool> drop_some();
  result<void> transact(const std::function<result<void>()>& body);
  result<bool> forget_damaged();
  result<bool> forget_damaged_summaries();
  result<bool> summarize();
  result<void> load(range_hashes& into);
  result<void> write(const range_hashes& from);
  result<void> write_blocks(const range_hashes& from, lookup_kind kind, std::uint32_t first,
                            std::uint32_t count);
  result<void> run(statement& which);
  void open_range(std::uint64_t sequence);
  bool is_in_memory(std::uint64_t range) const;
  void remove(std::uint64_t range);

  sqlite_writer& writer_;
  hash_settings hash_;
  lookup_layout layout_;
  std::uint64_t next_;
  std::shared_ptr<lookup_tail> tail_ = std::make_shared<lookup_tail>();
  lookup_tail::ranges ranges_; // those of the tail; the open one last, if there is one
  std::uint64_t first_range_;  // those before it have no index
  bool has_gone_;              // there may be something left of them
  bool begun_ = false;
  bool is_off_ = false; // its tables are damaged: look-ups read rows
  std::optional<error> trouble_;
  std::set<std::uint64_t> missing_;    // closed, without an index, not in memory
  std::set<std::uint64_t> unreadable_; // not to be tried again
  std::uint64_t writing_ = 0;          // the range whose blocks are being written
  std::uint32_t written_ = 0;          // of its blocks, of both kinds
  summary_writer summaries_;
  statement rows_, add_block_, add_range_, forget_range_, forget_ranges_, first_block_,
      drop_blocks_;
  std::vector<std::vector<lookup_entry>> parts_; // of a step, kept for their memory
  std::string entries_;
};

} // namespace skein::journal
