// The engine on a PostgreSQL server: judges a batch of the shards it holds in memory (store_state),
// writes it in one transaction that first locks and checks their fences (pg_batch), and only then
// lets it count. README.md of this folder has the tables and the order of an adoption.
//
// What is known after an error of a commit:
//   a shard is another's   the whole transaction is undone; the shard is let go, the batch judged
//                          again without it: its operations are fenced, the others are written
//   refused by the server  undone: a definite no. A deadlock or a conflict is tried again
//   connection lost        the commit's row is claimed on a new connection: either it is there,
//   then
//                          the commit is, or it never can be, then it is tried again
//   server not reached,    unknown_outcome; the engine takes nothing more
//   or the standby is not
#pragma once

#include "journal/postgres/held_shards.hpp"
#include "journal/postgres/pg_batch.hpp"
#include "journal/postgres/pg_retention.hpp"
#include "journal/postgres/pg_saved.hpp"
#include "journal/postgres/pg_window.hpp"
#include "journal/postgres/postgres_options.hpp"
#include "journal/store_state.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace skein::journal {

/// What opening found; the parts that the engine then owns, in the order in which they are needed.
struct postgres_parts {
  postgres_options options;
  std::unique_ptr<background_thread> background;
  job_runner run;                    // on it, unless the options say how
  std::unique_ptr<pg_connection> db; // the one that writes
  store_identity identity;
  std::int64_t owner = 0; // number of this opening
  std::string owner_name;
  std::unique_ptr<store_state> state;
  pg_window* window = nullptr; // the state's
  std::map<shard_id, epoch_no> held;
  std::vector<ledgers> totals;     // index = shard; of those that are held
  std::vector<std::string> agents; // index = number
  std::size_t agents_told = 0;     // of them, those that a commit has told of
  std::uint64_t block_end = 0;     // of the numbers at hand
  std::uint64_t last_number = 0;   // of this owner's commits
  std::uint64_t last_xid = 0;
  hash128 last_digest;              // of this owner's last commit
  instant last_at = no_instant;     // of the last commit, or when it was opened
  engine::retention_facts retained; // as it was found
};

pg_settings connection_of(const postgres_options& options, const char* purpose);

/// Opens the store, or makes it; errors as open_postgres(). (pg_open.cpp)
result<postgres_parts> open_parts(const postgres_options& options);
/// Reads the names of agents that others have added. (pg_open.cpp)
result<void> load_agents(postgres_parts& parts);
/// The next block of event numbers. (pg_open.cpp)
result<void> take_numbers(postgres_parts& parts);

/// As engine::adopt() (pg_adopt.cpp).
result<void> adopt_shards(postgres_parts& parts, std::span<const held_shard> shards,
                          pg_saved& saved, const std::function<void(const pending_event&)>& each);

class postgres_journal final : public engine, private past {
 public:
  explicit postgres_journal(postgres_parts parts);

  const store_identity& identity() const override { return parts_.identity; }
  using engine::commit;
  result<commit_receipt> commit(batches all, instant now) override;
  result<void> recover(const std::function<void(const pending_event&)>&) override { return {}; }
  result<void> adopt(std::span<const held_shard> shards,
                     const std::function<void(const pending_event&)>& each) override;
  void release(std::span<const shard_id> shards) override;
  result<agent_no> agent_number(std::string_view name) override;
  std::vector<std::string> agent_names() const override { return parts_.agents; }
  result<std::vector<agent_no>> agents_with_state() override;
  result<void> fence(shard_id shard, epoch_no epoch) override;
  result<ledger> events_ledger() override { return parts_.state->counted().events; }
  result<ledger> deliveries_ledger() override { return parts_.state->counted().deliveries; }
  instant last_commit_at() const override { return parts_.last_at; }
  commit_no last_commit() const override { return commit_no{last_commit_.load()}; }
  result<std::unique_ptr<reader>> new_reader() override;
  result<bool> upkeep(instant now) override;
  result<void> close() override;
  io_counters counters() const override;
  retention_facts retention() const override;

 private:
  enum class wrote : std::uint8_t { all, lost_shards };

  result<std::optional<delivery_state>> ended(const delivery_id& delivery) override;
  result<std::uint32_t> last_attempt(const delivery_id& delivery) override;
  result<void> look_up_attempts(batches all);
  result<void> have_numbers(batches all);
  result<void> look_up(batches all);
  result<void> judge(batches all, std::vector<op_result>& results);
  error failed(const error& why);
  result<wrote> write();
  result<std::vector<pg_rows>> send();
  result<wrote> try_write(const batch_place& place, bool& again);
  result<wrote> after_lost(const batch_place& place, bool& again);
  void written(std::uint64_t xid);
  void let_go(std::span<const shard_id> shards);
  result<void> find_lost();
  void show_held();
  void show_window();
  result<void> reconnect();
  error stop(errc code, std::string why);
  result<void> clear_marks(std::span<const shard_id> shards);
  std::vector<shard_id> held() const;
  result<void> save(instant now, bool is_idle);
  result<bool> clean_timers();
  bool drop_old();

  postgres_parts parts_;
  std::shared_ptr<held_shards> shown_ = std::make_shared<held_shards>();
  pg_batch batch_;
  pg_saved saved_;
  pg_retention retention_;
  std::map<delivery_id, std::uint32_t> attempts_; // newest, of those that the batch tries
  std::string why_stopped_;
  bool closed_ = false;
  instant saved_at_ = no_instant;
  std::uint64_t saved_xid_ = 0;
  std::uint64_t commits_at_upkeep_ = 0;
  struct timer_place {
    std::int64_t shard = -1;
    std::int64_t second = 0;
    std::int64_t no = 0;
    std::int64_t kind = 0;
  };
  timer_place timers_after_;                   // looked at last
  std::atomic<std::uint64_t> last_commit_ = 0; // read by other threads
  std::atomic<std::uint64_t> commits_ = 0;
  mutable std::mutex facts_mutex_; // guards what other threads read
  pg_window::counts dedupe_;
  retention_facts facts_;
};

} // namespace skein::journal
