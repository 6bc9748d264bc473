// What boards tell: rates, and the health of the store.
#include "actors/board.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace std::chrono_literals;

namespace {

constexpr boot_time at(std::int64_t ms) { return boot_time{std::chrono::milliseconds{ms}}; }

} // namespace

TEST_CASE("a rate counts what lies in its window, and of the oldest second the part that does") {
  rate_window window;
  CHECK(window.over(60, at(5'000)) == 0.0);
  window.add(at(100'200), 10);
  CHECK(window.over(1, at(100'900)) == Approx(10.0));
  CHECK(window.over(10, at(100'900)) == Approx(1.0));
  CHECK(window.over(1, at(101'250)) == Approx(7.5));
  CHECK(window.over(1, at(102'000)) == 0.0);
  window.add(at(109'999), 20);
  CHECK(window.over(10, at(110'000)) == Approx(3.0));
  CHECK(window.over(10, at(110'500)) == Approx(2.5));
  CHECK(window.over(60, at(160'000)) == Approx(0.5));
  CHECK(window.over(60, at(171'000)) == 0.0);
}

TEST_CASE("a rate forgets what lies further back than its longest window") {
  rate_window window;
  for (std::int64_t second = 0; second < 500; ++second)
    window.add(at(second * 1'000), 1);
  CHECK(window.over(60, at(499'999)) == Approx(1.0).epsilon(0.01));
  window.add(at(5'000'000), 6);
  CHECK(window.over(60, at(5'000'000)) == Approx(0.1));
}

TEST_CASE("a store that does not answer a commit is stuck after a while, whatever else it said") {
  std::vector<loop_facts> loops(2);
  CHECK(store_health(loops, at(0)) == errc::none);
  loops[1].oldest_submit = at(1'000);
  loops[0].committed = at(2'000);
  CHECK(store_health(loops, at(5'999)) == errc::none);
  CHECK(store_health(loops, at(6'000)) == errc::store_stuck);
  loops[1].oldest_submit.reset();
  CHECK(store_health(loops, at(6'000)) == errc::none);
}

TEST_CASE("a refusal holds until a commit succeeds anywhere, or for a while") {
  std::vector<loop_facts> loops(2);
  loops[0].committed = at(500);
  loops[0].refused = at(1'000);
  CHECK(store_health(loops, at(1'001)) == errc::store_refuses);
  CHECK(store_health(loops, at(10'999)) == errc::store_refuses);
  CHECK(store_health(loops, at(11'000)) == errc::none);
  loops[1].committed = at(1'001);
  CHECK(store_health(loops, at(1'002)) == errc::none);
}
