// Brokers of several nodes over loopback, tcp with CURVE: what they carry.
#include "mesh_world.hpp"
#include "tests/support/temp_dir.hpp"

#include <algorithm>
#include <sys/stat.h>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

std::vector<std::uint64_t> one_to(std::uint64_t last) {
  std::vector<std::uint64_t> out;
  for (std::uint64_t i = 1; i <= last; ++i)
    out.push_back(i);
  return out;
}

/// Two nodes that know each other.
struct two_nodes {
  two_nodes() {
    one.bus->put_peer("n2", two.endpoint());
    two.bus->put_peer("n1", one.endpoint());
    REQUIRE(eventually([&] { return one.is_met("n2") && two.is_met("n1"); }));
  }
  key_ring ring{{"n1", "n2"}};
  mesh_node one{"n1", ring.of("n1"), ring.allowed};
  mesh_node two{"n2", ring.of("n2"), ring.allowed};
};

} // namespace

TEST_CASE("frames go from node to node in both directions, in order and once") {
  two_nodes nodes;
  const std::uint64_t many = 3'000;
  for (std::uint64_t i = 1; i <= many; ++i) {
    nodes.one.send("n2", i, 500);
    nodes.two.send("n1", i, 500);
    // No more than fits: what does not fit is not sent, and nobody sends it again here.
    REQUIRE(eventually(
        [&] { return nodes.two.box.count() + 500 > i && nodes.one.box.count() + 500 > i; }));
  }
  CHECK(eventually([&] { return nodes.two.box.count() >= many && nodes.one.box.count() >= many; }));
  CHECK(nodes.two.box.queries("n1") == one_to(many));
  CHECK(nodes.one.box.queries("n2") == one_to(many));
  CHECK(eventually([&] { return nodes.one.of("n2").counted.frames_out == many; }));
  CHECK(eventually([&] { return nodes.one.of("n2").counted.frames_in == many; }));
  CHECK(nodes.one.of("n2").counted.bytes_out > many * 500);
  CHECK(nodes.one.of("n2").counted.not_sent == 0);
  CHECK(nodes.one.bus->mesh().refused == refusal_counts{});
  CHECK(nodes.two.bus->mesh().refused == refusal_counts{});
  CHECK(nodes.one.of("n2").version == protocol_version);
  CHECK(nodes.one.of("n2").rtt > 0ns);
}

TEST_CASE("three nodes exchange frames, each pair over its own connections") {
  const key_ring ring{{"n1", "n2", "n3"}};
  std::vector<std::unique_ptr<mesh_node>> nodes;
  for (const char* name : {"n1", "n2", "n3"})
    nodes.push_back(std::make_unique<mesh_node>(name, ring.of(name), ring.allowed));
  const auto each_pair = [&](const auto& what) {
    for (auto& from : nodes)
      for (auto& to : nodes)
        if (from != to)
          what(*from, *to);
  };
  each_pair([](mesh_node& from, mesh_node& to) { from.bus->put_peer(to.name, to.endpoint()); });
  each_pair([](mesh_node& from, mesh_node& to) {
    REQUIRE(eventually([&] { return from.is_met(to.name); }));
  });
  each_pair([](mesh_node& from, mesh_node& to) {
    for (std::uint64_t i = 1; i <= 200; ++i)
      from.send(to.name, i);
  });
  each_pair([](mesh_node& from, mesh_node& to) {
    CHECK(eventually([&] { return to.box.queries(from.name) == one_to(200); }));
  });
}

TEST_CASE("the largest frame goes through") {
  two_nodes nodes;
  const std::size_t room = limits::frame_bytes_max - 1'000;
  nodes.one.send("n2", 1, room);
  CHECK(eventually([&] { return nodes.two.box.queries("n1") == one_to(1); }));
}

TEST_CASE("a peer that was started again is told with its new boot, and frames flow again") {
  const key_ring ring{{"n1", "n2"}};
  mesh_node one{"n1", ring.of("n1"), ring.allowed};
  auto two = std::make_unique<mesh_node>("n2", ring.of("n2"), ring.allowed,
                                         std::map<std::string, std::string>{}, 0xaa);
  const std::string endpoint = two->endpoint();
  two->bus->put_peer("n1", one.endpoint());
  one.bus->put_peer("n2", endpoint);
  REQUIRE(eventually([&] { return one.is_met("n2"); }));
  CHECK(one.of("n2").boot == 0xaa);
  two.reset();
  two =
      std::make_unique<mesh_node>("n2", ring.of("n2"), ring.allowed,
                                  std::map<std::string, std::string>{{"n1", one.endpoint()}}, 0xbb);
  one.bus->put_peer("n2", two->endpoint());
  CHECK(eventually([&] { return one.is_met("n2") && one.of("n2").boot == 0xbb; }));
  CHECK(eventually([&] { return two->is_met("n1"); }));
  one.send("n2", 1);
  CHECK(eventually([&] { return two->box.queries("n1") == one_to(1); }));
  const std::lock_guard lock{one.mutex};
  REQUIRE(one.news.size() == 3);
  CHECK(one.news[0].up);
  CHECK(one.news[0].boot == 0xaa);
  CHECK_FALSE(one.news[1].up);
  CHECK(one.news[2].up);
  CHECK(one.news[2].boot == 0xbb);
}

TEST_CASE("frames for a peer that is down are counted as not sent, and its loss is told") {
  two_nodes nodes;
  nodes.two.loop.reset();
  nodes.two.bus.reset();
  CHECK(eventually([&] { return !nodes.one.is_up("n2"); }));
  const auto before = nodes.one.of("n2").counted.not_sent;
  nodes.one.send("n2", 1);
  CHECK(eventually([&] { return nodes.one.of("n2").counted.not_sent == before + 1; }));
}

TEST_CASE("what is revoked under traffic is out within a second, and others go on") {
  const key_ring ring{{"n1", "n2", "n3"}};
  mesh_node one{"n1", ring.of("n1"), ring.allowed};
  mesh_node two{"n2", ring.of("n2"), ring.allowed, {{"n1", one.endpoint()}}};
  mesh_node three{"n3", ring.of("n3"), ring.allowed, {{"n1", one.endpoint()}}};
  one.bus->put_peer("n2", two.endpoint());
  REQUIRE(eventually([&] { return two.is_up("n1") && three.is_up("n1") && one.is_met("n2"); }));
  std::uint64_t number = 0;
  const auto both_send = [&] {
    ++number;
    two.send("n1", number);
    three.send("n1", number);
  };
  while (one.box.queries("n2").size() < 100)
    both_send();
  peer_list without = ring.allowed;
  REQUIRE(revoke_peer(without, "n2"));
  one.bus->set_allowed(without);
  const auto told = std::chrono::steady_clock::now();
  REQUIRE(eventually([&] {
    both_send();
    return one.refused(refusal::revoked) > 0;
  }));
  CHECK(std::chrono::steady_clock::now() - told < 1s);
  // What was let in before is on one way with what comes later, and ahead of it.
  three.send("n1", ++number);
  REQUIRE(eventually([&] { return one.box.queries("n3").back() == number; }));
  const std::size_t taken = one.box.queries("n2").size();
  const std::size_t of_three = one.box.queries("n3").size();
  for (int i = 0; i < 200; ++i)
    both_send();
  CHECK(eventually([&] { return one.box.queries("n3").size() >= of_three + 200; }));
  CHECK(one.box.queries("n2").size() == taken);
  CHECK_FALSE(one.is_up("n2"));                        // our connection to it is closed too
  CHECK(eventually([&] { return !two.is_up("n1"); })); // and nothing of ours comes back
}

TEST_CASE("a peer that is taken out and put back at run time is met again") {
  two_nodes nodes;
  nodes.one.bus->remove_peer("n2");
  CHECK(eventually([&] { return !nodes.one.is_up("n2"); }));
  nodes.one.bus->put_peer("n2", nodes.two.endpoint());
  CHECK(eventually([&] { return nodes.one.is_met("n2"); }));
}

TEST_CASE("without descriptors a peer has no connection, and is met once there are some") {
  const key_ring ring{{"n1", "n2"}};
  mesh_node one{"n1", ring.of("n1"), ring.allowed};
  mesh_node two{"n2", ring.of("n2"), ring.allowed, {{"n1", one.endpoint()}}};
  {
    const no_descriptors now;
    one.bus->put_peer("n2", two.endpoint());
    REQUIRE(eventually([&] { return !one.of("n2").endpoint.empty(); }));
    CHECK_FALSE(one.is_up("n2"));
  }
  CHECK(eventually([&] { return one.is_up("n2"); }));
}

TEST_CASE("brokers of one user meet over ipc without keys, by a socket that is theirs alone") {
  const temp_dir dir;
  const auto open = [&](const std::string& name, post_box& box) {
    mesh_settings settings;
    settings.endpoint = "ipc://" + dir.path() + "/" + name + ".sock";
    settings.timing = {200ms, 2s, 3s};
    auto opened = broker::open(name, std::move(settings));
    REQUIRE(opened);
    auto link = (*opened)->connect("loop/0", box.sink());
    return std::pair{*std::move(opened), std::move(link)};
  };
  post_box of_one, of_two;
  auto [one, link_one] = open("n1", of_one);
  auto [two, link_two] = open("n2", of_two);
  struct stat found {};
  REQUIRE(::stat((dir.path() + "/n1.sock").c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0600);
  one->put_peer("n2", two->mesh().endpoint);
  two->put_peer("n1", one->mesh().endpoint);
  const auto met = [](broker& by) {
    const auto facts = by.mesh();
    return !facts.peers.empty() && facts.peers[0].up && facts.peers[0].heard;
  };
  REQUIRE(eventually([&] { return met(*one) && met(*two); }));
  link_one->send(query_frame({"n1", "loop/0"}, {"n2", "loop/0"}, 1));
  CHECK(eventually([&] { return of_two.queries("n1") == one_to(1); }));
}

TEST_CASE("a broker does not listen on tcp without a key, nor on ipc where others may write") {
  mesh_settings settings;
  settings.endpoint = "tcp://127.0.0.1:0";
  auto opened = broker::open("n1", settings);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == errc::invalid_config);
  const temp_dir dir;
  REQUIRE(::chmod(dir.path().c_str(), 0777) == 0);
  settings.endpoint = "ipc://" + dir.path() + "/n1.sock";
  CHECK(broker::open("n1", settings).error().code == errc::store_unsafe);
  settings.endpoint = "ipc://" + dir.path() + "/none/n1.sock";
  CHECK(broker::open("n1", settings).error().code == errc::invalid_config);
}

TEST_CASE("an address that is taken is told") {
  const key_ring ring{{"n1"}};
  mesh_node one{"n1", ring.of("n1"), ring.allowed};
  mesh_settings settings;
  settings.endpoint = one.endpoint();
  settings.keys = ring.of("n1");
  CHECK(broker::open("n1", settings).error().code == errc::port_in_use);
}
