// The actors of a node and what each needs. A shell receives inputs, steps its core, and carries
// out the effects in order; it decides nothing. Those whose inputs come in numbers (scheduler,
// agent) take all that waits in their mailbox and finish once.
//
//        publish, ask                   frames (Bus)
//   api ------------> gateway <------------------------> broker <---> agent (one an agent)
//                        |                                  ^              | start, stop
//                        | progress                  frames |              v
//                        v                                  v           Runner
//                     shutdown <-------- progress ----- scheduler (one a loop) ---> Store, Clock
//                                                          ^  |
//                                                 decided, |  | failed, armed
//                                                      due |  v
//                                                         retry (one a loop)
//
// The jobs submit to the Store by themselves; the loops are told of their events as of those that
// another loop's turns emit. So do the tokens and the records of changes, which have no events. Of
// nodes that share a store one has both (keepers).
#pragma once

#include "actors/access/token_book.hpp"
#include "actors/board.hpp"
#include "actors/jobs/job_reading.hpp"
#include "actors/log.hpp"
#include "actors/ports.hpp"
#include "actors/type_ids.hpp"

#include <deque>

namespace skein {

struct scheduler_parts {
  std::unique_ptr<scheduler_core> core;
  loop_no loop{};
  clock_port* clock = nullptr;
  store_port* store = nullptr;
  bus_port* bus = nullptr;
  caf::actor retry;
  caf::actor shutdown;
  log_sink log;
  std::shared_ptr<board<loop_facts>> facts;
  caf::weak_actor_ptr membership; // set before the first shard comes; none on a store of its own
};
struct scheduler_state {
  static inline const char* name = "scheduler";
  std::shared_ptr<scheduler_parts> parts;
  std::vector<scheduler_effect> effects;
  bool in_burst = false;           // a burst_end is on its way
  loop_facts facts;                // as last told
  std::deque<boot_time> submitted; // submits that are not answered, oldest first
};
caf::behavior scheduler_actor(caf::stateful_actor<scheduler_state>* self,
                              std::shared_ptr<scheduler_parts> parts);

struct retry_parts {
  std::unique_ptr<retry_core> core;
  clock_port* clock = nullptr;
  caf::weak_actor_ptr scheduler; // the first sender
};
struct retry_state {
  static inline const char* name = "retry";
  std::shared_ptr<retry_parts> parts;
  std::vector<retry_effect> effects;
};
caf::behavior retry_actor(caf::stateful_actor<retry_state>* self,
                          std::shared_ptr<retry_parts> parts);

struct agent_parts {
  std::unique_ptr<agent_core> core;
  std::string component; // "agent/NAME"
  clock_port* clock = nullptr;
  bus_port* bus = nullptr;
  runner_port* runner = nullptr; // null for kinds that run inside
  caf::actor shutdown;
  log_sink log;
  std::shared_ptr<board<agent_facts>> facts;
};
struct agent_state {
  static inline const char* name = "agent";
  std::shared_ptr<agent_parts> parts;
  std::vector<agent_effect> effects;
  bool in_burst = false; // a burst_end is on its way
};
caf::behavior agent_actor(caf::stateful_actor<agent_state>* self,
                          std::shared_ptr<agent_parts> parts);

struct gateway_parts {
  std::unique_ptr<gateway_core> core;
  clock_port* clock = nullptr;
  bus_port* bus = nullptr;
  caf::actor shutdown;
  log_sink log;
  std::shared_ptr<board<gateway_facts>> facts;
};
struct gateway_state {
  static inline const char* name = "gateway";
  std::shared_ptr<gateway_parts> parts;
  std::vector<gateway_effect> effects;
  std::uint64_t last_ticket = 0;
  std::map<std::uint64_t, std::function<void(publish_reply)>> published;
  std::map<std::uint64_t, std::function<void(std::vector<answer>)>> answered;
};
caf::behavior gateway_actor(caf::stateful_actor<gateway_state>* self,
                            std::shared_ptr<gateway_parts> parts);

struct jobs_parts {
  std::shared_ptr<job_core> core;
  loop_no as{}; // what it submits by: no loop has this number, so that each is told of its events
  run_places places;
  clock_port* clock = nullptr;
  store_port* store = nullptr;
  log_sink log;
  /// As node_api has them.
  std::function<void(event_id, duration, std::function<void(bool)>)> await;
  std::function<void(event_id)> cancel;
  std::shared_ptr<board<job_facts>> facts;
};
struct jobs_state {
  static inline const char* name = "jobs";
  std::shared_ptr<jobs_parts> parts;
  std::vector<job_effect> effects;
  std::uint64_t last_ticket = 0;
  std::map<std::uint64_t, std::function<void(api_answer)>> asked;
};
caf::behavior jobs_actor(caf::stateful_actor<jobs_state>* self, std::shared_ptr<jobs_parts> parts);

struct access_parts {
  std::shared_ptr<access_core> core;
  loop_no as{}; // as of the jobs
  agent_no audit_agent{};
  clock_port* clock = nullptr;
  store_port* store = nullptr;
  log_sink log;
  std::shared_ptr<token_book> book;
};
struct access_state {
  static inline const char* name = "access";
  std::shared_ptr<access_parts> parts;
  std::vector<access_effect> effects;
  std::uint64_t last_ticket = 0;
  std::map<std::uint64_t, std::function<void(api_answer)>> asked;
};
caf::behavior access_actor(caf::stateful_actor<access_state>* self,
                           std::shared_ptr<access_parts> parts);

/// On a node that shares its store with others: what is asked of the keepers of jobs and tokens,
/// and, while they are this node's, those themselves.
struct keepers_parts {
  std::unique_ptr<keeper_desk> desk;
  std::string node;
  caf::weak_actor_ptr membership; // set before there is anybody to ask
  clock_port* clock = nullptr;
  store_port* store = nullptr;
  bus_port* bus = nullptr;
  log_sink log;
  std::shared_ptr<token_book> book;
  agent_no tokens_agent{};
  /// On a thread of the store.
  std::function<result<kept_cores>(journal::reader&, epoch_no)> read;
  std::function<std::shared_ptr<jobs_parts>(std::shared_ptr<job_core>)> jobs_parts_of;
  std::function<std::shared_ptr<access_parts>(std::shared_ptr<access_core>)> access_parts_of;
  std::function<void()> job_facts_of_others; // no jobs are kept here any more
};
struct keepers_state {
  static inline const char* name = "keepers";
  std::shared_ptr<keepers_parts> parts;
  std::vector<desk_effect> effects;
  std::uint64_t last_ticket = 0;
  std::map<std::uint64_t, std::function<void(api_answer)>> asked;
  std::optional<epoch_no> held; // adopted, and not over
  bool reading = false;
  caf::actor jobs, access;                  // there while they are here
  std::shared_ptr<const job_file_in> file;  // once the configuration has changed
  std::map<std::string, instant> told_uses; // of tokens, at the node that keeps them
  bool reading_tokens = false;
  boot_time next_tokens{};
};
caf::behavior keepers_actor(caf::stateful_actor<keepers_state>* self,
                            std::shared_ptr<keepers_parts> parts);

struct membership_parts {
  std::unique_ptr<lease_core> core;
  std::uint64_t boot = 0; // of this process, in frames
  lease_settings settings;
  clock_port* clock = nullptr;
  store_port* store = nullptr;
  lease_port* leases = nullptr;
  bus_port* bus = nullptr;
  std::vector<caf::weak_actor_ptr> schedulers;
  std::vector<caf::weak_actor_ptr> agents;
  caf::weak_actor_ptr gateway;
  caf::weak_actor_ptr keepers;
  std::function<void()> give_way; // another process has this node's name: this one is to end
  caf::weak_actor_ptr shutdown;
  log_sink log;
  std::shared_ptr<board<lease_facts>> facts;
};
struct membership_state {
  static inline const char* name = "membership";
  std::shared_ptr<membership_parts> parts;
  std::vector<lease_effect> effects;
  std::optional<boot_time> until; // the node's leases last; none: nobody was told of any yet
};
caf::behavior membership_actor(caf::stateful_actor<membership_state>* self,
                               std::shared_ptr<membership_parts> parts);

struct shutdown_parts {
  std::unique_ptr<shutdown_core> core;
  clock_port* clock = nullptr;
  caf::weak_actor_ptr gateway; // these are set by the engine once all exist
  caf::weak_actor_ptr jobs;
  caf::weak_actor_ptr access;
  caf::weak_actor_ptr membership; // of a shared store
  std::vector<caf::weak_actor_ptr> schedulers;
  std::vector<caf::weak_actor_ptr> agents;
  std::function<void(finish_effect)> finished;
  log_sink log;
};
struct shutdown_state {
  static inline const char* name = "shutdown";
  std::shared_ptr<shutdown_parts> parts;
  std::vector<shutdown_effect> effects;
};
caf::behavior shutdown_actor(caf::stateful_actor<shutdown_state>* self,
                             std::shared_ptr<shutdown_parts> parts);

/// For what outlives the actor, and must not keep it alive.
template <class Self>
caf::weak_actor_ptr weak(Self* self) {
  return caf::weak_actor_ptr{self->ctrl()};
}

/// To an actor that may be gone by then: nothing happens in that case.
template <class T>
void send_input(const caf::weak_actor_ptr& to, T input) {
  if (const auto alive = caf::actor_cast<caf::actor>(to))
    caf::anon_send(alive, make_parcel(std::move(input)));
}

/// Wakes an actor: its core gets a tick.
template <class Input>
std::function<void()> tick_of(caf::weak_actor_ptr to) {
  return [to = std::move(to)] { send_input(to, Input{tick_in{}}); };
}

/// Hands an actor's core what became of its batch.
template <class Input>
store_port::committed answer_to(caf::weak_actor_ptr to) {
  return [to = std::move(to)](result<journal::commit_receipt> receipt,
                              std::vector<journal::operation> batch) {
    send_input(to, Input{committed_in{std::move(receipt), std::move(batch)}});
  };
}

} // namespace skein
