// The order of every message's fields on the wire, listed once; frame.cpp sizes, writes, reads and
// checks by it. A change here is a new protocol version.
//
// Ids are flat: an event is two numbers (shard, sequence), a delivery three, a turn four. A vector
// is an array of arrays. protocol/README.md has it in words, with bytes.
#pragma once

#include "protocol/messages.hpp"

#include <concepts>
#include <tuple>
#include <type_traits>

namespace skein {

/// Bytes that may be absent: nil on the wire unless `present`.
template <class Flag, class Bytes>
struct optional_bytes {
  Flag& present;
  Bytes& bytes;
};
template <class Flag, class Bytes>
optional_bytes(Flag&, Bytes&) -> optional_bytes<Flag, Bytes>;

/// A number below a limit.
template <class Number>
struct below {
  Number& value;
  std::size_t limit;
};
template <class Number>
below(Number&, std::size_t) -> below<Number>;

/// The largest value of an enumeration that has no other values; strong ids have none.
template <class Enum>
struct highest;
template <>
struct highest<priority_class> {
  static constexpr auto value = priority_class::replay;
};
template <>
struct highest<data_kind> {
  static constexpr auto value = data_kind::binary;
};
template <>
struct highest<turn_verdict> {
  static constexpr auto value = turn_verdict::slept;
};

/// `Like` is T, const or not: one list serves reading and writing.
template <class Like, class T>
concept is = std::same_as<std::remove_const_t<Like>, T>;

// ---- parts of messages ------------------------------------------------------------------------

auto layout(is<event_id> auto& id) { return std::tie(id.shard, id.sequence); }

auto layout(is<delivery_id> auto& id) {
  return std::tuple_cat(layout(id.event),
                        std::tuple{below{id.index, limits::deliveries_per_event_max}});
}

auto layout(is<turn_id> auto& id) {
  return std::tuple_cat(layout(id.delivery), std::tie(id.attempt));
}

auto layout(is<address> auto& at) { return std::tie(at.node, at.name); }

auto layout(is<offered_event> auto& event) {
  return std::tie(event.shard, event.identity.high, event.identity.low, event.content,
                  event.priority, event.due, event.expires, event.hops, event.body);
}

auto layout(is<publish_result> auto& one) {
  return std::tuple_cat(std::tie(one.code, one.duplicate), layout(one.event));
}

auto layout(is<dispatched_turn> auto& one) {
  return std::tuple_cat(layout(one.turn), std::tie(one.epoch, one.sleeps),
                        std::tuple{optional_bytes{one.has_state, one.state}}, std::tie(one.body));
}

auto layout(is<turn_outcome> auto& one) {
  return std::tuple_cat(layout(one.turn),
                        std::tie(one.epoch, one.verdict, one.code, one.error, one.retry_after,
                                 one.started, one.finished, one.reply_kind, one.reply,
                                 one.sets_state, one.deletes_state, one.state, one.emits));
}

// ---- messages ---------------------------------------------------------------------------------

auto layout(is<hello> auto& it) { return std::tie(it.boot, it.lowest, it.highest); }
auto layout(is<welcome> auto& it) { return std::tie(it.boot, it.lowest, it.highest); }
auto layout(is<publish> auto& it) { return std::tie(it.events); }
auto layout(is<publish_ack> auto& it) { return std::tie(it.request, it.results); }
auto layout(is<credit> auto& it) { return std::tie(it.agent, it.opened_total); }
auto layout(is<demand> auto& it) { return std::tie(it.agent, it.wanted_total, it.returned_total); }
auto layout(is<grant> auto& it) { return std::tie(it.agent, it.granted_total); }
auto layout(is<dispatch> auto& it) { return std::tie(it.agent, it.turns); }
auto layout(is<ack> auto& it) { return std::tie(it.frame); }
auto layout(is<outcomes> auto& it) { return std::tie(it.agent, it.turns); }
auto layout(is<cancel_turns> auto& it) { return std::tie(it.agent, it.turns); }
auto layout(is<query> auto& it) { return std::tie(it.request, it.json); }
auto layout(is<answer> auto& it) { return std::tie(it.request, it.code, it.json); }

template <class Message>
inline constexpr std::size_t field_count =
    std::tuple_size_v<decltype(layout(std::declval<Message&>()))>;

/// Version, kind and the members of the header; version 2 knows no boots.
constexpr std::size_t header_members_in(std::uint64_t version) { return version < 3 ? 7 : 9; }

/// How many of them a frame of that version has: a newer version only adds some at the end.
template <class Message>
constexpr std::size_t fields_in(std::uint64_t version) {
  const bool greets = std::same_as<Message, hello> || std::same_as<Message, welcome>;
  return greets && version < 3 ? 1 : field_count<Message>;
}

} // namespace skein
