// The world as actors see it: Clock, Store, Bus, Runner. Each has its real side in nodes/ and a
// simulated one in tests/sim/. No CAF here, so that nodes/ needs none.
//
// Every callback may be called on any thread and must only hand its argument over (a CAF message).
#pragma once

#include "journal/journal.hpp"
#include "journal/lease_store.hpp"
#include "protocol/frame.hpp"
#include "protocol/time.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace skein {

/// Time and timers. Actors never use CAF's.
class clock_port {
 public:
  virtual ~clock_port() = default;
  virtual moment now() const = 0;
  /// Calls `fire` once, at or after `at` by boot time, never earlier, and again when the wall clock
  /// was set (timers on wall instants are kept as boot time and must then be looked at anew).
  virtual void wake_at(boot_time at, std::function<void()> fire) = 0;
  /// Processor time of the calling thread, for accounting only; constant in simulations.
  virtual duration thread_cpu() const = 0;
};

/// What the writer of the store has done, for metrics.
struct writer_facts {
  /// Upper bounds of the classes of `took`; the last class has none.
  static constexpr std::array<duration, 11> bounds{
      std::chrono::microseconds{500}, std::chrono::milliseconds{1},
      std::chrono::milliseconds{2},   std::chrono::milliseconds{5},
      std::chrono::milliseconds{10},  std::chrono::milliseconds{20},
      std::chrono::milliseconds{50},  std::chrono::milliseconds{100},
      std::chrono::milliseconds{500}, std::chrono::milliseconds{1000},
      std::chrono::milliseconds{5000}};
  std::array<std::uint64_t, bounds.size() + 1> took{}; // commits that wrote, by duration
  duration took_in_all{0};
  std::uint64_t operations = 0;      // decided, those that wrote nothing too
  std::uint64_t refused = 0;         // commits of which nothing was written
  std::size_t queued_operations = 0; // that wait for a commit
  std::uint64_t unreadable = 0;      // reads that failed, or found damage
};

/// The disk that the store lies on, in bytes.
struct disk_facts {
  std::uint64_t total = 0;
  std::uint64_t free = 0;   // for this user
  std::uint64_t mark = 0;   // below it no new events are taken
  std::uint64_t reopen = 0; // from here on they are taken again
  std::uint64_t ballast = 0;
  bool low = false;
};

/// What the store says of itself.
struct store_facts {
  journal::ledger events;
  journal::ledger deliveries;
  journal::engine::io_counters io;
  writer_facts writer;
  commit_no last_commit{};
  journal::engine::retention_facts retention{};
  std::optional<disk_facts> disk = std::nullopt; // of one that lies on a disk
};

/// An event that came into being on a shard of a loop of this node by the commit of another loop,
/// or of one that is no loop.
struct foreign_event {
  event_id event;
  offered_event offered;
  journal::delivery_list deliveries;
};
struct foreign_events {
  instant at = no_instant;
  std::vector<foreign_event> events;
};

/// Shards that are this node's from now on. Told to every loop: to the one that has a shard with
/// what is pending of it, in lane order; to the others for its epoch, as their turns may emit to
/// it.
struct adopted_shards {
  std::vector<journal::held_shard> shards;
  instant opened_at = no_instant; // engine time when that was read: what was due then is told
  bool unclean = false;           // who had them before did not give them up in order
  std::vector<journal::pending_event> pending; // of the loop's own
  std::vector<agent_no> agents_with_state;
  std::vector<std::string> agent_names; // by number: other nodes may have others
};

/// What a loop is told by the store, in commit order with its own answers.
struct loop_feed {
  std::function<void(foreign_events)> foreign;
  std::function<void(adopted_shards)> adopted{}; // of a store that several nodes share
};

/// The journal, asynchronously. Answers come in the order of the submits of their loop.
class store_port {
 public:
  virtual ~store_port() = default;

  /// The outcome of a whole submit: a receipt for exactly these operations, or the error for all.
  /// The operations come back, so that the submitter need not keep them.
  using committed =
      std::function<void(result<journal::commit_receipt>, std::vector<journal::operation>)>;
  /// `loop` submits. Who is no loop has the number behind the last one's: all of its events are
  /// told to the loops that own them, before its answer.
  virtual void submit(loop_no loop, std::vector<journal::operation> batch, committed done) = 0;

  /// Set before the first submit.
  virtual void attach(loop_no loop, loop_feed feed) = 0;

  /// How often the loop was told foreign events, or will be, of commits that have begun. A commit
  /// is counted before it takes its time: what is not counted yet is accepted later than now. Any
  /// thread.
  virtual std::uint64_t foreign_announced(loop_no loop) const = 0;

  /// Called after each durable commit; for the stream.
  virtual void on_commit(std::function<void(commit_no)> listener) = 0;

  /// What a turn waits for: runs on the store's reading thread, in order of arrival. Bounded by the
  /// callers' own limits on what they have in flight.
  virtual void read(std::function<void(journal::reader&)> work) = 0;

  /// What people wait for: look-ups, which may scan a lot, and the stream. On a thread of its own,
  /// so that no turn waits behind them; in order of arrival.
  virtual void look_up(std::function<void(journal::reader&)> work) = 0;

  virtual void facts(std::function<void(result<store_facts>)> done) = 0;

  /// Gives agents of these names numbers, as far as they have none; answers with the names of all,
  /// by number. After an error some may have got theirs, which does no harm.
  virtual void know_agents(std::vector<std::string> names,
                           std::function<void(result<std::vector<std::string>>)> done) = 0;

  // ---- a store that several nodes share ----

  /// The engine takes them over and tells what is pending of them; the loops are told before any
  /// later commit is answered, then `done` is called. After an error no loop is told.
  virtual void adopt(std::vector<journal::held_shard> shards, bool in_order,
                     std::function<void(result<void>)> done) = 0;
  /// The engine forgets them: what still comes for them is fenced.
  virtual void release(std::vector<shard_id> shards, std::function<void()> done) = 0;
  /// From then on every commit is refused (store_unreachable), until a later time is told: the
  /// leases may be over, and the shards another's. Any thread.
  virtual void commit_until(boot_time until) = 0;
};

/// The leases of a store that several nodes share (journal/lease_store.hpp), asynchronously.
/// Answers come in the order of the questions.
class lease_port {
 public:
  virtual ~lease_port() = default;

  struct beat {
    result<journal::cluster_view> view = errc::internal;
    result<std::vector<journal::held_shard>> held = errc::internal;
  };
  /// Renews what is held and tells who is there.
  virtual void beat_now(duration ttl, bool leaving, std::function<void(beat)> done) = 0;
  virtual void take(std::vector<shard_id> shards, duration ttl,
                    std::function<void(result<std::vector<journal::taken_shard>>)> done) = 0;
  virtual void release(std::vector<shard_id> shards, std::function<void(result<void>)> done) = 0;
};

/// Frames to other parts, through the broker.
class bus_port {
 public:
  virtual ~bus_port() = default;
  /// false = not sent (the queue is full or the link is down): the caller keeps it and tries again.
  virtual bool send(slice frame) = 0;
};

/// Runs turns of one kind of agent in the outside world.
struct turn_start {
  turn_id turn;
  std::string agent;
  std::string name;          // 17-42.bot/1
  std::uint32_t attempt = 0; // 1 + those that failed
  std::uint32_t sleeps = 0;  // how often it slept
  std::string token;         // stable over attempts, another one after a sleep
  bool has_state = false;
  slice state;
  slice body; // encoded event
};

enum class stop_stage : std::uint8_t { tell = 0, terminate = 1, kill = 2 };

/// What a runner reports. `emits` are events as the agent wrote them: the engine completes and
/// checks them.
struct turn_report {
  turn_id turn;
  turn_verdict verdict = turn_verdict::done;
  errc code = errc::none;
  std::string error;
  std::string hint;        // of one that is returned: what may explain why it had to be stopped
  duration retry_after{0}; // as of turn_outcome
  data_kind reply_kind = data_kind::none;
  std::string reply;
  bool sets_state = false;
  bool deletes_state = false;
  std::string state; // JSON text
  std::vector<event> emits;
};

/// How it goes with what a runner keeps running.
enum class runner_state : std::uint8_t { idle, up, failing };
struct runner_health {
  runner_state state = runner_state::idle;
  std::size_t programs = 0;   // alive
  std::uint64_t restarts = 0; // programs started again after one had ended, or tried to be
  std::string error;          // the last reason why a program ended or was not started
  instant error_at = no_instant;

  friend bool operator==(const runner_health&, const runner_health&) = default;
};

/// What a runner tells, in this order.
struct runner_news {
  std::vector<turn_id> begun; // from here on their time counts
  std::vector<turn_report> ended;
  std::optional<runner_health> health; // if it changed
};

class runner_port {
 public:
  virtual ~runner_port() = default;
  /// Exactly one report follows for each turn started, whatever happens to it; before it, `begun`
  /// once if something outside has begun to run it.
  virtual void start(std::vector<turn_start> turns) = 0;
  /// Escalates: tell asks, terminate ends the process (group), kill forces. A turn that ends so is
  /// reported as `returned`.
  virtual void stop(turn_id turn, stop_stage stage) = 0;
};
/// Called by a runner; any thread.
using runner_sink = std::function<void(runner_news)>;

} // namespace skein
