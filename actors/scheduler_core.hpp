// The heart of a loop: takes events in, keeps the lanes of its shards, starts turns when their
// lane, their agent's slots and the disk allow it, and turns outcomes into commits.
//
// Pure: take(input, now) and finish() append effects; the shell (scheduler_actor) carries them out
// in order.
// The world answers with further inputs. Nothing here waits, reads a clock, logs or throws.
//
// What must hold
//   - Nothing is acknowledged, and no turn's successor started, before the commit that it stands
//   on.
//   - Submits are answered in order, so contexts_ is a queue that mirrors what is with the journal.
//   - Every delivery here is in exactly one stage (lanes.hpp); a delivery that is closing takes no
//     further outcome: the first one submitted is the one the journal will see first.
//   - A turn that was dispatched is counted as running, and keeps its lane, until its outcome came:
//     also when its delivery was ended by our word meanwhile (stopped_).
//   - While the store refuses, nothing starts that has not proved by a durable start that it can
//     commit (store_refuses_).
//   - What is in memory is a window: of each (agent, key) the first pending deliveries, in lane
//   order.
//     The rest is on disk, known here by number (away_list) or by time only (scheduler_ahead.cpp).
#pragma once

#include "actors/courier.hpp"
#include "actors/lanes.hpp"
#include "actors/log_pace.hpp"
#include "actors/ports.hpp"
#include "actors/retry_policy.hpp"
#include "actors/route_table.hpp"
#include "actors/scheduler_messages.hpp"
#include "actors/settings.hpp"
#include "actors/slot_account.hpp"
#include "actors/tenure.hpp"
#include "actors/timer_queue.hpp"
#include "journal/journal.hpp"
#include "protocol/frame.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace skein {

// ---- the core ---------------------------------------------------------------------------------

/// The pseudo agent whose one slot a node gives to accused deliveries, one at a time.
inline constexpr std::string_view alone_slot = "!alone";

/// How many deliveries a loop keeps in memory, and how far ahead it knows what is due.
struct window_settings {
  std::size_t deliveries = limits::loop_window_deliveries; // of all agents, about
  std::size_t of_agent = limits::agent_window_min;         // an agent has so many at least
  std::size_t of_lane = limits::lane_window_max;           // a lane at most
  duration ahead = limits::timers_ahead;
  std::size_t sleepers = limits::loop_window_sleepers; // of all agents, beside `deliveries`
};

struct scheduler_settings {
  address self;           // {node, "loop/N"}
  std::uint64_t boot = 0; // of its process, in its frames
  loop_no loop{};
  std::uint32_t loops = 1;  // a shard belongs to loop (shard mod loops)
  std::uint32_t shards = 1; // of the store
  epoch_no epoch{};         // of all of them, on a node that has its store alone
  bool shared = false;      // the store is several nodes': shards come by adopted_shards alone
  agent_no outbox{};        // of a shared one: the agent that takes what is emitted to others
  /// By agent number: every agent that the store knows, the configured ones with their settings.
  struct agent {
    std::string name;
    bool configured = false;
    bool pure = false;
    bool has_state = false;
  };
  std::vector<agent> agents;
  std::vector<route_table::route> routes;
  window_settings window;
  instant opened_at = no_instant; // what was due then is told by recover()
  bool unclean = false;           // the last process did not stop in order
  bool tell_turns = false;        // a log line for each start and end
};

class scheduler_core {
 public:
  explicit scheduler_core(scheduler_settings settings);

  /// Before the first step: every pending event of this loop's shards, in lane order.
  void recover(const journal::pending_event& found);
  /// After the last recover(): the rows that are to be read first, and they; until there are none.
  std::vector<read_rows_effect> first_rows();
  void take_first(rows_in input, instant now);
  /// After the last take_first(): arms what was found.
  void start(moment now, scheduler_effects& out);

  /// store_port::foreign_announced, seen after the clock that the next input comes with.
  void know_announced(std::uint64_t count) { foreign_announced_ = count; }

  /// Takes the input in; what follows from it is done by finish(). All inputs that wait together
  /// are to be taken before one finish: then what they start and submit goes out in as few frames
  /// and submits as can be, and a loop that is behind works in larger portions, not in more.
  void take(scheduler_input input, moment now, scheduler_effects& out);
  void finish(scheduler_effects& out);
  /// A take and its finish.
  void step(scheduler_input input, moment now, scheduler_effects& out);
  /// So much is gathered that the journal should begin with it.
  bool has_enough() const noexcept;

  struct counters {
    std::uint64_t turns = 0, done = 0, failed = 0, dead = 0, cancelled = 0, expired = 0,
                  retried = 0, slept = 0;
    std::uint64_t accepted = 0, duplicates = 0, unrouted = 0;
  };
  const counters& counted() const noexcept { return counted_; }
  std::size_t pending_events() const noexcept { return pending_; }
  /// In memory, for tests of the window.
  std::size_t events_here() const noexcept { return lanes_.events_here(); }
  std::size_t running_turns() const noexcept { return running_; }
  instant oldest_ready() const noexcept { return lanes_.oldest_ready(); }
  /// For the board: pending events, running turns, lanes, waiting deliveries by agent number.
  void describe(std::size_t& pending, std::size_t& running, std::size_t& lanes,
                std::vector<std::size_t>& waiting) const;

 private:
  struct publish_context {
    frame_header request;
    std::size_t members = 0;
    std::vector<std::pair<std::size_t, errc>> refused; // members that were not submitted, and why
    std::size_t operations() const noexcept { return members - refused.size(); }
  };
  struct outcome_context {
    std::uint32_t delivery = no_slot;
  };
  /// Who asked for a cancel; answered when the event has ended, one way or the other.
  struct cancel_context {
    event_id event;
    frame_header asker;
    std::uint64_t request = 0;
    std::size_t cancelled = 0; // deliveries whose cancellation was first
  };
  /// One per operation of a submit; a publish has one for all of its members.
  using context = std::variant<publish_context, outcome_context>;
  struct unanswered {
    std::vector<context> contexts;
    bool brings_events = false;
  };

  // intake (scheduler_intake.cpp)
  void on(frame_in& input);
  void on_publish(const frame_header& header, publish& body);
  void on(committed_in& input);
  void on(foreign_in& input);
  void settle_publish(const publish_context& request, committed_in& input, std::size_t first);
  result<journal::delivery_list> route(const offered_event& offered);
  publish_result settle_accept(const journal::accept_op& op, const journal::op_result& verdict,
                               instant at);
  void settle_submit(committed_in& input, const std::vector<context>& contexts);
  void tell_window_is_full();

  // a changed configuration (scheduler_change.cpp)
  void on(loop_change_in& input);
  void set_aside(agent_no agent);
  void leave_alone_slot_if_gone(std::uint32_t slot);

  void settle_failed_submit(committed_in& input, const std::vector<context>& contexts);
  void remember_answer(const frame_header& request, slice answer);
  void take_in(event_id id, const offered_event& offered, const journal::delivery_list& deliveries,
               instant at);
  void enter_or_sleep(std::uint32_t event, std::uint32_t delivery, std::string_view key,
                      instant due);
  void leave_to(away_list& list, const lane_place& at, bool was_due);
  void put_to_sleep(std::uint32_t event, std::string_view key, instant due);
  slice body_to_keep(const slice& body);
  void drop_body(live_event& event);

  void gather(journal::operation op);

  // shards (scheduler_shards.cpp)
  void on(adopted_shards& input);
  static std::size_t count_sharing(const scheduler_settings& settings);
  void know_agents(const std::vector<std::string>& names);
  void on(leave_in& input);
  void on(stay_in& input);
  void on(lose_in& input);
  void on(forgot_in& input);
  void on(lease_until_in& input);
  void lose(const std::vector<shard_id>& shards);
  void is_fenced(shard_id shard, epoch_no epoch);
  void stop_turns_of(const shard_set& shards);
  void keep_until_answered(const journal::operation& op);
  void give_up_what_is_quiet();
  bool is_quiet(shard_id shard) const;
  bool has_deferred_of(shard_id shard) const;
  void drop_deferred_of(const shard_set& shards);
  void forget(const shard_set& shards);
  void end_empty_tenures();
  void forget_askers_of(const shard_set& shards);
  void enter_lane(std::uint32_t delivery, std::string_view key, instant ready_at, bool ripe);
  shard_set set_of(const std::vector<shard_id>& shards) const;
  /// It leaves, or is lost: nothing of it starts.
  bool goes(shard_id shard) const noexcept { return shards_[raw(shard)].at != shard_stage::held; }
  bool takes_events_of(shard_id shard) const noexcept;
  epoch_no epoch_of(shard_id shard) const { return shards_[raw(shard)].epoch; }
  std::uint32_t tenure_no_of(shard_id shard) const { return shards_[raw(shard)].tenure; }
  tenure& tenure_of(shard_id shard) { return tenures_.at(tenure_no_of(shard)); }
  bool is_of_loop(shard_id shard) const noexcept {
    return raw(shard) % settings_.loops == raw(settings_.loop);
  }
  bool is_here(shard_id shard) const noexcept {
    return raw(shard) < shards_.size() && tenure_no_of(shard) != no_tenure;
  }

  // the window (scheduler_window.cpp)
  struct rows_asked;
  struct list_owner;
  using rows_read = result<std::vector<journal::pending_delivery>>;
  std::size_t agent_window() const noexcept;
  std::size_t window_used(agent_no agent) const noexcept;
  std::size_t lane_window() const noexcept;
  bool has_later_here(std::uint32_t lane, const lane_place& at) const noexcept;
  bool has_later_away(std::uint32_t lane, const lane_place& at) const noexcept;
  away_list* list_for(tenure& of, agent_no agent, std::string_view key, const lane_place& at);
  away_list* lane_list_for(std::uint32_t lane_slot, const lane_place& at);
  void put_away(away_list& list, const lane_place& at);
  void put_late(away_list& list, const lane_place& at);
  void forget(std::uint32_t delivery);
  void top_up();
  void top_up_agent(agent_no agent);
  void top_up_from(std::uint32_t tenure_no, agent_no agent, std::size_t& coming);
  std::size_t coming_to(agent_no agent) const noexcept;
  void top_up_lane(std::uint32_t lane_slot);
  void begin_portion(away_list& list, const list_owner& owner, std::size_t room);
  void take_late(away_list& list, const lane_place& end, std::size_t most);
  void go_on(away_list& list, const list_owner& owner);
  std::size_t room_of(const list_owner& owner) const;
  void enter_portion(away_list& list, const list_owner& owner);
  void ask_portion(away_list& list, const list_owner& owner);
  void ask(std::vector<std::uint64_t> sequences, rows_asked what);
  void ask_again();
  void on(rows_in& input);
  away_list* list_of(const list_owner& owner);
  void take_portion(const list_owner& owner, rows_read& read);
  void enter_row(journal::pending_delivery& row);
  void end_crashed();
  void leave_out_foreign(const rows_asked& asked, rows_read& read) const;
  void take_unreadable(bool is_wanted, rows_read& read);
  bool end_damaged(journal::pending_delivery& row);
  void end_unreadable();
  std::uint32_t bring_in(journal::pending_delivery& row);
  void want(std::uint64_t sequence);
  void ask_wanted();
  void take_out(const journal::pending_delivery& which);
  void has_ended_early(const delivery_id& which);
  bool is_taken_out(const delivery_id& which) const;
  void forget_early_ends();
  void take_wanted(rows_asked& asked, rows_read& read);
  void reading_failed();
  std::size_t waiting_count(agent_no agent) const noexcept;
  bool is_all_here() const noexcept { return pending_ <= lanes_.events_here(); }

  // what is due later (scheduler_ahead.cpp)
  static void leave_on_disk(tenure& of, instant at);
  void leave_expiry(event_id event, instant at);
  void know_timer(const journal::timer& which);
  duration look_before() const noexcept;
  bool is_far(const tenure& of, instant due) const noexcept;
  void look_ahead();
  void look_ahead(std::uint32_t number);
  void on(timers_in& input);
  bool is_of(std::uint32_t number, const journal::timer& which) const noexcept;
  void take_past(std::uint32_t number, const journal::timer_page& page);
  void take_near(std::uint32_t number, const journal::timer_page& page);
  void take_sleepers(rows_asked& asked, rows_read& read);
  void know_ahead(tenure& of);

  // turns (scheduler_turns.cpp)
  void start_turns();
  void start_turns_of(agent_no agent);
  bool prepare(std::uint32_t lane_slot, std::uint32_t delivery, std::vector<event_id>& missing);
  bool may_run_alone(std::uint32_t lane_slot, std::uint32_t delivery);
  void park(std::uint32_t lane_slot);
  void unpark(std::uint32_t lane_slot, bool goes_first);
  void dispatch_turn(std::uint32_t delivery);
  void flush_dispatch(agent_no agent);
  void tell_demand(agent_no agent, bool always);
  void tell_slots(slot_account& slots, std::string_view name);
  void on_outcomes(const frame_header& header, outcomes& body);
  void take_outcome(turn_outcome& outcome);
  void settle_lane(std::uint32_t lane_slot);
  void finish_turn(std::uint32_t delivery);
  void put_to_sleep_again(std::uint32_t delivery);
  bool has_forbidden_state(std::uint32_t delivery);
  std::optional<journal::state_change> state_change_of(std::uint32_t delivery);
  result<std::vector<journal::accept_op>> route_emits(std::vector<offered_event>& emits,
                                                      shard_id from);
  void address_emit(journal::accept_op& emit, shard_id from) const;
  void finish_without_turn(std::uint32_t delivery, delivery_state state, errc code,
                           std::string text);
  void submit_finish(std::uint32_t delivery, journal::finish_op op);
  void settle_outcome(std::uint32_t delivery, journal::operation& op,
                      const journal::op_result& verdict, instant at);
  bool is_not_applied(std::uint32_t delivery, journal::finish_op& op,
                      const journal::op_result& verdict);
  void count_finish(std::uint32_t delivery, const journal::finish_op& op,
                    const journal::op_result& verdict);
  void settle_finish(std::uint32_t delivery, journal::finish_op& op,
                     const journal::op_result& verdict, instant at);
  void keep_state(std::uint32_t lane_slot, const journal::state_change& now);
  void settle_attempt(std::uint32_t delivery, const journal::attempt_op& op,
                      const journal::op_result& verdict);
  void again_at(std::uint32_t delivery, journal::attempt_op op, instant due, boot_time wake);
  void settle_start(std::uint32_t delivery, const journal::op_result& verdict);
  void count_outcome(delivery_state state);
  void on_grant(const grant& given);
  void on(state_in& input);
  void on(bodies_in& input);
  void on(decided_in& input);
  void on(retry_due_in& input);
  void on(stop_starting_in&);
  void on(watch_progress_in&);
  void on(tick_in&);
  void fire_timer(std::uint64_t sequence, bool expiry);
  void end_alone_turn();
  void give_back_slot(agent_no agent);
  void stop_turn(std::uint32_t delivery, bool holds_lane);
  void end_by_word(std::uint32_t delivery, delivery_state state, std::string text);
  bool may_start_one() const;

  // time (scheduler_time.cpp)
  void fire_due_timers();
  void wake_sleepers(std::uint32_t event);
  bool may_be_preceded() const noexcept;
  void settle_places();
  void mark_barrier();
  void ripen(std::uint64_t sequence);
  void has_become_due(const lane_place& at);
  lane_place certain_until() const noexcept;
  std::vector<std::uint32_t> deliveries_of(std::uint32_t event) const;

  // what the store refused (scheduler_deferred.cpp)
  void defer(std::uint32_t delivery, journal::operation op);
  bool is_stale(const journal::operation& op, std::uint32_t delivery) const;
  bool withdraw_deferred(std::uint32_t delivery);
  void refused_by_store();
  void taken_by_store();

  // look-ups and commands (scheduler_queries.cpp)
  void on_query(const frame_header& header, const query& body);
  void answer_question(const frame_header& asker, std::uint64_t request,
                       const nlohmann::json& question);
  void answer_to(const frame_header& asker, std::uint64_t request, errc code, std::string json);
  void on_cancel(const frame_header& asker, std::uint64_t request, event_id event);
  void event_ended(event_id event, delivery_state state);
  void resolve_absent(std::uint64_t sequence, event_id but);
  nlohmann::json lanes_view(const nlohmann::json& question) const;
  void watch(const frame_header& asker, std::uint64_t request, event_id event, duration timeout);

  address agent_at(agent_no agent) const;
  void send_reliable(const address& to, const message& body);
  void send(const address& to, const message& body);
  void log(log_severity severity, std::string_view id, std::string text,
           std::uint32_t delivery = no_slot);
  progress_effect progress_now() const;
  void submit_gathered();
  void hand_over(std::vector<journal::operation> batch, std::vector<context> contexts);
  void submit_deferred();
  void arm_wake();

  /// Whose away list; an empty key: the agent's own of that tenure.
  struct list_owner {
    agent_no agent{};
    std::string key;
    std::uint32_t tenure = 0;
  };
  /// What rows were asked for.
  struct rows_asked {
    enum class purpose : std::uint8_t { portion, sleepers, wanted } why = purpose::portion;
    list_owner owner;
    std::vector<std::uint64_t> sequences; // sleepers, wanted
  };
  struct watcher {
    event_id event;
    frame_header asker;
    std::uint64_t request = 0;
    boot_time until;
  };
  /// An outcome or a start that the store refused for now; submitted again a second later.
  struct deferred_operation {
    std::uint32_t delivery = no_slot;
    agent_no agent{};
    journal::operation op;
    std::size_t bytes = 0; // of the effects
  };
  /// A due event whose place is certain once this many submits are answered: whatever came before
  /// it was in one of them.
  struct ripening {
    lane_place at;
    std::uint64_t submits = 0;
  };
  struct timer_key {
    std::uint64_t sequence = 0;
    bool expiry = false;
    friend auto operator<=>(const timer_key&, const timer_key&) = default;
  };
  struct agent_slots {
    slot_account slots;
    std::size_t reading = 0; // lanes that wait for the store; each will use a slot
    std::vector<dispatched_turn> batch;
    std::size_t batch_bytes = 0;
    std::uint32_t served = 0; // the tenure from whose list a portion was begun last
  };

  static constexpr std::uint32_t no_tenure = ~0u;
  enum class shard_stage : std::uint8_t { held, leaving, closing };
  /// What the node has of a shard.
  struct shard_hold {
    epoch_no epoch{};
    std::uint32_t tenure = no_tenure; // none: it is another loop's, or another node's
    std::uint64_t pending = 0;        // events, wherever they are
    shard_stage at = shard_stage::held;
    bool lost = false; // it is another's already
    /// Closing: so many submits, once that is certain.
    std::optional<std::uint64_t> closes_after{};
  };

  scheduler_settings settings_;
  route_table routes_;
  lane_set lanes_;
  std::vector<shard_hold> shards_;
  std::map<std::uint32_t, tenure> tenures_; // by number
  std::uint32_t last_tenure_ = 0;
  std::vector<shard_id> going_;               // leaving or closing
  boot_time serves_until_ = boot_time::max(); // the leases last so long
  courier courier_;
  address broker_at_;

  std::vector<agent_slots> slots_;    // by agent number
  std::size_t sharing_agents_ = 1;    // that the window is for
  slot_account alone_;                // the node's one slot for accused deliveries
  std::deque<std::uint32_t> accused_; // deliveries that wait for it
  timer_queue<instant, timer_key> timers_;
  std::map<std::uint64_t, std::vector<watcher>> watchers_;       // by event sequence
  std::map<std::uint64_t, std::vector<cancel_context>> cancels_; // by event sequence
  std::deque<unanswered> contexts_;                              // per unanswered submit
  std::vector<journal::operation> submit_;                       // since the last finish
  std::size_t submit_bytes_ = 0;                                 // their payload
  std::vector<context> submit_contexts_;
  std::vector<std::vector<journal::operation>> spares_; // answered, empty: their room is used again
  std::vector<failed_attempt> failed_;                  // since the last finish
  std::deque<deferred_operation> deferred_;
  std::size_t deferred_bytes_ = 0;
  bool store_refuses_ = false;          // its last answer was a definite no
  std::size_t starts_ = 0;              // durable starts with the journal, or deferred
  std::size_t bringing_ = 0;            // unanswered submits with events that they may bring
  std::uint64_t foreign_announced_ = 0; // when the last input came
  std::uint64_t foreign_told_ = 0;
  std::uint64_t submitted_ = 0;
  std::uint64_t answered_ = 0;
  std::vector<lane_place> due_now_; // since the last finish: events that became due
  std::deque<ripening> ripening_;
  /// Dispatched turns whose deliveries are over or about to be, or were given up with their shard;
  /// the lane that waits for each. By the epoch too: the same turn may run again meanwhile.
  std::map<std::pair<turn_id, epoch_no>, std::uint32_t> stopped_;
  struct remembered {
    frame_header request;
    slice answer;
  };
  std::deque<remembered> answers_; // the last publish answers, for repeated requests
  std::size_t body_bytes_ = 0;
  std::uint64_t reads_ = 0;

  // the window
  std::size_t pending_ = 0;            // events, wherever they are
  std::set<std::uint32_t> long_lanes_; // those that have an away list
  std::vector<delivery_id> crashed_;   // too often, found since the last rows
  std::vector<std::pair<delivery_id, std::string>> unreadable_; // likewise, and why
  std::size_t damage_ends_ = 0;                                 // such that ended dead
  std::map<std::uint64_t, rows_asked> rows_asked_;              // by the number of the read
  std::set<std::uint64_t> wanted_;                   // events to be read since the last finish
  std::vector<rows_asked> asked_in_vain_;            // of sleepers and wanted: the reading failed
  std::map<delivery_id, std::uint64_t> ended_early_; // by our word; the last read asked for then

  std::size_t sleeping_ = 0;             // events here that sleep
  std::optional<boot_time> reads_again_; // reading failed: nothing more is asked for before

  std::size_t running_ = 0;  // dispatched turns without an outcome, stopped ones too
  std::size_t deciding_ = 0; // failures with the retry actor
  bool starting_ = true;
  bool watched_ = false;
  std::optional<progress_effect> last_progress_;
  counters counted_;
  log_pace unrouted_pace_, full_window_pace_;
  std::optional<boot_time> armed_;
  boot_time demand_told_{};
  boot_time started_{};                    // of this process's work
  moment before_{};                        // of the input before
  bool time_stands_still_ = false;         // the wall clock was set back and has to catch up
  std::vector<armed_retry> armed_retries_; // since the last finish
  std::vector<std::pair<agent_no, std::string>>
      stalled_; // lanes whose read failed: tried again at the next tick

  moment now_{}; // of the last input
  // of the take or finish under way

  scheduler_effects* out_ = nullptr;
};

} // namespace skein
