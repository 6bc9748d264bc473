// Instants and durations as text, both ways.
#include "protocol/time.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace skein;
using namespace std::chrono_literals;

namespace {

std::string round_trip(std::string_view text) {
  const auto at = parse_rfc3339(text);
  return at ? format_rfc3339(*at) : "refused";
}

} // namespace

TEST_CASE("an instant is written in UTC with as many fraction digits as it needs") {
  CHECK(format_rfc3339(no_instant) == "1970-01-01T00:00:00Z");
  CHECK(format_rfc3339(from_ns(1'785'242'096'000'000'000)) == "2026-07-28T12:34:56Z");
  CHECK(format_rfc3339(from_ns(1'785'242'096'120'000'000)) == "2026-07-28T12:34:56.120Z");
  CHECK(format_rfc3339(from_ns(1'785'242'096'000'001'000)) == "2026-07-28T12:34:56.000001Z");
  CHECK(format_rfc3339(from_ns(1'785'242'096'000'000'001)) == "2026-07-28T12:34:56.000000001Z");
  CHECK(format_rfc3339(from_ns(-1)) == "1969-12-31T23:59:59.999999999Z");
}

TEST_CASE("RFC 3339 is read with any offset and in either case of its letters") {
  CHECK(round_trip("1985-04-12T23:20:50.52Z") == "1985-04-12T23:20:50.520Z");
  CHECK(round_trip("1996-12-19T16:39:57-08:00") == "1996-12-20T00:39:57Z");
  CHECK(round_trip("1937-01-01T12:00:27.87+00:20") == "1937-01-01T11:40:27.870Z");
  CHECK(round_trip("2024-02-29t00:00:00z") == "2024-02-29T00:00:00Z");
  CHECK(round_trip("2026-01-01T00:00:00-00:00") == "2026-01-01T00:00:00Z");
  CHECK(round_trip("2026-01-01T00:00:00.1234567899Z") == "2026-01-01T00:00:00.123456789Z");
}

TEST_CASE("a leap second folds into the next second, and only stands where one can be") {
  CHECK(round_trip("1990-12-31T23:59:60Z") == "1991-01-01T00:00:00Z");
  CHECK(round_trip("1990-12-31T15:59:60-08:00") == "1991-01-01T00:00:00Z");
  CHECK(round_trip("1990-12-31T23:59:60.5Z") == "1991-01-01T00:00:00.500Z");
  CHECK(round_trip("1990-12-30T23:59:60Z") == "refused");
  CHECK(round_trip("1990-12-31T12:00:60Z") == "refused");
  CHECK(round_trip("1990-12-31T23:59:61Z") == "refused");
}

TEST_CASE("the years that nanoseconds can count are read, others are refused") {
  CHECK(round_trip("1678-01-01T00:00:00Z") == "1678-01-01T00:00:00Z");
  CHECK(round_trip("2261-12-31T23:59:59.999999999Z") == "2261-12-31T23:59:59.999999999Z");
  CHECK(round_trip("1677-12-31T23:59:59Z") == "refused");
  CHECK(round_trip("2262-01-01T00:00:00Z") == "refused");
  CHECK(round_trip("2261-12-31T23:59:59-00:01") == "refused");
  CHECK(round_trip("0000-01-01T00:00:00Z") == "refused");
}

TEST_CASE("what is not RFC 3339 is refused") {
  const auto text =
      GENERATE("", "lunchtime", "2026-07-28", "2026-07-28T12:34:56", "2026-07-28 12:34:56Z",
               "2026-07-28T12:34Z", "2026-7-28T12:34:56Z", "2026-07-28T12:34:56.Z",
               "2026-07-28T24:00:00Z", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
               "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-07-28T12:60:00Z",
               "2026-07-28T12:34:56+0200", "2026-07-28T12:34:56+24:00", "2026-07-28T12:34:56+02:60",
               "2026-07-28T12:34:56Z ", " 2026-07-28T12:34:56Z", "+2026-07-28T12:34:56Z",
               "2026-07-28T12:34:56ZZ", "2026-07-28T-1:34:56Z");
  CAPTURE(text);
  CHECK_FALSE(parse_rfc3339(text));
}

TEST_CASE("every instant survives being written and read") {
  std::mt19937_64 random{20260728};
  std::uniform_int_distribution<std::int64_t> ns{to_ns(*parse_rfc3339("1678-01-01T00:00:00Z")),
                                                 to_ns(*parse_rfc3339("2261-12-31T23:59:59Z"))};
  for (int i = 0; i < 20'000; ++i) {
    const instant at = from_ns(ns(random));
    REQUIRE(parse_rfc3339(format_rfc3339(at)) == at);
  }
}

TEST_CASE("a duration is a sum of units, large to small") {
  CHECK(parse_duration("250ms") == 250ms);
  CHECK(parse_duration("10s") == 10s);
  CHECK(parse_duration("5m") == 5min);
  CHECK(parse_duration("2h") == 2h);
  CHECK(parse_duration("7d") == 168h);
  CHECK(parse_duration("1h30m") == 90min);
  CHECK(parse_duration("1d2h3m4s5ms") == 26h + 3min + 4s + 5ms);
  CHECK(parse_duration("0s") == 0s);
  CHECK(parse_duration("090s") == 90s);
}

TEST_CASE("what is not a duration is refused") {
  const auto text = GENERATE("", "10", "s", "-1s", "+1s", "1.5s", "1 s", "1s ", "10S", "1w", "1us",
                             "30m1h", "1s1s", "1mss", "9223372036854775808ms", "106752d",
                             "106751d24h", "99999999999999999999s");
  CAPTURE(text);
  CHECK_FALSE(parse_duration(text));
}

TEST_CASE("a duration is written as short as it can be") {
  CHECK(format_duration(0s) == "0s");
  CHECK(format_duration(-5s) == "0s");
  CHECK(format_duration(999us) == "0s");
  CHECK(format_duration(1500ms) == "1500ms");
  CHECK(format_duration(60s) == "1m");
  CHECK(format_duration(90min) == "90m");
  CHECK(format_duration(7 * 24h) == "7d");
  CHECK(format_duration(1h + 1s) == "1h1s");
}

TEST_CASE("every duration survives being written and read, to the millisecond") {
  std::mt19937_64 random{20260729};
  for (int i = 0; i < 20'000; ++i) {
    const auto bits = random() % 62;
    const duration value{static_cast<std::int64_t>(random() >> (1 + bits))};
    const auto whole = std::chrono::floor<std::chrono::milliseconds>(value);
    REQUIRE(parse_duration(format_duration(value)) == duration{whole});
  }
}

TEST_CASE("a time is RFC 3339 or counts back from now") {
  const instant now = *parse_rfc3339("2026-08-16T09:00:00Z");
  CHECK(parse_time("2026-08-16T08:00:00Z", now) == now - 1h);
  CHECK(parse_time("-1h30m", now) == now - 90min);
  CHECK(parse_time("-0s", now) == now);
  for (const char* wrong : {"", "-", "1h", "- 1h", "--1h", "-1x", "yesterday", "2026-08-16"})
    CHECK_FALSE(parse_time(wrong, now));
  CHECK(parse_time("-106751d", no_instant));
  CHECK_FALSE(parse_time("-106752d", now)); // more than a duration has
}
