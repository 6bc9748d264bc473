// The door of a node that shares its store: events and questions go to whoever owns the shard.
#include "tests/actors/gateway_world.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t nobody = no_member;

gateway_settings of_cluster() {
  gateway_settings settings = two_loops();
  settings.shared = true;
  return settings;
}

/// Shards 0 to 3: this node has 0 and 1, n2 has 2 and 3.
shard_owners halves() { return {{"n1", "n2"}, {0, 0, 1, 1}}; }

struct door : gateway_world {
  explicit door(shard_owners owners = halves()) : gateway_world{of_cluster()} {
    step(owners_in{std::move(owners)}, 0);
  }
  void from_peer(const std::string& node, std::uint64_t number, std::vector<offered_event> events,
                 std::int64_t ms) {
    step(frame_in{{{{node, "gateway"}, {"n1", "gateway"}, number},
                   skein::publish{std::move(events)}}},
         ms);
  }
};

const publish_result not_here{errc::not_owner, false, {}};

} // namespace

TEST_CASE("events go to the loops here, and to the doors of the nodes that own their shards",
          "[owners]") {
  door world;
  world.publish(1, {offered(0), offered(3), offered(1), offered(2)}, 0);
  REQUIRE(world.sent.size() == 3);
  const auto frames = world.sent;
  CHECK(frames[0].header.to == address{"n1", "loop/0"});
  CHECK(frames[1].header.to == address{"n1", "loop/1"});
  CHECK(frames[2].header.to == address{"n2", "gateway"});
  world.acknowledge(frames[2], {durable(3, 1), durable(2, 2)}, 1);
  world.acknowledge(frames[0], {durable(0, 3)}, 1);
  world.acknowledge(frames[1], {durable(1, 4)}, 1);
  REQUIRE(world.published.size() == 1);
  CHECK(world.published[0].reply.code == errc::none);
  CHECK(world.published[0].reply.members[1] == durable(3, 1));
  CHECK(world.published[0].reply.members[3] == durable(2, 2));
}

TEST_CASE("an event of a shard that nobody has waits for an owner", "[owners]") {
  door world{{{"n1", "n2"}, {0, nobody, 1, 1}}};
  world.publish(1, {offered(1)}, 0);
  CHECK(world.sent.empty());
  world.step(tick_in{}, 50);
  CHECK(world.sent.empty());
  world.step(owners_in{halves()}, 60);
  REQUIRE(world.sent.size() == 1);
  world.acknowledge(world.sent[0], {durable(1, 1)}, 61);
  CHECK(world.published.size() == 1);
}

TEST_CASE("before anything is known of owners, all waits", "[owners]") {
  gateway_world world{of_cluster()};
  world.publish(1, {offered(0)}, 0);
  CHECK(world.sent.empty());
  world.step(owners_in{halves()}, 60);
  CHECK(world.sent.size() == 1);
}

TEST_CASE("who waited for an owner too long is refused for certain", "[owners]") {
  door world{{{"n1"}, {0, nobody, nobody, nobody}}};
  world.publish(1, {offered(1), offered(0)}, 0);
  REQUIRE(world.sent.size() == 1);
  world.acknowledge(world.sent[0], {durable(0, 1)}, 1);
  world.step(tick_in{}, 9'999);
  CHECK(world.published.empty());
  world.step(tick_in{}, 10'000);
  REQUIRE(world.published.size() == 1);
  CHECK(world.published[0].reply.members[0] == not_here);
  CHECK(world.published[0].reply.members[1] == durable(0, 1));
  CHECK(world.published[0].reply.retry_after > 0s);
  CHECK(world.core.events_in_flight() == 0);
}

TEST_CASE("an owner that gave the shard up sends the event back, and the next one gets it",
          "[owners]") {
  door world;
  world.publish(1, {offered(2)}, 0);
  const auto first = world.sent.at(0);
  world.step(owners_in{{{"n1", "n2"}, {0, 0, 0, 1}}}, 1); // it is here by now
  CHECK(world.sent.empty());                              // but n2 lives, and will say so
  const errc says = GENERATE(errc::not_owner, errc::draining);
  world.acknowledge(first, {{says, false, {}}}, 2);
  world.step(tick_in{}, 60);
  REQUIRE(world.sent.size() == 1);
  CHECK(world.sent[0].header.to == address{"n1", "loop/0"});
  CHECK(std::get<publish>(world.sent[0].body).events.at(0) == offered(2));
  world.acknowledge(world.sent[0], {durable(2, 7)}, 61);
  CHECK(world.published.at(0).reply.members[0] == durable(2, 7));
}

TEST_CASE("what a node was sent while it could not be reached goes out when it can be",
          "[owners]") {
  door world;
  world.publish(0, {offered(2)}, 0);
  REQUIRE(world.sent.size() == 1);
  const frame lost = world.sent[0];
  world.step(peer_up_in{"n3"}, 1);
  CHECK(world.sent.empty());
  world.step(peer_up_in{"n2"}, 2);
  REQUIRE(world.sent.size() == 1);
  CHECK(world.sent[0] == lost);
  world.acknowledge(lost, {durable(2, 1)}, 3);
  CHECK(world.published.size() == 1);
  world.step(peer_up_in{"n2"}, 4);
  CHECK(world.sent.empty());
}

TEST_CASE("what a node that is gone was sent goes to the next owner", "[owners]") {
  door world;
  world.publish(1, {offered(2)}, 0);
  const auto lost = world.sent.at(0);
  world.step(owners_in{{{"n1"}, {0, 0, nobody, nobody}}}, 2'000);
  CHECK(world.sent.empty());
  SECTION("which answers") {
    world.step(owners_in{{{"n1"}, {0, 0, 0, 0}}}, 2'400);
    REQUIRE(world.sent.size() == 1);
    CHECK(world.sent[0].header.to == address{"n1", "loop/0"});
    const auto again = world.sent[0];
    world.acknowledge(lost, {durable(2, 1)}, 2'401); // of before: it says nothing any more
    CHECK(world.published.empty());
    world.acknowledge(again, {{errc::none, true, {shard_id{2}, 1}}}, 2'402);
    REQUIRE(world.published.size() == 1);
    CHECK(world.published[0].reply.members[0].duplicate);
    world.step(tick_in{}, 20'000);
    CHECK(world.sent.empty()); // nothing is sent to the old one any more
  }
  SECTION("and if there is none nobody knows whether it was taken") {
    world.step(tick_in{}, 12'000);
    CHECK(world.published.at(0).reply.members[0].code == errc::unknown_outcome);
  }
  SECTION("also when the next one was asked in vain in between") {
    world.step(owners_in{{{"n1", "n3"}, {0, 0, 1, 1}}}, 2'400);
    const auto second = world.sent.at(0);
    CHECK(second.header.to == address{"n3", "gateway"});
    world.acknowledge(second, {not_here}, 2'410);
    world.step(owners_in{{{"n1"}, {0, 0, nobody, nobody}}}, 2'420);
    world.step(tick_in{}, 13'000);
    CHECK(world.published.at(0).reply.members[0].code == errc::unknown_outcome);
  }
}

TEST_CASE("what another node was sent twice is refused for certain by nobody", "[owners]") {
  door world;
  world.publish(1, {offered(2)}, 0);
  const auto first = world.sent.at(0);
  const bool again = GENERATE(false, true);
  if (again) { // its answer was lost, or its process: another one may answer
    world.step(tick_in{}, 1'000);
    REQUIRE(world.sent.size() == 1);
  }
  SECTION("refused") {
    world.acknowledge(first, {{errc::overloaded, false, {}}}, 1'001);
    CHECK(world.published.at(0).reply.members[0].code ==
          (again ? errc::unknown_outcome : errc::overloaded));
  }
  SECTION("sent back, and without an owner then") {
    world.step(owners_in{{{"n1", "n2"}, {0, 0, nobody, nobody}}}, 1'001);
    world.acknowledge(first, {not_here}, 1'002);
    world.step(tick_in{}, 11'002);
    CHECK(world.published.at(0).reply.members[0].code ==
          (again ? errc::unknown_outcome : errc::not_owner));
  }
  SECTION("another content under its identity stays that") {
    world.acknowledge(first, {{errc::identity_conflict, false, {}}}, 1'001);
    CHECK(world.published.at(0).reply.members[0].code == errc::identity_conflict);
  }
}

TEST_CASE("of what a gone node was sent the next owner's refusal is not for certain", "[owners]") {
  door world;
  world.publish(1, {offered(2)}, 0);
  world.step(owners_in{{{"n1"}, {0, 0, 0, 0}}}, 2'000);
  REQUIRE(world.sent.size() == 1);
  world.acknowledge(world.sent[0], {{errc::dedupe_full, false, {}}}, 2'001);
  CHECK(world.published.at(0).reply.members[0].code == errc::unknown_outcome);
}

TEST_CASE("what another door sends is taken in like an offer, and answered once", "[owners]") {
  door world;
  world.from_peer("n2", 5, {offered(0), offered(3), offered(1)}, 0);
  REQUIRE(world.sent.size() == 2); // shard 3 is not ours: answered so, not sent on
  const auto frames = world.sent;
  CHECK(world.core.events_in_flight() == 3);
  world.from_peer("n2", 5, {offered(0), offered(3), offered(1)}, 1);
  CHECK(world.sent.empty()); // it is under way
  world.acknowledge(frames[0], {durable(0, 1)}, 2);
  world.acknowledge(frames[1], {durable(1, 2)}, 3);
  REQUIRE(world.sent.size() == 1);
  const frame answer = world.sent[0];
  CHECK(answer.header.to == address{"n2", "gateway"});
  CHECK(std::get<publish_ack>(answer.body) ==
        publish_ack{5, {durable(0, 1), not_here, durable(1, 2)}});
  CHECK(world.published.empty());
  CHECK(world.core.events_in_flight() == 0);
  world.from_peer("n2", 5, {offered(0), offered(3), offered(1)}, 4);
  REQUIRE(world.sent.size() == 1); // its answer was lost
  CHECK(world.sent[0].body == answer.body);
}

TEST_CASE("a request that comes again after its answer is forgotten is taken in once more",
          "[owners]") {
  door world;
  for (std::uint64_t number = 1; number <= gateway_core::answers_kept + 1; ++number) {
    world.from_peer("n2", number, {offered(0)}, 0);
    REQUIRE(world.sent.size() == 1);
    const frame request = world.sent[0];
    world.acknowledge(request, {durable(0, number)}, 0);
  }
  world.from_peer("n2", 2, {offered(0)}, 1); // the oldest that is kept
  REQUIRE(world.sent.size() == 1);
  CHECK(std::get<publish_ack>(world.sent[0].body) == publish_ack{2, {durable(0, 2)}});
  world.from_peer("n2", 1, {offered(0)}, 2);
  REQUIRE(world.sent.size() == 1);
  const frame again = world.sent[0];
  CHECK(again.header.to == address{"n1", "loop/0"});
  publish_result known = durable(0, 1);
  known.duplicate = true; // as the store finds it
  world.acknowledge(again, {known}, 3);
  REQUIRE(world.sent.size() == 1);
  CHECK(std::get<publish_ack>(world.sent[0].body) == publish_ack{1, {known}});
}

TEST_CASE("what a door's process before sent is not taken in", "[owners]") {
  door world;
  const frame_header now{{"n2", "gateway"}, {"n1", "gateway"}, 1, 7};
  const frame_header before{{"n2", "gateway"}, {"n1", "gateway"}, 3, 6};
  world.step(frame_in{{before, publish{{offered(0)}}}}, 0);
  CHECK(world.sent.size() == 1);
  world.step(frame_in{{now, publish{{offered(0)}}}}, 1);
  CHECK(world.sent.size() == 1);
  frame_header late = before;
  late.number = 4;
  world.step(frame_in{{late, publish{{offered(0)}}}}, 2);
  CHECK(world.sent.empty());
}

TEST_CASE("refused requests are answered again, and no more of them are kept", "[owners]") {
  gateway_settings settings = of_cluster();
  settings.events_max = 0;
  gateway_world world{settings};
  world.step(owners_in{halves()}, 0);
  const auto ask = [&](std::uint64_t number) {
    world.step(frame_in{{{{"n2", "gateway"}, {"n1", "gateway"}, number}, publish{{offered(0)}}}},
               0);
    return world.sent.size();
  };
  const std::uint64_t count = gateway_core::answers_kept + 1;
  for (std::uint64_t number = 1; number <= count; ++number)
    REQUIRE(ask(number) == 1);
  REQUIRE(ask(count) == 1);
  CHECK(world.core.counted().refused == count); // answered as before
  REQUIRE(ask(1) == 1);
  CHECK(world.core.counted().refused == count + 1); // judged anew
}

TEST_CASE("another door is refused as a client would be", "[owners]") {
  gateway_settings settings = of_cluster();
  settings.events_max = 1;
  gateway_world world{settings};
  world.step(owners_in{halves()}, 0);
  const errc why = GENERATE(errc::overloaded, errc::draining, errc::disk_low);
  if (why == errc::draining)
    world.step(refuse_in{}, 0);
  if (why == errc::disk_low)
    world.step(intake_in{{errc::disk_low, "few"}}, 0);
  world.step(
      frame_in{{{{"n2", "gateway"}, {"n1", "gateway"}, 9}, publish{{offered(0), offered(1)}}}}, 1);
  REQUIRE(world.sent.size() == 1);
  const publish_result refused{why, false, {}};
  CHECK(std::get<publish_ack>(world.sent[0].body) == publish_ack{9, {refused, refused}});
  CHECK(world.core.events_in_flight() == 0);
}

TEST_CASE("a question about an event is asked of whoever has its shard by then", "[owners]") {
  door world;
  world.step(ask_in{7, shard_id{2}, "{}", 5s}, 0);
  REQUIRE(world.sent.size() == 1);
  CHECK(world.sent[0].header.to == address{"n2", "shard/2"});
  const auto says = [&](const std::string& node, const std::string& part, errc code, int ms) {
    world.step(frame_in{{{{node, part}, {"n1", "gateway"}, 0}, answer{7, code, "x"}}}, ms);
  };
  says("n2", "loop/0", errc::not_owner, 1);
  CHECK(world.answered.empty());
  world.step(owners_in{{{"n1", "n2"}, {0, 0, 0, 1}}}, 2);
  world.step(tick_in{}, 2'000);
  REQUIRE(world.sent.size() == 1);
  CHECK(world.sent[0].header.to == address{"n1", "loop/0"});
  says("n1", "loop/0", errc::none, 2'001);
  REQUIRE(world.answered.size() == 1);
  CHECK(world.answered[0].answers.at(0).code == errc::none);
}
