// Every message type of the CAF shells. They stay in one process: what crosses nodes is a frame.
//
//   parcel<T>  one input for the core inside; shared, never copied, used by its only receiver
//   burst_end  what an actor sends to itself with the first input of a burst: it stands behind all
//              that waits already, and when it comes the core finishes with all of it at once
#pragma once

#include "actors/access/access_core.hpp"
#include "actors/agent_core.hpp"
#include "actors/cluster/keeper_desk.hpp"
#include "actors/cluster/lease_core.hpp"
#include "actors/gateway_core.hpp"
#include "actors/jobs/job_core.hpp"
#include "actors/retry_core.hpp"
#include "actors/scheduler_core.hpp"
#include "actors/shutdown_core.hpp"

#include <caf/all.hpp>

#include <functional>
#include <memory>
#include <optional>

namespace skein {

template <class T>
struct parcel {
  std::shared_ptr<T> value;
};

template <class T>
parcel<T> make_parcel(T value) {
  return {std::make_shared<T>(std::move(value))};
}

struct burst_end {};

/// A gateway input with the caller's callback for its answer.
struct gateway_call {
  gateway_input input{};
  std::function<void(publish_reply)> published{};
  std::function<void(std::vector<answer>)> answered{};
};

/// A command or a question for the jobs or the tokens, with the caller's callback.
struct job_call {
  caller by;
  std::string operation;
  std::string arguments; // JSON
  std::function<void(api_answer)> answered;
};

struct access_call {
  caller by;
  std::string operation;
  std::string arguments; // JSON
  std::function<void(api_answer)> answered;
};
/// For the keepers, wherever they are, or for a node, with the caller's callback.
struct desk_call {
  caller by;
  std::string operation;
  std::string arguments; // JSON
  std::function<void(api_answer)> answered;
  std::string node{}; // that is to do it; empty: whichever has the keepers
};
/// The shard whose owner has the keepers has come to this node.
struct keepers_adopted {
  epoch_no epoch{};
};
/// It has gone, or goes now.
struct keepers_over {};
/// What the journal has of the jobs and the tokens, in cores that have not started.
struct kept_cores {
  std::shared_ptr<job_core> jobs;
  std::shared_ptr<access_core> access;
};
struct keepers_read_again {
  epoch_no epoch{};
};
/// These have had their time.
struct keepers_end {
  caf::actor jobs, access;
};
struct read_tokens_now {};
/// What the store has of them; empty: it could not be read.
struct tokens_read {
  std::optional<std::vector<access_token>> valid;
};
struct keepers_read {
  epoch_no epoch{};
  result<kept_cores> found = errc::internal;
};
/// Another configuration of an agent, and who runs its turns now; null: whoever did.
struct agent_change {
  agent_change_in to;
  runner_port* runner = nullptr;
};
/// An agent that came with another configuration.
struct agent_joined {
  caf::weak_actor_ptr agent;
};
/// A change that was made elsewhere, with what is to be called once its record is durable.
struct audit_call {
  audit_record record;
  std::string number; // tells it from others of its moment; empty: the keeper gives it one
  std::function<void(api_answer)> written;
};

} // namespace skein

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::burst_end)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::scheduler_input>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::retry_input>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::agent_input>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::agent_change>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::agent_joined>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::job_file_in>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::gateway_call>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::shutdown_input>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::job_input>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::job_call>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::access_input>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::frame>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::lease_input>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::access_call>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::desk_input>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::desk_call>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::keepers_adopted>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::keepers_over>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::keepers_read_again>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::keepers_end>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::keepers_read>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::read_tokens_now>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::tokens_read>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::audit_call>)
