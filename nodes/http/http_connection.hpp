// One connection: requests one after the other, each answered before the next is read.
//
//   shaking --(TLS is there, or none is wanted)--> reading
//   reading --(whole request)--> handling --(respond)--> writing --+--> reading (kept)
//      |                            \--(open_stream)--> streaming  +--> lingering --> closed
//      +--(malformed, late, too large)--> writing ...
//
// While a request is handled nothing is read from the socket, so a sender of many requests is
// slowed down by TCP. Owned by http_core::connections until closed; callbacks hold it meanwhile.
#pragma once

#include "nodes/http/http_core.hpp"
#include "nodes/http/http_socket.hpp"
#include "nodes/http/request_plan.hpp"
#include "nodes/http/request_reader.hpp"
#include "nodes/http/sse.hpp"

#include <chrono>

namespace skein {

class http_connection final : public exchange,
                              public std::enable_shared_from_this<http_connection> {
 public:
  using clock = std::chrono::steady_clock;

  http_connection(std::shared_ptr<http_core> core, boost::asio::ip::tcp::socket socket,
                  const peer_key& peer, admitted as, std::string from);

  /// Serves it. One that was not admitted is told so and closed.
  void start();
  /// Looks at the time; called at each tick.
  void check_time(clock::time_point now);
  /// Ends a stream; other requests go on.
  void drain();
  /// Lets a request that is with the engine and a response that is being written end, closes all
  /// else.
  void stop();
  void close();

  // exchange
  const http_request& request() const override { return plan_.request; }
  node_api& api() override { return core_->api; }
  bool draining() const override { return core_->draining; }
  void append_metrics(std::string& page) const override;
  void respond(http_response response) override;
  void open_stream(stream_filter filter) override;

 private:
  enum class phase : std::uint8_t {
    shaking,
    reading,
    handling,
    writing,
    streaming,
    lingering,
    closed
  };

  std::function<void(task)> courier() override;

  // Steps until there is something to wait for.
  void pump();
  bool step();
  bool step_reading();
  bool step_writing();
  bool step_streaming();

  // TLS (http_handshake.cpp).
  bool step_shaking();
  bool on_bad_handshake();

  // Reading.
  void wait_readable();
  void on_readable();
  void on_input_end();
  void make_plan();
  void note_refused_access();
  void offer_continue();
  void dispatch();
  void release_body();
  void fail_request(const error& problem);
  void account_body();

  // Writing.
  bool may_be_put_off() const; // its response, for want of memory
  void send(http_response response);
  void count_response(int status);
  void wait_writable();
  bool flush(); // false: not all is out yet, or the connection is closed
  void finish_response();
  void linger();

  // Streaming (http_stream.cpp).
  void on_feed();
  void write_chunk(std::string_view text, bool last);
  void end_subscription();

  // Time.
  void check_reading(clock::time_point now);
  bool too_slow(std::size_t bytes, clock::duration elapsed) const;
  void check_writing(clock::time_point now);
  void check_streaming(clock::time_point now);
  bool may_still_read() const;

  std::shared_ptr<http_core> core_;
  http_socket socket_;
  const peer_key peer_;
  const admitted admitted_;
  const std::string from_; // its address
  phase phase_ = phase::shaking;
  bool pumping_ = false;
  bool waits_read_ = false;
  bool waits_write_ = false;
  bool close_after_ = false; // the response that is being written

  std::string_view
      input_; // read, not yet used: in core_->scratch while on_readable runs, else in kept_
  std::string kept_;
  request_reader reader_;
  request_plan plan_;
  std::uint64_t request_number_ = 0; // a callback of an earlier request is ignored
  std::size_t accounted_ = 0;        // of core_->body_memory
  clock::time_point started_;        // first byte of the request; else since when it is idle
  clock::time_point body_started_;

  std::string out_head_;
  std::string out_body_;
  std::size_t out_sent_ = 0; // of both together
  clock::time_point write_started_;
  clock::time_point progress_; // last time the network took something

  std::shared_ptr<stream_feed> feed_;
  std::uint64_t subscription_ = 0;
  std::size_t uncredited_ = 0; // bytes from the feed that are not yet reported as sent
  bool stream_ends_ = false;   // what is being written is the last of it
};

} // namespace skein
