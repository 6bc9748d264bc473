// The stream: tells subscribers what each commit made durable, by reading the journal after the
// commit. Nothing is kept for a subscriber but its cursor ("<commit>.<index>"), so a slow reader
// costs no memory here, and resuming is the same as going on.
#pragma once

#include "actors/api.hpp"
#include "actors/ports.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace skein {

class stream_hub : public std::enable_shared_from_this<stream_hub> {
 public:
  /// `last` is the store's last commit. Call listen() once.
  stream_hub(store_port& store, std::vector<std::string> agents, commit_no last);

  void listen();
  std::uint64_t subscribe(stream_filter filter, node_api::stream_sink deliver);
  void unsubscribe(std::uint64_t subscription);
  /// Ends all subscriptions; nothing is delivered afterwards.
  void close();
  std::size_t subscribers() const;

 private:
  struct subscription {
    stream_filter filter;
    node_api::stream_sink deliver;
    std::uint64_t commit = 0; // the last one that is wholly delivered
    std::uint64_t skip = 0;   // items of the next one that are delivered already
  };
  void request_pump();
  void pump(journal::reader& reader);
  bool pump_one(journal::reader& reader, subscription& to, bool& more);
  bool append(journal::reader& reader, const subscription& to, const journal::feed_item& item,
              std::vector<stream_message>& out) const;

  store_port& store_;
  std::vector<std::string> agents_;
  std::atomic<std::uint64_t> last_commit_;
  std::atomic<bool> pump_requested_{false};
  std::atomic<bool> any_{false};
  mutable std::mutex mutex_; // guards subscriptions_, next_
  std::map<std::uint64_t, std::shared_ptr<subscription>> subscriptions_;
  std::uint64_t next_ = 1;
};

} // namespace skein
