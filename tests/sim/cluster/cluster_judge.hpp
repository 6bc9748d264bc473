// Judges a cluster while it runs, and what it left in the store: what the nodes promise together.
// What one node promises alone the other checker judges (tests/sim/checker.hpp).
//
//   stale-start   no turn begins for a shard that is not the node's by the store's word
//   stale-commit  nothing is applied of an operation whose epoch is not the newest
//   effects-once  one end a delivery
//   lane-order    the deliveries of a lane are done in the order in which their events became ready
//   early         no turn begins before its event is due by the store's clock, nothing expires
//                 before its time
//   durable-ack   what was answered "durable" is in the store at the end
//   certain-no    what was refused for certain is not there, unless another offer of it is
//   emits-once    what a turn emitted is there at the end, under its own identity, with the end of
//                 its turn: in its shard, wherever that was
//   invention     what is there was offered or emitted
//   schedule      each instant of a job is in exactly one record, whoever kept it
//   command-once  what somebody wanted of a job was done once, or not, as the answer said
//   broadcast     a broadcast becomes one event for each of some nodes
//   terminal      every event reaches an end once the faults are over
#pragma once

#include "actors/jobs/job_record.hpp"
#include "actors/lanes.hpp"
#include "journal/memory_store.hpp"
#include "protocol/messages.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace skein::test {

class cluster_judge {
 public:
  explicit cluster_judge(std::shared_ptr<journal::memory_store> store) : store_{std::move(store)} {}

  /// Its turns have no lanes.
  void agent_is_pure(agent_no agent) { pure_.insert(agent); }
  void offered(std::uint64_t request, std::vector<hash128> identities);
  void answered(std::uint64_t request, const std::vector<publish_result>& said);
  /// Its instants are multiples of the period, before `end`.
  void has_job(const std::string& name, const std::string& agent, duration period, instant end) {
    jobs_[name] = {agent, period, end, {}};
  }
  void wanted(const std::string& by, bool in_peace) {
    wanted_[by].asked = true;
    wanted_[by].in_peace = in_peace;
  }
  void told(const std::string& by, errc code) { wanted_[by].code = code; }
  void started(const std::string& owner, const turn_id& turn, instant store_now);
  void committed(const std::vector<journal::operation>& batch,
                 const journal::commit_receipt& receipt);
  /// No run of a job goes on or waits, as the store has it.
  bool jobs_are_over() const;
  void at_rest();

  const std::map<std::string, std::string>& broken() const { return broken_; }
  std::map<std::string, std::uint64_t> seen; // rare things, counted

 private:
  void break_rule(const std::string& rule, const std::string& text) { broken_.emplace(rule, text); }
  void for_whom(const journal::accept_op& accept);
  void emitted(const journal::accept_op& emit, const journal::op_result::emitted& became,
               instant at);
  void ended(const journal::finish_op& op, instant at);
  void broadcast_ended(const journal::finish_op& op);
  void accepted(event_id event, const journal::accept_op& op, instant at);
  void kept(const journal::keep_op& op);
  void cover(const std::string& job, const job_record& record);
  void judge_jobs();

  std::shared_ptr<journal::memory_store> store_;
  std::map<std::uint64_t, std::vector<hash128>> requests_;
  struct known_identity {
    bool durable = false;
    bool certainly_not = true; // of each offer that was answered
    std::size_t open = 0;      // offers without an answer
    std::optional<event_id> event{};
  };
  std::map<hash128, known_identity> identities_;
  std::map<shard_id, epoch_no> epochs_; // the newest that was seen
  struct known_event {
    std::string key;
    instant due, expires; // no_instant: at once, never
    lane_place place;
  };
  std::map<event_id, known_event> events_;
  std::set<hash128> emitted_; // identities
  std::map<delivery_id, delivery_state> ends_;
  struct lane {
    shard_id shard;
    std::uint32_t agent;
    std::string key;
    auto operator<=>(const lane&) const = default;
  };
  std::set<agent_no> pure_;
  std::map<lane, lane_place> lane_end_; // of the last event
  struct known_job {
    std::string agent;
    duration period{};
    instant end;
    std::map<instant, job_record> covered{}; // by the first instant
  };
  std::map<std::string, known_job> jobs_;
  struct want {
    bool asked = false;
    bool in_peace = false;      // when all faults were over
    std::optional<errc> code{}; // as was answered
    std::uint32_t records = 0;
  };
  std::map<std::string, want> wanted_; // by who it was
  std::map<std::string, std::string> broken_;
};

} // namespace skein::test
