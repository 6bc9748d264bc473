#include "nodes/broker/broker_core.hpp"

#include <catch2/catch.hpp>

using namespace skein;

namespace {

const address broker_at{"n1", "broker"};
const address gateway{"n1", "gateway"};
const address loop{"n1", "loop/0"};
const address bot{"n1", "agent/bot"};

/// A broker with some links that have greeted; a link's routing id is "id-" and its name.
struct broker_world {
  explicit broker_world(std::vector<address> greeted = {gateway, loop, bot}) {
    for (const address& each : greeted)
      hello_from(link_of(each), each);
  }

  static std::string link_of(const address& at) { return "id-" + std::string{link_name(at.name)}; }
  std::vector<delivery_to> hello_from(const std::string& link, const address& self) {
    return core.on_frame(link, encode_frame({self, broker_at, 0}, hello{7}));
  }
  std::vector<delivery_to> frame(const address& from, const address& to, const message& body,
                                 std::uint64_t number = 0) {
    return core.on_frame(link_of(from), encode_frame({from, to, number}, body));
  }

  broker_core core{"n1"};
};

message body_of(const delivery_to& sent) { return decode_frame(sent.bytes).value().body; }

} // namespace

TEST_CASE("who greets is welcomed with its own nonce") {
  broker_world world{{}};
  const auto out = world.hello_from("id-7", gateway);
  REQUIRE(out.size() == 1);
  CHECK(out[0].link == "id-7");
  CHECK(std::get<welcome>(body_of(out[0])).boot == 7);
}

TEST_CASE("a frame is handed on as it came, to the link that speaks for its target") {
  broker_world world;
  const slice bytes = encode_frame({gateway, loop, 3}, query{1, "{}"});
  const auto out = world.core.on_frame("id-gateway", bytes);
  REQUIRE(out.size() == 1);
  CHECK(out[0].link == "id-loop/0");
  CHECK(out[0].bytes.data() == bytes.data()); // the same bytes, not a copy
  CHECK(world.core.counted().forwarded == 1);
}

TEST_CASE("one link speaks for all agents") {
  broker_world world;
  const auto out = world.frame(loop, {"n1", "agent/other"}, ack{1});
  REQUIRE(out.size() == 1);
  CHECK(out[0].link == "id-agents");
  CHECK(world.frame({"n1", "agent/other"}, loop, ack{1}).size() == 1);
}

TEST_CASE("a frame for nobody is dropped and counted") {
  broker_world world;
  CHECK(world.frame(gateway, {"n1", "loop/7"}, ack{1}).empty());
  CHECK(world.frame(gateway, {"n2", "loop/0"}, ack{1}).empty());
  CHECK(world.core.counted().unroutable == 2);
}

TEST_CASE("a link cannot speak for another part, nor for another node, nor before it greeted") {
  broker_world world;
  CHECK(world.core.on_frame("id-agents", encode_frame({gateway, loop, 1}, ack{1})).empty());
  CHECK(world.core.on_frame("id-gateway", encode_frame({{"n2", "gateway"}, loop, 1}, ack{1}))
            .empty());
  CHECK(world.core.on_frame("id-stranger", encode_frame({gateway, loop, 1}, ack{1})).empty());
  CHECK(world.core.on_frame("id-gateway", encode_frame({loop, broker_at, 0}, demand{"bot", 1, 0}))
            .empty());
  CHECK(world.core.on_frame("id-stranger", encode_frame({bot, broker_at, 0}, credit{"bot", 1}))
            .empty());
  CHECK(world.core.counted().impostors == 5);
  CHECK(world.core.counted().forwarded == 0);
}

TEST_CASE("a greeting in the name of another node takes nothing over") {
  broker_world world;
  CHECK(world.hello_from("id-thief", {"n2", "gateway"}).empty());
  CHECK(world.core.counted().impostors == 1);
  const auto out = world.frame(loop, gateway, ack{1});
  REQUIRE(out.size() == 1);
  CHECK(out[0].link == "id-gateway");
}

TEST_CASE("who greets anew takes its name over, and the old link no longer speaks for it") {
  broker_world world;
  world.hello_from("id-new", gateway);
  const auto out = world.frame(loop, gateway, ack{1});
  REQUIRE(out.size() == 1);
  CHECK(out[0].link == "id-new");
  CHECK(world.core.on_frame("id-gateway", encode_frame({gateway, loop, 1}, ack{1})).empty());
  CHECK(world.core.counted().impostors == 1);
}

TEST_CASE("a link that greets under another name gives its first one up") {
  broker_world world;
  world.hello_from("id-gateway", {"n1", "loop/1"});
  CHECK(world.frame(loop, gateway, ack{1}).empty());
  CHECK(world.core.counted().unroutable == 1);
}

TEST_CASE("bytes that are no frame are dropped and counted") {
  broker_world world;
  CHECK(world.core.on_frame("id-gateway", slice{}).empty());
  CHECK(world.core.on_frame("id-gateway", slice{"nonsense"}).empty());
  const slice good = encode_frame({gateway, broker_at, 0}, hello{1});
  for (std::size_t length = 1; length < good.size(); ++length)
    CHECK(world.core.on_frame("id-gateway", good.part(good.view().substr(0, length))).empty());
  CHECK(world.core.counted().malformed + world.core.counted().impostors == 2 + good.size() - 1);
  CHECK(world.core.counted().forwarded == 0);
}

TEST_CASE("what is not for a broker is malformed when it is sent to one") {
  broker_world world;
  CHECK(world.frame(gateway, broker_at, query{1, "{}"}).empty());
  CHECK(world.core.counted().malformed == 1);
}

TEST_CASE("slots that agents open go to the loops that want them") {
  broker_world world;
  CHECK(world.frame(loop, broker_at, demand{"bot", 5, 0}).empty());
  const auto out = world.frame(bot, broker_at, credit{"bot", 3});
  REQUIRE(out.size() == 1);
  CHECK(out[0].link == "id-loop/0");
  CHECK(std::get<grant>(body_of(out[0])) == grant{"bot", 3});
}

TEST_CASE("a demand that gives slots back is acknowledged each time it comes") {
  broker_world world;
  world.frame(bot, broker_at, credit{"bot", 3});
  world.frame(loop, broker_at, demand{"bot", 3, 0});
  for (int i = 0; i < 2; ++i) {
    const auto out = world.frame(loop, broker_at, demand{"bot", 3, 2}, 9);
    REQUIRE_FALSE(out.empty());
    CHECK(out.back().link == "id-loop/0");
    CHECK(std::get<ack>(body_of(out.back())).frame == 9);
  }
}
