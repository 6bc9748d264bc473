// What every actor last said of itself: read by status and metrics on any thread without asking the
// actor. Each board has one writer, its actor.
#pragma once

#include "actors/agent_core.hpp"
#include "actors/cluster/lease_core.hpp"
#include "actors/gateway_core.hpp"
#include "actors/jobs/job_core.hpp"
#include "actors/rate_window.hpp"
#include "actors/scheduler_core.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace skein {

template <class T>
class board {
 public:
  void write(const T& value) {
    const std::lock_guard lock{mutex_};
    value_ = value;
  }
  T read() const {
    const std::lock_guard lock{mutex_};
    return value_;
  }

 private:
  mutable std::mutex mutex_;
  T value_{};
};

struct loop_facts {
  scheduler_core::counters counted;
  std::size_t pending = 0; // events
  std::size_t running = 0;
  std::size_t lanes = 0;
  std::vector<std::size_t> waiting; // deliveries by agent number
  duration cpu{0};
  boot_time last_step{};
  rate_window accepted;                   // events
  rate_window done;                       // deliveries
  instant oldest_ready = no_instant;      // since when what could start now waits
  std::optional<boot_time> oldest_submit; // that the store has not answered
  std::optional<boot_time> committed;     // the last answer that was a commit
  std::optional<boot_time> refused;       // the last one that was none
};

/// What the loops tell of the store: none, store_stuck or store_refuses. A refusal says so until a
/// commit succeeds, or for a while: with nothing to commit nothing else could end it.
inline errc store_health(const std::vector<loop_facts>& loops, boot_time now) {
  constexpr std::chrono::seconds refusal_lasts{10};
  std::optional<boot_time> committed;
  std::optional<boot_time> refused;
  for (const loop_facts& each : loops) {
    if (each.oldest_submit && *each.oldest_submit + limits::commit_stuck_after <= now)
      return errc::store_stuck;
    committed = std::max(committed, each.committed);
    refused = std::max(refused, each.refused);
  }
  return refused && refused > committed && *refused + refusal_lasts > now ? errc::store_refuses
                                                                          : errc::none;
}
struct agent_facts {
  agent_core::counters counted;
  std::size_t running = 0;
  runner_health health;
};
struct gateway_facts {
  gateway_core::counters counted;
  std::size_t events_in_flight = 0;
  std::size_t bytes_in_flight = 0;
};

/// What this node knows of the cluster.
struct lease_facts {
  lease_core::counters counted;
  std::size_t held = 0; // shards
  shard_owners owners;
  std::vector<lease_member> members;
  boot_time heard{}; // from the store, last
};

struct job_facts {
  job_core::counters counted;
  std::size_t jobs = 0;
  std::size_t paused = 0;
  std::size_t unreadable = 0; // they do not run
  std::size_t running = 0;    // runs
  instant next = no_instant;  // when the next one fires; no_instant: none does
};

} // namespace skein
