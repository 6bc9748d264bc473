// What can be typed at the demo's prompt or stands in a script: read and judged, not carried out.
#pragma once

#include "protocol/result.hpp"
#include "protocol/time.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skein::demo {

enum class verb : std::uint8_t {
  nothing, // an empty line, a comment
  status,
  kill,
  restart,
  pause,
  resume,
  partition,
  slow,
  heal,
  add,
  drain,
  undrain,
  events,
  check,
  wait,
  help,
  quit,
};

/// The end of a link that is no node.
inline constexpr std::string_view store_place = "store";

struct command {
  verb what = verb::nothing;
  /// "n2"; of partition and slow two places, of which one may be the store. Of heal none: all.
  std::vector<std::string> places;
  bool one_way = false; // partition, slow: only what goes from the first place to the second
  duration time{0};     // slow, wait
};

struct command_row {
  std::string_view name;
  std::string_view arguments;
  std::string_view help;
  verb what;
};
std::span<const command_row> command_rows();

/// invalid_argument: its detail says what is wrong, and behind "; " what to do.
result<command> parse_command(std::string_view line);

/// Whether there are such nodes: "n1" to "nCOUNT".
result<void> check_places(const command& typed, std::uint32_t count);

struct script_line {
  std::size_t number = 0; // from 1
  std::string text;
  command what;
};
/// The whole of a script before anything is done: nodes that `add` makes are known from then on.
/// invalid_argument: the first mistake with its line.
result<std::vector<script_line>> parse_script(std::string_view text, std::uint32_t nodes,
                                              std::uint32_t nodes_at_most);

/// "n3" is 3; 0: it is no node's name.
std::uint32_t node_number(std::string_view name);
std::string node_name(std::uint32_t number);

} // namespace skein::demo
