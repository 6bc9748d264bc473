// The keeper of the jobs over the journal in memory, in virtual time: what it submits is committed
// when the test says so (at once, by default), runs end when the test says so, a crash forgets what
// is not in the journal.
#pragma once

#include "actors/access/audit.hpp"
#include "actors/jobs/job_core.hpp"

#include <nlohmann/json.hpp>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace skein::test {

/// Definitions of jobs whose events the agent "bot" gets.
nlohmann::json every(const char* period, nlohmann::json more = nlohmann::json::object());
nlohmann::json after(const std::vector<std::string>& jobs,
                     nlohmann::json more = nlohmann::json::object());

class job_world {
 public:
  job_world();
  ~job_world();

  instant now() const noexcept { return now_.wall; }
  /// A time of 2026, UTC: "11-29T09:00:00".
  static instant at(const std::string& text);
  /// Goes on, second by second if something is due then.
  void run_until(instant end);
  void run_for(duration time) { run_until(now_.wall + time); }
  /// The time passes while nobody looks: a paused process, a clock that was set forward.
  void jump(duration time) {
    now_ = {now_.wall + time, now_.boot + time};
    tick();
  }
  /// The wall clock was set back and stays behind for as long; how often it was looked at.
  std::size_t stand_still(duration time);
  /// How often it is woken within so long, of 1,000 at most.
  std::size_t looks_in(duration time);
  void tick();
  /// Timers that have been set and have not passed.
  std::size_t timers() const;
  /// The node is on its way to a stop.
  void stop_starting();

  /// The answer to a command; the error's code and text as {"code","detail"}.
  nlohmann::json ask(const std::string& operation, nlohmann::json arguments);
  nlohmann::json answer_of_last() const; // null: there is none yet
  nlohmann::json create(const std::string& name, nlohmann::json definition) {
    return ask("job.create", {{"job", name}, {"definition", std::move(definition)}, {"by", "ann"}});
  }
  /// Its runs, oldest first: the ids of those whose end was not told yet.
  std::vector<std::string> running(const std::string& job) const;
  void end(const std::string& id, delivery_state state = delivery_state::done,
           const std::string& reply = {});
  void end_all();

  /// Restarts over the journal; a crash leaves what was not committed behind.
  void restart(bool clean = true);
  /// From the next restart on.
  void agents_are(std::vector<std::string> names) { agents_ = std::move(names); }
  void of_file(std::map<std::string, std::string> jobs) { of_file_ = std::move(jobs); }
  /// At once: the configuration is another one now, with those of of_file() and agents_are().
  void reload();

  /// As text, oldest first: "fired 09:00:00", "skipped 09:00:00..09:00:03 x4: paused by ann".
  std::vector<std::string> records(const std::string& job);
  std::vector<job_record> ledger(const std::string& job);
  /// Each instant of the schedule in (from, to] is in exactly one record or in none; the number of
  /// those in one.
  std::size_t instants_in_ledger(const std::string& job, const job_schedule& schedule, instant from,
                                 instant to);
  /// Events of a job, by id, oldest first.
  std::vector<std::string> events(const std::string& job);
  event event_of(const std::string& id);

  caller by{}; // who asks; nobody: no record is made of it
  /// Records of what people changed, newest first.
  std::vector<audit_record> audit();

  bool holds_reads = false; // of records, until read_held()
  void read_held();
  bool holds_commits = false; // they wait for commit_one()
  void commit_one();
  errc refuses = errc::none; // the next commits
  std::vector<std::string> cancelled, log;
  std::vector<std::size_t> commits; // states of each one that was submitted

  static const zone_rules* zone(std::string_view name);
  static job_surroundings around();

 private:
  void open();
  void perform(std::vector<job_effect>& effects);
  bool is_there(const std::string& id);
  void read_records(const read_records_effect& effect);
  std::vector<std::pair<std::string, slice>> states(agent_no agent, const std::string& after,
                                                    const std::string& before);

  std::unique_ptr<journal::engine> engine_;
  std::unique_ptr<job_core> core_;
  agent_no bot_{}, jobs_{}, states_{}, records_{}, audit_{};
  moment now_{at("11-29T08:59:30"), boot_time{std::chrono::hours{1}}};
  std::uint64_t ticket_ = 0;
  std::map<std::uint64_t, api_answer> answers_;
  std::map<std::string, std::string> watched_; // id -> job
  std::deque<std::vector<journal::operation>> held_;
  std::vector<read_records_effect> held_reads_;
  std::map<std::string, std::string> of_file_;
  std::vector<std::string> agents_{"bot"};
  bool unclean_ = false;
  std::optional<boot_time> wake_;
  std::vector<boot_time> wakes_; // all of them
};

} // namespace skein::test
