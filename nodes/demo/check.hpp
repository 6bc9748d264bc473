// The promises, held against what was seen from outside: what the load was acknowledged, what the
// store tells, and what the programs wrote down while they ran. Pure.
//
// The load sends steps: of each key 1, 2, 3, ..., the next one only after the last was
// acknowledged. The program counts, in its state, the events of its key, replies the count, and at
// each tenth step emits an event of another key, which is counted there.
#pragma once

#include "protocol/time.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace skein::demo {

/// At each so many steps of a key an event is emitted.
inline constexpr std::int64_t steps_per_emit = 10;

struct acknowledgement {
  std::string id; // "k17-42": step 42 of key k17
  std::string event;
};

struct stored_event {
  std::string event;
  std::string id;
  std::string key;
  std::string state;
  std::int64_t count = 0; // that its reply says; 0: none
};

/// A turn as the program saw it, whatever became of it.
struct program_run {
  std::string event;
  std::string token;
  std::int64_t before = 0; // the count in its state
};

struct instant_record {
  std::string verdict;
  std::string id; // of its event; empty if there is none
  instant from;
  instant to;
};

/// A node's own counts, of the shards that it has.
struct node_ledger {
  std::string node;
  std::uint64_t accepted = 0;
  std::uint64_t accounted = 0; // done + dead + ... + pending
};

struct evidence {
  std::vector<acknowledgement> acknowledged;
  std::vector<stored_event> steps;
  std::vector<stored_event> emitted;
  std::map<std::string, std::int64_t> states; // key to count
  std::vector<program_run> runs;
  duration period{std::chrono::seconds{1}}; // of the job
  std::vector<instant_record> records;
  std::vector<stored_event> job_events;
  std::vector<node_ledger> ledgers;
  /// Nothing waits any more. Else what has not come yet may still come, and breaks nothing.
  bool all_ended = true;
};

struct promise {
  std::string name;
  std::string counts;              // "4,123 acknowledged, 4,123 there"
  std::vector<std::string> broken; // a sentence each, a few of them at most
  std::uint64_t breaks = 0;
  bool held() const { return breaks == 0; }
};

std::vector<promise> check(const evidence& seen);

/// Acknowledged, and not in `stored` under its number.
std::vector<std::string> lost(const std::vector<acknowledgement>& acknowledged,
                              const std::vector<stored_event>& stored);

/// "17-42" of "17-42.counter/1", "17-42.0".
std::string event_of(const std::string& longer);

/// 4123 is "4,123".
std::string grouped(std::uint64_t number);

} // namespace skein::demo
