// What a loop is told, and what it asks of the world: the inputs and effects of scheduler_core.
#pragma once

#include "actors/ports.hpp"
#include "journal/journal.hpp"
#include "protocol/frame.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace skein {

// ---- inputs -----------------------------------------------------------------------------------

struct frame_in {
  frame value;
};
/// The answer to the oldest unanswered submit, with its operations back.
struct committed_in {
  result<journal::commit_receipt> receipt = errc::internal;
  std::vector<journal::operation> batch;
};
/// Events of this loop's shards that another loop's commit brought into being, in commit order.
struct foreign_in {
  foreign_events of;
};
struct state_in {
  agent_no agent{};
  std::string key;
  std::uint64_t number = 0; // of the read_state effect
  result<std::optional<slice>> state = errc::internal;
};
struct bodies_in {
  std::vector<event_id> events;
  result<std::vector<slice>> bodies = errc::internal;
};
struct rows_in {
  std::uint64_t number = 0; // of the read_rows effect
  result<std::vector<journal::pending_delivery>> rows = errc::internal;
};
struct timers_in {
  std::uint32_t tenure = 0; // as `past`, of the read_timers effect
  bool past = false;
  result<journal::timer_page> page = errc::internal;
};
/// The retry actor's word on a failed attempt.
struct retry_decision {
  turn_id turn;
  bool again = false;
  instant due = no_instant; // of the next attempt
  boot_time wake;           // the same, by the clock that is never set
};
struct decided_in {
  std::vector<retry_decision> decisions;
};
/// The time of these attempts (the failed ones, and those that slept) has come.
struct retry_due_in {
  std::vector<turn_id> failed;
};
struct tick_in {};
/// They are not this node's any more, or about to be another's: no turn emits to them.
struct forgot_in {
  std::vector<shard_id> shards;
};
/// Until then, and no longer, may turns start: behind it the shards may be another node's.
struct lease_until_in {
  boot_time until;
};
/// They are to be given up: nothing of them starts any more; gave_up follows once what runs has
/// ended and is durable. Until shortly before that, new events are taken.
struct leave_in {
  std::vector<shard_id> shards;
};
/// They are not given up after all.
struct stay_in {
  std::vector<shard_id> shards;
};
/// They are another's already, by epochs behind these: what runs is stopped and counts for nothing;
/// gave_up follows.
struct lose_in {
  std::vector<journal::held_shard> shards;
};
/// The configuration has changed: from here on events are routed and turns started by this one.
/// What runs is not touched.
struct loop_change_in {
  struct agent {
    std::string name;
    bool configured = false;
    bool pure = false;
  };
  struct route {
    std::string type, source, key; // as of route_table
    agent_no agent{};
  };
  std::vector<agent> agents;                // by number: all that the store knows
  std::optional<std::vector<route>> routes; // empty: those that are in force stay
  bool tell_turns = false;                  // as in scheduler_settings
};
/// Drain: start nothing more.
struct stop_starting_in {};
/// Drain: how much is left? Answered with a progress effect now and at each change.
struct watch_progress_in {};

using scheduler_input = std::variant<frame_in, committed_in, foreign_in, state_in, bodies_in,
                                     rows_in, timers_in, decided_in, retry_due_in, tick_in,
                                     stop_starting_in, watch_progress_in, adopted_shards, leave_in,
                                     stay_in, lose_in, forgot_in, lease_until_in, loop_change_in>;

// ---- effects ----------------------------------------------------------------------------------

struct submit_effect {
  std::vector<journal::operation> batch;
};
struct send_effect {
  slice bytes;
};
struct read_state_effect {
  agent_no agent{};
  std::string key;
  std::uint64_t number = 0;
};
struct read_bodies_effect {
  std::vector<event_id> events;
};
struct read_rows_effect {
  std::uint64_t number = 0;
  std::vector<std::uint64_t> sequences; // ascending
};
struct read_timers_effect {
  std::uint32_t tenure = 0;
  bool past = false;
  journal::timer_query which;
};
struct failed_attempt {
  turn_id turn;
  agent_no agent{};
  turn_verdict verdict = turn_verdict::failed;
  duration retry_after{0};
  std::uint32_t sleeps = 0; // of the turns so far: they did not fail
};
struct ask_retry_effect {
  std::vector<failed_attempt> attempts;
};
/// The failed attempt, or the turn that went to sleep, is durable (or was found so at start): wake
/// its delivery at `due`.
struct armed_retry {
  turn_id failed;
  boot_time due;
};
struct arm_retry_effect {
  std::vector<armed_retry> retries;
};
struct wake_effect {
  boot_time at;
};
/// Nothing of these shards is here any more, nor with the journal.
struct gave_up_effect {
  std::vector<shard_id> shards;
};
/// The store says that this shard is another's.
struct fenced_effect {
  shard_id shard{};
  epoch_no epoch{}; // that was refused
};
struct progress_effect {
  std::size_t running = 0;     // turns dispatched without outcome, failures without decision
  std::size_t uncommitted = 0; // submits unanswered
  std::size_t pending = 0;     // events
};
enum class log_severity : std::uint8_t { debug, info, warning, error };
struct log_effect {
  log_severity severity = log_severity::info;
  std::string_view id; // kebab-case, stable
  std::string text;
  std::string event, agent, key;
};

using scheduler_effect =
    std::variant<submit_effect, send_effect, read_state_effect, read_bodies_effect,
                 read_rows_effect, read_timers_effect, ask_retry_effect, arm_retry_effect,
                 wake_effect, gave_up_effect, fenced_effect, progress_effect, log_effect>;
using scheduler_effects = std::vector<scheduler_effect>;

} // namespace skein
