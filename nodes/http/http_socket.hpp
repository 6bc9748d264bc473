// The bytes of one connection, as they are or through TLS. Nothing here blocks: what cannot be done
// now is `would_block`, and the waits below are for what it then takes.
#pragma once

#include <utility> // Boost 1.74 needs it first

#include "nodes/tls/tls_stream.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <optional>

namespace skein {

class http_socket {
 public:
  using error_code = boost::system::error_code;
  using handler = std::function<void(const error_code&)>;
  enum class handshake : std::uint8_t { done, pending, failed };

  /// Plain if there is no context.
  http_socket(boost::asio::ip::tcp::socket socket, const std::shared_ptr<ssl_ctx_st>& context);

  boost::asio::ip::tcp::socket& raw() noexcept { return socket_; }
  bool is_secured() const noexcept { return tls_.has_value(); }

  /// Goes on with it. Pending: wait_read or wait_write, as shaking_wants_write says.
  handshake shake_hands();
  bool shaking_wants_write() const noexcept { return read_wants_write_; }
  const std::string& handshake_problem() const noexcept { return tls_->problem(); }
  bool heard_plain_http() const noexcept { return tls_ && tls_->heard_plain_http(); }
  /// After that: goes on without TLS, to say so in words that the peer understands.
  void give_up_tls() noexcept { tls_.reset(); }

  std::size_t read_some(boost::asio::mutable_buffer into, error_code& problem);
  /// Of both together; what was not taken must be offered again, from the same byte on.
  std::size_t write_some(std::string_view head, std::string_view body, error_code& problem);
  void wait_read(handler then);
  void wait_write(handler then);

  void end_writing();
  void close();

 private:
  std::size_t take(const tls_stream::outcome& end, bool& other_way, error_code& problem);

  boost::asio::ip::tcp::socket socket_;
  std::optional<tls_stream> tls_;
  bool read_wants_write_ = false; // TLS has to say something before it can read, or the reverse
  bool write_wants_read_ = false;
};

} // namespace skein
