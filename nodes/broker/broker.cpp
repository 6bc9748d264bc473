#include "nodes/broker/broker.hpp"

#include "nodes/broker/broker_core.hpp"
#include "nodes/broker/link.hpp"
#include "nodes/broker/zmq_frames.hpp"
#include "protocol/check.hpp"

#include <array>
#include <atomic>
#include <thread>
#include <unistd.h>

namespace skein {

namespace {
constexpr int frames_a_round = 256; // taken from the ROUTER before control is looked at again
}

struct broker::impl {
  explicit impl(std::string node_name)
    : node{std::move(node_name)}, endpoint{"inproc://broker-" + node}, core{node} {
    router.set(zmq::sockopt::router_mandatory,
               true); // an unknown peer is an error, not a silent loss
    router.set(zmq::sockopt::sndhwm, limits::broker_high_water);
    router.set(zmq::sockopt::rcvhwm, limits::broker_high_water);
    router.set(zmq::sockopt::linger, 0);
    router.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(limits::frame_bytes_max));
    router.bind(endpoint);
    thread = std::thread{[this] { run(); }};
  }
  ~impl() {
    stop.raise();
    thread.join();
  }

  void run() {
    pthread_setname_np(pthread_self(), "skein-broker");
    std::array<zmq::pollitem_t, 2> items{
        {{router.handle(), 0, ZMQ_POLLIN, 0}, {nullptr, stop.fd(), ZMQ_POLLIN, 0}}};
    while (true) {
      if (!poll_forever(items.data(), items.size()))
        continue;
      if ((items[1].revents & ZMQ_POLLIN) != 0)
        return;
      for (int i = 0; i < frames_a_round && take_one(); ++i) {}
    }
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
    for (delivery_to& each : core.on_frame(link.to_string(), to_slice(std::move(bytes))))
      hand_on(each);
    publish_counters();
    return true;
  }

  void hand_on(const delivery_to& to) {
    zmq::message_t target{to.link.data(), to.link.size()};
    zmq::message_t body = to_message(to.bytes);
    // A full pipe or a link that is gone means "not sent": never a wait, never a pretended success.
    if (!send_parts(router, target, body))
      ++not_sent;
  }

  void publish_counters() {
    forwarded.store(core.counted().forwarded, std::memory_order_relaxed);
    malformed.store(core.counted().malformed, std::memory_order_relaxed);
    unroutable.store(core.counted().unroutable, std::memory_order_relaxed);
    impostors.store(core.counted().impostors, std::memory_order_relaxed);
  }

  std::string node;
  std::string endpoint;
  zmq::context_t context{1};
  zmq::socket_t router{context, zmq::socket_type::router};
  broker_core core;
  wake_fd stop;
  std::atomic<std::uint64_t> forwarded{0}, malformed{0}, unroutable{0}, impostors{0}, not_sent{0};
  std::thread thread;
};

broker::broker(std::string node) : impl_{std::make_unique<impl>(std::move(node))} {}
broker::~broker() = default;

std::unique_ptr<bus_port> broker::connect(std::string name, frame_sink sink) {
  return std::make_unique<link>(impl_->context, impl_->endpoint,
                                address{impl_->node, std::move(name)}, std::move(sink));
}

broker::counters broker::counted() const {
  return {impl_->forwarded.load(), impl_->malformed.load(), impl_->unroutable.load(),
          impl_->impostors.load(), impl_->not_sent.load()};
}

} // namespace skein
