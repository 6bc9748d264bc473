#include "nodes/broker/zmq_frames.hpp"

#include "protocol/check.hpp"

#include <cstdint>
#include <memory>
#include <sys/eventfd.h>
#include <unistd.h>

namespace skein {

namespace {
constexpr std::size_t copy_bytes_max = 1'024;
}

wake_fd::wake_fd() : fd_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} { SKEIN_CHECK(fd_ >= 0); }
wake_fd::~wake_fd() { close(fd_); }

void wake_fd::raise() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written =
      write(fd_, &one, sizeof one); // full counter = raised anyway
}

void wake_fd::clear() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = read(fd_, &count, sizeof count);
}

bool poll_forever(zmq::pollitem_t* items, std::size_t count) noexcept {
  return zmq_poll(items, static_cast<int>(count), -1) >= 0;
}

bool poll_for(zmq::pollitem_t* items, std::size_t count, long milliseconds) noexcept {
  return zmq_poll(items, static_cast<int>(count), milliseconds) >= 0;
}

bool receive(zmq::socket_t& from, zmq::message_t& into, zmq::recv_flags flags) noexcept {
  return zmq_msg_recv(into.handle(), from.handle(), static_cast<int>(flags)) >= 0;
}

bool send_now(zmq::socket_t& to, zmq::message_t& part) noexcept {
  return zmq_msg_send(part.handle(), to.handle(), ZMQ_DONTWAIT) >= 0;
}

bool send_parts(zmq::socket_t& to, zmq::message_t& target, zmq::message_t& body) noexcept {
  // A ROUTER decides on the address part; once that is taken the rest of the message is taken as
  // well.
  if (zmq_msg_send(target.handle(), to.handle(), ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
    return false;
  return zmq_msg_send(body.handle(), to.handle(), ZMQ_DONTWAIT) >= 0;
}

slice to_slice(zmq::message_t message) {
  auto owner = std::make_shared<zmq::message_t>(std::move(message));
  const std::string_view view{static_cast<const char*>(owner->data()), owner->size()};
  return slice{std::move(owner), view};
}

zmq::message_t to_message(const slice& bytes) { return to_message(bytes, nullptr); }

zmq::message_t to_message(const slice& bytes, const bytes_under_way& under_way) {
  if (bytes.size() <= copy_bytes_max)
    return zmq::message_t{bytes.data(), bytes.size()};
  struct kept {
    slice bytes;
    bytes_under_way under_way;
  };
  auto keep = std::make_unique<kept>(kept{bytes, under_way});
  if (under_way)
    under_way->fetch_add(bytes.size(), std::memory_order_relaxed);
  const auto release = [](void*, void* hint) { // on a thread of ZeroMQ
    const std::unique_ptr<kept> last{static_cast<kept*>(hint)};
    if (last->under_way)
      last->under_way->fetch_sub(last->bytes.size(), std::memory_order_relaxed);
  };
  // ZeroMQ only reads the bytes; its interface lacks the const.
  zmq::message_t message{const_cast<char*>(keep->bytes.data()), keep->bytes.size(), release,
                         keep.get()};
  static_cast<void>(keep.release());
  return message;
}

} // namespace skein
