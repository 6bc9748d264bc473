// The stream: tells subscribers what each commit made durable, by reading the journal after the
// commit. Nothing is kept for a subscriber but its cursor ("<commit>.<index>.<store>"), so a slow
// reader costs no memory here, and resuming is the same as going on.
//
// A subscriber reads the past as fast as it takes it (pumped until it says `full`, then again after
// resume()). Once it has reached the end it is live: it gets what is committed when it is
// committed.
#pragma once

#include "actors/api.hpp"
#include "actors/ports.hpp"
#include "actors/roster.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace skein {

class stream_hub : public std::enable_shared_from_this<stream_hub> {
 public:
  /// `last` is the store's last commit. Call listen() once.
  stream_hub(store_port& store, std::shared_ptr<roster_board> agents, commit_no last,
             std::string_view store_id);

  void listen();
  std::uint64_t subscribe(stream_filter filter, node_api::stream_sink deliver);
  void resume(std::uint64_t subscription);
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
    bool live = false;        // has reached the end once
    std::string reset_because;
    std::atomic<std::uint64_t> resumes{0};
    std::optional<std::uint64_t> full_since; // the value of `resumes` when it said so
  };
  void place(subscription& entry) const;
  void request_pump();
  void pump(journal::reader& reader);
  stream_taken pump_one(journal::reader& reader, subscription& to, bool& more);
  bool read_commits(journal::reader& reader, subscription& to, const journal::reader::feed& feed,
                    std::vector<stream_message>& messages) const;
  bool append(journal::reader& reader, const subscription& to, const journal::feed_item& item,
              std::vector<stream_message>& out) const;
  std::string cursor_text(std::uint64_t commit, std::uint64_t index) const;

  store_port& store_;
  std::shared_ptr<roster_board> agents_;
  std::string tag_; // the beginning of the store's id
  std::atomic<std::uint64_t> last_commit_;
  std::atomic<bool> pump_requested_{false};
  std::atomic<bool> any_{false};
  mutable std::mutex mutex_; // guards subscriptions_, next_
  std::map<std::uint64_t, std::shared_ptr<subscription>> subscriptions_;
  std::uint64_t next_ = 1;
};

} // namespace skein
