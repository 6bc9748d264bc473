// foreign_announcer: each loop's count of what it is told, from before a commit begins.
#include "actors/foreign_events.hpp"

#include <catch2/catch.hpp>

using namespace skein;

namespace {

journal::accept_op event_of(std::uint32_t shard) {
  journal::accept_op op;
  op.event.shard = shard_id{shard};
  return op;
}

std::vector<journal::operation> ends_with(const std::vector<std::uint32_t>& shards) {
  journal::finish_op op;
  for (const std::uint32_t each : shards)
    op.emits.push_back(event_of(each));
  return {op};
}

constexpr loop_no first{0}, second{1}, third{2}, no_loop{3};

} // namespace

TEST_CASE("a loop is announced the events of others, each commit once, and not its own") {
  foreign_announcer of{3};
  of.announce(first, ends_with({0, 1, 4, 3})); // 0 and 3 are its own, 1 and 4 of the second
  CHECK(of.announced(first) == 0);
  CHECK(of.announced(second) == 1);
  CHECK(of.announced(third) == 0);
  of.told(second);
  of.over();
  CHECK(of.announced(second) == 1);
}

TEST_CASE("what is announced and does not come is taken back when all was told") {
  foreign_announcer of{3};
  of.announce(first, ends_with({1}));
  of.announce(third, ends_with({1, 0}));
  CHECK(of.announced(second) == 2);
  of.told(second); // of one of them; the other's was a duplicate, or the commit was refused
  CHECK(of.announced(second) == 2);
  of.over();
  CHECK(of.announced(second) == 1);
  CHECK(of.announced(first) == 0);
}

TEST_CASE("what a loop accepts is its own, what others do is the loops'") {
  foreign_announcer of{3};
  of.announce(first, std::vector<journal::operation>{event_of(0)});
  CHECK(of.announced(first) == 0);
  of.announce(no_loop, std::vector<journal::operation>{event_of(2)});
  CHECK(of.announced(third) == 1);
}
