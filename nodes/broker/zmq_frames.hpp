// The few ZeroMQ calls that broker and links share, with errors as values, and frames without
// copies.
#pragma once

#include "protocol/slice.hpp"

#include <zmq.hpp>

#include <atomic>
#include <cstddef>
#include <memory>

namespace skein {

/// An eventfd that wakes a poll.
class wake_fd {
 public:
  wake_fd();
  ~wake_fd();
  wake_fd(const wake_fd&) = delete;
  wake_fd& operator=(const wake_fd&) = delete;
  int fd() const noexcept { return fd_; }
  void raise() noexcept;
  void clear() noexcept;

 private:
  int fd_;
};

/// Waits without limit, or for so many milliseconds; false when interrupted.
bool poll_forever(zmq::pollitem_t* items, std::size_t count) noexcept;
bool poll_for(zmq::pollitem_t* items, std::size_t count, long milliseconds) noexcept;

/// False when nothing is there or the socket is closing.
bool receive(zmq::socket_t& from, zmq::message_t& into, zmq::recv_flags flags) noexcept;

/// One part, never waiting; false = not sent.
bool send_now(zmq::socket_t& to, zmq::message_t& part) noexcept;
/// Address and body; false = not sent, neither of them.
bool send_parts(zmq::socket_t& to, zmq::message_t& target, zmq::message_t& body) noexcept;

/// The slice owns the message.
slice to_slice(zmq::message_t message);
/// The message shares the slice's owner; small ones are copied, which is cheaper.
zmq::message_t to_message(const slice& bytes);

/// Bytes that ZeroMQ has taken and not written yet.
using bytes_under_way = std::shared_ptr<std::atomic<std::size_t>>;
/// The same, but large messages count in `under_way` until they are written.
zmq::message_t to_message(const slice& bytes, const bytes_under_way& under_way);

} // namespace skein
