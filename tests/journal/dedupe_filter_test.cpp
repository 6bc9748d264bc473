// The filters of closed buckets: what a bucket has is never excluded, what it has not seldom isn't.
#include "journal/dedupe_filter.hpp"

#include <bit>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

using namespace skein;
using namespace skein::journal;

namespace {

std::vector<hash128> some_identities(std::uint64_t seed, std::size_t count) {
  std::mt19937_64 random{seed};
  std::vector<hash128> all(count);
  for (hash128& each : all)
    each = {random(), random()};
  return all;
}

std::string filter_of(const std::vector<hash128>& identities) {
  filter_bits bits{filter_size(identities.size())};
  for (const hash128& each : identities)
    bits.add(each);
  return bits.bytes();
}

} // namespace

TEST_CASE("every column of a group knows what was put into it") {
  constexpr std::size_t count = 1'000;
  filter_group group{filter_size(count)};
  for (unsigned column = 0; column < filter_group::columns; ++column)
    group.fill(column, filter_of(some_identities(column + 1, count)));
  for (unsigned column = 0; column < filter_group::columns; ++column)
    for (const hash128& each : some_identities(column + 1, count))
      REQUIRE((group.ask(each, 0xffff) >> column & 1) == 1);
}

TEST_CASE("of what a bucket does not have, 1 of 16,000 at most looks as if it did") {
  constexpr std::size_t count = 20'000;
  filter_group group{filter_size(count)};
  for (unsigned column = 0; column < filter_group::columns; ++column)
    group.fill(column, filter_of(some_identities(column + 1, count)));
  std::size_t wrong = 0;
  for (const hash128& each : some_identities(99, 100'000))
    wrong += static_cast<std::size_t>(std::popcount(group.ask(each, 0xffff)));
  INFO(wrong << " of 1,600,000");
  CHECK(wrong < 100);
  CHECK(wrong > 0); // else the filter has more bits than it needs
}

TEST_CASE("only the columns that are asked for answer") {
  const auto identities = some_identities(1, 100);
  filter_group group{filter_size(100)};
  group.fill(3, filter_of(identities));
  CHECK(group.ask(identities[0], 1u << 3) == 1u << 3);
  CHECK(group.ask(identities[0], 0xffff & ~(1u << 3)) == 0);
  CHECK(group.ask(identities[0], 0) == 0);
}

TEST_CASE("a column that is filled anew forgets what it held, and the others stay") {
  const auto before = some_identities(1, 500);
  const auto after = some_identities(2, 500);
  filter_group group{filter_size(500)};
  group.fill(0, filter_of(before));
  group.fill(15, filter_of(before));
  group.fill(15, filter_of(after));
  std::size_t left = 0;
  for (const hash128& each : before) {
    REQUIRE((group.ask(each, 0xffff) & 1) == 1);
    left += group.ask(each, 0xffff) >> 15 & 1;
  }
  CHECK(left < 5);
  for (const hash128& each : after)
    REQUIRE((group.ask(each, 0xffff) >> 15 & 1) == 1);
}

TEST_CASE("a filter's positions stay within it, down to that of one identity") {
  for (const std::size_t count : {1u, 2u, 3u, 64u}) {
    const auto identities = some_identities(count, count);
    filter_group group{filter_size(count)};
    group.fill(0, filter_of(identities));
    for (const hash128& each : identities)
      CHECK(group.ask(each, 1) == 1);
    CHECK(group.ask({~std::uint64_t{0}, ~std::uint64_t{0}}, 2) == 0);
  }
}
