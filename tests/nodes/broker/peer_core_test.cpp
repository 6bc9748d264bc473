// What a broker decides about its peers, without a socket.
#include "nodes/broker/peer_core.hpp"
#include "nodes/broker/routing_id.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace skein;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t own_boot = 0xa1, peer_boot = 0xb2;
const std::string key_2(40, '2'), key_3(40, '3');
const std::string routing = "n2.b2.77";
const address own_broker{"n1", "broker"}, peer_broker{"n2", "broker"};
const address loop{"n1", "loop/0"}, peer_gateway{"n2", "gateway"};

allowed_peer entry(const std::string& name, const std::string& key) {
  return {name, peer_role::node, key, no_instant};
}

/// Node n1, which allows n2 and knows where it is.
struct peer_world {
  explicit peer_world(bool keys = true)
    : core{{"n1", own_boot, keys, {1s, 3s, 5s}}}, with_keys{keys} {
    if (keys)
      core.set_allowed({{"n2", entry("n2", key_2)}}, now, out);
    core.put_peer("n2", "tcp://10.0.0.2:7412", now, out);
  }

  peer_identity as(const std::string& id = routing) const {
    return with_keys ? peer_identity{"n2", key_2, id} : peer_identity{{}, {}, id};
  }
  bool message(const slice& bytes, const peer_identity& from, std::size_t parts = 1) {
    out.clear();
    taken = bytes;
    return core.on_message(from, taken, parts, now, out);
  }
  bool message(const slice& bytes) { return message(bytes, as()); }
  void hello_from_peer(std::uint8_t version = protocol_version) {
    message(encode_frame({peer_broker, own_broker, 1}, hello{peer_boot}, version));
  }
  /// The hello that goes to the peer at the next time for one.
  frame next_hello() {
    for (int i = 0; i < 50; ++i) {
      out.clear();
      now = std::max(now, core.next_tick().value_or(now));
      core.tick(now, out);
      if (const auto* sent = find<send_to_peer>())
        return decode_frame(sent->bytes).value();
    }
    FAIL("no hello is sent");
    return {};
  }
  void welcome_back(const frame& greeting, welcome told = {peer_boot},
                    std::uint8_t version = protocol_version) {
    out.clear();
    core.on_returned("n2",
                     encode_frame({peer_broker, own_broker, greeting.header.number}, told, version),
                     now, out);
  }
  void bring_up() { welcome_back(next_hello()); }
  peer_facts facts() { return core.facts(now).at(0); }
  std::uint64_t refused(refusal why) { return core.refused()[static_cast<std::size_t>(why)]; }

  template <class Effect>
  const Effect* find() {
    for (const peer_effect& each : out)
      if (const auto* found = std::get_if<Effect>(&each))
        return found;
    return nullptr;
  }

  boot_time now{1h};
  peer_core::effects out;
  peer_core core;
  bool with_keys;
  slice taken; // as it is handed on
};

slice work(const address& from = peer_gateway, const address& to = loop) {
  return encode_frame({from, to, 9}, query{1, "{}"});
}

/// The last message was refused for this reason, and the next one is taken.
void check_refused(peer_world& world, refusal why, bool taken) {
  const auto* told = world.find<refused_message>();
  CHECK_FALSE(taken);
  REQUIRE(told != nullptr);
  CHECK(told->why == why);
  CHECK(world.refused(why) == 1);
  CHECK(world.message(work()));
}

} // namespace

TEST_CASE("a peer with an address and a key is connected to, with that key") {
  peer_world world;
  const auto* to = world.find<open_peer>();
  REQUIRE(to != nullptr);
  CHECK(to->peer == "n2");
  CHECK(to->endpoint == "tcp://10.0.0.2:7412");
  CHECK(to->key == key_2);
}

TEST_CASE("without its key nobody connects to a peer, nor without its address") {
  peer_world world;
  world.out.clear();
  world.core.put_peer("n3", "tcp://10.0.0.3:7412", world.now, world.out);
  CHECK(world.find<open_peer>() == nullptr);
  world.core.set_allowed({{"n2", entry("n2", key_2)}, {"n4", entry("n4", key_3)}}, world.now,
                         world.out);
  CHECK(world.find<open_peer>() == nullptr);
  world.core.put_peer("n4", "tcp://10.0.0.4:7412", world.now, world.out);
  CHECK(world.find<open_peer>() != nullptr);
}

TEST_CASE("a node is no peer of itself, whatever the list says") {
  peer_world world;
  world.out.clear();
  world.core.put_peer("n1", "tcp://10.0.0.1:7412", world.now, world.out);
  world.core.set_allowed({{"n1", entry("n1", key_3)}, {"n2", entry("n2", key_2)}}, world.now,
                         world.out);
  CHECK(world.out.empty());
  CHECK_FALSE(world.message(work({"n1", "gateway"}), {"n1", key_3, "n1.1"}));
  CHECK(world.refused(refusal::revoked) == 1);
}

TEST_CASE("a peer is up from its welcome on, and down when none has come for a while") {
  peer_world world;
  const frame greeting = world.next_hello();
  CHECK(std::get<hello>(greeting.body) == hello{own_boot});
  CHECK_FALSE(world.facts().up);
  world.now += 7ms;
  world.welcome_back(greeting);
  const auto* news = world.find<peer_news>();
  REQUIRE(news != nullptr);
  CHECK(news->up);
  CHECK(news->boot == peer_boot);
  CHECK(world.facts().up);
  CHECK(world.facts().rtt == 7ms);
  world.now += 3s - 1ns;
  world.out.clear();
  world.core.tick(world.now, world.out);
  CHECK(world.facts().up);
  world.now += 1ns;
  world.out.clear();
  world.core.tick(world.now, world.out);
  CHECK_FALSE(world.facts().up);
  REQUIRE(world.find<peer_news>() != nullptr);
  CHECK_FALSE(world.find<peer_news>()->up);
}

TEST_CASE("while welcomes come a peer stays up") {
  peer_world world;
  world.bring_up();
  for (int i = 0; i < 20; ++i) {
    world.bring_up();
    CHECK(world.out.empty());
  }
  CHECK(world.facts().up);
}

TEST_CASE("a welcome with another boot is told as down and up") {
  peer_world world;
  world.bring_up();
  world.welcome_back(world.next_hello(), {0xc3});
  REQUIRE(world.out.size() == 2);
  CHECK(std::get<peer_news>(world.out[0]).boot == peer_boot);
  CHECK_FALSE(std::get<peer_news>(world.out[0]).up);
  CHECK(std::get<peer_news>(world.out[1]).boot == 0xc3);
  CHECK(std::get<peer_news>(world.out[1]).up);
}

TEST_CASE("a welcome of a hello that was not sent, or long ago, says nothing") {
  peer_world world;
  const frame first = world.next_hello();
  for (int i = 0; i < 4; ++i)
    static_cast<void>(world.next_hello());
  world.welcome_back(first);
  CHECK_FALSE(world.facts().up);
  frame invented = first;
  invented.header.number = 1'000;
  world.welcome_back(invented);
  invented.header.number = 0;
  world.welcome_back(invented);
  CHECK_FALSE(world.facts().up);
}

TEST_CASE("a connection that stays down is made anew") {
  peer_world world;
  const boot_time begin = world.now;
  while (world.find<close_peer>() == nullptr) {
    static_cast<void>(world.next_hello());
    REQUIRE(world.now < begin + 1min);
  }
  CHECK(world.now - begin == 5s);
  CHECK(world.find<open_peer>() != nullptr);
}

TEST_CASE("frames go to a peer that is up, and are counted as not sent to one that is not") {
  peer_world world;
  world.out.clear();
  CHECK(world.core.send("n2", work(loop, peer_gateway), world.out));
  CHECK(world.out.empty());
  CHECK(world.facts().counted.not_sent == 1);
  world.bring_up();
  world.out.clear();
  const slice bytes = work(loop, peer_gateway);
  CHECK(world.core.send("n2", bytes, world.out));
  REQUIRE(world.find<send_to_peer>() != nullptr);
  CHECK(world.find<send_to_peer>()->bytes.data() == bytes.data()); // not a copy
  world.core.on_sent("n2", bytes.size(), true);
  world.core.on_sent("n2", bytes.size(), false);
  CHECK(world.facts().counted.frames_out == 1);
  CHECK(world.facts().counted.bytes_out == bytes.size());
  CHECK(world.facts().counted.not_sent == 2);
  CHECK_FALSE(world.core.send("n9", bytes, world.out));
}

TEST_CASE("a hello is welcomed with our boot, in its own version, with its number") {
  peer_world world;
  for (const std::uint8_t version : {protocol_version_min, protocol_version}) {
    world.hello_from_peer(version);
    const auto* back = world.find<answer_peer>();
    REQUIRE(back != nullptr);
    CHECK(back->routing_id == routing);
    CHECK(peek_frame(back->bytes.view())->version == version);
    const frame told = decode_frame(back->bytes).value();
    CHECK(told.header == frame_header{own_broker, peer_broker, 1});
    CHECK(std::get<welcome>(told.body).boot == own_boot);
  }
  CHECK(world.facts().heard);
  CHECK(world.facts().boot == peer_boot);
}

TEST_CASE("a peer that speaks the version before gets frames in it, and one of both the newer") {
  peer_world world;
  const frame first = world.next_hello();
  world.welcome_back(world.next_hello(), {peer_boot}, protocol_version_min);
  CHECK(world.facts().up);
  CHECK(world.facts().version == protocol_version_min);
  world.out.clear();
  CHECK(world.core.send("n2", work(loop, peer_gateway), world.out));
  REQUIRE(world.find<send_to_peer>() != nullptr);
  const auto peek = peek_frame(world.find<send_to_peer>()->bytes.view());
  CHECK(peek->version == protocol_version_min);
  CHECK(peek->header == frame_header{loop, peer_gateway, 9});
  world.welcome_back(first);
  CHECK(world.facts().version == protocol_version);
  world.welcome_back(world.next_hello(), {peer_boot}, protocol_version_min); // a late one
  CHECK(world.facts().version == protocol_version);
}

TEST_CASE(
    "a process that is known to speak the newer version is met in it, whichever hello it answers") {
  peer_world world;
  world.bring_up();
  REQUIRE(world.facts().version == protocol_version);
  world.now += limits::peer_down_after; // it stood still
  world.core.tick(world.now, world.out);
  REQUIRE_FALSE(world.facts().up);
  frame older = world.next_hello();
  for (int i = 0; i < 2 && peek_frame(world.find<send_to_peer>()->bytes.view())->version !=
                               protocol_version_min;
       ++i)
    older = world.next_hello();
  world.welcome_back(older, {peer_boot}, protocol_version_min);
  CHECK(world.facts().up);
  CHECK(world.facts().version == protocol_version);
}

TEST_CASE("hellos are written in both versions until one is answered") {
  peer_world world;
  std::map<std::uint8_t, int> seen;
  for (int i = 0; i < 4; ++i) {
    static_cast<void>(world.next_hello());
    ++seen[peek_frame(world.find<send_to_peer>()->bytes.view())->version];
  }
  CHECK(seen == std::map<std::uint8_t, int>{{protocol_version_min, 2}, {protocol_version, 2}});
}

TEST_CASE("a peer that speaks no version of ours is not up, and is told what it speaks") {
  peer_world world;
  world.welcome_back(world.next_hello(), {peer_boot, 7, 9});
  CHECK_FALSE(world.facts().up);
  CHECK(world.facts().lowest == 7);
  CHECK(world.facts().highest == 9);
  CHECK(world.refused(refusal::wrong_version) == 1);
}

TEST_CASE("a frame of a peer that has greeted is taken") {
  peer_world world;
  world.hello_from_peer();
  CHECK(world.message(work()));
  CHECK(world.facts().counted.frames_in == 1);
  CHECK(world.facts().counted.bytes_in == work().size());
  CHECK(world.core.refused() == refusal_counts{});
}

TEST_CASE("who is not who it says is refused by name and counted, and the next frame is taken") {
  peer_world world;
  world.hello_from_peer();
  SECTION("another key than the list has for its name") {
    check_refused(world, refusal::revoked, world.message(work(), {"n2", key_3, routing}));
  }
  SECTION("a name that is not in the list") {
    check_refused(world, refusal::revoked, world.message(work(), {"n3", key_3, "n3.1"}));
  }
  SECTION("no name at all") {
    check_refused(world, refusal::revoked, world.message(work(), {{}, {}, routing}));
  }
  SECTION("the routing id of another node") {
    check_refused(world, refusal::wrong_identity, world.message(work(), world.as("n3.b2.77")));
  }
  SECTION("a routing id without a boot") {
    check_refused(world, refusal::wrong_identity, world.message(work(), world.as("n2")));
  }
  SECTION("a greeting with another boot than its connection's") {
    check_refused(world, refusal::wrong_identity,
                  world.message(encode_frame({peer_broker, own_broker, 1}, hello{0xdead})));
  }
}

TEST_CASE("what a peer may not send is refused by name and counted, and the next frame is taken") {
  peer_world world;
  world.hello_from_peer();
  SECTION("no frame") {
    check_refused(world, refusal::malformed, world.message(slice{"nonsense"}));
  }
  SECTION("nothing") { check_refused(world, refusal::malformed, world.message(slice{})); }
  SECTION("two parts") {
    check_refused(world, refusal::malformed, world.message(work(), world.as(), 2));
  }
  SECTION("a greeting that is cut off") {
    const slice whole = encode_frame({peer_broker, own_broker, 1}, hello{peer_boot});
    check_refused(world, refusal::malformed,
                  world.message(whole.part(whole.view().substr(0, whole.size() - 1))));
  }
  SECTION("versions the wrong way round") {
    check_refused(
        world, refusal::malformed,
        world.message(encode_frame({peer_broker, own_broker, 1}, hello{peer_boot, 3, 2})));
  }
  SECTION("too large") {
    check_refused(world, refusal::too_large,
                  world.message(slice{std::string(limits::frame_bytes_max + 1, 'x')}));
  }
  SECTION("a version that is not spoken") {
    std::string bytes{work().view()};
    bytes[1] = protocol_version + 1;
    check_refused(world, refusal::wrong_version, world.message(slice{bytes}));
  }
  SECTION("another sender") {
    check_refused(world, refusal::wrong_sender, world.message(work({"n3", "gateway"})));
  }
  SECTION("this node as its sender") {
    check_refused(world, refusal::wrong_sender, world.message(work({"n1", "gateway"})));
  }
  SECTION("for another node") {
    check_refused(world, refusal::wrong_target,
                  world.message(work(peer_gateway, {"n3", "loop/0"})));
  }
  SECTION("slots of this node's agents") {
    check_refused(world, refusal::wrong_kind,
                  world.message(encode_frame({peer_gateway, own_broker, 0}, credit{"bot", 1})));
  }
  SECTION("a grant to a loop") {
    check_refused(world, refusal::wrong_kind,
                  world.message(encode_frame({peer_broker, loop, 0}, grant{"bot", 1})));
  }
  SECTION("a query to the broker") {
    check_refused(world, refusal::wrong_kind, world.message(work(peer_gateway, own_broker)));
  }
  SECTION("a connection that did not greet") {
    check_refused(world, refusal::not_greeted, world.message(work(), world.as("n2.b2.78")));
  }
}

TEST_CASE("a frame of a version that does not name its process is handed on as one that does") {
  // A peer that was away and comes back writes both: who counts its frames must not see two.
  peer_world world;
  world.hello_from_peer();
  const frame_header header{peer_gateway, loop, 9, peer_boot};
  const slice older = encode_frame(header, query{1, "{}"}, protocol_version_min);
  REQUIRE(peek_frame(older.view())->header.boot == 0);
  REQUIRE(world.message(older));
  const auto first = decode_frame(world.taken);
  REQUIRE(first);
  CHECK(first->header == header);
  CHECK(first->body == message{query{1, "{}"}});
  const slice newer = encode_frame(header, query{1, "{}"});
  REQUIRE(world.message(newer));
  CHECK(world.taken.view() == newer.view());
}

TEST_CASE("a frame is of the process that its connection is of, and answers this one") {
  peer_world world;
  world.hello_from_peer();
  const auto sent = [&](std::uint64_t boot, std::uint64_t to_boot) {
    return world.message(encode_frame({peer_gateway, loop, 9, boot, to_boot}, publish_ack{9, {}}));
  };
  CHECK(sent(peer_boot, own_boot));
  CHECK(sent(peer_boot, 0));
  SECTION("another process of the peer") {
    check_refused(world, refusal::wrong_identity, sent(peer_boot + 1, own_boot));
  }
  SECTION("an earlier process of this node") {
    check_refused(world, refusal::stale, sent(peer_boot, own_boot - 1));
  }
  SECTION("a part whose name is longer than any") {
    check_refused(world, refusal::malformed,
                  world.message(work({"n2", "agent/" + std::string(100, 'x')})));
  }
}

TEST_CASE("who greets anew takes the peer's name over, and the old connection is out") {
  peer_world world;
  world.hello_from_peer();
  const std::string anew = "n2.c3.1";
  world.message(encode_frame({peer_broker, own_broker, 1}, hello{0xc3}), world.as(anew));
  CHECK(world.message(work(), world.as(anew)));
  CHECK_FALSE(world.message(work()));
  CHECK(world.refused(refusal::not_greeted) == 1);
}

TEST_CASE("who is revoked is out at once, and its connection is closed") {
  peer_world world;
  world.bring_up();
  world.hello_from_peer();
  REQUIRE(world.message(work()));
  world.out.clear();
  world.core.set_allowed({}, world.now, world.out);
  CHECK(world.find<close_peer>() != nullptr);
  REQUIRE(world.find<peer_news>() != nullptr);
  CHECK_FALSE(world.find<peer_news>()->up);
  CHECK_FALSE(world.message(work()));
  CHECK(world.refused(refusal::revoked) == 1);
  world.out.clear();
  CHECK(world.core.send("n2", work(loop, peer_gateway), world.out));
  CHECK(world.out.empty());
  CHECK(world.facts().counted.not_sent == 1);
}

TEST_CASE("a peer that gets another key must connect and greet with it") {
  peer_world world;
  world.hello_from_peer();
  world.out.clear();
  world.core.set_allowed({{"n2", entry("n2", key_3)}}, world.now, world.out);
  CHECK(world.find<close_peer>() != nullptr);
  REQUIRE(world.find<open_peer>() != nullptr);
  CHECK(world.find<open_peer>()->key == key_3);
  CHECK_FALSE(world.message(work()));
  CHECK(world.refused(refusal::revoked) == 1);
  CHECK_FALSE(world.message(work(), {"n2", key_3, routing}));
  CHECK(world.refused(refusal::not_greeted) == 1);
}

TEST_CASE("a peer that is taken out of the nodes is not connected to, and comes back") {
  peer_world world;
  world.bring_up();
  world.out.clear();
  world.core.remove_peer("n2", world.out);
  CHECK(world.find<close_peer>() != nullptr);
  CHECK_FALSE(world.core.send("n2", work(loop, peer_gateway), world.out));
  world.out.clear();
  world.core.put_peer("n2", "tcp://10.0.0.9:1", world.now, world.out);
  REQUIRE(world.find<open_peer>() != nullptr);
  CHECK(world.find<open_peer>()->endpoint == "tcp://10.0.0.9:1");
}

TEST_CASE("only welcomes of the peer come back on a connection") {
  peer_world world;
  const frame greeting = world.next_hello();
  const auto returned = [&](const slice& bytes) {
    world.out.clear();
    world.core.on_returned("n2", bytes, world.now, world.out);
    return world.find<refused_message>() == nullptr ? ""
                                                    : to_string(world.find<refused_message>()->why);
  };
  const std::uint64_t number = greeting.header.number;
  CHECK(returned(work()) == "wrong-kind");
  CHECK(returned(slice{"nonsense"}) == "malformed");
  CHECK(returned(encode_frame({{"n3", "broker"}, own_broker, number}, welcome{1})) ==
        "wrong-sender");
  CHECK(returned(encode_frame({peer_broker, {"n3", "broker"}, number}, welcome{1})) ==
        "wrong-target");
  CHECK_FALSE(world.facts().up);
}

TEST_CASE("without keys a connection speaks for the node that it names") {
  peer_world world{false};
  world.hello_from_peer();
  CHECK(world.message(work()));
  CHECK_FALSE(world.message(work(), world.as("n3.1")));
  CHECK(world.refused(refusal::wrong_identity) == 1);
}

TEST_CASE("routing ids are read as they are written, and nothing else is one") {
  const std::string made = make_routing_id("n2", 0xb2, UINT64_MAX);
  CHECK(made == "n2.00000000000000b2.ffffffffffffffff");
  const auto read = parse_routing_id(made);
  REQUIRE(read);
  CHECK(read->node == "n2");
  CHECK(read->boot == 0xb2);
  CHECK(parse_routing_id("n2.b2"));
  for (const char* bad : {"", "n2", "n2.", ".b2", "n2.xyz", "n2.b2.", "n2.b2.x", "n2.b2.1.2",
                          "n2.10000000000000000", "n2.b2 ", "n2.-1"})
    CHECK_FALSE(parse_routing_id(bad));
}
