// What must not get in, over real sockets: each is refused by a named reason and counted, while the
// traffic of another peer goes on.
#include "mesh_world.hpp"

#include "protocol/unique_fd.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

/// Node n1 with a peer n2 that sends to it all the time; n3 is allowed, and played by the test.
struct busy_node {
  busy_node() {
    REQUIRE(eventually([&] { return two.is_up("n1"); }));
    endpoint = one.endpoint();
  }
  /// n2 gets frames through, now.
  void check_traffic() {
    const std::size_t before = one.box.queries("n2").size();
    for (int i = 0; i < 50; ++i)
      two.send("n1", ++number);
    CHECK(eventually([&] { return one.box.queries("n2").size() >= before + 50; }));
    CHECK(one.of("n2").counted.refused == 0);
  }
  void check_refused(refusal why) {
    INFO(to_string(why));
    CHECK(eventually([&] { return one.refused(why) > 0; }));
    CHECK(one.box.queries("n3").empty());
    check_traffic();
  }
  stranger as_n3(const std::string& routing_id = "n3.c3.1") {
    return {endpoint, routing_id, &ring.of("n3"), ring.of("n1").public_key};
  }
  slice work(const std::string& from = "n3", const std::string& to = "n1") const {
    return query_frame({from, "gateway"}, {to, "loop/0"}, 1);
  }

  key_ring ring{{"n1", "n2", "n3"}};
  mesh_node one{"n1", ring.of("n1"), ring.allowed};
  mesh_node two{"n2", ring.of("n2"), ring.allowed, {{"n1", one.endpoint()}}};
  std::string endpoint;
  std::uint64_t number = 0;
};

unique_fd connect_plainly(const std::string& endpoint) {
  unique_fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port =
      htons(static_cast<std::uint16_t>(std::stoul(endpoint.substr(endpoint.rfind(':') + 1))));
  REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

void write_plainly(const unique_fd& fd, std::string_view bytes) {
  REQUIRE(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size()));
}

} // namespace

TEST_CASE("a key that is not in the list is not let in") {
  busy_node node;
  const key_pair unknown = make_key_pair();
  stranger other{node.endpoint, "n3.c3.1", &unknown, node.ring.of("n1").public_key};
  other.greet("n3", "n1", 0xc3);
  other.send(node.work());
  node.check_refused(refusal::unknown_key);
  CHECK_FALSE(node.one.of("n3").heard);
}

TEST_CASE("a client without CURVE is not let in") {
  busy_node node;
  stranger other{node.endpoint, "n3.c3.1", nullptr, {}};
  other.greet("n3", "n1", 0xc3);
  node.check_refused(refusal::handshake);
  CHECK_FALSE(node.one.of("n3").heard);
}

TEST_CASE("a client that has another server's key is not let in") {
  busy_node node;
  stranger other{node.endpoint, "n3.c3.1", &node.ring.of("n3"), node.ring.of("n2").public_key};
  other.greet("n3", "n1", 0xc3);
  node.check_refused(refusal::handshake);
}

TEST_CASE("the right key with the name of another node is refused") {
  busy_node node;
  auto other = node.as_n3("n2.c3.1");
  other.greet("n2", "n1", 0xc3);
  other.send(node.work("n2"));
  const std::size_t before = node.one.box.queries("n2").size();
  CHECK(eventually([&] { return node.one.refused(refusal::wrong_identity) >= 2; }));
  CHECK(node.one.box.queries("n2").size() == before);
  node.check_refused(refusal::wrong_identity);
}

TEST_CASE("a frame that names another sender is refused") {
  busy_node node;
  auto other = node.as_n3();
  other.greet("n3", "n1", 0xc3);
  other.send(node.work("n2"));
  node.check_refused(refusal::wrong_sender);
}

TEST_CASE("a frame for another node is not relayed") {
  busy_node node;
  auto other = node.as_n3();
  other.greet("n3", "n1", 0xc3);
  other.send(node.work("n3", "n2"));
  node.check_refused(refusal::wrong_target);
  CHECK(node.two.box.count() == 0);
}

TEST_CASE("a kind that a node may not send is refused") {
  busy_node node;
  auto other = node.as_n3();
  other.greet("n3", "n1", 0xc3);
  other.send(encode_frame({{"n3", "agent/bot"}, {"n1", "broker"}, 1}, credit{"bot", 1'000}));
  other.send(encode_frame({{"n3", "broker"}, {"n1", "loop/0"}, 1}, grant{"bot", 1'000}));
  CHECK(eventually([&] { return node.one.refused(refusal::wrong_kind) == 2; }));
  node.check_refused(refusal::wrong_kind);
}

TEST_CASE("a frame that is sent again from another connection is refused") {
  busy_node node;
  auto first = node.as_n3();
  first.greet("n3", "n1", 0xc3);
  const slice recorded = node.work();
  first.send(recorded);
  REQUIRE(eventually([&] { return node.one.box.queries("n3").size() == 1; }));
  auto second = node.as_n3("n3.c3.2");
  second.send(recorded);
  CHECK(eventually([&] { return node.one.refused(refusal::not_greeted) == 1; }));
  CHECK(node.one.box.queries("n3").size() == 1);
  node.check_traffic();
}

TEST_CASE("a version that is not spoken, and bytes that are no frame, are refused") {
  busy_node node;
  auto other = node.as_n3();
  std::string bytes{node.work().view()};
  bytes[1] = protocol_version + 1;
  other.send(slice{bytes});
  node.check_refused(refusal::wrong_version);
  other.send(slice{"nonsense"});
  node.check_refused(refusal::malformed);
}

TEST_CASE("a frame that is too large is refused, and a far too large message ends its connection") {
  busy_node node;
  auto other = node.as_n3();
  other.greet("n3", "n1", 0xc3);
  other.send(slice{std::string(limits::frame_bytes_max + 1, 'x')});
  node.check_refused(refusal::too_large);
  const std::uint64_t cut = node.one.bus->mesh().cut;
  other.send(slice{std::string(limits::peer_message_bytes_max + 1, 'x')});
  CHECK(eventually([&] { return node.one.bus->mesh().cut > cut; }));
  node.check_traffic();
}

TEST_CASE("a giant length and other bytes that are no handshake end their connection") {
  busy_node node;
  const auto cut = [&] { return node.one.bus->mesh().cut; };
  const unique_fd giant = connect_plainly(node.endpoint);
  std::string greeting{"\xff\0\0\0\0\0\0\0\x01\x7f\x03\x00"
                       "CURVE",
                       17};
  greeting.resize(64, '\0');
  write_plainly(giant, greeting);
  write_plainly(giant, {"\x06\x7f\xff\xff\xff\xff\xff\xff\xff", 9}); // a command of 2^63 bytes
  CHECK(eventually([&] { return cut() == 1; }));
  const unique_fd other = connect_plainly(node.endpoint);
  write_plainly(other, "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n" + std::string(100, ' '));
  CHECK(eventually([&] { return cut() == 2; }));
  node.check_traffic();
}

TEST_CASE("handshakes that are never ended are, after a while, and keep nobody out") {
  busy_node node;
  std::vector<unique_fd> silent;
  for (int i = 0; i < 40; ++i)
    silent.push_back(connect_plainly(node.endpoint));
  node.check_traffic();
  auto other = node.as_n3();
  other.greet("n3", "n1", 0xc3);
  CHECK(eventually([&] { return node.one.of("n3").heard; }));
  CHECK(eventually([&] { return node.one.refused(refusal::handshake) >= silent.size(); }));
  node.check_traffic();
}

TEST_CASE("a peer whose address takes connections and says nothing is down, and nobody waits") {
  busy_node node;
  const unique_fd listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(listener.get(), 8) == 0);
  REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  node.one.bus->put_peer("n3", "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port)));
  REQUIRE(eventually([&] { return !node.one.of("n3").endpoint.empty(); }));
  for (std::uint64_t i = 1; i <= 10; ++i)
    node.one.send("n3", i);
  CHECK(eventually([&] { return node.one.of("n3").counted.not_sent == 10; }));
  CHECK_FALSE(node.one.is_up("n3"));
  node.check_traffic();
}

TEST_CASE("welcomes are all that a connection to a peer brings") {
  // n3 answers over its ROUTER with a frame for a part of n1.
  const key_ring ring{{"n1", "n3"}};
  zmq::context_t context;
  zmq::socket_t server{context, zmq::socket_type::router};
  server.set(zmq::sockopt::curve_server, true);
  server.set(zmq::sockopt::curve_secretkey, ring.of("n3").secret.reveal());
  server.set(zmq::sockopt::linger, 0);
  server.bind("tcp://127.0.0.1:*");
  mesh_node one{
      "n1", ring.of("n1"), ring.allowed, {{"n3", server.get(zmq::sockopt::last_endpoint)}}};
  zmq::message_t id, greeting;
  REQUIRE(server.recv(id));
  REQUIRE(server.recv(greeting));
  server.send(id, zmq::send_flags::sndmore);
  const slice bytes = query_frame({"n3", "gateway"}, {"n1", "loop/0"}, 1);
  server.send(zmq::buffer(bytes.view()), zmq::send_flags::none);
  CHECK(eventually([&] { return one.refused(refusal::wrong_kind) == 1; }));
  CHECK(one.box.count() == 0);
}

TEST_CASE("a peer that does not read fills its own pipe, and is counted; the others go on") {
  const key_ring ring{{"n1", "n2", "n3"}};
  zmq::context_t context;
  zmq::socket_t server{context, zmq::socket_type::router};
  server.set(zmq::sockopt::curve_server, true);
  server.set(zmq::sockopt::curve_secretkey, ring.of("n3").secret.reveal());
  server.set(zmq::sockopt::linger, 0);
  server.set(zmq::sockopt::rcvhwm, 1);
  server.bind("tcp://127.0.0.1:*");
  mesh_node two{"n2", ring.of("n2"), ring.allowed};
  mesh_node one{"n1",
                ring.of("n1"),
                ring.allowed,
                {{"n2", two.endpoint()}, {"n3", server.get(zmq::sockopt::last_endpoint)}}};
  zmq::message_t id, bytes;
  REQUIRE(server.recv(id));
  REQUIRE(server.recv(bytes));
  const frame greeting = decode_frame(slice{bytes.to_string()}).value();
  const slice back = encode_frame(
      {greeting.header.to, greeting.header.from, greeting.header.number}, welcome{0xc3});
  server.send(id, zmq::send_flags::sndmore);
  server.send(zmq::buffer(back.view()), zmq::send_flags::none);
  REQUIRE(eventually([&] { return one.is_up("n3") && one.is_up("n2"); }));
  two.bus->put_peer("n1", one.endpoint());
  REQUIRE(eventually([&] { return one.is_met("n2"); }));

  const std::uint64_t many = 200;
  for (std::uint64_t i = 1; i <= many; ++i) {
    one.send("n3", i, 1 << 20);
    one.send("n2", i);
  }
  CHECK(eventually([&] { return two.box.queries("n1").size() == many; }));
  CHECK(eventually([&] {
    const peer_counts counted = one.of("n3").counted;
    return counted.frames_out + counted.not_sent == many;
  }));
  const peer_counts counted = one.of("n3").counted;
  CHECK(counted.not_sent > 0);
  CHECK(counted.bytes_out < (limits::peer_unsent_bytes_max + (64 << 20)));
  CHECK(eventually([&] { return !one.is_up("n3"); }));
  CHECK(one.is_up("n2"));
}
