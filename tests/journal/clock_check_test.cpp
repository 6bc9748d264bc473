// Which clocks a store believes when it is opened.
#include "journal/clock_check.hpp"
#include "tests/journal/lockstep_workload.hpp"
#include "tests/support/temp_dir.hpp"

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

constexpr duration year = 366 * 24h;

instant day(const char* text) { return *parse_rfc3339(std::string{text} + "T00:00:00Z"); }

bool believed(instant now, instant last) { return judge_clock(now, last, year).ok(); }

} // namespace

TEST_CASE("a clock is believed up to a year ahead of the last commit, and however far behind") {
  const instant last = day("2026-03-01");
  CHECK(believed(last, last));
  CHECK(believed(last + year, last));
  CHECK_FALSE(believed(last + year + 1ns, last));
  CHECK(believed(day("1970-01-02"), last));
}

TEST_CASE("without a commit a clock is believed within the years that can be") {
  CHECK_FALSE(believed(day("1970-01-02"), no_instant));
  CHECK_FALSE(believed(day("2025-01-01") - 1ns, no_instant));
  CHECK(believed(day("2025-01-01"), no_instant));
  CHECK(believed(day("2074-12-31"), no_instant));
  CHECK_FALSE(believed(day("2075-01-01"), no_instant));
  CHECK_FALSE(believed(day("2075-01-02"), day("2075-01-01")));
}

TEST_CASE("a store is not opened with a clock that cannot be true, unless it is told to be") {
  temp_dir parent;
  open_options options;
  options.seed = 1;
  options.now = day("2026-03-01");
  options.clock_jump_max = year;
  const auto open = [&] { return skein::journal::open(parent.path() + "/store", options); };
  {
    auto store = must(open());
    (void)store->agent_number("bot");
    REQUIRE(store->commit(std::vector<operation>{}, options.now).ok());
    must(store->close());
  }
  options.now = day("2100-01-01");
  const auto refused = open();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == errc::clock_implausible);
  CHECK(refused.error().detail.find("2100-01-01") != std::string::npos);
  CHECK(refused.error().detail.find("2026-03-01") != std::string::npos);
  options.now = day("2026-03-02");
  CHECK(must(open())->last_commit_at() == options.now);
  options.now = day("2027-06-01");
  options.clock_jump_max = 0ns;
  CHECK(open().ok());
}
