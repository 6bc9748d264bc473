// What a demo is to be: as the command line said it, and nothing that touches the world.
#pragma once

#include <cstdint>
#include <string>

namespace skein::demo {

inline constexpr std::uint32_t nodes_max = 6; // at the start
inline constexpr std::uint32_t added_max = 3; // by `add`, later
inline constexpr std::uint32_t keys_max = 1'000;
inline constexpr std::uint32_t rate_max = 2'000;      // events a second
inline constexpr std::uint32_t steps_max = 2'000'000; // events in all; then the load rests

struct plan {
  std::uint32_t nodes = 3;
  std::string store;       // a PostgreSQL URL; empty: see own_server
  bool own_server = false; // a PostgreSQL server of the demo's own
  std::string script;      // a file of commands, "-" is standard input; empty: a prompt on it
  std::uint32_t rate = 100;
  std::uint32_t keys = 50;
  std::uint32_t seed = 1;
  std::string keep;         // folder that stays; empty: one that is removed at the end
  bool as_lines = false;    // JSON Lines instead of sentences
  bool is_terminal = false; // standard input: who types wants a prompt
};

} // namespace skein::demo
