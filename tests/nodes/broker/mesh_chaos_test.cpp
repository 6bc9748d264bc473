// Brokers over a network that is late, slow, silent or broken: what is told, what gets through, and
// that others do not notice.
#include "mesh_world.hpp"
#include "tests/support/chaos_proxy.hpp"

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

std::uint16_t port_of(const std::string& endpoint) {
  return static_cast<std::uint16_t>(std::stoul(endpoint.substr(endpoint.rfind(':') + 1)));
}

/// n1 reaches n2 through a network of its own; n3 is there for comparison.
struct three_nodes {
  three_nodes() {
    one.bus->put_peer("n2", network.endpoint());
    one.bus->put_peer("n3", three.endpoint());
    two.bus->put_peer("n1", one.endpoint());
    three.bus->put_peer("n1", one.endpoint());
    REQUIRE(eventually([&] { return one.is_met("n2") && one.is_met("n3") && two.is_up("n1"); }));
  }
  /// n3 gets frames from n1, now.
  void check_others() {
    const std::size_t before = three.box.count();
    for (int i = 0; i < 20; ++i)
      one.send("n3", ++number);
    CHECK(eventually([&] { return three.box.count() >= before + 20; }));
    CHECK(one.of("n3").counted.not_sent == 0);
  }
  /// What is sent until it gets through, as who must not lose it does.
  void check_through() {
    const std::size_t before = two.box.count();
    CHECK(eventually([&] {
      one.send("n2", ++number);
      return two.box.count() > before;
    }));
  }

  key_ring ring{{"n1", "n2", "n3"}};
  mesh_node one{"n1", ring.of("n1"), ring.allowed};
  mesh_node two{"n2", ring.of("n2"), ring.allowed};
  mesh_node three{"n3", ring.of("n3"), ring.allowed};
  chaos_proxy network{port_of(two.endpoint()), 20'261'130};
  std::uint64_t number = 0;
};

} // namespace

TEST_CASE("over a late and uneven network frames keep their order and none is lost") {
  three_nodes nodes;
  nodes.network.set({.delay = 5ms, .jitter = 20ms});
  std::vector<std::uint64_t> sent;
  for (std::uint64_t i = 1; i <= 300; ++i) {
    nodes.one.send("n2", i, 2'000);
    sent.push_back(i);
  }
  CHECK(eventually([&] { return nodes.two.box.count() == sent.size(); }));
  CHECK(nodes.two.box.queries("n1") == sent);
  CHECK(nodes.one.is_up("n2"));
  CHECK(eventually([&] { return nodes.one.of("n2").rtt >= 10ms; }));
}

TEST_CASE("a network that is cut makes the peer down, and whole again it is up") {
  three_nodes nodes;
  nodes.network.set({.cut_there = true, .cut_back = true});
  CHECK(eventually([&] { return !nodes.one.is_up("n2"); }));
  nodes.check_others();
  const auto before = nodes.one.of("n2").counted.not_sent;
  nodes.one.send("n2", 1);
  CHECK(eventually([&] { return nodes.one.of("n2").counted.not_sent > before; }));
  nodes.network.set({});
  CHECK(eventually([&] { return nodes.one.is_up("n2"); }));
  nodes.check_through();
}

TEST_CASE("a network that lets nothing back makes the peer down although it still hears us") {
  three_nodes nodes;
  nodes.network.set({.cut_back = true});
  CHECK(eventually([&] { return !nodes.one.is_up("n2"); }));
  CHECK(nodes.one.of("n2").heard); // its own connection is whole
  CHECK(nodes.two.is_up("n1"));
  nodes.check_others();
  nodes.network.set({});
  CHECK(eventually([&] { return nodes.one.is_up("n2"); }));
  nodes.check_through();
}

TEST_CASE("a network that lets nothing there makes the peer down, and it is not heard over there") {
  three_nodes nodes;
  nodes.network.set({.cut_there = true});
  CHECK(eventually([&] { return !nodes.one.is_up("n2") && !nodes.two.of("n1").heard; }));
  CHECK(nodes.two.is_up("n1"));
  nodes.network.set({});
  CHECK(eventually([&] { return nodes.one.is_met("n2") && nodes.two.is_met("n1"); }));
  nodes.check_through();
}

TEST_CASE("connections that are reset again and again come back") {
  three_nodes nodes;
  for (int i = 0; i < 5; ++i) {
    nodes.network.reset();
    nodes.check_through();
  }
  nodes.check_others();
}

TEST_CASE("over a slow network what does not fit is counted, and others do not wait") {
  three_nodes nodes;
  nodes.network.set({.bytes_per_second = 200'000});
  const std::uint64_t many = 100;
  for (std::uint64_t i = 1; i <= many; ++i)
    nodes.one.send("n2", i, 1 << 20);
  nodes.check_others();
  CHECK(eventually([&] {
    const peer_counts counted = nodes.one.of("n2").counted;
    return counted.frames_out + counted.not_sent == many;
  }));
  CHECK(nodes.one.of("n2").counted.not_sent > 0);
  nodes.network.set({});
  CHECK(eventually([&] { return nodes.one.is_up("n2"); }));
  nodes.check_through();
}
