// What the broker knows of its peers, and what it decides about what comes from them and goes to
// them. Pure; the sockets are in peer_sockets.cpp.
//
//                 open, hello each second              welcome
//   known, allowed ---------------------> down ------------------> up --- no welcome for a while
//   --> down
//        ^                                  \_ down for long: a new connection
//        | allowed, has an address                    another boot in a welcome: down, then up
//
// Up is what our own connection to the peer says: frames to it may be sent. What comes from it
// comes over its connection to us, which has greeted with its boot.
#pragma once

#include "nodes/broker/peer_list.hpp"
#include "protocol/frame.hpp"
#include "protocol/limits.hpp"
#include "protocol/time.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace skein {

/// Why something was not taken. protocol/README.md says what must hold.
enum class refusal : std::uint8_t {
  handshake,      // no ZMTP, no CURVE with our key, or not in time
  unknown_key,    // CURVE with a key that is not in the list
  revoked,        // the key was taken out of the list since
  wrong_identity, // the routing id is another node's, or the greeting has another boot
  malformed,
  too_large,
  wrong_version,
  wrong_sender, // the frame names another node as its sender
  wrong_target, // it is for another node
  wrong_kind,   // the peer's role may not send it
  not_greeted,  // the connection is not the one that said hello last
  stale,        // it answers a process of this node that has ended
};
inline constexpr std::size_t refusals = 12;
std::string_view to_string(refusal why); // "unknown-key"
using refusal_counts = std::array<std::uint64_t, refusals>;

/// Who sent a message, as its connection proves.
struct peer_identity {
  std::string name;       // of the key; with keys
  std::string key;        // likewise
  std::string routing_id; // as the sender says
};

struct open_peer { // a connection to it, and no other
  std::string peer;
  std::string endpoint;
  std::string key; // of the peer; empty: without CURVE
};
struct close_peer {
  std::string peer;
};
struct send_to_peer {
  std::string peer;
  slice bytes;
  bool counts = true; // for on_sent: greetings do not
};
struct answer_peer { // on the connection that it came on
  std::string peer;
  std::string routing_id;
  slice bytes;
};
struct peer_news { // for whoever wants to know
  std::string peer;
  bool up = false;
  std::uint64_t boot = 0;
};
struct refused_message {
  std::string peer; // as far as it is known
  refusal why{};
  std::string detail;
};
using peer_effect =
    std::variant<open_peer, close_peer, send_to_peer, answer_peer, peer_news, refused_message>;

struct peer_counts {
  std::uint64_t frames_out = 0, bytes_out = 0;
  std::uint64_t frames_in = 0, bytes_in = 0;
  std::uint64_t not_sent = 0; // it is down, or its pipe is full
  std::uint64_t refused = 0;
};

struct peer_facts {
  std::string name;
  std::string endpoint; // empty: it has none that is known here
  std::optional<allowed_peer> allowed;
  bool up = false;
  duration up_for{0};
  bool heard = false; // its own connection to us greets
  std::uint64_t boot = 0;
  std::uint8_t version = 0;             // that frames to it are written in; 0 = none yet
  std::uint8_t lowest = 0, highest = 0; // that it speaks
  duration rtt{0};
  peer_counts counted;
};

struct peer_timing {
  duration hello_every = limits::peer_hello_every;
  duration down_after = limits::peer_down_after;
  duration renew_after = limits::peer_renew_after;
};

class peer_core {
 public:
  struct settings {
    std::string node;
    std::uint64_t boot = 0;
    bool keys = true; // without them who may open the socket may speak for any peer
    peer_timing timing;
  };
  explicit peer_core(settings given);

  using effects = std::vector<peer_effect>;

  void set_allowed(peer_list list, boot_time now, effects& out);
  const peer_list& allowed() const noexcept { return allowed_; }
  /// A peer that is to be connected to; its address may change.
  void put_peer(const std::string& name, const std::string& endpoint, boot_time now, effects& out);
  void remove_peer(const std::string& name, effects& out);

  /// A message came to our ROUTER in `parts` parts. True: hand it on to the part it is for. One
  /// that does not say its sender's process, as its version has no word for it, says it then.
  bool on_message(const peer_identity& from, slice& bytes, std::size_t parts, boot_time now,
                  effects& out);
  /// One came back on our connection to a peer.
  void on_returned(const std::string& peer, const slice& bytes, boot_time now, effects& out);
  /// A connection was not let in.
  void on_refused(refusal why, const std::string& detail, effects& out);

  /// Whether there is a peer of that name with an address.
  bool knows(const std::string& peer) const;
  /// A frame of a part of this node for a peer. False: it is not known.
  bool send(const std::string& peer, const slice& bytes, effects& out);
  /// What became of a send_to_peer that counts.
  void on_sent(const std::string& peer, std::size_t bytes, bool sent);
  /// A greeting found no connection: it is sent again soon.
  void on_greeting_not_sent(const std::string& peer, boot_time now);

  void tick(boot_time now, effects& out);
  std::optional<boot_time> next_tick() const;

  std::vector<peer_facts> facts(boot_time now) const;
  const refusal_counts& refused() const noexcept { return refused_; }

 private:
  struct peer {
    std::string endpoint;
    std::string linked_with; // the key of its connection
    bool linked = false;
    boot_time opened{}; // or last up
    boot_time next_hello{};
    std::uint64_t hellos = 0;
    std::array<boot_time, 4> sent_at{}; // of the last ones, by number
    bool up = false;
    boot_time up_since{}, welcomed{};
    std::uint64_t boot = 0;
    std::uint8_t version = 0, lowest = 0, highest = 0;
    duration rtt{0};
    std::string greeted_by; // routing id of its connection to us
    boot_time greeted{};
    peer_counts counted;
  };
  struct sender { // of a message that came
    peer* at = nullptr;
    std::string name;
    std::uint64_t boot = 0;
  };

  void refuse(const std::string& peer, refusal why, std::string detail, effects& out);
  std::optional<sender> identify(const peer_identity& from, effects& out);
  bool take_hello(const sender& from, const peer_identity& as, const slice& bytes, boot_time now,
                  effects& out);
  void relink(const std::string& name, peer& at, boot_time now, effects& out);
  void unlink(const std::string& name, peer& at, effects& out);
  void set_down(const std::string& name, peer& at, boot_time now, effects& out);
  void greet(const std::string& name, peer& at, boot_time now, effects& out);
  void take_welcome(const std::string& name, peer& at, const frame_header& header,
                    const welcome& told, boot_time now, effects& out);

  settings settings_;
  peer_list allowed_;
  std::map<std::string, peer, std::less<>> peers_;
  refusal_counts refused_{};
};

} // namespace skein
