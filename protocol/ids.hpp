// The identifiers of the engine, each its own type, and how they are written.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace skein {

/// The unit of ownership: hash(key) mod shard count.
enum class shard_id : std::uint32_t {};
/// Generation of a shard's ownership; only grows. A commit with an older one is refused.
enum class epoch_no : std::uint64_t {};
/// An agent's number inside one store; the store keeps the dictionary of names.
enum class agent_no : std::uint16_t {};
/// Number of a commit of one store: its chain position and the stream's cursor.
enum class commit_no : std::uint64_t {};
/// A loop of this node, 0-based.
enum class loop_no : std::uint32_t {};

template <class Enum>
constexpr auto raw(Enum value) noexcept {
  return static_cast<std::underlying_type_t<Enum>>(value);
}

/// An accepted event: "17-42". Sequences grow in commit order within a shard; they need not be
/// dense.
struct event_id {
  shard_id shard{};
  std::uint64_t sequence = 0; // 0 = none

  friend auto operator<=>(const event_id&, const event_id&) = default;
  explicit operator bool() const noexcept { return sequence != 0; }
};

/// One (event, agent). The index is the agent's position in the event's list of deliveries.
struct delivery_id {
  event_id event;
  std::uint8_t index = 0;

  friend auto operator<=>(const delivery_id&, const delivery_id&) = default;
};

/// One turn of a delivery: an attempt at it, or what goes on after a sleep. They count from 1, so
/// that each has a name; how many have failed is another number once one has slept.
struct turn_id {
  delivery_id delivery;
  std::uint32_t attempt = 0;

  friend auto operator<=>(const turn_id&, const turn_id&) = default;
};

/// 128 bits of a keyed hash.
struct hash128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend auto operator<=>(const hash128&, const hash128&) = default;
};

std::string to_string(event_id id);                         // 17-42
std::string to_string(event_id id, std::string_view agent); // 17-42.bot
/// 17-42.bot/1
std::string turn_name(event_id id, std::string_view agent, std::uint32_t attempt);

/// Reads "17-42"; empty for anything else, leading zeros and signs included.
std::optional<event_id> parse_event_id(std::string_view text);

struct hash_of_id {
  std::size_t operator()(const event_id& id) const noexcept {
    return static_cast<std::size_t>(id.sequence * 0x9e3779b97f4a7c15ull) ^ raw(id.shard);
  }
  std::size_t operator()(const delivery_id& id) const noexcept {
    return (*this)(id.event) * 31 + id.index;
  }
  std::size_t operator()(const turn_id& id) const noexcept {
    return (*this)(id.delivery) * 31 + id.attempt;
  }
};

} // namespace skein
