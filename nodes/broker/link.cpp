#include "nodes/broker/link.hpp"

#include "protocol/frame.hpp"
#include "protocol/limits.hpp"

#include <array>
#include <pthread.h>

namespace skein {

namespace {
constexpr int frames_a_round = 64; // received before the queue is looked at again
const std::size_t welcome_kind = message{welcome{}}.index();
} // namespace

link::link(zmq::context_t& context, const std::string& endpoint, address self, frame_sink sink)
  : self_{std::move(self)}, sink_{std::move(sink)}, dealer_{context, zmq::socket_type::dealer} {
  dealer_.set(zmq::sockopt::routing_id, self_.name);
  dealer_.set(zmq::sockopt::sndhwm, limits::broker_high_water);
  dealer_.set(zmq::sockopt::rcvhwm, limits::broker_high_water);
  dealer_.set(zmq::sockopt::linger, 0);
  dealer_.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(limits::frame_bytes_max));
  dealer_.connect(endpoint);
  sending_.push_back(encode_frame({self_, {self_.node, "broker"}, 0}, hello{1}));
  thread_ = std::thread{[this] { run(); }};
}

link::~link() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.raise();
  thread_.join();
}

bool link::send(slice frame) {
  bool was_empty = false;
  {
    const std::lock_guard lock{mutex_};
    if (stopping_ || queue_.size() >= limits::link_queue_frames_max)
      return false;
    was_empty = queue_.empty();
    queue_.push_back(std::move(frame));
  }
  if (was_empty)
    wake_.raise();
  return true;
}

void link::run() {
  pthread_setname_np(pthread_self(), ("sk-" + self_.name).substr(0, 15).c_str());
  while (true) {
    do
      flush();
    while (sending_.empty() && take_queue());
    const short wanted = static_cast<short>(ZMQ_POLLIN | (sending_.empty() ? 0 : ZMQ_POLLOUT));
    std::array<zmq::pollitem_t, 2> items{
        {{dealer_.handle(), 0, wanted, 0}, {nullptr, wake_.fd(), ZMQ_POLLIN, 0}}};
    if (!poll_forever(items.data(), items.size()))
      continue;
    if ((items[1].revents & ZMQ_POLLIN) != 0) {
      wake_.clear();
      {
        const std::lock_guard lock{mutex_};
        if (stopping_)
          return;
      }
    }
    if ((items[0].revents & ZMQ_POLLIN) != 0)
      take_frames();
  }
}

/// The queue is taken only when all that was taken before is on its way: so it fills when the pipe
/// is full, and send() says so.
bool link::take_queue() {
  std::vector<slice> taken;
  {
    const std::lock_guard lock{mutex_};
    taken.swap(queue_);
  }
  for (slice& each : taken)
    sending_.push_back(std::move(each));
  return !sending_.empty();
}

void link::flush() {
  while (!sending_.empty()) {
    zmq::message_t part = to_message(sending_.front());
    if (!send_now(dealer_, part))
      return; // the pipe is full: POLLOUT tells when to go on
    sending_.pop_front();
  }
}

void link::take_frames() {
  for (int i = 0; i < frames_a_round; ++i) {
    zmq::message_t part;
    if (!receive(dealer_, part, zmq::recv_flags::dontwait))
      return;
    slice bytes = to_slice(std::move(part));
    if (const auto peek = peek_frame(bytes.view()); peek && peek->kind == welcome_kind)
      continue; // between link and broker only
    sink_(std::move(bytes));
  }
}

} // namespace skein
