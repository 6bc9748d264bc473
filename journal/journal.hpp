// What lasts. One interface for every engine (memory, SQLite, PostgreSQL for clusters); one
// conformance suite (tests/journal/conformance) holds them to it.
//
// The contract
//   - One writer: commit() is called by one thread at a time. Readers are separate objects and may
//   be
//     used by another thread, one thread each.
//   - commit() is atomic and returns only when the batch is on disk. An error from it means:
//   nothing of it is
//     known to have happened. `unknown_outcome` and `io_error` after the write call mean it may or
//     may not be there; the caller must stop the process and not commit again (the engine refuses
//     to). An error for which is_refusal() holds is a definite no: nothing of the batch was
//     written, and the store stays usable.
//   - An operation is atomic with its emits, and is judged alone: one refused operation does not
//     touch the others of its batch. What it was refused for is in its result.
//   - Sequences grow in commit order, within a shard and within an engine. All events of a commit
//     carry the commit's time, which never goes back (the engine raises a smaller `now` to its
//     last).
//   - Identities are kept by the journal for the dedupe window, by time only. Within one batch an
//     earlier member is seen by a later one.
//   - The first outcome of a delivery wins; a later one gets already_terminal with the actual
//   state.
//   - Every operation names its shard's epoch; an older one than the store's is fenced. So is one
//     of a shard that the engine does not hold.
// Ownership: an engine of one process (memory, SQLite) owns all shards, and its file lock from open
// to destruction. One of a store that several nodes share owns what it adopted; totals and what is
// pending are those of its shards.
#pragma once

#include "protocol/event.hpp"
#include "protocol/ids.hpp"
#include "protocol/limits.hpp"
#include "protocol/messages.hpp"
#include "protocol/result.hpp"
#include "protocol/time.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace skein::journal {

/// Whether an error says for certain that nothing was written, so that the same may be tried again
/// later; after any other error of a commit its outcome is unknown.
bool is_refusal(errc code) noexcept;

/// The agents that get an event, in the order of the delivery index. Fixed size: no allocation an
/// event.
class delivery_list {
 public:
  void add(agent_no agent) {
    SKEIN_CHECK(size_ < agents_.size());
    agents_[size_++] = agent;
  }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  agent_no operator[](std::size_t index) const {
    SKEIN_CHECK(index < size_);
    return agents_[index];
  }
  const agent_no* begin() const noexcept { return agents_.data(); }
  const agent_no* end() const noexcept { return agents_.data() + size_; }
  friend bool operator==(const delivery_list& a, const delivery_list& b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  std::array<agent_no, limits::deliveries_per_event_max> agents_{};
  std::uint8_t size_ = 0;
};

// ---- operations -------------------------------------------------------------------------------

/// A new event with its deliveries. Without deliveries it is done at once (unrouted).
struct accept_op {
  epoch_no epoch{};
  offered_event event;
  delivery_list deliveries;
};

/// A change to the state of (agent, key).
struct state_change {
  std::string key;
  bool erase = false;
  slice value;
};

/// The end of a delivery, with what the turn asked for. `state` is terminal. For outcomes without a
/// turn (cancelled, expired while waiting) attempt is the number of attempts so far, with the one
/// that was cut off.
struct finish_op {
  epoch_no epoch{};
  delivery_id delivery;
  agent_no agent{};
  delivery_state state = delivery_state::done;
  /// The event's state after this: pending while other deliveries live, else terminal.
  delivery_state event_state = delivery_state::done;
  std::uint32_t attempt = 0;
  instant started = no_instant;
  instant finished = no_instant;
  errc code = errc::none;
  std::string error;
  data_kind reply_kind = data_kind::none;
  slice reply;
  std::optional<state_change> state_of_key;
  std::vector<accept_op> emits; // for shards of this store
};

/// A turn after which another one follows at next_due: it failed (code says how), or it asked for
/// that itself (it slept: code none). Keeps its number and the due time over restarts. What a turn
/// that slept wants to keep is one commit with it.
struct attempt_op {
  epoch_no epoch{};
  delivery_id delivery;
  agent_no agent{};
  std::uint32_t attempt = 0;
  instant started = no_instant;
  instant finished = no_instant;
  errc code = errc::none;
  std::string error;
  instant next_due = no_instant;
  std::optional<state_change> state_of_key; // only of one that slept
  bool slept() const noexcept { return code == errc::none; }
};

/// The durable start of a suspect (a delivery that may have been running at an unclean stop).
struct start_op {
  epoch_no epoch{};
  delivery_id delivery;
  bool alone = false; // no other accused delivery runs on this node
};

/// States of several keys, and new events, in one commit: what an actor of ours keeps beside
/// deliveries. No delivery is behind it. Of several states of one (agent, key) the last one wins,
/// as of several operations of a batch. The caller bounds values (limits::state_bytes_max) and how
/// many there are.
struct keep_op {
  epoch_no epoch{};
  shard_id shard{}; // whose epoch is meant
  struct kept {
    agent_no agent{};
    state_change state;
  };
  std::vector<kept> states;
  std::vector<accept_op> emits; // for shards of this store
};

using operation = std::variant<accept_op, finish_op, attempt_op, start_op, keep_op>;

/// Whose epoch the operation names.
shard_id shard_of_operation(const operation& op) noexcept;

/// What an operation emits; nothing unless it is a finish_op or a keep_op.
std::span<const accept_op> emits_of(const operation& op) noexcept;

enum class op_status : std::uint8_t {
  applied,
  duplicate,        // accept: the identity is known with the same content; `event` names it
  conflict,         // accept: the identity is known with other content; `event` names it
  already_terminal, // finish, attempt, start: `actual` is the state that won
  not_found,        // finish, attempt, start: no such delivery
  fenced,           // the epoch is old
  emit_conflict,    // finish, keep: emit number `emit` has a known identity with other content;
                    // nothing applied
  emit_fenced,      // finish, keep: emit number `emit` names an old epoch; nothing applied
  dedupe_full,      // accept, emit number `emit` of finish or keep: the window's budget is used up
  expired,          // accept, of no emit: not known yet, and its time to live is over
};

/// What an operation is refused as for one of its emits.
constexpr op_status as_of_emit(op_status of_emit) noexcept {
  return of_emit == op_status::conflict ? op_status::emit_conflict
         : of_emit == op_status::fenced ? op_status::emit_fenced
                                        : of_emit;
}

struct op_result {
  op_status status = op_status::applied;
  event_id event;                                  // accept
  delivery_state actual = delivery_state::pending; // already_terminal
  std::uint32_t emit = 0;                          // of the emit that it was refused for
  /// finish, applied: how its event ended, if this was its last delivery; else pending.
  delivery_state event_end = delivery_state::pending;
  /// finish, keep, applied: per emit its event, and whether it was there already.
  struct emitted {
    event_id event;
    bool duplicate = false;
  };
  std::vector<emitted> emits;
};

struct commit_receipt {
  commit_no commit{};
  instant at = no_instant;        // the accepted time of every event in it
  std::vector<op_result> results; // one per operation, in order

  /// Not for an empty batch, nor for duplicates alone: nothing was written for those. (A keep_op
  /// without states whose emits were all there is applied, though nothing was written.)
  bool wrote() const noexcept {
    return std::any_of(results.begin(), results.end(),
                       [](const op_result& each) { return each.status == op_status::applied; });
  }
};

// ---- what is read -----------------------------------------------------------------------------

/// A store is made once with these; opening it with others is store_mismatch.
struct store_identity {
  std::string store_id; // 16 hex digits, random
  hash_settings hash;
  std::string hash_name;  // "siphash24-128"
  std::uint64_t boot = 0; // counts openings for writing; the epoch of all shards on a single node
  bool clean = true;      // the last process closed it in order
};

/// Counts of events (or of deliveries) ever, and those now pending. `pending` is counted from the
/// pending set; the others are running totals: their equation can fail, which is the point.
struct ledger {
  std::uint64_t accepted = 0;
  std::uint64_t done = 0;
  std::uint64_t dead = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t superseded = 0;
  std::uint64_t expired = 0;
  std::uint64_t purged = 0;
  std::uint64_t pending = 0;
  bool balanced() const noexcept {
    return accepted == done + dead + cancelled + superseded + expired + purged + pending;
  }
  friend bool operator==(const ledger&, const ledger&) = default;
};

enum class start_mark : std::uint8_t {
  none,    // fresh, or recovered without a durable start
  started, // durably started among others, without outcome
  alone,   // durably started alone, without outcome: one crash each time it is recovered so
};
/// A store that is recovered with none of them `alone` takes one crash back from each `started`
/// one: the process died while they waited, so something else kills it.

/// A pending event as a start finds it: what a loop must know of it, without its row.
struct pending_event {
  event_id event;
  delivery_list deliveries; // all that it has
  std::uint16_t live = 0;   // bit i: delivery i is not over
  bool sleeps = false;      // its time has not come (due after last_commit_at() of the opening)
};
static_assert(limits::deliveries_per_event_max <= 16);

/// A delivery that is not terminal, as its rows say.
struct pending_delivery {
  delivery_id delivery;
  agent_no agent{};
  priority_class priority = priority_class::hook;
  std::string key;
  instant accepted = no_instant;
  instant due = no_instant; // the event's
  instant expires = no_instant;
  std::uint32_t attempts = 0;    // number of the last turn that has a record
  std::uint32_t sleeps = 0;      // so many of them slept, the others failed
  bool asleep = false;           // the last one did
  instant next_due = no_instant; // of the next one, if attempts > 0
  std::uint32_t crashes = 0;     // while running alone
  start_mark mark = start_mark::none;
  /// All the event's deliveries, with the states of those that are over (pending for the others).
  delivery_list siblings;
  std::array<delivery_state, limits::deliveries_per_event_max> sibling_states{};
  slice body; // empty if it is a large one, or damaged: bodies() tells
  /// Why its rows cannot be read; siblings that are over are told as dead. store_corrupt: they are
  /// damaged, it is to be ended. io_error: their page, it waits; with `accepted` its event is
  /// known.
  error damage;
};

/// Time at which something happens to a pending event.
struct timer {
  instant at = no_instant;
  event_id event;
  bool expiry = false; // else it is due
  /// By seconds, those of one second by number: as they lie on disk, so that a page of many is
  /// found without a look at the others.
  friend auto operator<=>(const timer& a, const timer& b) noexcept {
    return std::tuple{start_of_second(a.at), a.event.sequence, a.expiry} <=>
           std::tuple{start_of_second(b.at), b.event.sequence, b.expiry};
  }
  friend bool operator==(const timer& a, const timer& b) noexcept { return (a <=> b) == 0; }
};

/// Which timers: of the shards of one loop (shard mod loops), in their order, behind `after`
/// and up to `until`. Who goes on behind the last one found asks up to the end of a second, or the
/// same `until`.
struct timer_query {
  std::uint32_t loops = 1;
  loop_no loop{};
  bool only_expiries = false;
  timer after;
  instant until = no_instant;
  std::size_t limit = limits::timer_page_rows;
};
struct timer_page {
  std::vector<timer> timers; // of events that may be over by now
  bool more = false;         // the limit ended it
  /// Behind `until` nothing is earlier than this; the greatest instant if there is nothing at all.
  instant next = instant::max();
};

struct attempt_record {
  std::uint32_t attempt = 0;
  instant started = no_instant;
  instant finished = no_instant;
  errc code = errc::none;
  std::string error;
  instant next_due = no_instant;
};

struct delivery_record {
  agent_no agent{};
  delivery_state state = delivery_state::pending; // pending or retrying unless terminal
  std::vector<attempt_record> attempts;           // failed ones, oldest first
  attempt_record slept; // the last turn that slept, however many did; attempt 0 = none

  /// Takes in the record of the next turn, failed or slept, and what it makes of the state.
  void add(attempt_record next);
  /// The number of the last turn that has a record; 0 if none has.
  std::uint32_t last_turn() const noexcept;
  bool is_asleep() const noexcept { return slept.attempt != 0 && slept.attempt == last_turn(); }
  /// How many of the turns up to the last one slept. Turns count on: those that did not fail.
  std::uint32_t sleeps() const noexcept;
  instant next_due() const noexcept;

  // of the terminal outcome:
  std::uint32_t attempt = 0;
  instant started = no_instant;
  instant finished = no_instant;
  instant committed = no_instant;
  errc code = errc::none;
  std::string error;
  data_kind reply_kind = data_kind::none;
  slice reply;
  std::uint32_t emitted = 0;
};

struct event_record {
  event_id event;
  instant accepted = no_instant;
  instant due = no_instant;
  instant expires = no_instant;
  priority_class priority = priority_class::hook;
  slice body;
  std::vector<delivery_record> deliveries; // empty = unrouted
  delivery_state state() const;
};

/// All given conditions must hold. By key or id only the events that have it are looked at, by
/// state dead and retrying only those that ever were; times bound what is looked at. Whatever is
/// given, the search stops at the scan budget.
struct event_filter {
  std::optional<std::string> source{};
  std::optional<std::string> id{};
  std::optional<std::string> key{};
  std::optional<std::string> type{};
  std::optional<delivery_state> state{}; // of the event; running counts as pending in the store
  std::optional<agent_no> agent{};
  instant since = no_instant; // accepted then or later; no_instant = whenever
  instant until = no_instant; // accepted before then
  std::size_t limit = limits::page_rows_default;
  std::uint64_t before = 0; // sequence; 0 = from the newest
};

struct event_page {
  std::vector<event_record> events; // newest first
  std::uint64_t next = 0;           // `before` of the next page; 0 = no more
  std::uint64_t scanned = 0;        // rows looked at
  bool budget_spent = false;    // stopped by the budget, not by the end; `next` goes on from there
  instant reached = no_instant; // then: when the last event that was looked at was accepted
};

struct dead_filter {
  std::optional<agent_no> agent{};
  std::optional<std::string> key{};
  std::optional<std::string> type{};
  std::size_t limit = limits::page_rows_default;
  std::uint64_t before = 0; // as event_filter
};

/// One thing that a commit made durable, for the stream.
struct feed_item {
  enum class what : std::uint8_t { accepted, outcome } kind = what::accepted;
  delivery_id delivery; // index 0 for accepted
};
struct feed_commit {
  commit_no commit{};
  instant at = no_instant;
  std::vector<feed_item> items;
};

/// Reads what is durable. One thread a reader.
class reader {
 public:
  virtual ~reader() = default;

  virtual result<std::optional<event_record>> find(event_id event) = 0;
  /// Bodies in the order asked for; an absent event gives an empty slice.
  virtual result<std::vector<slice>> bodies(std::span<const event_id> events) = 0;
  virtual result<event_page> list(const event_filter& filter) = 0;
  /// Events with at least one dead delivery.
  virtual result<event_page> list_dead(const dead_filter& filter) = 0;
  /// Those deliveries of these events (by their sequences, ascending) that are pending, in that
  /// order. `crashes` and `mark` as they stand in the store now. One whose rows cannot be read
  /// comes with its damage and holds up no other, unless the disk may give them yet
  /// (limits::unread_tries) or what the event has is in no other place: then the call fails, and
  /// may do well later.
  virtual result<std::vector<pending_delivery>>
  pending(std::span<const std::uint64_t> sequences) = 0;
  /// Events that wait for their time, and those that expire; see timer_query.
  virtual result<timer_page> timers(const timer_query& which) = 0;
  /// Empty if (agent, key) has no state.
  virtual result<std::optional<slice>> state_of(agent_no agent, std::string_view key) = 0;
  struct state_page {
    std::vector<std::pair<std::string, slice>> states; // key and value
    bool more = false;                                 // the limit ended it, or its bytes did
  };
  /// States of an agent in the order of their keys (bytewise), behind `after`, at most `limit`, and
  /// before `before` if that is not empty. A page ends early with the state that makes it 8 MiB;
  /// who goes on asks behind its last one. A state of the empty key is behind nothing.
  virtual result<state_page> states(agent_no agent, std::string_view after, std::string_view before,
                                    std::size_t limit) = 0;
  /// Commits after `after`, oldest first, at most `limit`. `reset` when `after` is older than what
  /// is kept.
  struct feed {
    bool reset = false;
    std::vector<feed_commit> commits;
  };
  virtual result<feed> commits_after(commit_no after, std::size_t limit) = 0;
};

/// A shard whose ownership was taken (lease_store.hpp), and the epoch that came with it.
struct held_shard {
  shard_id shard{};
  epoch_no epoch{};
  friend auto operator<=>(const held_shard&, const held_shard&) = default;
};

/// Operations that stand in several places.
using batches = std::span<const std::span<const operation>>;

inline std::size_t count_operations(batches all) noexcept {
  std::size_t count = 0;
  for (const auto& each : all)
    count += each.size();
  return count;
}

class engine {
 public:
  virtual ~engine() = default;

  virtual const store_identity& identity() const = 0;

  /// Atomic and durable on return; see the contract above. All batches are one commit, in order,
  /// with one row of results: at most limits::commit_operations_max operations together.
  virtual result<commit_receipt> commit(batches all, instant now) = 0;
  result<commit_receipt> commit(std::span<const operation> batch, instant now) {
    return commit(batches{&batch, 1}, now);
  }

  /// Every pending event. Those that do not sleep come in the order of their lanes: by the later of
  /// accepted and due, then by sequence. Crashes of starts alone are counted, durably. Called once,
  /// before the first commit. An engine of several nodes owns nothing yet then, and tells nothing.
  virtual result<void> recover(const std::function<void(const pending_event&)>& each) = 0;

  // ---- stores that several nodes share: who owns a shard commits to it ----

  /// From here on operations of these shards are judged. Tells what is pending of them, as
  /// recover() does: lanes lie within shards, so that the order holds within each. A shard that was
  /// lost since its lease was granted is not adopted: nothing of it is told, its operations are
  /// fenced. After an error none is. Between commits, by their thread. `internal` from an engine of
  /// one process, which owns all from the start.
  virtual result<void> adopt(std::span<const held_shard> shards,
                             const std::function<void(const pending_event&)>& each);
  /// Forgets them: what comes later for them is fenced. A stop in order: it is no crash of a turn.
  virtual void release(std::span<const shard_id> shards);

  /// The number of an agent's name; a new name is added durably with the next commit.
  virtual result<agent_no> agent_number(std::string_view name) = 0;
  virtual std::vector<std::string> agent_names() const = 0; // index = number

  /// Agents that have state for some key, so that others need no read before a turn.
  virtual result<std::vector<agent_no>> agents_with_state() = 0;

  /// Takes the ownership of shards to a higher epoch. A single node does it for all at start.
  virtual result<void> fence(shard_id shard, epoch_no epoch) = 0;

  virtual result<ledger> events_ledger() = 0;
  virtual result<ledger> deliveries_ledger() = 0;
  virtual commit_no last_commit() const = 0;
  /// The time of the last commit, or of the opening if that was later: engine time never goes
  /// below it. For the writer's thread.
  virtual instant last_commit_at() const = 0;

  virtual result<std::unique_ptr<reader>> new_reader() = 0;

  /// Upkeep that may take a while (checkpoints, later: closing of ranges). Called when idle and at
  /// least every few seconds; returns whether there is more to do at once. A refusal (is_refusal)
  /// only puts it off; after any other error the store takes no further commit.
  virtual result<bool> upkeep(instant now) = 0;

  /// Everything to disk and marked clean. No commit afterwards.
  virtual result<void> close() = 0;

  /// Counters for metrics: fsyncs, bytes written, commits, checkpoint count and time.
  struct io_counters {
    std::uint64_t commits = 0;
    std::uint64_t syncs = 0;
    std::uint64_t bytes_written = 0;
    std::uint64_t checkpoints = 0;
    std::uint64_t dedupe_entries = 0;
    std::uint64_t dedupe_entries_max = 0;
    std::uint64_t dedupe_in_memory = 0;   // of the entries, those that are in no file yet
    std::uint64_t dedupe_buckets = 0;     // files
    std::uint64_t dedupe_bytes = 0;       // of them
    std::uint64_t dedupe_reads = 0;       // of files
    std::uint64_t dedupe_false_reads = 0; // of them, those that found nothing
    std::uint64_t dedupe_remade = 0;      // files that were missing or damaged at the start
    std::uint64_t dedupe_healed = 0;      // files that were found damaged later
    std::uint64_t wal_bytes = 0;          // in the write-ahead log since it last began anew
    std::uint64_t unreadable = 0;         // reads of the writer's own that failed, or found damage
  };
  virtual io_counters counters() const = 0;

  /// What retention has done, and what the store takes.
  struct retention_facts {
    instant oldest = no_instant; // commit that is kept; no_instant if there is none
    instant next = no_instant;   // when that one may go by its age
    std::uint64_t dropped_events = 0;
    std::uint64_t dropped_rows = 0; // since the opening
    duration longest_step{};        // since the opening; part of a commit or of an upkeep
    std::uint64_t ranges = 0;       // that hold pending events
    std::uint64_t bytes_used = 0;   // of the file
    std::uint64_t bytes_free = 0;   // in the file, for what comes
    std::uint64_t bytes_max = 0;    // used from here on: what is out of the dedupe window goes
  };
  virtual retention_facts retention() const = 0;
  /// What happened that a person should know, as sentences: once each. For the writer's thread.
  virtual std::vector<std::string> take_notes() { return {}; }
};

/// How to open a store.
struct open_options {
  std::uint32_t shards = 256; // of a new store; an existing one must agree
  duration dedupe_window = limits::dedupe_window;
  /// Identities that the window may hold, on disk for the most part.
  std::size_t dedupe_entries_max = limits::dedupe_identities_max;
  /// How long an event is kept after its end; never below dedupe_window. Then, or when the store is
  /// larger than retention_bytes and the event older than dedupe_window, its rows go, and the
  /// commits of that time. Pending and dead ones stay.
  duration retention = limits::retention;
  std::uint64_t retention_bytes = limits::retention_bytes; // of SQLite; what is in use of the file
  /// Events of a range of the log; a power of two, the same at every opening. For tests.
  std::uint64_t range_events = limits::range_events;
  /// Of a store that several nodes share: numbers of events that an owner takes at once, and leaves
  /// where the next one begins; a power of two. 0 = as many as the engine finds right. For tests.
  std::uint64_t numbers_at_once = 0;
  instant now = no_instant;
  std::uint64_t seed = 0; // randomness for a new store's id and hash seed; from the caller
  /// A clock further ahead of the last commit is not believed (clock_implausible), as one before
  /// 2025 of a new store or after 2074: with it identities would expire and the store's time, which
  /// never goes back, would stay there. 0 = it is believed.
  duration clock_jump_max{0};
  /// Bytes of the disk's free space that what is derived and can wait leaves alone: they are for
  /// commits. Of SQLite.
  std::uint64_t disk_reserve = 0;
};

/// Whether a store's URL names a PostgreSQL server, as libpq takes it.
bool is_postgres_url(std::string_view url) noexcept;

/// "memory:" or a directory (created 0700 if absent) that holds the SQLite store. One on PostgreSQL
/// is opened with open_postgres(): invalid_argument.
result<std::unique_ptr<engine>> open(const std::string& url, const open_options& options);

} // namespace skein::journal
