// The states of a delivery and of an event, and every allowed transition.
//
//                 +-----------------------------------------------+
//                 v                                               |
//   pending <-> running -> retrying (waits for its next attempt) -+
//      |          |           |
//      |          +-----------+--> done | dead | cancelled | superseded | expired
//      +-------------------------> dead | cancelled | superseded | expired
//   running -> pending (given back: counts nothing); pending -> dead (too many crashes or hops)
//   dead -> pending (redrive by a person), dead -> purged
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace skein {

enum class delivery_state : std::uint8_t {
  pending = 0,
  running = 1,
  retrying = 2,
  done = 3,
  dead = 4,
  cancelled = 5,
  superseded = 6,
  expired = 7,
  purged = 8,
};

/// Not left again without a person's word.
constexpr bool is_terminal(delivery_state state) noexcept { return state >= delivery_state::done; }

/// Whether the engine may move a delivery from one state to the other.
bool may_become(delivery_state from, delivery_state to) noexcept;

std::string_view to_string(delivery_state state) noexcept;
std::optional<delivery_state> parse_delivery_state(std::string_view text) noexcept;

/// An event's state from its deliveries' states: while any is not terminal, the most active of them
/// (running, retrying, pending); then dead if one is dead, done if one is done, else the kind they
/// agree on, or the first of cancelled, superseded, expired, purged. No deliveries: done.
delivery_state event_state(std::span<const delivery_state> deliveries) noexcept;

/// Why an event is done although nothing ran: no route matched it.
inline constexpr std::string_view outcome_unrouted = "unrouted";

/// The class in which a delivery waits. A lower number goes first.
enum class priority_class : std::uint8_t {
  people = 0,
  hook = 1,
  job = 2,
  background = 3,
  replay = 4,
};
inline constexpr std::size_t priority_classes = 5;

std::string_view to_string(priority_class value) noexcept;
std::optional<priority_class> parse_priority(std::string_view text) noexcept;

/// The class of an event that names none: people for skein.message, else hook.
priority_class default_priority(std::string_view type) noexcept;

} // namespace skein
