#include "nodes/broker/broker.hpp"

#include "nodes/broker/broker_core.hpp"
#include "nodes/broker/curve_socket.hpp"
#include "nodes/broker/link.hpp"
#include "nodes/broker/peer_sockets.hpp"
#include "nodes/broker/zmq_frames.hpp"
#include "protocol/check.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace skein {

namespace {
constexpr int frames_a_round = 256; // taken from the ROUTER before control is looked at again
constexpr std::chrono::milliseconds facts_every{100}; // while something happens
using command = std::function<void(peer_sockets&, boot_time)>;
} // namespace

struct broker::impl {
  explicit impl(std::string node_name)
    : node{std::move(node_name)}, endpoint{"inproc://broker-" + node} {
#ifndef SKEIN_BUG_ROUTER_NOT_MANDATORY
    router.set(zmq::sockopt::router_mandatory,
               true); // an unknown peer is an error, not a silent loss
#endif
    router.set(zmq::sockopt::sndhwm, limits::broker_high_water);
    router.set(zmq::sockopt::rcvhwm, limits::broker_high_water);
    router.set(zmq::sockopt::linger, 0);
    router.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(limits::frame_bytes_max));
    router.bind(endpoint);
  }
  ~impl() {
    if (!thread.joinable())
      return;
    stopping.store(true);
    wake.raise();
    thread.join();
  }

  result<void> open_mesh(mesh_settings settings) {
    auto opened = peer_sockets::open(context, node, std::move(settings));
    if (!opened)
      return opened.error();
    peers = *std::move(opened);
    told = peers->facts(boot_now());
    return {};
  }

  void start() {
    core = std::make_unique<broker_core>(node, peers ? &peers->core() : nullptr);
    thread = std::thread{[this] { run(); }};
  }

  void run() {
    pthread_setname_np(pthread_self(), "skein-broker");
    if (peers)
      peers->begin(boot_now());
    std::vector<zmq::pollitem_t> items;
    while (true) {
      items.assign({{router.handle(), 0, ZMQ_POLLIN, 0}, {nullptr, wake.fd(), ZMQ_POLLIN, 0}});
      if (peers)
        peers->add_items(items);
      if (!poll_for(items.data(), items.size(), patience()))
        continue;
      if ((items[1].revents & ZMQ_POLLIN) != 0) {
        wake.clear();
        if (stopping.load())
          return;
      }
      for (int i = 0; i < frames_a_round && take_one(); ++i) {}
      if (peers)
        serve_peers(items.data() + 2);
    }
  }

  /// Milliseconds until the peers want to be looked after; without peers there is no limit.
  long patience() const {
    const auto next = peers ? peers->core().next_tick() : std::nullopt;
    boot_time until = next.value_or(boot_time::max());
    if (facts_due)
      until = std::min(until, facts_at + facts_every);
    if (until == boot_time::max())
      return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - boot_now());
    return std::max<long>(0, static_cast<long>(left.count()));
  }

  void serve_peers(const zmq::pollitem_t* items) {
    const boot_time now = boot_now();
    peers->handle(items, now, [this](const slice& bytes) {
      for (delivery_to& each : core->on_peer_frame(bytes))
        hand_on(each);
      publish_counters();
    });
    for (command& each : take_commands())
      each(*peers, now);
    peers->tick(now);
    facts_due = true;
    if (now - facts_at < facts_every)
      return;
    facts_at = now;
    facts_due = false;
    mesh_facts fresh = peers->facts(now);
    const std::lock_guard lock{mutex};
    told = std::move(fresh);
  }

  std::vector<command> take_commands() {
    const std::lock_guard lock{mutex};
    return std::exchange(commands, {});
  }

  void post(command what) {
    if (!peers)
      return;
    {
      const std::lock_guard lock{mutex};
      commands.push_back(std::move(what));
    }
    wake.raise();
  }

  bool take_one() {
    zmq::message_t link, bytes;
    if (!receive(router, link, zmq::recv_flags::dontwait))
      return false;
    if (!link.more() || !receive(router, bytes, zmq::recv_flags::none))
      return true;
    for (bool more = bytes.more(); more;) { // not ours: a frame has one part
      zmq::message_t extra;
      more = receive(router, extra, zmq::recv_flags::none) && extra.more();
    }
    for (delivery_to& each : core->on_frame(link.to_string(), to_slice(std::move(bytes))))
      hand_on(each);
    publish_counters();
    return true;
  }

  void hand_on(const delivery_to& to) {
    if (!to.peer.empty()) {
      peers->send(to.peer, to.bytes, boot_now());
      return;
    }
    zmq::message_t target{to.link.data(), to.link.size()};
    zmq::message_t body = to_message(to.bytes);
    // A full pipe or a link that is gone means "not sent": never a wait, never a pretended success.
    if (!send_parts(router, target, body))
      ++not_sent;
  }

  void publish_counters() {
    forwarded.store(core->counted().forwarded, std::memory_order_relaxed);
    malformed.store(core->counted().malformed, std::memory_order_relaxed);
    unroutable.store(core->counted().unroutable, std::memory_order_relaxed);
    impostors.store(core->counted().impostors, std::memory_order_relaxed);
  }

  std::string node;
  std::string endpoint;
  zmq::context_t context{1};
  zmq::socket_t router{context, zmq::socket_type::router};
  std::unique_ptr<peer_sockets> peers; // the thread's own once it runs; empty: there is no mesh
  std::unique_ptr<broker_core> core;   // likewise
  bool facts_due = false;              // likewise, and the next
  boot_time facts_at{};
  wake_fd wake;
  std::atomic<bool> stopping{false};
  std::atomic<std::uint64_t> forwarded{0}, malformed{0}, unroutable{0}, impostors{0}, not_sent{0};
  mutable std::mutex mutex;
  std::vector<command> commands; // guarded by mutex
  mesh_facts told;               // guarded by mutex
  std::thread thread;
};

broker::broker(std::string node) : impl_{std::make_unique<impl>(std::move(node))} {
  impl_->start();
}
broker::broker(std::unique_ptr<impl> parts) : impl_{std::move(parts)} {}
broker::~broker() = default;

std::unique_ptr<bus_port> broker::connect(std::string name, frame_sink sink) {
  return std::make_unique<link>(impl_->context, impl_->endpoint,
                                address{impl_->node, std::move(name)}, std::move(sink));
}

result<std::unique_ptr<broker>> broker::open(std::string node, mesh_settings mesh) {
  auto parts = std::make_unique<impl>(std::move(node));
  if (auto opened = parts->open_mesh(std::move(mesh)); !opened)
    return opened.error();
  parts->start();
  return std::unique_ptr<broker>{new broker{std::move(parts)}};
}

void broker::set_allowed(peer_list list) {
  impl_->post([list = std::move(list)](peer_sockets& peers, boot_time now) mutable {
    peers.set_allowed(std::move(list), now);
  });
}

void broker::put_peer(std::string name, std::string endpoint) {
  impl_->post([name = std::move(name), endpoint = std::move(endpoint)](
                  peer_sockets& peers, boot_time now) { peers.put_peer(name, endpoint, now); });
}

void broker::remove_peer(std::string name) {
  impl_->post([name = std::move(name)](peer_sockets& peers, boot_time now) {
    peers.remove_peer(name, now);
  });
}

mesh_facts broker::mesh() const {
  const std::lock_guard lock{impl_->mutex};
  return impl_->told;
}

broker::counters broker::counted() const {
  return {impl_->forwarded.load(), impl_->malformed.load(), impl_->unroutable.load(),
          impl_->impostors.load(), impl_->not_sent.load()};
}

} // namespace skein
