// Every message type of the CAF shells. They stay in one process: what crosses nodes is a frame.
//
//   parcel<T>  one input for the core inside; shared, never copied, used by its only receiver
//   burst_end  what an actor sends to itself with the first input of a burst: it stands behind all
//              that waits already, and when it comes the core finishes with all of it at once
#pragma once

#include "actors/access/access_core.hpp"
#include "actors/agent_core.hpp"
#include "actors/gateway_core.hpp"
#include "actors/jobs/job_core.hpp"
#include "actors/retry_core.hpp"
#include "actors/scheduler_core.hpp"
#include "actors/shutdown_core.hpp"

#include <caf/all.hpp>

#include <functional>
#include <memory>

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
/// A change that was made elsewhere, with what is to be called once its record is durable.
struct audit_call {
  audit_record record;
  std::function<void(api_answer)> written;
};

} // namespace skein

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::burst_end)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::scheduler_input>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::retry_input>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::agent_input>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::gateway_call>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::shutdown_input>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::job_input>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::job_call>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::access_input>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::access_call>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(skein::parcel<skein::audit_call>)
