#include "actors/retry_policy.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace skein;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t highest = ~std::uint64_t{0};

turn_id turn(std::uint64_t sequence, std::uint32_t attempt) {
  return {{{static_cast<shard_id>(3), sequence}, 0}, attempt};
}

} // namespace

TEST_CASE("without jitter the delay doubles up to its bound") {
  retry_settings policy;
  policy.jitter = false;
  const duration expected[] = {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s, 60s, 60s, 60s};
  for (std::uint32_t attempt = 1; attempt < policy.attempts; ++attempt)
    CHECK(retry_delay(policy, attempt, 0s, 123) == expected[attempt - 1]);
}

TEST_CASE("the last attempt is not followed by another, whatever the agent asked for") {
  retry_settings policy;
  policy.attempts = 3;
  CHECK(retry_delay(policy, 2, 0s, 1));
  CHECK_FALSE(retry_delay(policy, 3, 0s, 1));
  CHECK_FALSE(retry_delay(policy, 4, 5s, 1));
}

TEST_CASE("full jitter spreads the delay over the whole range and never beyond it") {
  const retry_settings policy;
  const auto attempt = GENERATE(1u, 3u, 11u);
  const duration bound = std::min<duration>(60s, 1s * (1u << (attempt - 1)));
  CHECK(retry_delay(policy, attempt, 0s, 0) == 0s);
  CHECK(*retry_delay(policy, attempt, 0s, highest) <= bound);
  CHECK(*retry_delay(policy, attempt, 0s, highest) > bound * 99 / 100);
  int below_half = 0;
  for (std::uint64_t sequence = 1; sequence <= 1'000; ++sequence) {
    const auto delay = retry_delay(policy, attempt, 0s, retry_dice(9, turn(sequence, attempt)));
    REQUIRE(delay);
    REQUIRE(*delay >= 0s);
    REQUIRE(*delay <= bound);
    below_half += *delay < bound / 2 ? 1 : 0;
  }
  CHECK(below_half > 400);
  CHECK(below_half < 600);
}

TEST_CASE("what the agent asked for wins, up to a day") {
  const retry_settings policy;
  CHECK(retry_delay(policy, 1, 5s, highest) == 5s);
  CHECK(retry_delay(policy, 1, 3h, 0) == 3h);
  CHECK(retry_delay(policy, 1, 48h, 0) == 24h);
}

TEST_CASE("factors that overflow stay at the bound") {
  retry_settings policy;
  policy.attempts = 5'000;
  policy.factor = 10;
  policy.jitter = false;
  CHECK(retry_delay(policy, 4'999, 0s, 0) == policy.max);
}

TEST_CASE("dice depend on seed, delivery and attempt, and on nothing else") {
  std::set<std::uint64_t> seen;
  for (std::uint64_t sequence = 1; sequence <= 200; ++sequence)
    for (std::uint32_t attempt = 1; attempt <= 5; ++attempt) {
      seen.insert(retry_dice(1, turn(sequence, attempt)));
      REQUIRE(retry_dice(1, turn(sequence, attempt)) == retry_dice(1, turn(sequence, attempt)));
      REQUIRE(retry_dice(1, turn(sequence, attempt)) != retry_dice(2, turn(sequence, attempt)));
    }
  CHECK(seen.size() == 200 * 5);
  turn_id second = turn(1, 1);
  second.delivery.index = 1;
  CHECK(retry_dice(1, second) != retry_dice(1, turn(1, 1)));
}
