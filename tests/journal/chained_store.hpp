// A store on a simulated disk, to be damaged between two openings.
#pragma once

#include "tests/journal/lockstep_workload.hpp"
#include "tests/support/sim_vfs.hpp"
#include "tests/support/temp_dir.hpp"

#include <map>

namespace skein::test {

class chained_store {
 public:
  temp_dir parent;
  sim_disk disk{"skein-sim"};
  std::string path = parent.path() + "/store";
  instant now = from_ns(1'700'000'000'000'000'000);
  std::unique_ptr<engine> store;
  open_options options{};
  std::size_t range_save_bytes = limits::range_save_bytes;

  std::string file() const { return path + "/journal.db"; }
  std::string log() const { return path + "/journal.db-wal"; }
  std::string mark() const { return path + "/high-water"; }

  result<void> open();
  /// Random batches, a second each, without an upkeep.
  void commit_some(int count);
  commit_receipt commit(std::vector<operation> batch);
  /// Without upkeep: no checkpoint comes in between, and all commits are in the log.
  void put_mark() { must(store->upkeep(now)); }
  /// As after a kill.
  void drop() { store.reset(); }
  void close();
  /// Opens, commits so often, closes.
  void live(int commits);

  /// Must change a row.
  void sql(const std::string& text);

  /// What lies on the disk, of the files that may not change when a start is refused.
  using files = std::map<std::string, std::string>;
  files look();
  void restore(const files& all);
  /// The start is refused as store_corrupt, by these words, and changes nothing.
  void check_refused(const std::string& words);

 private:
  random_workload work_{5};
};

/// The place of a text that occurs once.
std::size_t place_of(const std::string& text, const std::string& bytes);

} // namespace skein::test
