// One part's correspondence with its peers: numbers and seals frames, sends the reliable ones again
// until they are acknowledged, and tells new frames from repeated ones. Pure: it returns the bytes
// to send.
#pragma once

#include "actors/resend_queue.hpp"
#include "protocol/frame.hpp"

#include <map>
#include <optional>
#include <vector>

namespace skein {

class courier {
 public:
  explicit courier(address self) : self_{std::move(self)} {}

  const address& self() const noexcept { return self_; }

  /// For what may be lost: hints, answers that are asked for again, counters that are sent again
  /// anyway.
  slice seal(const address& to, const message& body) const {
    return encode_frame({self_, to, 0}, body);
  }
  /// For what must arrive; kept until acknowledged(). Returns the frame and its number.
  std::pair<slice, std::uint64_t> seal_reliable(const address& to, const message& body,
                                                boot_time now);
  /// The acknowledgement of a frame that arrived.
  slice receipt(const frame_header& received) const {
    return seal(received.from, ack{received.number});
  }

  bool acknowledged(const address& by, std::uint64_t number);
  /// False for a repeat. Unreliable frames (number 0) are always new.
  bool first_time(const frame_header& received);

  std::vector<slice> due(boot_time now);
  std::optional<boot_time> next_due() const;
  std::size_t unacknowledged() const noexcept;

 private:
  struct peer {
    std::uint64_t last_number = 0;
    resend_queue sent;
    seen_window seen;
  };
  address self_;
  std::map<address, peer> peers_;
};

} // namespace skein
