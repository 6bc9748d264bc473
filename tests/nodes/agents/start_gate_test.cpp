// Goal: a broken program is not started in a hot loop, and a poisonous event does not close the
// gate.
#include "nodes/agents/start_gate.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr boot_time begin{std::chrono::hours{1}};

} // namespace

TEST_CASE("the wait after failed starts doubles from 100 ms to 30 s") {
  start_gate gate;
  CHECK(gate.open(begin));
  boot_time now = begin;
  duration expected = milliseconds{100};
  for (int i = 0; i < 12; ++i) {
    gate.failed(now, now);
    CHECK_FALSE(gate.open(now));
    CHECK(gate.opens_at() - now == expected);
    now = gate.opens_at();
    CHECK(gate.open(now));
    expected = std::min<duration>(expected * 2, seconds{30});
  }
  CHECK(expected == seconds{30});
}

TEST_CASE("programs that were started together count as one failure") {
  start_gate gate;
  const boot_time end = begin + milliseconds{5};
  for (int i = 0; i < 16; ++i)
    gate.failed(begin, end);
  CHECK(gate.opens_at() == end + milliseconds{100});
}

TEST_CASE("a proven program opens the gate and the wait begins anew") {
  start_gate gate;
  gate.failed(begin, begin);
  gate.failed(gate.opens_at(), gate.opens_at());
  gate.proven();
  CHECK(gate.open(begin));
  gate.failed(begin + seconds{1}, begin + seconds{1});
  CHECK(gate.opens_at() == begin + seconds{1} + milliseconds{100});
}

TEST_CASE("programs that crash on turns are started again at once, many of them at a pace") {
  start_gate gate;
  boot_time now = begin;
  for (std::uint32_t i = 0; i < limits::program_crashes_at_once; ++i) {
    CHECK(gate.open(now));
    gate.crashed(now);
  }
  CHECK(gate.open(now)); // the last of those that are free
  gate.crashed(now);
  CHECK(gate.opens_at() == now + limits::program_crash_pace);
  // From here on, as often as it opens, for a minute.
  std::uint32_t starts = 0;
  for (const boot_time end = now + seconds{60}; gate.opens_at() <= end; ++starts) {
    now = gate.opens_at();
    gate.crashed(now);
  }
  CHECK(starts == seconds{60} / limits::program_crash_pace);
  now += limits::program_crashes_at_once * limits::program_crash_pace;
  gate.crashed(now);
  CHECK(gate.open(now)); // after a rest
}

TEST_CASE("a crash that an answer made up for counts nothing") {
  start_gate gate;
  for (int i = 0; i < 10'000; ++i) {
    gate.answered(begin);
    gate.crashed(begin);
    CHECK(gate.open(begin));
  }
  for (int i = 0; i < 10'000; ++i)
    gate.answered(begin); // answers are not saved up
  for (std::uint32_t i = 0; i <= limits::program_crashes_at_once; ++i)
    gate.crashed(begin);
  CHECK_FALSE(gate.open(begin));
}

TEST_CASE("crashes on turns do not shorten the wait of a broken program") {
  start_gate gate;
  gate.failed(begin, begin);
  gate.crashed(begin);
  CHECK(gate.opens_at() == begin + milliseconds{100});
}
