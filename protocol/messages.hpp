// What the parts of Skein say to each other: one struct a message. A frame (frame.hpp) carries one
// message with its addresses. Every message tolerates loss, repetition and reordering:
//   counters only grow and the newest wins (credit, demand, grant);
//   publish, dispatch and outcomes are sent again until they are acknowledged, and the receiver
//   knows a repeat by its frame number or its turn.
#pragma once

#include "protocol/event.hpp"
#include "protocol/ids.hpp"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace skein {

/// A part of the system: "gateway", "loop/0", "agent/NAME", "broker" on a node.
struct address {
  std::string node;
  std::string name;
  friend auto operator<=>(const address&, const address&) = default;
};
std::string to_string(const address& at); // n1/loop/0

/// The version of frames that this program writes, and the oldest one that it still speaks, to a
/// peer that knows no newer one. protocol/README.md says how they differ.
inline constexpr std::uint8_t protocol_version = 3;
inline constexpr std::uint8_t protocol_version_min = 2;

/// link -> broker: this connection speaks for `from`; sent first and on each reconnect.
/// broker -> a peer's broker: once a second.
struct hello {
  std::uint64_t boot = 0;                     // nonce of the process
  std::uint8_t lowest = protocol_version_min; // version of frames that it speaks
  std::uint8_t highest = protocol_version;
  friend bool operator==(const hello&, const hello&) = default;
};
/// Known; frames may flow. A link is told its own nonce again, a peer the nonce of who welcomes it.
struct welcome {
  std::uint64_t boot = 0;
  std::uint8_t lowest = protocol_version_min;
  std::uint8_t highest = protocol_version;
  friend bool operator==(const welcome&, const welcome&) = default;
};

/// gateway -> loop: events for shards of that loop.
struct publish {
  std::vector<offered_event> events;
  friend bool operator==(const publish&, const publish&) = default;
};
/// loop -> gateway, after the commit is on disk.
struct publish_result {
  errc code = errc::none; // none = durable
  bool duplicate = false;
  event_id event;
  friend bool operator==(const publish_result&, const publish_result&) = default;
};
struct publish_ack {
  std::uint64_t request = 0; // number of the publish frame
  std::vector<publish_result> results;
  friend bool operator==(const publish_ack&, const publish_ack&) = default;
};

/// agents -> broker: slots of this agent ever opened (its concurrency, plus one a finished turn).
struct credit {
  std::string agent;
  std::uint64_t opened_total = 0;
  friend bool operator==(const credit&, const credit&) = default;
};
/// loop -> broker: slots of this agent ever wanted, and given back unused.
struct demand {
  std::string agent;
  std::uint64_t wanted_total = 0;
  std::uint64_t returned_total = 0;
  friend bool operator==(const demand&, const demand&) = default;
};
/// broker -> loop: slots of this agent ever granted to this loop.
struct grant {
  std::string agent;
  std::uint64_t granted_total = 0;
  friend bool operator==(const grant&, const grant&) = default;
};

/// loop -> agents: turns to run; each uses a granted slot.
struct dispatched_turn {
  turn_id turn;
  epoch_no epoch{};
  std::uint32_t sleeps = 0; // earlier turns of its delivery that went to sleep
  bool has_state = false;
  slice state;
  slice body;
  friend bool operator==(const dispatched_turn&, const dispatched_turn&) = default;
};
struct dispatch {
  std::string agent;
  std::vector<dispatched_turn> turns;
  friend bool operator==(const dispatch&, const dispatch&) = default;
};

/// Receipt of a frame that must not be lost (dispatch, outcomes, cancel_turns).
struct ack {
  std::uint64_t frame = 0;
  friend bool operator==(const ack&, const ack&) = default;
};

enum class turn_verdict : std::uint8_t {
  done = 0,
  failed = 1,   // may be tried again
  rejected = 2, // must not be tried again
  returned = 3, // did not run or was stopped by us; counts nothing
  slept = 4,    // its delivery goes on with another turn after a time that it named
};

struct turn_outcome {
  turn_id turn;
  epoch_no epoch{};
  turn_verdict verdict = turn_verdict::done;
  errc code = errc::none;
  std::string error;
  duration retry_after{0}; // failed: 0 = as the policy says; slept: for how long
  instant started = no_instant;
  instant finished = no_instant;
  data_kind reply_kind = data_kind::none;
  slice reply;
  bool sets_state = false;
  bool deletes_state = false;
  slice state;
  std::vector<offered_event> emits;
  friend bool operator==(const turn_outcome&, const turn_outcome&) = default;
};
/// agents -> loop.
struct outcomes {
  std::string agent;
  std::vector<turn_outcome> turns;
  friend bool operator==(const outcomes&, const outcomes&) = default;
};

/// loop -> agents: stop these turns; their outcomes will not be used.
struct cancel_turns {
  std::string agent;
  std::vector<turn_id> turns;
  friend bool operator==(const cancel_turns&, const cancel_turns&) = default;
};

/// gateway -> loop and back: look-ups and commands; rare, so JSON. `op` is in the request.
struct query {
  std::uint64_t request = 0;
  std::string json;
  friend bool operator==(const query&, const query&) = default;
};
struct answer {
  std::uint64_t request = 0;
  errc code = errc::none;
  std::string json; // the body, or the error's detail
  friend bool operator==(const answer&, const answer&) = default;
};

/// The index of an alternative is its kind on the wire.
using message = std::variant<hello, welcome, publish, publish_ack, credit, demand, grant, dispatch,
                             ack, outcomes, cancel_turns, query, answer>;

} // namespace skein
