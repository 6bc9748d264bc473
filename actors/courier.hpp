// One part's correspondence with its peers: numbers and seals frames, sends the reliable ones again
// until they are acknowledged, and tells new frames from repeated ones. Pure: it returns the bytes
// to send.
//
// Numbers count within one process of a peer: each frame names its sender's boot. With another one
// the peer's numbers begin anew, and what its process before still says is not taken any more. What
// is sent is kept for whichever process of the peer acknowledges it; what answers a frame is for
// the process that sent it alone, as its numbers mean nothing to the next one.
#pragma once

#include "actors/resend_queue.hpp"
#include "protocol/frame.hpp"

#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace skein {

class courier {
 public:
  explicit courier(address self, std::uint64_t boot = 0) : self_{std::move(self)}, boot_{boot} {}

  const address& self() const noexcept { return self_; }

  /// For what may be lost: hints, answers that are asked for again, counters that are sent again
  /// anyway.
  slice seal(const address& to, const message& body) const {
    return encode_frame({self_, to, 0, boot_}, body);
  }
  /// The same, for the process alone that sent this.
  slice seal_answer(const frame_header& asked, const message& body) const {
    return encode_frame({self_, asked.from, 0, boot_, asked.boot}, body);
  }
  /// For what must arrive; kept until acknowledged(). For one process of the peer alone if that is
  /// named, else for whichever runs. Returns the frame and its number.
  std::pair<slice, std::uint64_t> seal_reliable(const address& to, const message& body,
                                                boot_time now, std::uint64_t to_boot = 0);
  /// The acknowledgement of a frame that arrived.
  slice receipt(const frame_header& received) const {
    return seal_answer(received, ack{received.number});
  }

  /// Whether a frame that lacks its acknowledgement went out more than once: then an answer to it
  /// may be another process's than the one that acted upon it first.
  bool was_sent_again(const address& to, std::uint64_t number) const;
  bool acknowledged(const address& by, std::uint64_t number);
  /// False for a repeat, and for what an earlier process of the peer sent. Unreliable frames
  /// (number 0) are always new.
  bool first_time(const frame_header& received);
  /// Whether it is of the process of the peer that was heard last.
  bool is_current(const frame_header& received) const;

  std::vector<slice> due(boot_time now);
  /// What parts of a node have not acknowledged: it can be reached again.
  std::vector<slice> all_again(const std::string& node, boot_time now);
  std::optional<boot_time> next_due() const;
  std::size_t unacknowledged() const noexcept;
  std::size_t peers() const noexcept { return peers_.size(); }

  /// Of one node that are known: no node has more parts. More names come from one that makes them
  /// up, and then others of its names are forgotten.
  static constexpr std::size_t parts_of_a_node_max = limits::agents_max + 1'024;

 private:
  struct peer {
    std::uint64_t last_number = 0;
    resend_queue sent;
    seen_window seen;
    std::optional<std::uint64_t> boot; // of its process, once it was heard
    std::deque<std::uint64_t> left;    // boots that it had before: the last few
  };
  peer& peer_at(const address& at);
  void make_room_at(const std::string& node);

  address self_;
  std::uint64_t boot_;
  std::map<address, peer> peers_;
  std::map<std::string, std::size_t> parts_; // of `peers_`, by node
};

} // namespace skein
