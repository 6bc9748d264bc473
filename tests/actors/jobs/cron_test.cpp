// Cron expressions: what is read, what is refused and with which words, and the local times that
// match, against a walk over every minute.
#include "actors/jobs/cron.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace skein;

namespace {

using namespace std::chrono;

local_seconds at(int y, unsigned m, unsigned d, int h = 0, int min = 0, int s = 0) {
  return local_days{year{y} / static_cast<int>(m) / static_cast<int>(d)} + hours{h} + minutes{min} +
         seconds{s};
}

std::string text_of(local_seconds when) {
  const auto day = floor<days>(when);
  const year_month_day date{day};
  const hh_mm_ss time{when - day};
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u %02ld:%02ld:%02ld", int{date.year()},
                unsigned{date.month()}, unsigned{date.day()}, time.hours().count(),
                time.minutes().count(), time.seconds().count());
  return text;
}

/// The next ones after `from`, with their times only if they are not at midnight.
std::vector<std::string> next(const std::string& text, local_seconds from, int count) {
  const auto parsed = cron::parse(text);
  REQUIRE(parsed.ok());
  std::vector<std::string> found;
  for (auto each = parsed->next(from); each && count > 0; --count) {
    found.push_back(text_of(*each));
    each = parsed->next(*each + seconds{1});
  }
  return found;
}

std::string refusal(const std::string& text) {
  const auto parsed = cron::parse(text);
  return parsed.ok() ? "it is read" : parsed.error().detail;
}

using list = std::vector<std::string>;

} // namespace

TEST_CASE("five fields are due at the minute, six at the second") {
  CHECK(next("30 4 * * *", at(2026, 1, 1), 2) ==
        list{"2026-01-01 04:30:00", "2026-01-02 04:30:00"});
  CHECK(next("15 30 4 * * *", at(2026, 1, 1), 1) == list{"2026-01-01 04:30:15"});
  CHECK(next("*/20 * * * * *", at(2026, 1, 1, 23, 59, 30), 2) ==
        list{"2026-01-01 23:59:40", "2026-01-02 00:00:00"});
}

TEST_CASE("lists, ranges, steps and names") {
  CHECK(next("0 9-17/4,20 * * MON-FRI", at(2026, 5, 1), 5) == // a Friday
        list{"2026-05-01 09:00:00", "2026-05-01 13:00:00", "2026-05-01 17:00:00",
             "2026-05-01 20:00:00", "2026-05-04 09:00:00"});
  CHECK(next("50/3 * * * *", at(2026, 5, 1), 4) ==
        list{"2026-05-01 00:50:00", "2026-05-01 00:53:00", "2026-05-01 00:56:00",
             "2026-05-01 00:59:00"});
  CHECK(next("0 0 1 jan,Jul *", at(2026, 2, 1), 2) ==
        list{"2026-07-01 00:00:00", "2027-01-01 00:00:00"});
  CHECK(next("0 0 * * 7", at(2026, 5, 1), 1) == list{"2026-05-03 00:00:00"});
  CHECK(next("0 0 * * FRI-SUN", at(2026, 5, 1), 4) ==
        list{"2026-05-01 00:00:00", "2026-05-02 00:00:00", "2026-05-03 00:00:00",
             "2026-05-08 00:00:00"});
}

TEST_CASE("the last days of a month and the weekdays nearest to one") {
  CHECK(next("0 0 L * *", at(2028, 2, 1), 2) == list{"2028-02-29 00:00:00", "2028-03-31 00:00:00"});
  CHECK(next("0 0 L-2 2 *", at(2026, 1, 1), 1) == list{"2026-02-26 00:00:00"});
  CHECK(next("0 0 LW * *", at(2026, 5, 1), 1) == list{"2026-05-29 00:00:00"});  // 31st: Sunday
  CHECK(next("0 0 1W 8 *", at(2026, 1, 1), 1) == list{"2026-08-03 00:00:00"});  // 1st: Saturday
  CHECK(next("0 0 15W 8 *", at(2026, 1, 1), 1) == list{"2026-08-14 00:00:00"}); // Saturday
  CHECK(next("0 0 16W 8 *", at(2026, 1, 1), 1) == list{"2026-08-17 00:00:00"}); // Sunday
  CHECK(next("0 0 31W * *", at(2026, 4, 1), 1) == list{"2026-05-29 00:00:00"}); // April has none
}

TEST_CASE("the nth and the last of a weekday") {
  CHECK(next("0 0 * * FRI#3", at(2026, 5, 1), 2) ==
        list{"2026-05-15 00:00:00", "2026-06-19 00:00:00"});
  CHECK(next("0 0 * * 1#5", at(2026, 5, 1), 2) ==
        list{"2026-06-29 00:00:00", "2026-08-31 00:00:00"});
  CHECK(next("0 0 * * 5L", at(2026, 5, 1), 2) ==
        list{"2026-05-29 00:00:00", "2026-06-26 00:00:00"});
  CHECK(next("0 0 * * 0L", at(2026, 5, 1), 1) == list{"2026-05-31 00:00:00"});
}

TEST_CASE("a day matches either field of days, or both if one begins with a star") {
  CHECK(next("0 0 13 * FRI", at(2026, 5, 1), 4) ==
        list{"2026-05-01 00:00:00", "2026-05-08 00:00:00", "2026-05-13 00:00:00",
             "2026-05-15 00:00:00"});
  CHECK(next("0 0 */2 * FRI", at(2026, 5, 1), 3) ==
        list{"2026-05-01 00:00:00", "2026-05-15 00:00:00", "2026-05-29 00:00:00"});
  CHECK(next("0 0 ? * FRI", at(2026, 5, 2), 1) == list{"2026-05-08 00:00:00"});
}

TEST_CASE("macros stand for their expressions") {
  CHECK(next("@yearly", at(2026, 5, 1), 1) == list{"2027-01-01 00:00:00"});
  CHECK(next("@annually", at(2026, 5, 1), 1) == list{"2027-01-01 00:00:00"});
  CHECK(next("@monthly", at(2026, 5, 2), 1) == list{"2026-06-01 00:00:00"});
  CHECK(next("@weekly", at(2026, 5, 1), 1) == list{"2026-05-03 00:00:00"});
  CHECK(next("@Daily", at(2026, 5, 1, 1), 1) == list{"2026-05-02 00:00:00"});
  CHECK(next("@midnight", at(2026, 5, 1, 1), 1) == list{"2026-05-02 00:00:00"});
  CHECK(next(" @hourly ", at(2026, 5, 1, 1, 1), 1) == list{"2026-05-01 02:00:00"});
}

TEST_CASE("a rare day is found, also over a century without a leap day") {
  CHECK(next("0 0 29 2 *", at(2026, 5, 1), 2) ==
        list{"2028-02-29 00:00:00", "2032-02-29 00:00:00"});
  CHECK(next("0 0 29 2 0-7/7", at(2026, 5, 1), 1) == list{"2027-02-07 00:00:00"}); // either field
  CHECK(next("0 0 29 2 *", at(2096, 3, 1), 1) == list{"2104-02-29 00:00:00"});
}

TEST_CASE("what cannot be read is told with its place and what may stand there") {
  CHECK(refusal("* * * *").ends_with("not 4"));
  CHECK(refusal("").ends_with("not 0"));
  CHECK(refusal("* * * * * * *").ends_with("not 7"));
  CHECK(refusal("60 * * * *") == "minute '60': must be one of 0 to 59");
  CHECK(refusal("60 * * * * *") == "second '60': must be one of 0 to 59");
  CHECK(refusal("* 24 * * *") == "hour '24': must be one of 0 to 23");
  CHECK(refusal("* * 0 * *") == "day of month '0': must be one of 1 to 31");
  CHECK(refusal("* * 32 * *") == "day of month '32': must be one of 1 to 31");
  CHECK(refusal("* * * 13 *") == "month '13': must be one of 1 to 12, JAN to DEC");
  CHECK(refusal("* * * * 8") == "day of week '8': must be one of 0 to 7, SUN to SAT");
  CHECK(refusal("* * * * Mo") == "day of week 'MO': must be one of 0 to 7, SUN to SAT");
  CHECK(refusal("*/0 * * * *") == "minute '*/0': a step is 1 to 59");
  CHECK(refusal("*/60 * * * *") == "minute '*/60': a step is 1 to 59");
  CHECK(refusal("1/2/3 * * * *") == "minute '1/2/3': has more than one step");
  CHECK(refusal("1-2-3 * * * *") == "minute '1-2-3': a range is low-high");
  CHECK(refusal("* 22-4 * * *") ==
        "hour '22-4': runs backwards; write it as two ranges, such as 22-23,0-4");
  CHECK(refusal("-1 * * * *") == "minute '': must be one of 0 to 59");
  CHECK(refusal("1, * * * *") == "minute '': must be one of 0 to 59");
  CHECK(refusal("1.5 * * * *") == "minute '1.5': must be one of 0 to 59");
  CHECK(refusal("* * L-31 * *") == "day of month 'L-31': L-n is n days before the last, 0 to 30");
  CHECK(refusal("* * 32W * *") ==
        "day of month '32W': nW is the weekday nearest to the day n, 1 to 31");
  CHECK(refusal("* * * * L") ==
        "day of week 'L': of which day? 5L is the last Friday of the month");
  CHECK(refusal("* * * * 5#6") ==
        "day of week '5#6': d#n is the nth d of the month, n being 1 to 5");
  CHECK(refusal("@often").starts_with("there is no '@OFTEN': @yearly"));
  CHECK(refusal(std::string(257, '*')) == "a cron expression has 256 characters at most");
}

TEST_CASE("what can never be is refused when it is written, not waited for") {
  CHECK(refusal("0 0 30 2 *") == "no day of any year has day of month '30', month '2' and day of "
                                 "week '*'");
  CHECK(refusal("0 0 31 4,6 *").starts_with("no day of any year"));
  CHECK(refusal("0 0 L-30 2 *").starts_with("no day of any year"));
  CHECK(refusal("0 0 29 2 *") == "it is read");
  CHECK(refusal("0 0 30 2 MON") == "it is read"); // Mondays of February
}

TEST_CASE("the next time is the one that a walk over every minute finds") {
  struct expression {
    std::string text;
    bool (*matches)(unsigned minute, unsigned hour, unsigned day, unsigned month, unsigned week);
  };
  const expression all[] = {
      {"*/7 3,5 * * *", [](unsigned m, unsigned h, unsigned, unsigned,
                           unsigned) { return m % 7 == 0 && (h == 3 || h == 5); }},
      {"59 23 28-31 2-4 *",
       [](unsigned m, unsigned h, unsigned d, unsigned mo, unsigned) {
         return m == 59 && h == 23 && d >= 28 && mo >= 2 && mo <= 4;
       }},
      {"0 12 1-7 * 1", [](unsigned m, unsigned h, unsigned d, unsigned,
                          unsigned w) { return m == 0 && h == 12 && (d <= 7 || w == 1); }},
      {"0 12 */3 * 1-5",
       [](unsigned m, unsigned h, unsigned d, unsigned, unsigned w) {
         return m == 0 && h == 12 && (d - 1) % 3 == 0 && w >= 1 && w <= 5;
       }},
      {"10-20/5 * * 12 0,6",
       [](unsigned m, unsigned, unsigned, unsigned mo, unsigned w) {
         return (m == 10 || m == 15 || m == 20) && mo == 12 && (w == 0 || w == 6);
       }},
  };
  for (const expression& each : all) {
    INFO(each.text);
    const auto parsed = cron::parse(each.text);
    REQUIRE(parsed.ok());
    auto expected = parsed->next(at(2027, 11, 20));
    for (local_seconds walk = at(2027, 11, 20); walk < at(2028, 4, 10); walk += minutes{1}) {
      const auto day = floor<days>(walk);
      const year_month_day date{day};
      const hh_mm_ss time{walk - day};
      const bool is_due =
          each.matches(static_cast<unsigned>(time.minutes().count()),
                       static_cast<unsigned>(time.hours().count()), unsigned{date.day()},
                       unsigned{date.month()}, weekday{day}.c_encoding());
      REQUIRE(expected.has_value());
      if (is_due) {
        REQUIRE(text_of(*expected) == text_of(walk));
        expected = parsed->next(walk + seconds{1});
      } else {
        REQUIRE(*expected > walk);
      }
    }
  }
}
