// bench/zmq: what ZeroMQ itself can do on this machine, and what the broker makes of it: a DEALER
// sends to a ROUTER over inproc, one thread each; then batches go from link to link over one broker
// (inproc), and over two (tcp on loopback, CURVE).
//
//   zmq_bench [--json]      rows: single messages of 200 B, batches of 256 x 200 B (counted in
//   events); frames of such batches: frames/s, MB/s, and the trip of a frame that is alone
#include "nodes/broker/broker.hpp"
#include "nodes/broker/curve_key.hpp"
#include "protocol/frame.hpp"

#include <zmq.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

constexpr std::size_t event_bytes = 200;
constexpr std::size_t events_a_batch = 256;

double events_per_s(std::size_t messages, std::size_t bytes, std::size_t events_a_message) {
  zmq::context_t context{1};
  zmq::socket_t router{context, zmq::socket_type::router};
  router.set(zmq::sockopt::rcvhwm, 4'096);
  router.bind("inproc://limit");
  const auto begin = clock_type::now();
  std::thread sender{[&] {
    zmq::socket_t dealer{context, zmq::socket_type::dealer};
    dealer.set(zmq::sockopt::sndhwm, 4'096);
    dealer.connect("inproc://limit");
    const std::string body(bytes, 'x');
    for (std::size_t i = 0; i < messages; ++i) {
      zmq::message_t message{body.data(), body.size()};
      static_cast<void>(dealer.send(message, zmq::send_flags::none));
    }
  }};
  for (std::size_t i = 0; i < messages; ++i) {
    zmq::message_t from, body;
    static_cast<void>(router.recv(from));
    static_cast<void>(router.recv(body));
  }
  const double seconds = std::chrono::duration<double>(clock_type::now() - begin).count();
  sender.join();
  return static_cast<double>(messages * events_a_message) / seconds;
}

struct road_figures {
  double frames_per_s = 0;
  double megabytes_per_s = 0;
  double p50_us = 0;
  double p99_us = 0;
};

/// Two parts, and what has come at the second one.
struct road {
  std::unique_ptr<skein::broker> first, second; // without a second both are at the first
  std::unique_ptr<skein::bus_port> from, to;
  std::atomic<std::uint64_t> arrived{0};

  skein::frame_sink sink() {
    return [this](const skein::slice&) { arrived.fetch_add(1, std::memory_order_release); };
  }
  void wait_for(std::uint64_t count) const {
    while (arrived.load(std::memory_order_acquire) < count)
      std::this_thread::yield();
  }
};

/// Never more under way than fits: here nobody sends again what found no room.
road_figures travel(road& by, const skein::address& target, std::uint64_t frames) {
  constexpr std::uint64_t under_way_max = 400;
  constexpr std::size_t trips = 4'000;
  const skein::slice bytes =
      skein::encode_frame({{"n1", "gateway"}, target, 0},
                          skein::query{1, std::string(events_a_batch * event_bytes, 'x')});
  std::uint64_t sent = by.arrived;
  const auto send = [&] {
    while (!by.from->send(bytes))
      std::this_thread::yield();
    ++sent;
  };
  const std::uint64_t before = sent;
  const auto begin = clock_type::now();
  while (sent < before + frames) {
    send();
    by.wait_for(sent > under_way_max ? sent - under_way_max : 0);
  }
  by.wait_for(sent);
  const double seconds = std::chrono::duration<double>(clock_type::now() - begin).count();
  std::vector<double> took;
  for (std::size_t i = 0; i < trips; ++i) {
    const auto start = clock_type::now();
    send();
    by.wait_for(sent);
    took.push_back(std::chrono::duration<double, std::micro>(clock_type::now() - start).count());
  }
  std::sort(took.begin(), took.end());
  const double rate = static_cast<double>(frames) / seconds;
  return {rate, rate * static_cast<double>(bytes.size()) / 1e6, took[trips / 2],
          took[trips * 99 / 100]};
}

/// A first frame has come: both sides have greeted.
void meet(road& by, const skein::address& target) {
  while (by.arrived == 0) {
    by.from->send(skein::encode_frame({{"n1", "gateway"}, target, 0}, skein::ack{0}));
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  std::this_thread::sleep_for(std::chrono::milliseconds{200}); // the others of them come too
}

road_figures within_a_node(std::uint64_t frames) {
  road by;
  by.first = std::make_unique<skein::broker>("n1");
  by.to = by.first->connect("loop/0", by.sink());
  by.from = by.first->connect("gateway", [](const skein::slice&) {});
  meet(by, {"n1", "loop/0"});
  return travel(by, {"n1", "loop/0"}, frames);
}

road_figures between_nodes(std::uint64_t frames) {
  skein::peer_list allowed;
  const auto open = [&](const std::string& name, const skein::key_pair& keys) {
    skein::mesh_settings mesh;
    mesh.endpoint = "tcp://127.0.0.1:0";
    mesh.keys = keys;
    mesh.allowed = allowed;
    return skein::broker::open(name, std::move(mesh)).value();
  };
  const skein::key_pair one = skein::make_key_pair(), two = skein::make_key_pair();
  static_cast<void>(skein::allow_peer(allowed, {"n1", {}, one.public_key, {}}));
  static_cast<void>(skein::allow_peer(allowed, {"n2", {}, two.public_key, {}}));
  road by;
  by.first = open("n1", one);
  by.second = open("n2", two);
  by.first->put_peer("n2", by.second->mesh().endpoint);
  by.to = by.second->connect("loop/0", by.sink());
  by.from = by.first->connect("gateway", [](const skein::slice&) {});
  meet(by, {"n2", "loop/0"});
  return travel(by, {"n2", "loop/0"}, frames);
}

} // namespace

int main(int argc, char** argv) {
  const bool json = argc > 1 && std::strcmp(argv[1], "--json") == 0;
  const double single = events_per_s(500'000, event_bytes, 1);
  const double batched = events_per_s(40'000, events_a_batch * event_bytes, events_a_batch);
  const road_figures here = within_a_node(20'000);
  const road_figures there = between_nodes(20'000);
  if (json) {
    std::printf("{\"bench\":\"zmq\",\"single_per_s\":%.0f,\"batched_per_s\":%.0f", single, batched);
    for (const auto& [name, of] : {std::pair{"inproc", here}, std::pair{"tcp_curve", there}})
      std::printf(",\"%s\":{\"frames_per_s\":%.0f,\"mb_per_s\":%.1f,\"p50_us\":%.0f,"
                  "\"p99_us\":%.0f}",
                  name, of.frames_per_s, of.megabytes_per_s, of.p50_us, of.p99_us);
    std::printf("}\n");
    return 0;
  }
  std::printf("zmq ROUTER/DEALER, 200 B: single %.0f messages/s, batches of 256: %.0f events/s\n",
              single, batched);
  for (const auto& [name, of] :
       {std::pair{"one broker, inproc", here}, std::pair{"two brokers, tcp with CURVE", there}})
    std::printf("%s, frames of 256 x 200 B: %.0f frames/s, %.0f MB/s; alone p50 %.0f us, p99 %.0f "
                "us\n",
                name, of.frames_per_s, of.megabytes_per_s, of.p50_us, of.p99_us);
}
