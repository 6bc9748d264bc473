// Shards that came to a loop together, at a start or from another node, and how much of them is
// known here: which pending deliveries are on disk only, and up to when their timers are in memory.
//
// A lane belongs to one shard and so to one tenure: between tenures there is no order to keep, and
// the numbers of one never have to be compared with those of another.
#pragma once

#include "actors/lanes.hpp"
#include "journal/journal.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace skein {

struct tenure {
  tenure(instant opened, bool is_unclean, std::size_t agents)
    : opened_at{opened}, unclean{is_unclean}, away(agents), unknown_from{opened + duration{1}} {}

  instant opened_at;              // what was due then was told when the shards came
  bool unclean;                   // who had them before did not give them up in order
  std::uint64_t recovered_to = 0; // the highest number that was pending then
  std::uint64_t arrived_to = 0;   // the highest number that has come here
  std::vector<away_list> away;    // by agent number
  std::vector<std::pair<agent_no, std::string>> gated; // lanes that wait until the time is known

  // what is due later (scheduler_ahead.cpp)
  instant unknown_from;                  // every timer before it is in memory
  instant disk_from = instant::max();    // no timer behind `after` is earlier on disk
  instant disk_then = instant::max();    // the same, once the sleepers asked for are here
  instant left_on_disk = instant::max(); // the earliest that was left there since the last asking
  instant asked_until = no_instant;
  journal::timer after, after_past;      // the last timers that were taken
  std::set<journal::timer> known_timers; // behind `after`, of events that are in away lists
  std::size_t sleepers_asked = 0;        // reads under way
  bool reading_ahead = false;
  bool reading_past = false;
  bool past_is_known = false;

  bool is_known(instant ready_at) const noexcept { return ready_at < unknown_from; }
};

} // namespace skein
