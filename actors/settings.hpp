// What the engine is told at start: validated values only (nodes/config reads and checks the text).
#pragma once

#include "protocol/event.hpp"
#include "protocol/limits.hpp"
#include "protocol/time.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace skein {

/// When a failed attempt is made again (DESIGN: 12 attempts, 1 s doubling to 60 s, full jitter).
struct retry_settings {
  std::uint32_t attempts = 12;
  duration initial = std::chrono::seconds{1};
  double factor = 2.0;
  duration max = std::chrono::seconds{60};
  bool jitter = true; // full: a uniform part of the computed delay
  friend bool operator==(const retry_settings&, const retry_settings&) = default;
};

enum class agent_kind : std::uint8_t { echo, exec, noop };
enum class exec_mode : std::uint8_t { lines, oneshot };
enum class exec_output : std::uint8_t { reply, effects };

struct exec_settings {
  std::vector<std::string> command; // argv; never a shell unless the user names one
  std::string directory;            // working directory; empty = the node's
  std::vector<std::pair<std::string, std::string>> environment; // added to a clean base
  exec_mode mode = exec_mode::lines;
  exec_output output = exec_output::reply; // oneshot
  std::uint32_t processes = 0;             // lines; 0 = concurrency
  std::uint32_t turns_per_process = 1;     // lines
  friend bool operator==(const exec_settings&, const exec_settings&) = default;
};

struct agent_settings {
  std::string name;
  agent_kind kind = agent_kind::echo;
  bool pure = false; // may be pipelined: outcomes do not depend on an earlier turn's commit
  std::uint32_t concurrency = 64; // turns at once on this node
  duration timeout = std::chrono::seconds{60};
  retry_settings retry;
  exec_settings exec;
  friend bool operator==(const agent_settings&, const agent_settings&) = default;
};

/// An event goes to `agent` if all globs match ("*" any run, "?" one character). An empty glob is
/// "*".
/// "*" never matches a type that begins "skein." except skein.message.
struct route_settings {
  std::string type;
  std::string source;
  std::string key;
  std::string agent;
};

/// Names of agents that keep states for the engine itself: no configuration has them, and nothing
/// is delivered to them.
constexpr bool is_own_agent(std::string_view name) noexcept { return name.starts_with('!'); }

/// What of the settings can change while a node works, as it is to be: all of it.
struct settings_change {
  std::vector<agent_settings> agents;
  std::vector<route_settings> routes;
  std::map<std::string, std::string> jobs; // as in engine_settings
  bool tell_turns = false;                 // as in engine_setup
};

inline constexpr std::uint32_t loops_max = 256; // of a node

struct engine_settings {
  std::string node = "n1";
  std::uint32_t loops = 1;
  std::vector<agent_settings> agents;
  std::vector<route_settings> routes;
  event_limits events;
  duration drain_deadline = limits::drain_deadline;
  std::uint64_t seed = 0;       // for jitter; the composition root draws it
  std::uint64_t boot = 0;       // of this process, in its frames to other nodes; drawn likewise
  std::string timezone = "UTC"; // of jobs that name none
  std::map<std::string, std::string> jobs; // of the configuration: by name, the definition as JSON
};

} // namespace skein
