// Both ends of "sent again until acknowledged".
//
// resend_queue keeps the frames of one sender that still lack their acknowledgement, oldest first,
// and says which are due to be sent again. seen_window tells a receiver whether a frame of one
// sender is new. Numbers count from 1 for each pair of sender and receiver. Together: each frame is
// acted upon once as long as both ends live; a restart changes the sender's nonce.
#pragma once

#include "protocol/limits.hpp"
#include "protocol/slice.hpp"
#include "protocol/time.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace skein {

class resend_queue {
 public:
  void sent(std::uint64_t number, slice frame, boot_time now);
  /// Whether it waits and due() has named it.
  bool was_sent_again(std::uint64_t number) const;
  /// False if the number is not (or no longer) waiting.
  bool acknowledged(std::uint64_t number);
  /// Frames whose last sending is at least so long ago; they count as sent now.
  std::vector<slice> due(boot_time now, duration ago = limits::resend_after);
  std::optional<boot_time> next_due() const;
  std::size_t size() const noexcept { return waiting_.size(); }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  struct entry {
    slice frame;
    boot_time last_sent;
    bool again = false;
  };
  std::map<std::uint64_t, entry> waiting_;
  std::size_t bytes_ = 0;
};

class seen_window {
 public:
  /// True the first time. Numbers more than `span` below the highest seen count as seen.
  bool first_time(std::uint64_t number);

 private:
  static constexpr std::uint64_t span = 65'536;
  std::uint64_t complete_below_ = 1; // every number below was seen (or is too old to tell)
  std::set<std::uint64_t> above_;
};

} // namespace skein
