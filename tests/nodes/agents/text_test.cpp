// Goal: text from programs and events reaches logs, errors and environments harmless and bounded.
#include "nodes/agents/exec_log.hpp"
#include "nodes/agents/text.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace skein;
using namespace std::string_literals;

TEST_CASE("printable text is left as it is") {
  CHECK(printable("hello wörld 🎉", 100) == "hello wörld 🎉");
}

TEST_CASE("control characters and escape sequences are shown, not obeyed") {
  CHECK(printable("a\nb\r\tc\x1b[31m\x7f", 100) == "a\\nb\\r\\tc\\x1b[31m\\x7f");
  CHECK(printable("nul\0!"s, 100) == "nul\\x00!");
  CHECK(printable("csi \xc2\x9b"s, 100) == "csi \\x9b");
}

TEST_CASE("bytes that are no UTF-8 are shown as numbers") {
  CHECK(printable("\xff\xc3", 100) == "\\xff\\xc3");
  CHECK(printable("\xc0\xaf", 100) == "\\xc0\\xaf");                   // overlong
  CHECK(printable("\xed\xa0\x80", 100) == "\\xed\\xa0\\x80");          // surrogate
  CHECK(printable("\xf4\x90\x80\x80", 100) == "\\xf4\\x90\\x80\\x80"); // above U+10FFFF
  CHECK(printable("\xf0\x80\x80\x80", 100) == "\\xf0\\x80\\x80\\x80");
  CHECK(printable("\xe0\x80\x80", 100) == "\\xe0\\x80\\x80");
}

TEST_CASE("long text is cut between characters and says so") {
  CHECK(printable("abcdef", 3) == "abc...");
  CHECK(printable("ab\xc3\xb6", 3) == "ab...");
}

TEST_CASE("environment values have no NUL and are UTF-8") {
  CHECK(environment_text("a\0b"s) == "a\xef\xbf\xbd"
                                     "b");
  CHECK(environment_text("a\xff"
                         "b") == "a\xef\xbf\xbd"
                                 "b");
  CHECK(environment_text("tab\tand ö") == "tab\tand ö");
}

TEST_CASE("a babbling program gets its burst, then a rate, and the dropped lines are counted") {
  line_budget budget;
  boot_time now{std::chrono::hours{1}};
  std::uint32_t allowed = 0;
  for (std::uint32_t i = 0; i < limits::program_log_burst + 50; ++i)
    allowed += budget.take(now) ? 1u : 0u;
  CHECK(allowed == limits::program_log_burst);
  CHECK(budget.take_dropped() == 50);
  CHECK(budget.take_dropped() == 0);
  now += std::chrono::seconds{1};
  allowed = 0;
  for (std::uint32_t i = 0; i < limits::program_log_burst; ++i)
    allowed += budget.take(now) ? 1u : 0u;
  CHECK(allowed == limits::program_log_rate);
}

TEST_CASE("the log names the turn or the process, and the dropped lines") {
  std::vector<std::string> lines;
  agent_log log{
      [&](exec_log_level, std::string_view id, std::string_view text, std::string_view turn) {
        lines.push_back(std::string{id} + "|" + std::string{text} + "|" + std::string{turn});
      }};
  const boot_time now{std::chrono::hours{1}};
  log.program(now, "one\x1b", "17-1.bot/1", 5);
  log.program(now, "two", "", 5);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "agent-program-said|one\\x1b|17-1.bot/1");
  CHECK(lines[1] == "agent-program-said|pid 5: two|");
  for (std::uint32_t i = 0; i < limits::program_log_burst; ++i)
    log.program(now, "more", "", 5);
  lines.clear();
  log.flush();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0] == "agent-program-said|2 lines were dropped, too many at once|");
}
