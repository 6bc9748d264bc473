// The CloudEvents 1.0 event and its encoded form, the one that lies in frames and in the journal.
//
// An event is encoded once, at the gateway, and from then on travels as bytes (a slice). Its head
// (what routing needs) is read in place. The encoding is a msgpack array of fixed positions:
//   [id, source, type, key, subject|nil, time|nil, datacontenttype|nil, dataschema|nil,
//    {extension: string|int|bool, ...} sorted by name, data kind, data (bin)]
// `key` is derived (partitionkey, else subject, else id) and repeated here so that reading the head
// needs the first four members only.
#pragma once

#include "protocol/delivery_state.hpp"
#include "protocol/ids.hpp"
#include "protocol/limits.hpp"
#include "protocol/result.hpp"
#include "protocol/slice.hpp"
#include "protocol/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace skein {

enum class data_kind : std::uint8_t {
  none = 0,
  json = 1,   // `data` is one JSON value as it was sent
  text = 2,   // UTF-8 text of another content type
  binary = 3, // anything else; data_base64 in JSON
};

using extension_value = std::variant<bool, std::int32_t, std::string>;

struct event {
  std::string id;
  std::string source;
  std::string type;
  std::optional<std::string> subject;
  std::optional<std::string> time; // as sent, checked to be RFC 3339
  std::optional<std::string> datacontenttype;
  std::optional<std::string> dataschema;
  std::vector<std::pair<std::string, extension_value>> extensions; // sorted by name, unique
  data_kind kind = data_kind::none;
  std::string data;

  /// The value of an extension that is a String; nullptr if absent or of another type.
  const std::string* text_extension(std::string_view name) const;
  /// Of whatever type.
  bool has_extension(std::string_view name) const;
  void set_extension(std::string name, extension_value value);

  /// partitionkey, else subject, else id.
  std::string_view key() const;

  friend bool operator==(const event&, const event&) = default;
};

/// Our extension attributes (all Strings) and the carried trace context.
namespace attribute {
inline constexpr std::string_view partitionkey = "partitionkey";
inline constexpr std::string_view due = "due";
inline constexpr std::string_view expires = "expires";
inline constexpr std::string_view priority = "priority";
inline constexpr std::string_view hops = "skeinhops";
inline constexpr std::string_view traceparent = "traceparent";
inline constexpr std::string_view tracestate = "tracestate";
} // namespace attribute

std::string encode_event(const event& value);
/// Bounded and total: any bytes give an event or an error.
result<event> decode_event(std::string_view body);

/// Views into an encoded body.
struct event_head {
  std::string_view id;
  std::string_view source;
  std::string_view type;
  std::string_view key;
};
/// Reads the first four members only; empty views when the bytes are not an encoded event.
event_head read_head(std::string_view body) noexcept;

/// How keys become shards and identities: fixed when a store is created.
struct hash_settings {
  std::uint32_t shards = 256;
  std::uint64_t seed_high = 0;
  std::uint64_t seed_low = 0;
};

/// SipHash-2-4 (Aumasson, Bernstein) of `bytes` with a 128-bit result; see siphash.hpp.
hash128 siphash128(std::string_view bytes, std::uint64_t key_high, std::uint64_t key_low) noexcept;

shard_id shard_of(std::string_view key, const hash_settings& hash) noexcept;

/// `due` and `expires` of an event that is not accepted yet may count from its acceptance, whose
/// time only the journal's commit knows. Such a wait stands where no absolute time of an event
/// lies: before 1970.
constexpr instant from_acceptance(duration wait) noexcept { return instant{} - wait; }
/// The absolute time of an offered event's `due` or `expires`, once it is accepted.
constexpr instant resolved(instant asked, instant accepted) noexcept {
  if (asked >= no_instant)
    return asked;
  const duration wait = no_instant - asked;
  return accepted > instant::max() - wait ? instant::max() : accepted + wait;
}

/// An event on its way to acceptance: the encoded bytes and what was derived from them.
struct offered_event {
  shard_id shard{};
  hash128 identity;          // of (key, source, id), each behind its length
  std::uint64_t content = 0; // of all but time and trace context (promise 8)
  priority_class priority = priority_class::hook;
  instant due = no_instant; // absolute, or from_acceptance(); no_instant = at once
  instant expires = no_instant;
  std::uint32_t hops = 0;
  slice body;

  event_head head() const noexcept { return read_head(body.view()); }

  friend bool operator==(const offered_event&, const offered_event&) = default;
};

/// By what an event is known again, as offer() takes it.
struct event_print {
  hash128 identity;
  std::uint64_t content = 0;
};
event_print print_of(const event& value, const hash_settings& hash);

/// Limits that a configuration may change.
struct event_limits {
  std::size_t event_bytes = limits::event_bytes_max;
};

/// What becomes of an event whose `expires` has passed. Kept, it goes to the journal, which knows
/// whether it is the repeat of one that was accepted in time, and refuses it if it is not.
enum class late_event : std::uint8_t { refuse, keep };

/// Checks every attribute and limit, reads `due` and `expires`, hashes and encodes: all an event
/// goes through at the door, wherever it comes from. That `data` of kind json is JSON is its
/// reader's word. The errors name the attribute and say what would have been right.
result<offered_event> offer(const event& value, const hash_settings& hash,
                            const event_limits& bounds, instant now,
                            late_event late = late_event::refuse);

} // namespace skein
