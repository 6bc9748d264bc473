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

/// link -> broker: this connection speaks for `from`; sent first and on each reconnect.
struct hello {
  std::uint64_t boot = 0; // nonce of the process
};
/// broker -> link: known; frames may flow.
struct welcome {
  std::uint64_t boot = 0;
};

/// gateway -> loop: events for shards of that loop.
struct publish {
  std::vector<offered_event> events;
};
/// loop -> gateway, after the commit is on disk.
struct publish_result {
  errc code = errc::none; // none = durable
  bool duplicate = false;
  event_id event;
};
struct publish_ack {
  std::uint64_t request = 0; // number of the publish frame
  std::vector<publish_result> results;
};

/// agents -> broker: slots of this agent ever opened (its concurrency, plus one a finished turn).
struct credit {
  std::string agent;
  std::uint64_t opened_total = 0;
};
/// loop -> broker: slots of this agent ever wanted, and given back unused.
struct demand {
  std::string agent;
  std::uint64_t wanted_total = 0;
  std::uint64_t returned_total = 0;
};
/// broker -> loop: slots of this agent ever granted to this loop.
struct grant {
  std::string agent;
  std::uint64_t granted_total = 0;
};

/// loop -> agents: turns to run; each uses a granted slot.
struct dispatched_turn {
  turn_id turn;
  epoch_no epoch{};
  bool has_state = false;
  slice state;
  slice body;
};
struct dispatch {
  std::string agent;
  std::vector<dispatched_turn> turns;
};

/// Receipt of a frame that must not be lost (dispatch, outcomes, cancel_turns).
struct ack {
  std::uint64_t frame = 0;
};

enum class turn_verdict : std::uint8_t {
  done = 0,
  failed = 1,   // may be tried again
  rejected = 2, // must not be tried again
  returned = 3, // did not run or was stopped by us; counts nothing
};

struct turn_outcome {
  turn_id turn;
  epoch_no epoch{};
  turn_verdict verdict = turn_verdict::done;
  errc code = errc::none;
  std::string error;
  duration retry_after{0};     // 0 = as the policy says
  instant started = no_instant;
  instant finished = no_instant;
  data_kind reply_kind = data_kind::none;
  slice reply;
  bool sets_state = false;
  bool deletes_state = false;
  slice state;
  std::vector<offered_event> emits;
};
/// agents -> loop.
struct outcomes {
  std::string agent;
  std::vector<turn_outcome> turns;
};

/// loop -> agents: stop these turns; their outcomes will not be used.
struct cancel_turns {
  std::string agent;
  std::vector<turn_id> turns;
};

/// gateway -> loop and back: look-ups and commands; rare, so JSON. `op` is in the request.
struct query {
  std::uint64_t request = 0;
  std::string json;
};
struct answer {
  std::uint64_t request = 0;
  errc code = errc::none;
  std::string json; // the body, or the error's detail
};

using message = std::variant<hello, welcome, publish, publish_ack, credit, demand, grant, dispatch, ack,
                             outcomes, cancel_turns, query, answer>;

} // namespace skein
