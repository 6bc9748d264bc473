// What the writer of a store knows in memory, and the judgement of a batch by it: no SQL here. A
// batch is judged operation by operation into rows to be written (staged); then it is kept, when
// they are on disk, or undone, when they are known not to be.
#pragma once

#include "journal/identity_window.hpp"
#include "journal/ledgers.hpp"
#include "journal/pending_set.hpp"
#include "journal/route_book.hpp"

#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace skein::journal {

/// What the store on disk says of deliveries that are not pending, and of attempts. Asked seldom.
class past {
 public:
  virtual ~past() = default;
  /// How a delivery ended; empty if it did not, or if there is no such delivery.
  virtual result<std::optional<delivery_state>> ended(const delivery_id& delivery) = 0;
  /// The newest failed attempt's number; 0 if there is none.
  virtual result<std::uint32_t> last_attempt(const delivery_id& delivery) = 0;
};

struct start_row {
  start_mark mark = start_mark::none;
  std::uint32_t crashes = 0;
};

/// The rows of one commit. The pointers lead into the batch.
struct staged_batch {
  struct new_event {
    event_id event;
    const accept_op* op = nullptr;
  };
  instant at = no_instant;
  std::vector<new_event> events; // in order of sequence, without gaps
  std::vector<const finish_op*> outcomes;
  std::vector<const attempt_op*> attempts;
  std::vector<std::pair<delivery_id, std::optional<start_row>>> starts; // empty = its row goes
  /// Events that are over with one of the outcomes, and as what.
  std::vector<std::pair<event_id, delivery_state>> ends;
  /// Events that retention left as pending and that are over now, not dead.
  std::vector<std::uint64_t> late;
  /// Set or erased, in this order: of one (agent, key) the last one wins. By outcomes, sleeps,
  /// keep_op, or of another store, where the outcome need not be there any more.
  struct new_state {
    agent_no agent{};
    const state_change* change = nullptr;
  };
  std::vector<new_state> states;
  std::vector<shard_id> kept; // shards of keep_op

  bool empty() const {
    return events.empty() && outcomes.empty() && attempts.empty() && starts.empty() &&
           states.empty();
  }
};

class store_state {
 public:
  store_state(std::uint32_t shards, epoch_no least, std::unique_ptr<identity_window> window,
              std::uint64_t range_events = limits::range_events);

  // What lies on disk, at the start.
  void resume(std::uint64_t next_sequence, const ledgers& totals);
  identity_window& window() noexcept { return *window_; }
  pending_set& pending() noexcept { return pending_; }
  route_book& routes() noexcept { return routes_; }
  /// Events below this one that end from now on are `late`.
  void set_swept_to(std::uint64_t sequence) noexcept { swept_to_ = sequence; }
  void set_start(const delivery_id& delivery, const start_row& row) { starts_[delivery] = row; }
  std::optional<start_row> start_of(const delivery_id& delivery) const;
  void set_epoch(shard_id shard, epoch_no epoch);

  // Shards that come and go. Between batches; the window's part is its own.
  /// Epoch of a shard that is not held: no operation names it.
  static constexpr epoch_no not_held{std::numeric_limits<std::uint64_t>::max()};
  void hold(const held_shard& which);
  /// Forgets what is pending of them and their starts.
  void let_go(std::span<const shard_id> shards);

  // One batch: begin, judge each, then keep or undo.
  void begin(instant at, std::size_t agents);
  result<op_result> judge(const operation& op, past& disk);
  /// All of them, in order; after an error undo() is to follow.
  result<void> judge(batches all, past& disk, std::vector<op_result>& results);
  /// These will be judged: lets memory and disk begin with what that looks at.
  result<void> look_ahead(batches all);
  const staged_batch& staged() const noexcept { return staged_; }
  void keep();
  void undo();

  epoch_no epoch_of(shard_id shard) const;
  std::uint64_t next_sequence() const noexcept { return next_; }
  /// Running totals; `pending` counted from the set only by counted_*.
  const ledgers& totals() const noexcept { return totals_; }
  ledgers counted() const;
  /// Smallest sequence of a pending event, or the next one to be given.
  std::uint64_t low_water() const { return pending_.lowest(next_); }

 private:
  void prefetch(const operation& op) const noexcept;
  result<op_result> judge(const accept_op& op, bool is_emit);
  result<op_result> judge(const finish_op& op, past& disk);
  result<op_result> judge(const attempt_op& op, past& disk);
  result<op_result> judge(const start_op& op, past& disk);
  result<op_result> judge(const keep_op& op);
  /// Empty if the delivery can still change; else the answer to the operation.
  result<std::optional<op_result>> refusal(epoch_no epoch, const delivery_id& delivery, past& disk);
  void accept(const accept_op& op, event_id event);
  result<bool> accept_emits(std::span<const accept_op> emits, op_result& judged);
  void take_back(std::size_t events_before, const ledgers& totals_before);
  void forget_batch();
  void stage_start(const delivery_id& delivery, std::optional<start_row> row);
  result<delivery_state> event_end(const finish_op& op, past& disk) const;
  const finish_op* staged_end(const delivery_id& delivery) const;

  std::vector<epoch_no> epochs_; // index = shard
  std::unique_ptr<identity_window> window_;
  std::vector<placed_identity> ahead_; // of look_ahead(); its room is used again
  pending_set pending_;
  route_book routes_;
  std::uint64_t swept_to_ = 0;
  std::unordered_map<delivery_id, start_row, hash_of_id> starts_;
  ledgers totals_;
  std::uint64_t next_ = 1;

  // of the batch
  std::size_t agents_ = 0; // numbers below are known names
  staged_batch staged_;
  ledgers totals_before_;
  std::uint64_t next_before_ = 1;
  std::unordered_map<delivery_id, std::uint32_t, hash_of_id> attempts_; // newest in this batch
  std::vector<std::pair<delivery_id, std::optional<start_row>>> starts_before_;
  std::vector<std::uint16_t> tags_before_; // of the pending event of each outcome
};

} // namespace skein::journal
