// What the checker knows after the records so far. Private to the checker.
#pragma once

#include "tests/sim/checker.hpp"

#include <map>
#include <set>
#include <utility>

namespace skein::test {

struct known_turn {
  bool running = false;
  std::uint32_t life = 0; // of its last start
};

struct known_delivery {
  agent_no agent{};
  std::string key;
  event_id event;
  instant ready_at = no_instant;
  bool slept = false; // it entered its lane by a timer
  std::optional<finished> end;
  std::uint32_t failures = 0; // durable ones
  std::uint32_t sleeps = 0;   // likewise
  bool asleep = false;        // the last record is one
  instant next_due = no_instant;
  boot_time wake_from; // no decision of the last failure can have had its retry wake earlier
  std::uint32_t failed_in = 0;                 // life of the last failure
  std::map<std::uint32_t, known_turn> turns;   // by number of the turn
  std::map<std::uint32_t, turn_ended> asked;   // likewise: what those that slept or are done want
  std::map<std::uint32_t, std::string> tokens; // by sleeps

  std::uint32_t next_turn() const { return failures + sleeps + 1; }
  std::uint32_t marked_in = 0; // life of the last durable start
  bool marked_alone = false;
  std::uint32_t crashes_alone = 0;
  std::uint32_t open_start_in = 0; // life of a start without a durable outcome; 0 = none
};

struct known_event {
  accepted as;
  bool found = false;
};

struct known_identity {
  event_id event; // the newest, if an earlier one fell out of the window
  instant at = no_instant;
  std::uint64_t content = 0;
  std::set<std::uint64_t> contents{}; // of all that were stored under it
  bool excused = false;               // some offer of it was not answered with a definite no
  std::size_t refused_at = 0;
  bool refused = false;
};

struct known_request {
  std::vector<offered_member> members;
  moment asked{};
  std::uint32_t life = 0;
  bool after_signal = false;
  bool over = false;
};

class checker {
 public:
  explicit checker(const history& of) : of_{of} {}
  std::vector<violation> run();

 private:
  void on(const booted& what);
  void on(const crashed& what);
  void on(const drain_began& what);
  void on(const drain_ended& what);
  void on(const offered& what);
  void on(const answered& what);
  void on(const cancel_asked& what);
  void on(const cancel_answered& what);
  void on(const accepted& what);
  void on(const finished& what);
  void on(const attempt_failed& what);
  boot_time judge_sleep(const attempt_failed& what, const known_delivery& which);
  void judge_kept(const delivery_id& id, const known_delivery& which, std::uint32_t turn,
                  const kept_state& kept);
  boot_time earliest_wake(const attempt_failed& what) const;
  bool may_wake(const known_delivery& which) const;
  void on(const start_marked& what);
  void on(const jobs_kept& what);
  void on(const job_stands& what);
  void cover(const std::string& job, const job_record& record);
  void cover_of_chain(const std::string& job, const job_record& record);
  void follows(const job_stands& what);
  void on(const commit_failed& what);
  void on(const kept_up& what);
  void on(const ledgers_read& what);
  void on(const found_event& what);
  void on(const turn_started& what);
  void on(const turn_ended& what);
  void on(const settled& what);

  void judge_member(const offered_member& member, const publish_result& said,
                    known_request& request);
  void judge_lane(const delivery_id& id, known_delivery& which);
  void judge_time(const turn_started& what, const known_delivery& which);
  void judge_state(const turn_started& what, const known_delivery& which);
  void judge_ledger(const journal::ledger& said, const journal::ledger& known, const char* of_what);
  void judge_end();
  void end_life(bool by_crash);
  bool over(const event_id& event) const;
  bool may_be_gone(const event_id& event) const;
  void break_rule(const std::string& rule, std::string text, breach kind = breach::safety);

  const history& of_;
  std::vector<violation> found_;
  std::set<std::string> broken_;
  std::size_t index_ = 0;
  moment now_{};

  std::uint32_t life_ = 0;
  bool alive_ = false;
  bool unclean_ = false;
  std::optional<boot_time> signalled_;
  std::map<event_id, known_event> events_;
  std::map<delivery_id, known_delivery> deliveries_;
  std::map<std::pair<agent_no, std::string>, std::set<delivery_id>> lanes_; // what is not over
  std::map<agent_no, std::size_t> running_;
  /// Turns that run in a lane, also of deliveries that are over.
  std::map<std::pair<agent_no, std::string>, std::set<turn_id>> in_lane_;
  std::map<hash128, known_identity> identities_;
  std::map<std::uint64_t, known_request> requests_;
  std::map<std::uint64_t, event_id> cancels_;
  std::set<event_id> answered_as_new_;
  std::set<hash128> offered_;                                           // identities
  std::map<std::string, std::pair<delivery_id, std::uint32_t>> tokens_; // with the sleeps before
  std::map<std::pair<agent_no, std::string>, std::string> states_;      // committed, of lanes
  std::map<std::string, std::map<instant, job_record>> covered_; // due records, by job and begin
  std::map<std::string, bool> paused_;                           // jobs
  std::map<std::string, std::set<instant>> told_; // of a job: what those behind it know of
  journal::ledger event_totals_;
  journal::ledger delivery_totals_;
  instant kept_from_ = no_instant; // what was over by then may be gone
  /// What was accepted by then may be forgotten, also if the clock was set back since.
  instant forgotten_to_ = no_instant;
  bool read_back_ = false;
};

} // namespace skein::test
