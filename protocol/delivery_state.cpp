#include "protocol/delivery_state.hpp"

#include <algorithm>
#include <array>

namespace skein {

namespace {

constexpr std::array<std::string_view, 9> state_names{"pending",    "running", "retrying",
                                                      "done",       "dead",    "cancelled",
                                                      "superseded", "expired", "purged"};

constexpr std::array<std::string_view, priority_classes> priority_names{"people", "hook", "job",
                                                                        "background", "replay"};

using states = std::uint16_t; // a set: one bit a state

constexpr states bit(delivery_state state) {
  return static_cast<states>(1u << static_cast<unsigned>(state));
}
template <class... State>
constexpr states set_of(State... each) {
  return static_cast<states>((... | bit(each)));
}

using enum delivery_state;

/// Row = from. The picture in the header, as a table.
constexpr std::array<states, state_names.size()> next_states{
    set_of(running, dead, cancelled, superseded, expired),                 // pending
    set_of(pending, retrying, done, dead, cancelled, superseded, expired), // running
    set_of(running, done, dead, cancelled, superseded, expired),           // retrying
    states{0},                                                             // done
    set_of(pending, purged),                                               // dead
    states{0},
    states{0},
    states{0},
    states{0},
};

template <class Enum, std::size_t Count>
std::optional<Enum> parse_name(const std::array<std::string_view, Count>& names,
                               std::string_view text) {
  const auto at = std::find(names.begin(), names.end(), text);
  if (at == names.end())
    return std::nullopt;
  return static_cast<Enum>(at - names.begin());
}

} // namespace

bool may_become(delivery_state from, delivery_state to) noexcept {
  const auto row = static_cast<std::size_t>(from);
  return row < next_states.size() && (next_states[row] & bit(to)) != 0;
}

std::string_view to_string(delivery_state state) noexcept {
  const auto index = static_cast<std::size_t>(state);
  return index < state_names.size() ? state_names[index] : "unknown";
}

std::optional<delivery_state> parse_delivery_state(std::string_view text) noexcept {
  return parse_name<delivery_state>(state_names, text);
}

delivery_state event_state(std::span<const delivery_state> deliveries) noexcept {
  // What the event takes from its deliveries, the first that any of them is in.
  constexpr std::array order{running,   retrying,   pending, dead,  done,
                             cancelled, superseded, expired, purged};
  states present = 0;
  for (const delivery_state each : deliveries)
    present = static_cast<states>(present | bit(each));
  for (const delivery_state each : order)
    if ((present & bit(each)) != 0)
      return each;
  return done; // no deliveries: unrouted
}

std::string_view to_string(priority_class value) noexcept {
  const auto index = static_cast<std::size_t>(value);
  return index < priority_names.size() ? priority_names[index] : "unknown";
}

std::optional<priority_class> parse_priority(std::string_view text) noexcept {
  return parse_name<priority_class>(priority_names, text);
}

priority_class default_priority(std::string_view type) noexcept {
  return type == "skein.message" ? priority_class::people : priority_class::hook;
}

} // namespace skein
