// Cron expressions over the changes of the clocks of real zones: examples that a person can check,
// and all zones and all changes of 1970 to 2037 against a walk over every minute.
#include "actors/jobs/due_times.hpp"
#include "nodes/clock/time_zones.hpp"

#include <catch2/catch.hpp>

#include <set>
#include <string>
#include <vector>

using namespace skein;

namespace {

using namespace std::chrono;

const zone_rules& zone(const std::string& name) {
  const auto found = find_zone(name);
  REQUIRE(found.ok());
  return **found;
}

instant utc(const std::string& text) { return parse_rfc3339(text).value(); }

using list = std::vector<std::string>;

list due(const std::string& text, const std::string& in, const std::string& after, int count,
         std::optional<dst_rules> rules = {}) {
  const auto parsed = cron::parse(text);
  REQUIRE(parsed.ok());
  list found;
  for (instant last = utc(after); count > 0; --count) {
    const auto next = next_due(*parsed, zone(in), rules.value_or(dst_rules::of(*parsed)), last);
    if (!next)
      break;
    last = *next;
    found.push_back(format_rfc3339(last));
  }
  return found;
}

/// An expression of minutes and hours, and by other means which times of a day it has.
struct expression {
  const char* text;
  bool (*matches)(int hour, int minute);
};
const expression expressions[] = {
    {"30 2 * * *", [](int h, int m) { return h == 2 && m == 30; }},
    {"0 2 * * *", [](int h, int m) { return h == 2 && m == 0; }},
    {"0 0 * * *", [](int h, int m) { return h == 0 && m == 0; }},
    {"59 23 * * *", [](int h, int m) { return h == 23 && m == 59; }},
    {"*/15 1-3 * * *", [](int h, int m) { return h >= 1 && h <= 3 && m % 15 == 0; }},
    {"*/7 0,1,2,3,23 * * *", [](int h, int m) { return (h <= 3 || h == 23) && m % 7 == 0; }},
    {"*/15 * * * *", [](int, int m) { return m % 15 == 0; }},
    {"5 */2 * * *", [](int h, int m) { return h % 2 == 0 && m == 5; }},
};
constexpr dst_rules all_rules[] = {{gap_rule::behind, repeat_rule::first},
                                   {gap_rule::behind, repeat_rule::both},
                                   {gap_rule::skip, repeat_rule::first},
                                   {gap_rule::skip, repeat_rule::both}};

/// The walk: a clock on the wall that is looked at again and again.
class walk {
 public:
  walk(const zone_rules& zone, instant from, instant to, seconds step) {
    for (instant each = from; each <= to; each += step)
      looks_.push_back({each, zone.at(each).local(each)});
  }

  /// Those behind `from` at which it is due.
  std::vector<instant> due(const expression& of, dst_rules rules, instant from) const {
    std::vector<instant> found;
    local_seconds latest = looks_.front().local; // that the clock has shown so far
    for (const auto& [at, local] : looks_) {
      bool is_due = matches(of, local) && (rules.repeat == repeat_rule::both || local >= latest);
      if (rules.gap == gap_rule::behind)
        for (local_seconds missed = first_minute_after(latest); missed < local && !is_due;
             missed += minutes{1})
          is_due = matches(of, missed);
      if (is_due && at > from)
        found.push_back(at);
      latest = std::max(latest, local + seconds{1});
    }
    return found;
  }

 private:
  struct look {
    instant at;
    local_seconds local;
  };
  static local_seconds first_minute_after(local_seconds when) { return ceil<minutes>(when); }
  static bool matches(const expression& of, local_seconds local) {
    const hh_mm_ss time{local - floor<days>(local)};
    return time.seconds().count() == 0 && of.matches(static_cast<int>(time.hours().count()),
                                                     static_cast<int>(time.minutes().count()));
  }
  std::vector<look> looks_;
};

/// How many changes of the clocks were looked at.
int check_changes(const std::string& name, int every) {
  const zone_rules& in = zone(name);
  int changes = 0;
  for (instant at = in.at(utc("1970-01-01T00:00:00Z")).end; at < utc("2038-01-01T00:00:00Z");
       at = in.at(at).end) {
    if (++changes % every != 0)
      continue;
    const auto is_odd = [&](instant when) { return in.at(when).offset % minutes{1} != 0s; };
    const seconds step =
        is_odd(at) || is_odd(at - 1s) || to_ns(at) % 60'000'000'000 != 0 ? seconds{1} : seconds{60};
    const walk minutes_of{in, at - hours{48}, at + hours{48}, step};
    for (const expression& each : expressions)
      for (const dst_rules rules : all_rules) {
        const auto parsed = cron::parse(each.text);
        // What was before the walk began, it does not know.
        instant last = at - hours{46};
        for (const instant expected : minutes_of.due(each, rules, last)) {
          const auto next = next_due(*parsed, in, rules, last);
          if (!next || *next != expected) {
            FAIL(name << ", " << each.text << " after " << format_rfc3339(last) << ": "
                      << (next ? format_rfc3339(*next) : "none") << ", expected "
                      << format_rfc3339(expected));
          }
          last = expected;
        }
      }
  }
  return changes;
}

} // namespace

TEST_CASE("a time of the day that does not exist comes at the end of the gap, once") {
  CHECK(due("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3) ==
        list{"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"});
  CHECK(due("*/10 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2) ==
        list{"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"});
  CHECK(due("0 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2) ==
        list{"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"}); // both are 3:00
}

TEST_CASE("a time of the day that comes twice counts the first time") {
  CHECK(due("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2) ==
        list{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"});
  CHECK(due("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", 1) ==
        list{"2026-10-26T01:30:00Z"});
  CHECK(due("*/30 1 * * *", "America/New_York", "2026-11-01T00:00:00Z", 3) ==
        list{"2026-11-01T05:00:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:00:00Z"});
}

TEST_CASE("an expression of any hour follows the time that goes by") {
  CHECK(due("0 */2 * * *", "Europe/Berlin", "2026-03-28T23:30:00Z", 3) ==
        list{"2026-03-29T02:00:00Z", "2026-03-29T04:00:00Z", "2026-03-29T06:00:00Z"});
  CHECK(due("30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 3) ==
        list{"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"});
}

TEST_CASE("each rule can be asked for") {
  const auto berlin = [](dst_rules rules, const char* after) {
    return due("30 2 * * *", "Europe/Berlin", after, 2, rules);
  };
  const dst_rules skips{gap_rule::skip, repeat_rule::second};
  CHECK(berlin(skips, "2026-03-28T12:00:00Z") ==
        list{"2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"});
  CHECK(berlin(skips, "2026-10-24T12:00:00Z") ==
        list{"2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"});
  CHECK(berlin({gap_rule::skip, repeat_rule::both}, "2026-10-24T12:00:00Z") ==
        list{"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"});
}

TEST_CASE("zones with changes of half an hour and of a whole day") {
  CHECK(due("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", 2) ==
        list{"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"});
  // Samoa had no 30th of December in 2011.
  CHECK(due("0 12 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z", 3) ==
        list{"2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"});
}

TEST_CASE("a zone that is not there is named") {
  const auto found = find_zone("Europe/Berlln");
  REQUIRE_FALSE(found.ok());
  CHECK(found.error().code == errc::not_found);
  CHECK(found.error().detail.find("'Europe/Berlln'") != std::string::npos);
  CHECK(find_zone("UTC").ok());
}

TEST_CASE("some zones and some of their changes agree with a walk over every minute") {
  int changes = 0;
  for (const char* name : {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                           "Africa/Monrovia", "Pacific/Apia", "Africa/Casablanca", "Asia/Tehran"})
    changes += check_changes(name, 7);
  CHECK(changes > 500);
}

TEST_CASE("all zones and all of their changes agree with a walk over every minute", "[.long]") {
  const auto names = zone_names();
  REQUIRE(names.ok());
  int changes = 0;
  for (const std::string& name : *names)
    changes += check_changes(name, 1);
  std::printf("%zu zones, %d changes\n", names->size(), changes);
  CHECK(changes > 10'000);
}
