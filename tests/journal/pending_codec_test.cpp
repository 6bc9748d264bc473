// Pending events of a range as bytes: they come back as they were, take little room, and bytes that
// are no such thing give nothing.
#include "journal/pending_codec.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace skein;
using namespace skein::journal;

namespace {

constexpr std::uint64_t range = limits::range_events;

placed_marks random_marks(std::uint64_t seed, std::uint64_t every, std::uint64_t kinds,
                          std::uint64_t shards) {
  std::mt19937_64 random{seed};
  placed_marks made;
  for (std::uint32_t slot = 0; slot < 20'000; ++slot)
    if (random() % every == 0)
      made.push_back({slot,
                      {static_cast<std::uint16_t>(1 + random() % kinds),
                       static_cast<std::uint16_t>(random() % shards),
                       static_cast<std::uint16_t>(random() % kinds)}});
  return made;
}

} // namespace

TEST_CASE("packed marks come back as they were") {
  const auto every = GENERATE(1u, 2u, 7u, 20u, 3'000u);
  const auto kinds = GENERATE(1u, 2u, 40u, 60'000u);
  const auto shards = GENERATE(256u, 65'536u);
  const placed_marks made = random_marks(every * 3 + kinds, every, kinds, shards);
  CHECK(unpack_marks(pack_marks(made), range) == made);
}

TEST_CASE("nothing and the last slot of a range are packed") {
  CHECK(unpack_marks(pack_marks({}), range) == placed_marks{});
  const placed_marks last{{static_cast<std::uint32_t>(range - 1), {1, 2, 3}}};
  CHECK(unpack_marks(pack_marks(last), range) == last);
  CHECK_FALSE(unpack_marks(pack_marks(last), range - 1));
}

TEST_CASE("a pending event takes one to two bytes") {
  for (const std::uint64_t every : {1u, 2u, 4u}) {
    const placed_marks made = random_marks(1, every, 1, 256);
    CHECK(pack_marks(made).size() < made.size() * 2);
  }
}

TEST_CASE("bytes that were not packed, or are cut short, give nothing and do no harm") {
  const std::string whole = pack_marks(random_marks(3, 5, 3, 256));
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    const auto got = unpack_marks(std::string_view{whole}.substr(0, size), range);
    CHECK((!got || got->size() < random_marks(3, 5, 3, 256).size()));
  }
  std::mt19937_64 random{5};
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = whole.substr(0, 1 + random() % 400);
    for (int change = 0; change < 3; ++change)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (const auto got = unpack_marks(bytes, range))
      for (const placed_mark& each : *got)
        REQUIRE((each.slot < range && each.mark.live != 0));
  }
}
