// The handshake of TLS that a connection begins with, if its listener has a certificate. It counts
// as a connection from its first byte on, and has a time of its own to be over in.
#include "nodes/http/http_connection.hpp"

namespace skein {

bool http_connection::step_shaking() {
  switch (socket_.shake_hands()) {
    case http_socket::handshake::done:
      phase_ = phase::reading;
      started_ = clock::now();
      return true;
    case http_socket::handshake::pending:
      if (socket_.shaking_wants_write())
        wait_writable();
      else
        wait_readable();
      return false;
    case http_socket::handshake::failed:
      break;
  }
  return on_bad_handshake();
}

/// Whether there is something to say.
bool http_connection::on_bad_handshake() {
  ++core_->counters.bad_handshakes;
  if (const auto more = core_->handshake_pace.next(boot_time{clock::now().time_since_epoch()}))
    core_->log(http_log_level::warning, "http-bad-handshake",
               "A TLS handshake failed: " + socket_.handshake_problem() + *more + ".");
  if (!socket_.heard_plain_http()) {
    close();
    return false;
  }
  socket_.give_up_tls();
  phase_ = phase::reading;
  fail_request({errc::invalid_request, "This port speaks TLS: use https:// instead of http://."});
  return true;
}

} // namespace skein
