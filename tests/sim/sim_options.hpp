// What one seed makes of the world: a random part of the faults, at random rates. Printed with the
// seed.
#pragma once

#include "actors/scheduler_core.hpp"
#include "actors/settings.hpp"
#include "tests/sim/sim_journal.hpp"
#include "tests/support/sim_network.hpp"
#include "tests/support/sim_random.hpp"
#include "tests/support/sim_runner.hpp"
#include "tests/support/sim_store.hpp"

#include <map>
#include <string>

namespace skein::test {

struct sim_options {
  // the world
  std::uint32_t nodes = 1;
  bool sqlite = false; // the SQLite engine on a simulated disk, else the memory engine
  std::uint32_t loops = 1;
  std::uint32_t keys = 4;
  std::uint32_t requests = 40; // of each node's client
  duration work_time{std::chrono::seconds{30}};
  double hurry = 0; // time passes although actors have work
  // the client
  double repeat = 0;   // an identity that was offered before
  double conflict = 0; // of the repeats: with other content
  double due = 0;
  double expires = 0;
  double poison = 0;
  double cancel = 0;
  // the node
  std::uint32_t crashes = 0;
  std::uint32_t drains = 0;
  std::uint32_t clock_jumps = 0;
  std::uint32_t reloads = 0;
  duration drain_deadline = limits::drain_deadline;
  std::vector<agent_settings> agents;
  std::vector<route_settings> routes;
  struct job {
    std::string definition; // JSON
    duration period{};
    instant end;
    std::vector<std::string> after{}; // instead of a period and an end
  };
  std::map<std::string, job> jobs;
  network_faults network;
  store_faults store;
  kept_options kept;
  duration upkeep_max{0};    // between two steps of the journal's upkeep; 0 = there is none
  window_settings in_memory; // of pending deliveries
  agent_faults agent;
};

sim_options draw_options(sim_random& dice);
std::string to_string(const sim_options& options);

} // namespace skein::test
