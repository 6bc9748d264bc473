#include "nodes/http/http_socket.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>

namespace skein {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {
/// Of a small response head and body go into one record.
constexpr std::size_t record_bytes = 16 << 10;
} // namespace

http_socket::http_socket(tcp::socket socket, const std::shared_ptr<ssl_ctx_st>& context)
  : socket_{std::move(socket)} {
  error_code ignored;
  socket_.non_blocking(true, ignored);
  if (context != nullptr)
    tls_.emplace(context, socket_.native_handle());
}

http_socket::handshake http_socket::shake_hands() {
  if (!tls_)
    return handshake::done;
  const auto end = tls_->shake_hands();
  read_wants_write_ = end.how == tls_stream::state::wants_write;
  if (end.how == tls_stream::state::done)
    return handshake::done;
  const bool waits = read_wants_write_ || end.how == tls_stream::state::wants_read;
  return waits ? handshake::pending : handshake::failed;
}

std::size_t http_socket::take(const tls_stream::outcome& end, bool& other_way,
                              error_code& problem) {
  using enum tls_stream::state;
  const bool reads = &other_way == &read_wants_write_;
  other_way = end.how == (reads ? wants_write : wants_read);
  switch (end.how) {
    case done:
      problem = {};
      return end.size;
    case wants_read:
    case wants_write:
      problem = asio::error::would_block;
      return 0;
    case ended:
      problem = asio::error::eof;
      return 0;
    case failed:
      break;
  }
  problem = asio::error::connection_reset;
  return 0;
}

std::size_t http_socket::read_some(asio::mutable_buffer into, error_code& problem) {
  if (!tls_)
    return socket_.read_some(into, problem);
  return take(tls_->read(static_cast<char*>(into.data()), into.size()), read_wants_write_, problem);
}

std::size_t http_socket::write_some(std::string_view head, std::string_view body,
                                    error_code& problem) {
  if (!tls_) {
    const std::array<asio::const_buffer, 2> parts{asio::buffer(head.data(), head.size()),
                                                  asio::buffer(body.data(), body.size())};
    return socket_.write_some(parts, problem);
  }
  if (head.empty() || body.empty() || head.size() >= record_bytes)
    return take(tls_->write(head.empty() ? body : head), write_wants_read_, problem);
  std::array<char, record_bytes> joined{};
  auto end = std::copy(head.begin(), head.end(), joined.begin());
  const auto part = body.substr(0, record_bytes - head.size());
  end = std::copy(part.begin(), part.end(), end);
  return take(tls_->write({joined.data(), head.size() + part.size()}), write_wants_read_, problem);
}

void http_socket::wait_read(handler then) {
  if (tls_ && tls_->has_unread()) // the socket itself may stay silent
    return asio::post(socket_.get_executor(), [then = std::move(then)] { then({}); });
  socket_.async_wait(read_wants_write_ ? tcp::socket::wait_write : tcp::socket::wait_read,
                     std::move(then));
}

void http_socket::wait_write(handler then) {
  socket_.async_wait(write_wants_read_ ? tcp::socket::wait_read : tcp::socket::wait_write,
                     std::move(then));
}

void http_socket::end_writing() {
  if (tls_)
    tls_->say_end();
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

void http_socket::close() {
  if (tls_)
    tls_->say_end();
  error_code ignored;
  socket_.close(ignored);
}

} // namespace skein
