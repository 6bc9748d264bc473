// The engine on one SQLite file: judges a batch in memory (store_state), writes it in one
// transaction (sqlite_writer), and only then lets it count. README.md has the tables and the order
// of a start.
#pragma once

#include "journal/checked_rows.hpp"
#include "journal/dedupe_buckets.hpp"
#include "journal/high_water.hpp"
#include "journal/lookup_index.hpp"
#include "journal/saved_ranges.hpp"
#include "journal/sqlite_identities.hpp"
#include "journal/sqlite_options.hpp"
#include "journal/sqlite_reader.hpp"
#include "journal/sqlite_retention.hpp"
#include "journal/sqlite_writer.hpp"
#include "journal/store_lock.hpp"
#include "journal/store_state.hpp"
#include "journal/store_watch.hpp"
#include "journal/timer_buckets.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace skein::journal {

/// What opening found; the parts that the engine then owns. In the order in which they are needed:
/// destroyed from the last to the first, so that the lock goes after the files are closed.
struct sqlite_parts {
  sqlite_options options;
  std::unique_ptr<store_lock> lock;
  std::unique_ptr<guarded_vfs> guard;
  std::unique_ptr<background_thread> background; // writes by way of the guard
  std::unique_ptr<high_water> mark;
  std::shared_ptr<const page_hints> pages; // outlives the writer
  std::unique_ptr<sqlite_writer> writer;
  store_watch watch;
  store_identity identity;
  unchecked_rows old;
  std::unique_ptr<sqlite_identities> identities;
  std::unique_ptr<store_state> state;
  dedupe_buckets* window = nullptr; // the state's
  std::unique_ptr<saved_ranges> ranges;
  std::unique_ptr<sqlite_retention> retention;
  std::vector<std::string> notes;  // for the log
  std::vector<std::string> agents; // index = number
  commit_no last_commit{};
  hash128 last_digest;          // of it
  instant last_at = no_instant; // of the last commit, or when it was opened
};

/// Opens the store, or makes it; errors as open_sqlite(). (sqlite_open.cpp)
result<sqlite_parts> open_parts(const sqlite_options& options);

/// Fills state, agents and last_at from the tables: all but the pending set.
/// (sqlite_load.cpp)
result<void> load_state(sqlite_parts& parts);

/// Reads what is pending into the state's pending set, and gives it to `each`, as recover() says.
/// Counts the crashes of starts alone first, durably. (sqlite_recover.cpp)
result<void> load_pending(sqlite_parts& parts,
                          const std::function<void(const pending_event&)>& each);

class sqlite_journal final : public engine, private past {
 public:
  explicit sqlite_journal(sqlite_parts parts);

  const store_identity& identity() const override { return parts_.identity; }
  using engine::commit;
  result<commit_receipt> commit(batches all, instant now) override;
  result<void> recover(const std::function<void(const pending_event&)>& each) override;
  result<agent_no> agent_number(std::string_view name) override;
  std::vector<std::string> agent_names() const override { return parts_.agents; }
  result<std::vector<agent_no>> agents_with_state() override;
  result<void> fence(shard_id shard, epoch_no epoch) override;
  result<ledger> events_ledger() override;
  result<ledger> deliveries_ledger() override;
  instant last_commit_at() const override { return parts_.last_at; }
  commit_no last_commit() const override { return commit_no{last_commit_.load()}; }
  result<std::unique_ptr<reader>> new_reader() override;
  result<bool> upkeep(instant now) override;
  result<void> close() override;
  io_counters counters() const override;
  retention_facts retention() const override;
  std::vector<std::string> take_notes() override { return std::exchange(parts_.notes, {}); }

  /// The statements that a commit needs besides the writer's.
  result<void> prepare();

 private:
  result<std::optional<delivery_state>> ended(const delivery_id& delivery) override;
  result<std::uint32_t> last_attempt(const delivery_id& delivery) override;
  result<void> recover_if_needed();
  result<void> judge(batches all, std::vector<op_result>& results);
  result<void> write();
  result<void> mark_high_water(instant now);
  result<void> save_ranges(instant now, bool is_idle);
  sqlite_retention::rule what_is_old() const;
  result<void> write_sealed();
  result<void> write_with_step();
  result<bool> mend_tables();
  result<void> write_and_drop(const step_budget& most, bool& along_failed);
  result<bool> drop_old(bool is_idle);
  result<bool> drop_step();
  result<bool> rest_from_dropping(const error& why);
  result<bool> keep_timers();
  result<void> make_timers_anew(std::uint64_t below);
  result<void> make_late_anew();
  void tell_unreadable(const std::string& what, const error& why);
  void tell_dropped(std::uint64_t from);
  result<bool> keep_index();
  void show_retention();
  void close_buckets();
  result<void> keep_window();
  void show_window();

  sqlite_parts parts_;
  statement find_outcome_, find_last_attempt_;
  timer_upkeep timers_;
  sealed_commit sealed_;
  lookup_index lookups_;
  retention_pace pace_;
  bool drops_along_ = false;         // steps of retention go with the commits
  bool has_dropped_along_ = false;   // since the last upkeep
  bool is_too_large_ = false;        // at the last upkeep
  instant drops_again_ = no_instant; // retention met trouble: no step before
  std::set<std::string> told_;       // kinds of trouble with reading
  std::shared_ptr<reader_trouble> trouble_ = std::make_shared<reader_trouble>();
  std::size_t agents_saved_;
  bool recovered_ = false;
  bool closed_ = false;
  std::uint64_t commits_at_upkeep_ = 0;
  instant marked_at_ = no_instant;
  instant saved_at_ = no_instant;
  mutable std::mutex facts_mutex_; // guards retention_facts_, which other threads read
  retention_facts retention_facts_;
  std::atomic<std::uint64_t> last_commit_; // read by other threads
  std::atomic<std::uint64_t> commits_ = 0;
  std::atomic<std::uint64_t> unreadable_ = 0; // reads of the writer's that failed or found damage
  mutable std::mutex dedupe_mutex_;
  dedupe_buckets::counts dedupe_; // guarded by dedupe_mutex_: read by other threads
};

} // namespace skein::journal
