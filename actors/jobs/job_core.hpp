// The keeper of the jobs: knows when each is due, publishes its events, and writes down what became
// of every instant, in one commit with the event.
//
//   due --> verdict (misfire, overlap, pause) --> one commit: event, record, where the job stands
//   run ended --> the next that waits, jobs that come after it, a pause after too many failures
//
// Pure: step(input, now) appends effects; the shell (jobs_actor) carries them out.
//
// What must hold
//   - Each due instant is in exactly one record. `through` of a job says up to where that is so; it
//     moves in the commit that has the records. An instant that waits for a run to end is in its
//     queue instead, which is in the same commit.
//   - The id of an event is made of job and instant: what else failed, the journal drops a second.
//   - One commit is under way at a time. Until it is answered the state here is ahead of the disk,
//     and what comes in waits; a refused one is undone here, and decided again later.
//   - Nothing fires before its time by the engine's clock, which never goes back.
#pragma once

#include "actors/api.hpp"
#include "actors/jobs/job_graph.hpp"
#include "actors/jobs/kept_job.hpp"
#include "actors/route_table.hpp"
#include "actors/scheduler_core.hpp"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace skein {

// ---- inputs -------------------------------------------------------------------------------------

/// A command or a question: docs/http-api.md has the operations and their arguments.
struct job_command_in {
  std::uint64_t ticket = 0;
  std::string operation; // "job.create"
  std::string arguments; // JSON
  caller by{};
};
/// Its arguments; discarded if they are no JSON.
nlohmann::json words_of(const job_command_in& input);
/// A run is over.
struct job_ended_in {
  std::string job;
  std::string id; // of its event
  delivery_state state = delivery_state::done;
  std::string reply; // JSON or text of its first delivery that has one
  bool reply_is_json = false;
};
/// The wait for its end gave up: look again.
struct job_watch_in {
  std::string job;
  std::string id;
};
struct job_records_in {
  std::uint64_t read = 0; // of the effect
  result<std::vector<job_record>> records = errc::internal;
  run_events events; // those that are found
};
/// The configuration has changed.
struct job_file_in {
  std::map<std::string, std::string> of_file; // as in job_settings, and what follows
  std::set<std::string> taken_out;
  std::vector<std::string> agent_names; // by number
  std::vector<std::string> agents;      // configured
  std::vector<route_table::route> routes;
};
using job_input = std::variant<job_command_in, committed_in, job_ended_in, job_watch_in,
                               job_records_in, job_file_in, tick_in, stop_starting_in>;

// ---- effects ------------------------------------------------------------------------------------

struct job_answer_effect {
  std::uint64_t ticket = 0;
  api_answer answer;
};
/// Tell when this event has ended; by its number if that is known, else by source and id.
struct watch_run_effect {
  std::string job;
  std::string id;
  std::optional<event_id> event;
};
struct cancel_run_effect {
  std::string job;
  std::string id;
  std::optional<event_id> event;
};
/// Of the records numbered first to before last those that are wanted.
struct read_records_effect {
  std::uint64_t read = 0;
  std::string job;
  std::uint64_t first = 0, last = 0;
  record_choice wanted;
};
using job_effect = std::variant<submit_effect, job_answer_effect, watch_run_effect,
                                cancel_run_effect, read_records_effect, wake_effect, log_effect>;

// ---- the core -----------------------------------------------------------------------------------

struct job_settings {
  epoch_no epoch{};
  bool shared = false; // the store is: events of other shards than the keepers' go by the outbox
  agent_no outbox{};   // then
  hash_settings hash;
  event_limits bounds;
  std::vector<std::string> agent_names; // by number
  std::vector<route_table::route> routes;
  job_surroundings around;
  agent_no jobs_agent{}, states_agent{}, records_agent{}, audit_agent{};
  std::string node; // its name, for the records of what people changed
  /// Those of the configuration: by name, what stands there.
  std::map<std::string, std::string> of_file; // JSON
  /// Those that it had, and has no more. On a shared store what else is of a file stays: another
  /// node's may have it.
  std::set<std::string> taken_out{};
  bool unclean = false; // the last process did not stop in order
};

class job_core {
 public:
  explicit job_core(job_settings settings);

  /// Before the first step: what the journal has of each job. A definition that cannot be read any
  /// more (its zone or agent has gone) stays, does not run, and says why.
  void recover(const std::string& name, std::string_view definition, std::string_view state);
  /// The starts before, as the journal has them (state of "!node").
  void recover_starts(std::string_view state);
  void start(moment now, std::vector<job_effect>& out);

  void step(job_input input, moment now, std::vector<job_effect>& out);

  struct counters {
    std::uint64_t fired = 0, caught_up = 0, merged = 0, skipped = 0;
  };
  const counters& counted() const noexcept { return counted_; }
  std::size_t jobs() const noexcept { return jobs_.size(); }
  std::size_t paused() const noexcept { return paused_; }
  std::size_t unreadable() const noexcept { return unreadable_; } // they do not run
  std::size_t running() const noexcept { return running_; }       // runs
  bool is_stopping() const noexcept { return stopping_; }
  /// When the next instant fires; no_instant: none does.
  instant next() const noexcept { return due_.empty() ? no_instant : due_.begin()->first; }

 private:
  /// One commit.
  struct transaction {
    std::map<std::string, std::optional<kept_job>> before; // by name; empty: it was not there
    std::set<std::string> definitions;                     // changed
    std::set<std::string> gone;                            // deleted
    std::vector<journal::keep_op::kept> records;
    std::vector<journal::accept_op> emits;
    std::vector<std::pair<std::string, std::string>> runs;      // job and id, of each emit
    std::vector<std::pair<std::uint64_t, std::string>> answers; // ticket, body
    std::vector<cancel_run_effect> cancels;
    std::vector<job_ended_in> ends; // taken into account; again if it is undone
    bool decides = false;           // what is due, or has ended; not a command
    bool of_file = false;           // what the configuration says; again if it is undone
    counters counted;               // what it decides
    std::optional<journal::keep_op::kept> audit; // of the command, if it succeeds
    bool starts = false;                         // the list of unclean starts has changed
    std::size_t walked = 0;                      // instants that were looked at one by one
    bool empty() const noexcept { return before.empty() && !starts; }
  };
  struct reading {
    std::uint64_t ticket = 0;
    std::string job;
    std::optional<instant> explained;
    std::size_t limit = 0;
    bool is_first_page = true;
    std::uint64_t last = 0;           // the page is of records before this one
    std::optional<job_record> open{}; // as it was then: what follows may be written down meanwhile
  };

  // job_core.cpp
  void on(job_command_in& input);
  void on(committed_in& input);
  void on(job_ended_in& input);
  void on(job_watch_in& input);
  void on(job_records_in& input);
  void on(job_file_in& input);
  void on(tick_in&) {}
  void on(stop_starting_in&) { stopping_ = true; }
  bool go_on();
  void try_command(const job_command_in& input);
  void put_back(std::map<std::string, std::optional<kept_job>>& before);
  bool is_beginning() const;
  bool has_work() const;
  bool may_decide();
  void take_ends();
  void fire_due();
  bool decide(kept_job& which);
  bool decide_until(kept_job& which, instant end, bool before_pause);
  std::string stand_text(const kept_job& which) const;
  std::string why_of(const kept_job& which, const due_stretch& missed) const;
  void decide_all(kept_job& which);
  void begin(kept_job& which);
  void submit();
  bool is_boxed(const journal::accept_op& emit) const;
  void box(journal::accept_op& emit) const;
  void settle(const journal::op_result& verdict);
  void undo(const error& why, bool try_again);
  void count(const kept_job& which, bool is_there) noexcept;
  void arm();
  void place(kept_job& which, instant not_before = instant::min());
  void unplace(kept_job& which);
  void log(log_severity severity, std::string_view id, std::string text, const std::string& name);

  // job_runs.cpp
  std::string want_run(kept_job& which, waiting_run run, bool stands_for_others = false);
  std::string start_run(kept_job& which, waiting_run run);
  std::string leave_out(kept_job& which, const waiting_run& run, std::string why);
  void start_waiting(kept_job& which);
  result<journal::accept_op> make_event(const kept_job& which, const waiting_run& run,
                                        const std::string& id);
  void add_record(kept_job& which, job_record record);
  void close_record(kept_job& which);
  void write_record(kept_job& which, const job_record& record);
  void end_run(kept_job& which, const job_ended_in& end);

  // job_chains.cpp
  void tell_downstream(const std::string& ended, const upstream_end& end);
  void try_chains();
  void bound_inputs(kept_job& which);
  void forget_end(kept_job& which, const upstream_end& end, const std::string& upstream,
                  const std::string& why);
  void forget_ends(kept_job& which, const std::vector<std::string>& before);
  bool concerns(const kept_job& which, const std::string& upstream, const upstream_end& end) const;
  void try_chain(kept_job& which);
  void run_by_instant(kept_job& which);
  void give_up(kept_job& which);
  bool may_still_end(const std::string& name, const upstream_end& like) const;
  void run_chain(kept_job& which, const std::vector<upstream_end>& ends);
  std::string hand_on(const kept_job& which, waiting_run run,
                      const std::vector<upstream_end>& ends);
  std::size_t room_for_replies(const kept_job& which, const waiting_run& run);

  // job_commands.cpp
  void command(const job_command_in& input);
  void create(const job_command_in& input, const nlohmann::json& words);
  result<job_definition> checked_definition(const job_command_in& input,
                                            const nlohmann::json& words);
  nlohmann::json page_with_warnings(const kept_job& which);
  result<void> check_future(const job_definition& definition) const;
  void remove(const job_command_in& input, const nlohmann::json& words);
  void erase(kept_job& which);
  void set_pause(const job_command_in& input, const nlohmann::json& words, bool paused);
  void trigger(const job_command_in& input, const nlohmann::json& words);
  void backfill(const job_command_in& input, const nlohmann::json& words);
  void put_of_file();
  void judge_anew();
  void note_stand(kept_job& which);
  bool remove_of_file();
  void check_chains();
  void check_chain_of(kept_job& which);
  void adopt(const std::string& name, const std::string& text);
  void define(const std::string& name, job_definition definition, job_owner of,
              const std::string& by);
  kept_job* find(const std::string& name);
  const kept_job* find(const std::string& name) const;
  const kept_job* committed(const std::string& name) const;

  // job_questions.cpp
  void question(const job_command_in& input, const nlohmann::json& words);
  void list(std::uint64_t ticket);
  void draw_graph(std::uint64_t ticket);
  void dry_run(const job_command_in& input);
  void explain(const job_command_in& input, const kept_job& which, const nlohmann::json& words);
  const zone_rules& zone_of(const kept_job& which) const;
  std::optional<instant> time_said(const std::string& text, const zone_rules& zone) const;
  void answer(std::uint64_t ticket, const nlohmann::json& body);
  void fail(std::uint64_t ticket, errc code, std::string why);

  job_settings settings_;
  route_table routes_;
  /// By name, in order: what is due at once fires in that order.
  std::map<std::string, kept_job> jobs_;
  job_graph graph_; // of all of them
  std::size_t paused_ = 0, unreadable_ = 0,
              running_ = 0; // of all of them, but for the commit that is being made
  std::set<std::pair<instant, std::string>> due_; // when the next instant of a job fires
  std::vector<instant> crashes_;                  // unclean starts, the newest ones
  std::optional<transaction> open_;               // being made
  std::optional<transaction> sent_;               // with the journal
  std::set<std::string> chains_to_try_;           // before the commit is sent
  std::vector<job_command_in> early_questions_;
  std::deque<job_command_in> commands_; // behind it
  std::deque<job_ended_in> ends_;
  bool time_stands_still_ = false; // the wall clock was set back and has to catch up
  bool decided_last_ = false;      // commands take turns with what is due
  bool is_of_file_put_ = false;    // what the configuration says is there
  bool is_put_once_ = false;       // since the start, not after a change alone
  std::size_t emits_a_commit_;     // fewer for a while when another event had the id of one
  std::map<std::uint64_t, reading> readings_;
  std::uint64_t reads_ = 0;
  std::optional<boot_time> not_before_; // the journal refused: nothing is decided before
  std::optional<boot_time> armed_;
  instant started_;
  bool keeps_crashing_ = false; // the last process crashed, as did some before it
  bool stopping_ = false;
  counters counted_;
  moment now_{};
  std::vector<job_effect>* out_ = nullptr;
};

} // namespace skein
