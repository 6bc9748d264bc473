// The event stream of a connection: what the feed holds goes out in chunks until the reader leaves,
// lags, or the node drains.
#include "nodes/http/http_connection.hpp"

#include <boost/asio/post.hpp>

#include <charconv>

namespace skein {

namespace asio = boost::asio;

namespace {

/// A chunk of the chunked transfer coding; `last` ends the body.
std::string chunk(std::string_view text, bool last) {
  std::string out;
  out.reserve(text.size() + 32);
  if (!text.empty()) {
    std::array<char, 16> size{};
    const auto end = std::to_chars(size.data(), size.data() + size.size(), text.size(), 16).ptr;
    out.append(size.data(), end).append("\r\n").append(text).append("\r\n");
  }
  if (last)
    out.append("0\r\n\r\n");
  return out;
}

} // namespace

void http_connection::open_stream(stream_filter filter) {
  SKEIN_CHECK(phase_ == phase::handling);
  if (core_->draining)
    return refuse({errc::draining, ""});
  if (core_->streams >= core_->settings.streams_max)
    return refuse({errc::no_capacity, "The server has as many streams as it may."});
  http_response response;
  response.content_type = content_type::events;
  if (reader_.head().method == "HEAD")
    return respond(std::move(response));
  head_options options;
  options.now = core_->api.now();
  options.keep_alive = false; // its end is the connection's
  options.http_1_0 = reader_.head().http_1_0;
  options.streamed = true;
  out_head_ = write_head(response, options);
  out_body_ = {};
  out_sent_ = 0;
  write_started_ = progress_ = clock::now();
  phase_ = phase::streaming;
  count_response(response.status);
  ++core_->streams;
  feed_ = std::make_shared<stream_feed>(core_->settings.stream_backlog_max,
                                        [core = core_, weak = weak_from_this()] {
                                          asio::post(core->io, [weak] {
                                            if (const auto self = weak.lock())
                                              self->on_feed();
                                          });
                                        });
  subscription_ = core_->api.subscribe(
      std::move(filter), [feed = feed_](const std::vector<stream_message>& messages, bool live) {
        return feed->deliver(messages, live);
      });
  pump();
}

void http_connection::on_feed() {
  if (phase_ == phase::streaming)
    pump();
}

bool http_connection::step_streaming() {
  wait_readable(); // only to notice that the reader has left
  if (!flush())
    return false;
  if (stream_ends_) {
    end_subscription();
    linger();
    return true;
  }
  stream_feed::taken next = feed_->take();
  uncredited_ = next.text.size();
  if (next.lagging) {
    next.text.append(sse_lagging);
    ++core_->counters.lagging_streams;
  }
  const bool last = next.lagging || core_->draining || core_->stopping;
  if (next.text.empty() && !last)
    return false;
  write_chunk(next.text, last);
  return true;
}

void http_connection::write_chunk(std::string_view text, bool last) {
  out_head_.clear();
  out_body_ = reader_.head().http_1_0 ? std::string{text} : chunk(text, last);
  out_sent_ = 0;
  stream_ends_ = last;
  write_started_ = progress_ = clock::now();
}

void http_connection::end_subscription() {
  if (!feed_)
    return;
  if (feed_->close())
    core_->api.unsubscribe(subscription_);
  feed_.reset();
  --core_->streams;
}

} // namespace skein
