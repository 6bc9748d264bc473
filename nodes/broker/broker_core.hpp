// The broker's decisions: who is connected, where a frame goes, who gets slots. Pure; the sockets
// are in broker.cpp.
//
// A link is known by its routing id (chosen by us on inproc, bound to the key later on tcp) and
// speaks for one name: "gateway", "loop/N" or "agents" (for every "agent/NAME"). It says so in its
// hello; a frame from a link that speaks for another name is refused. A frame that cannot be
// delivered is dropped and counted: whoever must not lose it sends it again.
#pragma once

#include "nodes/broker/credit_book.hpp"
#include "nodes/broker/peer_core.hpp"
#include "protocol/frame.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace skein {

struct delivery_to {
  std::string link; // routing id
  slice bytes;
  std::string peer = {}; // not empty: it goes to that node instead
};

class broker_core {
 public:
  /// `peers` must outlive it; without them frames stay on this node.
  explicit broker_core(std::string node, const peer_core* peers = nullptr)
    : self_{std::move(node), "broker"}, peers_{peers} {}

  /// A frame came in on a link; returns what to send.
  std::vector<delivery_to> on_frame(const std::string& link, const slice& bytes);
  /// One that a peer sent, and that its peer_core took.
  std::vector<delivery_to> on_peer_frame(const slice& bytes);

  struct counters {
    std::uint64_t forwarded = 0, malformed = 0, unroutable = 0, impostors = 0;
  };
  const counters& counted() const noexcept { return counted_; }

 private:
  std::vector<delivery_to> to_link(const address& to, const slice& bytes);
  std::vector<delivery_to> on_own(const std::string& link, const slice& bytes);
  std::vector<delivery_to> grants_to_frames(const credit_book::grants& given);
  const std::string* link_of(const address& to) const;

  address self_;
  const peer_core* peers_;
  std::map<std::string, std::string> links_; // name -> routing id
  std::map<std::string, std::string> names_; // routing id -> name
  credit_book credits_;
  counters counted_;
};

/// The name of the link that speaks for this part: "agent/x" -> "agents"; "membership", "keeper",
/// "config" and "shard/N" -> "gateway"; others themselves.
std::string_view link_name(std::string_view part) noexcept;

} // namespace skein
