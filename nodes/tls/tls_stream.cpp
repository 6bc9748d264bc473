#include "nodes/tls/tls_stream.hpp"

#include "protocol/check.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <sys/socket.h>

namespace skein {

namespace {

// The library's own socket would raise SIGPIPE.

int descriptor_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

int send_bytes(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const auto sent = ::send(descriptor_of(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR))
    BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int receive_bytes(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  const auto got = ::recv(descriptor_of(bio), into, static_cast<std::size_t>(size), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    BIO_set_retry_read(bio);
  return static_cast<int>(got);
}

long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

int make(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

BIO_METHOD* quiet_socket() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
    SKEIN_CHECK(made != nullptr);
    BIO_meth_set_write(made, send_bytes);
    BIO_meth_set_read(made, receive_bytes);
    BIO_meth_set_ctrl(made, control);
    BIO_meth_set_create(made, make);
    return made;
  }();
  return method;
}

int bounded(std::size_t size) { return static_cast<int>(std::min<std::size_t>(size, INT_MAX)); }

} // namespace

tls_stream::tls_stream(const std::shared_ptr<ssl_ctx_st>& context, int descriptor)
  : ssl_{SSL_new(context.get()), SSL_free} {
  BIO* const bio = BIO_new(quiet_socket());
  SKEIN_CHECK(ssl_ != nullptr && bio != nullptr); // no memory
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor)));
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_accept_state(ssl_.get());
}

tls_stream::~tls_stream() = default;

tls_stream::outcome tls_stream::judge(int returned) {
  const int why = SSL_get_error(ssl_.get(), returned);
  if (why == SSL_ERROR_WANT_READ)
    return {state::wants_read};
  if (why == SSL_ERROR_WANT_WRITE)
    return {state::wants_write};
  open_ = false;
  if (why == SSL_ERROR_ZERO_RETURN)
    return {state::ended};
  const unsigned long code = ERR_peek_last_error();
  plain_http_ = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST;
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  problem_ = text == nullptr ? "the connection ended" : text;
  ERR_clear_error();
  return {state::failed};
}

tls_stream::outcome tls_stream::shake_hands() {
  ERR_clear_error();
  const int returned = SSL_do_handshake(ssl_.get());
  if (returned != 1)
    return judge(returned);
  open_ = true;
  return {state::done};
}

tls_stream::outcome tls_stream::read(char* into, std::size_t size) {
  std::size_t filled = 0;
  while (filled < size) { // a record a call
    ERR_clear_error();
    const int got = SSL_read(ssl_.get(), into + filled, bounded(size - filled));
    if (got <= 0 && filled > 0)
      break; // the next call says what it was
    if (got <= 0)
      return judge(got);
    filled += static_cast<std::size_t>(got);
  }
  return {state::done, filled};
}

tls_stream::outcome tls_stream::write(std::string_view bytes) {
  ERR_clear_error();
  const int taken = SSL_write(ssl_.get(), bytes.data(), bounded(bytes.size()));
  return taken > 0 ? outcome{state::done, static_cast<std::size_t>(taken)} : judge(taken);
}

bool tls_stream::has_unread() const noexcept { return open_ && SSL_pending(ssl_.get()) > 0; }

void tls_stream::say_end() noexcept {
  if (!open_)
    return;
  open_ = false;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

} // namespace skein
