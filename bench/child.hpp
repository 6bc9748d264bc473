// Parts of a benchmark that run in a process of their own, so that their memory is theirs alone,
// and so that they can end as after a kill.
#pragma once

#include "bench/load.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <memory>
#include <string>

namespace skein::bench {

/// Runs this part of this program's plan in this folder and waits for its end. What the child told
/// (see tell), and beside it:
///   rss_max    the most of its VmRSS, in bytes, looked at each 100 ms
///   rss_peak   its VmHWM then, in bytes
/// Ends the process when the child told nothing.
nlohmann::json run_part(const plan& of, const std::string& part, const own_folder& folder);

/// In the child: its figures, to the parent. Memory of later does not count.
void tell(const nlohmann::json& figures);

// Parts that several benchmarks have; each tells.

/// A start in the folder of the plan: how long it took, and what is pending.
std::unique_ptr<load_node> start_and_tell(const plan& of, agent_settings agent);
/// With an agent that is held; the next start finds a store as after a kill.
void start_and_die(const plan& of);
/// So does this, after all events were published: how long that took.
void publish_and_die(const plan& of);

/// What a benchmark in parts is made of.
struct parts_of_bench {
  std::map<std::string, void (*)(const plan&)> parts;
  nlohmann::json (*measure)(const plan&); // runs them
  void (*print_table)(const nlohmann::json&);
};
/// Its main: the part that the plan names or, without one, all of it.
int run_bench(const plan& of, const parts_of_bench& with);

/// As SIGKILL from outside: nothing is closed.
[[noreturn]] void end_as_killed();

} // namespace skein::bench
