#include "actors/retry_core.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace std::chrono_literals;

namespace {

constexpr moment at(std::int64_t ms) {
  return {from_ns(1'700'000'000'000'000'000 + ms * 1'000'000),
          boot_time{std::chrono::milliseconds{ms}}};
}

turn_id turn(std::uint64_t sequence, std::uint32_t attempt) {
  return {{{shard_id{}, sequence}, 0}, attempt};
}

retry_settings plain_policy() {
  retry_settings policy;
  policy.jitter = false;
  policy.attempts = 3;
  return policy;
}

std::vector<retry_effect> step(retry_core& core, retry_input input, moment now) {
  std::vector<retry_effect> out;
  core.step(std::move(input), now, out);
  return out;
}

} // namespace

TEST_CASE("a failed attempt is decided by its agent's policy") {
  retry_settings patient = plain_policy();
  patient.initial = 10s;
  retry_core core{{plain_policy(), patient}, 1};
  const auto out = step(core,
                        ask_retry_in{{{turn(1, 1), agent_no{0}, turn_verdict::failed, 0s},
                                      {turn(2, 1), agent_no{1}, turn_verdict::failed, 0s},
                                      {turn(3, 3), agent_no{0}, turn_verdict::failed, 0s},
                                      {turn(4, 1), agent_no{0}, turn_verdict::rejected, 0s},
                                      {turn(5, 1), agent_no{0}, turn_verdict::failed, 7s}}},
                        at(0));
  REQUIRE(out.size() == 1);
  const auto& decisions = std::get<decided_in>(out[0]).decisions;
  REQUIRE(decisions.size() == 5);
  CHECK(decisions[0].again);
  CHECK(decisions[0].due == at(1'000).wall);
  CHECK(decisions[1].due == at(10'000).wall);
  CHECK_FALSE(decisions[2].again);
  CHECK_FALSE(decisions[3].again);
  CHECK(decisions[4].due == at(7'000).wall);
  CHECK(core.waiting() == 0);
}

TEST_CASE("an armed retry comes at its time, never before it, and once") {
  retry_core core{{plain_policy()}, 1};
  auto out =
      step(core, arm_retry_in{{{turn(1, 1), at(1'000).boot}, {turn(2, 2), at(500).boot}}}, at(0));
  REQUIRE(out.size() == 1);
  CHECK(std::get<wake_effect>(out[0]).at == at(500).boot);
  CHECK(step(core, tick_in{}, at(499)).empty());
  out = step(core, tick_in{}, at(500));
  REQUIRE(out.size() == 2);
  CHECK(std::get<retry_due_in>(out[0]).failed == std::vector{turn(2, 2)});
  CHECK(std::get<wake_effect>(out[1]).at == at(1'000).boot);
  out = step(core, tick_in{}, at(1'500));
  REQUIRE(out.size() == 1);
  CHECK(std::get<retry_due_in>(out[0]).failed == std::vector{turn(1, 1)});
  CHECK(step(core, tick_in{}, at(9'000)).empty());
}

TEST_CASE("a retry that is due already when it is armed comes at once") {
  retry_core core{{plain_policy()}, 1};
  const auto out = step(core, arm_retry_in{{{turn(1, 1), at(-5'000).boot}}}, at(0));
  REQUIRE(out.size() == 1);
  CHECK(std::get<retry_due_in>(out[0]).failed == std::vector{turn(1, 1)});
}

TEST_CASE("the wall clock may be set while a retry waits: it waits by boot time") {
  retry_core core{{plain_policy()}, 1};
  const auto decided =
      step(core, ask_retry_in{{{turn(1, 1), agent_no{0}, turn_verdict::failed, 0s}}}, at(0));
  const boot_time wake = std::get<decided_in>(decided[0]).decisions[0].wake;
  CHECK(wake == at(1'000).boot);
  // Set forward before the failure is durable: the wait is not shorter for that.
  step(core, arm_retry_in{{{turn(1, 1), wake}}}, {at(3'600'000).wall, at(5).boot});
  CHECK(step(core, tick_in{}, {at(3'600'000).wall, at(10).boot}).empty());
  CHECK(step(core, tick_in{}, {at(-3'600'000).wall, at(1'000).boot}).size() == 1);
}
