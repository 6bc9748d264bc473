// What every store that several nodes share says of members and leases.
#include "tests/journal/shared_store.hpp"

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

/// Two nodes' leases; the store was made by an engine.
struct two_nodes {
  explicit two_nodes(const shared_kind& kind) : place{kind.make()} {
    open_options options;
    options.now = from_ns(1'700'000'000'000'000'000);
    maker = must(place->open(who("maker"), options));
    a = must(place->open_leases(who("a")));
    b = must(place->open_leases(who("b")));
  }
  static member_info who(const std::string& name) {
    return {.node = name, .boot = "n1", .address = name + ":7", .weight = 3, .zone = "z"};
  }
  std::unique_ptr<shared_place> place;
  std::unique_ptr<engine> maker;
  std::unique_ptr<lease_store> a, b;
};

std::vector<shard_id> shards(std::uint32_t from, std::uint32_t to) {
  std::vector<shard_id> all;
  for (; from < to; ++from)
    all.push_back(shard_id{from});
  return all;
}

std::vector<held_shard> at_epoch(const std::vector<shard_id>& which, std::uint64_t epoch) {
  std::vector<held_shard> all;
  for (const shard_id each : which)
    all.push_back({each, epoch_no{epoch}});
  return all;
}

} // namespace

#define FOR_EACH_SHARED_ENGINE                                                                     \
  const auto kind = GENERATE(from_range(all_shared_engines()));                                    \
  INFO(kind.name)

TEST_CASE("a lease is one node's until it is over, then anybody's at a higher epoch") {
  FOR_EACH_SHARED_ENGINE;
  two_nodes nodes{kind};
  CHECK(held_of(must(nodes.a->take(shards(0, 4), 10s))) == at_epoch(shards(0, 4), 1));
  CHECK(held_of(must(nodes.b->take(shards(2, 6), 10s))) == at_epoch(shards(4, 6), 1));
  CHECK(must(nodes.a->take(shards(0, 2), 10s)).empty());
  nodes.place->pass(9s);
  CHECK(must(nodes.b->take(shards(0, 4), 10s)).empty());
  nodes.place->pass(2s);
  CHECK(held_of(must(nodes.b->take(shards(0, 3), 10s))) == at_epoch(shards(0, 3), 2));
  CHECK(must(nodes.a->renew(10s)) == at_epoch(shards(3, 4), 1)); // nobody took it meanwhile
}

TEST_CASE("who renews keeps its leases, and is told which it has lost") {
  FOR_EACH_SHARED_ENGINE;
  two_nodes nodes{kind};
  must(nodes.a->take(shards(0, 3), 10s));
  for (int i = 0; i < 5; ++i) {
    nodes.place->pass(6s);
    CHECK(must(nodes.a->renew(10s)) == at_epoch(shards(0, 3), 1));
    CHECK(must(nodes.b->take(shards(0, 3), 10s)).empty());
  }
  nodes.place->pass(11s);
  CHECK(held_of(must(nodes.b->take(shards(1, 2), 10s))) == at_epoch(shards(1, 2), 2));
  CHECK(must(nodes.a->renew(10s)) ==
        std::vector<held_shard>{{shard_id{0}, epoch_no{1}}, {shard_id{2}, epoch_no{1}}});
}

TEST_CASE("what is released may be taken at once, and is not renewed") {
  FOR_EACH_SHARED_ENGINE;
  two_nodes nodes{kind};
  must(nodes.a->take(shards(0, 3), 10s));
  must(nodes.b->release(shards(0, 3))); // not its own
  must(nodes.a->release(shards(0, 2)));
  CHECK(must(nodes.a->renew(10s)) == at_epoch(shards(2, 3), 1));
  CHECK(held_of(must(nodes.b->take(shards(0, 3), 10s))) == at_epoch(shards(0, 2), 2));
}

TEST_CASE("who takes a shard is told whether its last owner gave it up in order") {
  FOR_EACH_SHARED_ENGINE;
  two_nodes nodes{kind};
  const auto in_order = [](const std::vector<taken_shard>& taken) {
    std::vector<bool> all;
    for (const taken_shard& each : taken)
      all.push_back(each.in_order);
    return all;
  };
  CHECK(in_order(must(nodes.a->take(shards(0, 3), 10s))) == std::vector{true, true, true}); // new
  must(nodes.a->release(shards(1, 2)));
  nodes.place->pass(11s);
  CHECK(in_order(must(nodes.b->take(shards(0, 3), 10s))) == std::vector{false, true, false});
}

TEST_CASE("members are those that were heard of in time") {
  FOR_EACH_SHARED_ENGINE;
  two_nodes nodes{kind};
  must(nodes.a->heartbeat(10s, false));
  const auto both = must(nodes.b->heartbeat(4s, false));
  REQUIRE(both.members.size() == 2);
  CHECK(both.members[0].who == two_nodes::who("a"));
  CHECK(both.members[1].who == two_nodes::who("b"));
  CHECK(both.members[0].until > both.at);
  nodes.place->pass(5s);
  const auto one = must(nodes.a->heartbeat(10s, false));
  REQUIRE(one.members.size() == 1);
  CHECK(one.members[0].who.node == "a");
  must(nodes.a->leave());
  CHECK(must(nodes.b->heartbeat(4s, false)).members.size() == 1);
}

TEST_CASE("a member that leaves says so with its next heartbeat, and is there until it has left") {
  FOR_EACH_SHARED_ENGINE;
  two_nodes nodes{kind};
  const auto leaves = [&] {
    const auto seen = must(nodes.b->heartbeat(10s, false));
    REQUIRE(seen.members.size() == 2);
    CHECK_FALSE(seen.members[1].leaving);
    return seen.members[0].leaving;
  };
  must(nodes.a->heartbeat(10s, false));
  CHECK_FALSE(leaves());
  must(nodes.a->heartbeat(10s, true));
  CHECK(leaves());
  must(nodes.a->heartbeat(10s, false)); // the drain was called off
  CHECK_FALSE(leaves());
}

TEST_CASE("a view tells every shard's lease, and the store's time between the calls") {
  FOR_EACH_SHARED_ENGINE;
  two_nodes nodes{kind};
  must(nodes.a->take(shards(1, 2), 10s));
  const auto first = must(nodes.b->heartbeat(10s, false));
  REQUIRE(first.leases.size() == 256);
  CHECK(first.leases[0].epoch == epoch_no{0});
  CHECK(first.leases[0].until == no_instant);
  CHECK(first.leases[1].shard == shard_id{1});
  CHECK(first.leases[1].owner == "a:n1");
  CHECK(first.leases[1].epoch == epoch_no{1});
  CHECK(first.leases[1].until > first.at);
  CHECK(first.leases[1].until <= first.at + 10s);
  CHECK(must(nodes.a->heartbeat(10s, false)).at >= first.at);
}
