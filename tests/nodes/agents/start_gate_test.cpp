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
