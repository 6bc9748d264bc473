// The window of identities by itself, against a simple model.
#include "journal/dedupe_window.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <random>

using namespace skein;
using namespace skein::journal;
using namespace std::chrono_literals;

namespace {

const instant start = from_ns(1'000'000'000'000);

hash128 identity(std::uint64_t number) {
  return {number * 0xc2b2ae3d27d4eb4full, number * 0x9e3779b97f4a7c15ull};
}

} // namespace

TEST_CASE("the window finds what was inserted, with its content and sequence") {
  dedupe_window window{60s};
  window.insert(identity(1), 11, 500, start);
  window.insert(identity(2), 22, 501, start);
  CHECK(window.find(identity(1), start)->sequence == 500);
  CHECK(window.find(identity(2), start)->content == 22);
  CHECK_FALSE(window.find(identity(3), start));
}

TEST_CASE("identities that share a slot, a tag or a half are told apart") {
  dedupe_window window{60s};
  std::vector<hash128> alike;
  for (std::uint64_t i = 0; i < 20; ++i) {
    alike.push_back({7, i << 32});     // one home slot, one tag
    alike.push_back({i << 33 | 7, 0}); // the same low half and tag
  }
  alike.erase(alike.begin()); // {7, 0} twice
  std::uint64_t sequence = 1;
  for (const hash128& each : alike) {
    window.insert(each, sequence, sequence, start);
    ++sequence;
  }
  for (std::size_t i = 0; i < alike.size(); ++i)
    CHECK(window.find(alike[i], start)->sequence == i + 1);
  window.take_back(10);
  for (std::size_t i = 0; i < alike.size(); ++i)
    CHECK(window.find(alike[i], start).has_value() == (i + 1 < 10));
}

TEST_CASE("a record is not found from the moment it is old enough, swept or not") {
  dedupe_window window{60s};
  window.insert(identity(1), 1, 1, start);
  CHECK(window.find(identity(1), start + 60s - 1ns));
  CHECK_FALSE(window.find(identity(1), start + 60s));
  CHECK(window.size() == 1);
  CHECK_FALSE(window.expire(start + 60s, 10));
  CHECK(window.size() == 0);
}

TEST_CASE("an identity that came back after its time is found by its newer record") {
  dedupe_window window{60s};
  window.insert(identity(1), 1, 1, start);
  window.insert(identity(1), 2, 2, start + 60s);
  CHECK(window.find(identity(1), start + 61s)->sequence == 2);
  window.expire(start + 61s, 10);
  CHECK(window.size() == 1);
  CHECK(window.find(identity(1), start + 61s)->sequence == 2);
}

TEST_CASE("sweeping stops after as many records as it may take") {
  dedupe_window window{60s};
  for (std::uint64_t i = 1; i <= 10; ++i)
    window.insert(identity(i), i, i, start);
  CHECK(window.expire(start + 60s, 4));
  CHECK(window.size() == 6);
  CHECK_FALSE(window.expire(start + 60s, 6));
}

TEST_CASE("sequences beyond 32 bits are kept whole") {
  const std::uint64_t large = (std::uint64_t{1} << 32) - 3;
  dedupe_window window{60s};
  for (std::uint64_t i = 0; i < 10; ++i)
    window.insert(identity(i), i, large + i, start + std::chrono::seconds{i});
  for (std::uint64_t i = 0; i < 10; ++i)
    CHECK(window.find(identity(i), start + 10s)->sequence == large + i);
  window.expire(start + 64s, 5);
  for (std::uint64_t i = 5; i < 10; ++i)
    CHECK(window.find(identity(i), start + 10s)->sequence == large + i);
}

TEST_CASE("the window agrees with a simple model over random work") {
  const auto seed = GENERATE(1u, 2u, 3u, 4u);
  std::mt19937_64 random{seed};
  dedupe_window window{60s};
  struct entry {
    std::uint64_t content, sequence;
    instant at;
  };
  std::map<std::uint64_t, entry> model;
  std::uint64_t next = 1;
  instant now = start;
  for (int step = 0; step < 30'000; ++step) {
    const std::uint64_t number = random() % 4'000;
    const auto known = model.find(number);
    const bool live = known != model.end() && now - known->second.at < 60s;
    const auto found = window.find(identity(number), now);
    REQUIRE(found.has_value() == live);
    if (live) {
      REQUIRE(found->sequence == known->second.sequence);
      REQUIRE(found->content == known->second.content);
    } else {
      window.insert(identity(number), random(), next, now);
      model[number] = {window.find(identity(number), now)->content, next++, now};
    }
    if (random() % 50 == 0)
      now += std::chrono::milliseconds{random() % 4'000};
    if (random() % 100 == 0)
      window.expire(now, random() % 50);
    if (random() % 500 == 0 && next > 5) { // undo the newest
      next -= random() % 4;
      window.take_back(next);
      std::erase_if(model, [&](const auto& each) { return each.second.sequence >= next; });
      now += 60s; // what the model lost in favour of a newer one is old
    }
  }
}
