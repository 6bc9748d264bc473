// The node's front door: bounds what is in flight, splits offers by owner, sends them to the loops
// until they answer, and puts the answers together. Also carries questions to loops.
//
//   offer --> member: its shard's owner is --+-- this node --> its loop -------------> answer
//                                            +-- another ----> that node's gateway --> answer
//                                            '-- nobody, or one that says it is not: held back
//                                                until the owner is known, for a while
//
// A member is reported durable only on its loop's word, and the loop speaks after the commit. No
// answer in time means unknown, never no. A member whose answer is lost with its owner goes to the
// next owner: its identity keeps it from coming twice.
#pragma once

#include "actors/api.hpp"
#include "actors/cluster/lease_core.hpp"
#include "actors/courier.hpp"
#include "actors/scheduler_core.hpp"

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace skein {

struct publish_in {
  std::uint64_t ticket = 0;
  std::vector<offered_event> events;
};
/// A question for the loop that has a shard, wherever that is; or for one loop of this node, or for
/// all of them.
struct ask_in {
  std::uint64_t ticket = 0;
  std::variant<std::monostate, loop_no, shard_id> of;
  std::string json;
  duration timeout{0};
};
/// Whose each shard is; of a node that shares its store.
struct owners_in {
  shard_owners all;
};
/// Frames to a node arrive again: what was sent before may have gone nowhere.
struct peer_up_in {
  std::string node;
};
/// Drain: take nothing new.
struct refuse_in {};
/// Whether new events are taken; none = they are.
struct intake_in {
  error closed;
};
/// The end of the drain: whoever waits for an answer of a loop gets what there is, and nobody waits
/// any more.
struct release_in {};
using gateway_input = std::variant<publish_in, ask_in, frame_in, refuse_in, intake_in, release_in,
                                   owners_in, peer_up_in, watch_progress_in, tick_in>;

struct published_effect {
  std::uint64_t ticket = 0;
  publish_reply reply;
};
struct answered_effect {
  std::uint64_t ticket = 0;
  std::vector<answer> answers; // by loop; a loop that did not answer has timed_out
};
struct in_flight_effect {
  std::size_t events = 0;
};
using gateway_effect = std::variant<send_effect, published_effect, answered_effect,
                                    in_flight_effect, wake_effect, log_effect>;

struct gateway_settings {
  std::string node;
  std::uint64_t boot = 0; // of its process, in its frames
  std::uint32_t loops = 1;
  bool shared = false; // shards are other nodes', too: owners_in says whose
  std::size_t events_max = limits::gateway_events_max;
  std::size_t bytes_max = limits::gateway_bytes_max;
  duration answer_within = std::chrono::seconds{30}; // then members are unknown
  duration hold_within = limits::ownerless_within;   // for an owner; then they are refused
};

class gateway_core {
 public:
  explicit gateway_core(gateway_settings settings);

  void step(gateway_input input, moment now, std::vector<gateway_effect>& out);

  struct counters {
    std::uint64_t offered = 0, accepted = 0, duplicates = 0, refused = 0, overloaded = 0;
  };
  /// Answers to other nodes' gateways that are kept for requests that come again.
  static constexpr std::size_t answers_kept = 512;

  const counters& counted() const noexcept { return counted_; }
  std::size_t events_in_flight() const noexcept { return events_; }
  std::size_t bytes_in_flight() const noexcept { return bytes_; }

 private:
  struct request {
    std::vector<publish_result> members; // unknown_outcome until answered
    std::size_t open = 0;                // members
    std::size_t bytes = 0;
    boot_time until;
    std::optional<frame_header> asked; // by another node's gateway
  };
  /// A publish frame under way: which members of which request it carries.
  struct part {
    std::uint64_t ticket = 0;
    std::vector<std::uint32_t> members;
    // with several owners, until they are answered:
    std::vector<offered_event> events{};
    std::vector<bool> was_sent{}; // to another owner before
  };
  /// A member whose owner is not known.
  struct held_member {
    std::uint64_t ticket = 0;
    std::uint32_t member = 0;
    offered_event event;
    bool was_sent = false; // and not answered: it may be durable
    boot_time until;
  };
  /// One answer that a question waits for.
  struct asked_loop {
    address to;
    slice frame;
    answer said;
    bool answered = false;
  };
  struct question {
    std::uint64_t ticket = 0;
    std::optional<shard_id> shard; // its owner is asked, whoever that is by then
    std::string json;              // likewise
    std::vector<asked_loop> loops;
    std::size_t open = 0;
    boot_time until;
    boot_time asked;
  };
  struct remembered_answer {
    frame_header request;
    slice answer;
  };

  void on(publish_in& input);
  void on(ask_in& input);
  void on(frame_in& input);
  void on(refuse_in& input);
  void on(intake_in& input);
  void on(release_in& input);
  void on(owners_in& input);
  void on(peer_up_in& input);
  void on(watch_progress_in& input);
  void on(tick_in& input);
  void on_publish_ack(const address& from, const publish_ack& body);
  void on_answer(const address& from, const answer& body);
  void on_peer_publish(const frame_header& header, publish& body);
  bool is_known_request(const frame_header& header);
  void answer_peer(const frame_header& asked, std::vector<publish_result> members);
  static std::size_t bytes_of(const std::vector<offered_event>& events);
  const error* refusal_now(std::size_t events, std::size_t bytes);
  void open_request(std::uint64_t ticket, std::vector<offered_event> events, std::size_t bytes,
                    std::optional<frame_header> asked);
  void place(std::uint64_t ticket, std::vector<held_member> members);
  void send_part(const address& to, std::vector<held_member> members);
  void settle(std::uint64_t ticket, std::uint32_t member, const publish_result& said);
  static publish_result what_is_certain(const publish_result& said, bool was_sent);
  void try_held();
  void take_back_of_gone_nodes();
  std::optional<std::size_t> owner_of(shard_id shard) const;
  address address_of(std::size_t owner) const;
  void refuse(std::uint64_t ticket, std::size_t members, errc code, std::string detail,
              duration retry_after);
  void complete(std::uint64_t ticket, request& which);
  void time_out_requests();
  void ask_again();
  void ask_owner(question& which);
  void tell_answers(question& which);
  address loop_at(std::size_t loop) const;
  void finish_step();

  gateway_settings settings_;
  courier courier_;
  std::map<std::uint64_t, request> requests_;
  std::map<std::pair<address, std::uint64_t>, part> parts_; // by loop and frame number
  std::vector<held_member> held_;
  std::optional<shard_owners> owners_;
  std::deque<remembered_answer> answers_; // the last ones to other nodes' gateways
  std::uint64_t peer_requests_ = 0;
  error refused_; // refusal_now() points to it
  std::map<std::uint64_t, question> questions_;
  boot_time first_end_ = boot_time::max(); // of the questions, or earlier
  std::size_t events_ = 0;
  std::size_t bytes_ = 0;
  bool refusing_ = false;
  error closed_; // why no new events are taken
  bool released_ = false;
  bool watched_ = false;
  std::size_t told_events_ = 0;
  std::optional<boot_time> armed_;
  counters counted_;

  moment now_{};
  std::vector<gateway_effect>* out_ = nullptr;
};

} // namespace skein
