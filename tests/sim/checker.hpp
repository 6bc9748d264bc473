// Judges a history by the promises (docs/ARCHITECTURE.md numbers them). Pure; one pass over the
// records, then one over what they left. Reports the first record at which a promise is seen
// broken.
//
//   durable-ack   1   answered "durable" only after the commit; in the store at the end, unchanged
//   ledger        2   the running totals agree with the pending set and with what was committed
//   invention     2   what is stored was offered by a client, emitted by a turn or made by ours
//   terminal      L1  every event reaches an end once the faults are over (liveness)
//   effects-once  3   one end a delivery; emits exist once, with their cause; one run a turn
//   lane-order    4   first come, first served in a lane
//   lane-overlap  4   one turn at a time in a lane
//   early         6   no turn before its event is due
//   schedule      7   each due instant of a job is in one record, with an event if it ran, never
//                     before its time; at the end up to now (liveness); no run waits for nothing
//   duplicates    8   an identity names one event within the window; other content is a conflict
//   bounded       9   no more turns of an agent at once than configured
//   drain         10  nothing is taken in or starts after the signal; code 0 leaves no turn
//   unknown       12  a definite "no" means that it is not there
//   cancel        13  the answer says what the journal decided, after it was decided
//   retry         S10 no retry before its time; attempts count on over restarts
//   sleep         S10 who sleeps goes on once for each sleep, never before its time, and is no
//                     attempt more
//   state         3   what a turn keeps is committed with its end or its sleep; the next is given
//   it crash-count       dead for crashing only after three alone; a suspect's start is durable
#pragma once

#include "tests/sim/history.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace skein::test {

enum class breach : std::uint8_t { safety, liveness };

struct violation {
  breach kind = breach::safety;
  std::string rule;
  std::size_t at = 0; // index of the record
  std::string text;
};

/// The first violation of each rule; empty = all promises kept.
std::vector<violation> check(const history& of);

} // namespace skein::test
