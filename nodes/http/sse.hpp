// The event stream: how a message is written, and the bounded queue between the engine's threads,
// which deliver, and the server's thread, which writes.
#pragma once

#include "actors/api.hpp"

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace skein {

/// id, event and data lines and the empty line that ends a message.
void append_sse(std::string& out, const stream_message& one);
inline constexpr std::string_view sse_heartbeat = ": heartbeat\n\n";
/// The last message to a reader that is too far behind.
inline constexpr std::string_view sse_lagging =
    "event: lagging\ndata: {\"detail\":\"This reader was too far behind; connect again to go on "
    "from the last id.\"}\n\n";

/// Bounded: bytes delivered and not yet taken by the network. A live message that would go beyond
/// the bound makes the reader a lagging one: it still gets what waits, in order and without a gap,
/// so that each connection makes progress; then nothing more. Messages of the past come in
/// portions: at half of the bound the feed says that it is full, and at a quarter that it has room
/// again.
class stream_feed {
 public:
  /// `wake` is called, from a delivering thread, when there is something new after a time of
  /// nothing.
  stream_feed(std::size_t backlog_max, std::function<void()> wake)
    : backlog_max_{backlog_max}, wake_{std::move(wake)} {}

  /// For node_api::subscribe. gone: the reader has left or lags.
  stream_taken deliver(const std::vector<stream_message>& messages, bool live);

  struct taken {
    std::string text;
    bool lagging = false; // sse_lagging is to follow, then the end
  };
  /// All that waits. Empty text: `wake` comes when there is more.
  taken take();
  /// The network took this many of the bytes that `take` gave. True: the feed was full and has room
  /// now, which node_api::resume is to be told.
  bool sent(std::size_t bytes);
  /// Nothing more is wanted. True if the subscription must still be ended.
  bool close();

 private:
  bool append_live(const stream_message& one); // false: it does not fit

  std::mutex mutex_;
  const std::size_t backlog_max_;
  const std::function<void()> wake_;
  std::string waiting_;
  std::size_t in_flight_ = 0; // taken, not yet sent
  bool woken_ = false;        // wake was called, take was not yet
  bool full_ = false;         // said, and no room since
  bool lagging_ = false;
  bool closed_ = false;
};

} // namespace skein
