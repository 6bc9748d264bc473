// The times of a connection, looked at with each tick: requests must arrive, responses must be
// taken.
#include "actors/access/token_book.hpp"
#include "nodes/http/http_connection.hpp"

namespace skein {

void http_connection::check_time(clock::time_point now) {
  switch (phase_) {
    case phase::shaking:
      if (now - started_ < (admitted_ == admitted::reserved ? core_->settings.reserved_timeout
                                                            : core_->settings.handshake_timeout))
        return;
      ++core_->counters.bad_handshakes;
      return close();
    case phase::reading:
      return check_reading(now);
    case phase::writing:
      return check_writing(now);
    case phase::streaming:
      return check_streaming(now);
    case phase::lingering:
      if (now - started_ >= core_->settings.linger)
        close();
      return;
    case phase::handling:
    case phase::closed:
      return;
  }
}

void http_connection::check_reading(clock::time_point now) {
  const http_settings& settings = core_->settings;
  const bool reserved = admitted_ == admitted::reserved;
  const auto elapsed = now - started_;
  if (!reader_.started()) {
    if (elapsed >= (reserved ? settings.reserved_timeout : settings.idle_timeout))
      close();
    return;
  }
  const bool in_body = reader_.at() == request_reader::stage::body;
  const bool late = (reserved && elapsed >= settings.reserved_timeout) ||
                    (!in_body && elapsed >= settings.header_timeout) ||
                    elapsed >= settings.request_timeout;
  if (!late && !(in_body && too_slow(reader_.body().size(), now - body_started_)))
    return;
  ++core_->counters.timed_out;
  fail_request({errc::request_timeout, ""});
}

bool http_connection::too_slow(std::size_t bytes, clock::duration elapsed) const {
  const std::chrono::duration<double> seconds = elapsed;
  return elapsed >= core_->settings.rate_grace &&
         static_cast<double>(bytes) <
             seconds.count() * static_cast<double>(core_->settings.body_rate_min);
}

void http_connection::check_writing(clock::time_point now) {
  if (now - progress_ < core_->settings.idle_timeout && !too_slow(out_sent_, now - write_started_))
    return;
  ++core_->counters.slow_readers;
  close();
}

/// A stream has no rate to keep: its backlog is what bounds it. It may be older than the token that
/// opened it, which is looked at for as long as it is open.
void http_connection::check_streaming(clock::time_point now) {
  const bool writes = out_sent_ < out_head_.size() + out_body_.size();
  if (!may_still_read()) {
    if (writes)
      return close();
    write_chunk({}, true);
    return pump();
  }
  if (writes && now - progress_ >= core_->settings.idle_timeout) {
    ++core_->counters.slow_readers;
    return close();
  }
  if (writes || now - progress_ < core_->settings.heartbeat)
    return;
  write_chunk(sse_heartbeat, false);
  pump();
}

bool http_connection::may_still_read() const {
  return !plan_.token ||
         core_->api.tokens().still_allows(*plan_.token, plan_.request.at->needs, core_->api.now());
}

} // namespace skein
