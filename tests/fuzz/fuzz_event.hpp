// What must hold of every event that was read, however it came in.
#pragma once

#include "protocol/cloudevents.hpp"

namespace skein::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Text without JSON around it needs a content type that says so; only such an event can be read
/// back from structured mode, where text of a JSON type would be a JSON string.
inline void check_event(const event& value) {
  const auto decoded = decode_event(encode_event(value));
  SKEIN_CHECK(decoded && *decoded == value);
  SKEIN_CHECK(read_head(encode_event(value)).key == value.key());

  const std::string json = write_structured(value);
  SKEIN_CHECK(json.find('\n') == std::string::npos);
  auto again = read_structured(json);
  SKEIN_CHECK(again.ok());
  SKEIN_CHECK(write_structured(*again) == json);
  again->data = value.data; // white space may have changed
  SKEIN_CHECK(*again == value);

  const instant now = from_ns(1'785'242'096'000'000'000);
  const auto offered = offer(value, {}, {}, now);
  if (!offered) {
    SKEIN_CHECK(!offered.error().detail.empty());
    return;
  }
  SKEIN_CHECK(raw(offered->shard) < hash_settings{}.shards);
  SKEIN_CHECK(offered->due == no_instant || resolved(offered->due, now) > now);
  SKEIN_CHECK(offered->expires == no_instant || resolved(offered->expires, now) > now);
  SKEIN_CHECK(offered->head().key == value.key());
}

/// An error has a code of what was sent wrongly, and says what it was.
inline void check_error(const error& problem) {
  SKEIN_CHECK(problem.code >= errc::invalid_json && problem.code < errc::draining);
  SKEIN_CHECK(!problem.detail.empty());
}

} // namespace skein::fuzz
