// The pool of one agent on one node: takes dispatched turns, has them run, watches their time, and
// sends the outcomes back to the loop that asked. `echo` and `noop` are answered right here; other
// kinds go to a runner.
//
//   dispatched -> waiting --begun--> running --report--> outcome sent (again until acknowledged)
//                   |  timeout, counted from begun: terminate, then kill -> failed (agent_timeout)
//                   |  cancel:  tell, terminate, then kill  -> returned, nobody waits for it
//                   |  drain in haste: as cancel            -> returned: not counted, run again
//                   later
//
// Slots: the broker is told how many were ever opened: the concurrency, plus one for each turn that
// ended. What was opened cannot be taken back: after the concurrency has become less, turns beyond
// it wait here, and of those that end so many open none.
#pragma once

#include "actors/courier.hpp"
#include "actors/ports.hpp"
#include "actors/scheduler_core.hpp"
#include "actors/settings.hpp"
#include "actors/timer_queue.hpp"

#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace skein {

struct news_in {
  runner_news news;
};
/// Drain: stop what runs and give it back.
struct hasten_in {};
/// The configuration has changed: turns that begin from here on do so by this one.
struct agent_change_in {
  agent_settings agent; // of the same name
  bool replies_are_events = false;
};
using agent_input =
    std::variant<frame_in, news_in, hasten_in, lease_until_in, lose_in, agent_change_in, tick_in>;

struct start_effect {
  std::vector<turn_start> turns;
};
struct stop_effect {
  turn_id turn;
  stop_stage stage = stop_stage::tell;
};
/// Turns that were running when the drain's time was up.
struct left_effect {
  std::vector<std::string> turns;
};
using agent_effect =
    std::variant<send_effect, start_effect, stop_effect, wake_effect, left_effect, log_effect>;

struct agent_core_settings {
  agent_settings agent;
  std::string node;
  std::uint64_t boot = 0; // of its process, in its frames
  std::string store_id;   // part of every token
  hash_settings hash;
  event_limits events;
  bool replies_are_events = false; // some route names reply_event_type
  bool serves_alone_slot = false;  // one agent of the node opens the slot for accused deliveries
  bool shared = false;             // the store is: no turn begins before lease_until_in, or later
};

class agent_core {
 public:
  explicit agent_core(agent_core_settings settings);

  void start(moment now, std::vector<agent_effect>& out);
  /// Takes the input in; what follows from it goes out with finish(), for all inputs together that
  /// were taken before. Time may pass in between: whether a turn is late is looked at when it
  /// begins.
  void take(agent_input input, moment now, std::vector<agent_effect>& out);
  void finish(moment now, std::vector<agent_effect>& out);
  /// A take and its finish.
  void step(agent_input input, moment now, std::vector<agent_effect>& out);

  std::size_t running() const noexcept { return running_.size(); }
  struct counters {
    /// `rejected` and those of `timeouts` that ended so are among the failed.
    std::uint64_t turns = 0, done = 0, failed = 0, rejected = 0, returned = 0, timeouts = 0,
                  slept = 0;
  };
  const counters& counted() const noexcept { return counted_; }
  /// What the runner last said of its programs.
  const runner_health& health() const noexcept { return health_; }

 private:
  enum class ending : std::uint8_t { none, timeout, cancel, drain };
  struct running_turn {
    address loop;
    epoch_no epoch{};
    std::uint32_t sleeps = 0;
    instant started; // dispatched, later begun
    duration timeout{0};
    slice body;
    ending why = ending::none;
    stop_stage stage = stop_stage::tell;
    // Of the escalation; an earlier timer is stale. Empty while nobody runs the turn: its time does
    // not count yet.
    std::optional<boot_time> next_step;
  };

  void on(frame_in& input);
  void on(news_in& input);
  void begun(const turn_id& turn);
  void ended(turn_report& report);
  void on(hasten_in& input);
  void on(lease_until_in& input);
  void on(lose_in& input);
  void on(agent_change_in& input);
  void open_slot();
  bool is_late(const turn_id& turn, epoch_no epoch) const;
  void on(tick_in& input);
  void give_back(const address& loop, const turn_id& turn, epoch_no epoch);
  bool give_back_unbegun(const turn_id& turn);
  void begin_turns();
  void on_dispatch(const frame_header& header, dispatch& body);
  void answer_at_once(const address& loop, dispatch& body);
  void run(const address& loop, dispatched_turn& turn);
  void stop(const turn_id& turn, running_turn& entry, ending why);
  void escalate(const turn_id& turn);
  turn_outcome outcome_of(const running_turn& entry, turn_report& report) const;
  void complete_emits(const running_turn& entry, turn_report& report, turn_outcome& outcome) const;
  std::string name_of(const turn_id& turn) const;
  void send_outcomes(const address& loop, std::vector<turn_outcome> turns);
  void tell_credit();

  agent_core_settings settings_;
  courier courier_;
  address broker_at_;
  std::unordered_map<turn_id, running_turn, hash_of_id> running_;
  std::vector<turn_start> starts_; // of `running_`: they begin with a finish that has room
  timer_queue<boot_time, turn_id> timers_;
  std::map<address, std::vector<turn_outcome>> outcomes_; // since the last finish, by loop
  boot_time serves_until_ = boot_time::max(); // behind it the shards may be another node's
  std::map<shard_id, epoch_no> lost_;         // the newest epochs that are over
  std::uint64_t opened_total_ = 0;
  std::uint64_t opened_too_many_ = 0;
  std::uint64_t told_total_ = 0;
  boot_time told_at_{};
  std::optional<boot_time> armed_;
  counters counted_;
  runner_health health_;

  moment now_{};
  std::vector<agent_effect>* out_ = nullptr;
};

} // namespace skein
