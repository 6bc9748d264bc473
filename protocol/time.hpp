// Instants and durations. Nothing here reads a clock: time enters every core as an argument.
//
// Two kinds of time that must not be mixed, hence two types:
//   instant    wall time (UTC), what people and RFC 3339 mean; may be set back by an administrator
//   boot_time  CLOCK_BOOTTIME, never goes back and counts suspend; timeouts, backoff, leases
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skein {

using duration = std::chrono::nanoseconds;

struct wall_clock {
  using duration = skein::duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<wall_clock>;
  static constexpr bool is_steady = false;
};

struct boot_clock {
  using duration = skein::duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<boot_clock>;
  static constexpr bool is_steady = true;
};

using instant = wall_clock::time_point;
using boot_time = boot_clock::time_point;

/// The absent instant: 1970-01-01T00:00:00Z. No event is due or expires then.
inline constexpr instant no_instant{};

/// Both times at one moment; what a core is given with each step.
struct moment {
  instant wall;
  boot_time boot;
};

/// Nanoseconds since 1970-01-01T00:00:00Z, the form on disk and on the wire.
constexpr std::int64_t to_ns(instant at) noexcept { return at.time_since_epoch().count(); }
constexpr instant from_ns(std::int64_t ns) noexcept { return instant{duration{ns}}; }

constexpr instant start_of_second(instant at) noexcept {
  return instant{std::chrono::floor<std::chrono::seconds>(at.time_since_epoch())};
}

/// RFC 3339 in UTC with as many of 0, 3, 6 or 9 fraction digits as the value needs.
std::string format_rfc3339(instant at);

/// Reads RFC 3339 with any offset ("T" and "Z" in either case, a leap second folds into the next
/// second). Empty when the text is not RFC 3339 or lies outside 1678..2261.
std::optional<instant> parse_rfc3339(std::string_view text);

/// Whether it is RFC 3339, but of a time outside these years.
bool is_far_rfc3339(std::string_view text);

/// Reads "250ms", "10s", "5m", "2h", "7d" or a sum of such ("1h30m"). No sign, no fraction.
std::optional<duration> parse_duration(std::string_view text);

/// Whether it is such a sum, but longer than a duration can be.
bool is_far_duration(std::string_view text);

/// RFC 3339, or a duration back from `now`: "-1h30m". `now` is not before 1970.
std::optional<instant> parse_time(std::string_view text, instant now);

/// The shortest text that parse_duration reads back to the same value at millisecond precision.
std::string format_duration(duration value);

} // namespace skein
