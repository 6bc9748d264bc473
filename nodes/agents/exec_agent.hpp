// What both modes of an exec agent share: the turns it has, their queue, their reports, when a
// program may be started, and the end. Lives on the reactor's thread; exec_runner hands everything
// over.
#pragma once

#include "actors/ports.hpp"
#include "actors/settings.hpp"
#include "nodes/agents/exec_reactor.hpp"
#include "nodes/agents/program.hpp"
#include "nodes/agents/start_gate.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace skein {

using wall_reader = std::function<instant()>;

/// A turn from its start to its report.
struct live_turn {
  turn_start start;
  boot_time queued_at{};
  program* on = nullptr;        // null: in the queue
  std::uint64_t line_begin = 0; // lines: where its line begins in what is sent to the program
  bool told = false;            // we asked for its end
  std::string hint;             // what it was given instead of an answer
};

class exec_agent : public pass_handler {
 public:
  exec_agent(exec_reactor& reactor, agent_settings settings, runner_sink sink, exec_log log,
             wall_reader clock, exec_timing timing);
  virtual ~exec_agent();
  exec_agent(const exec_agent&) = delete;
  exec_agent& operator=(const exec_agent&) = delete;

  /// Looks whether the program can be started, so that a mistake is told at the node's start.
  virtual void open() = 0;
  void start(std::vector<turn_start> turns);
  void stop(turn_id turn, stop_stage stage);
  /// The node drains: turns that no program has are not waited for.
  void drain();
  /// The end; `closed` is called once, after the last report. Programs that go on for `patience`
  /// are killed. Called again, only `closed` counts.
  void close(duration patience, std::function<void()> closed);

 protected:
  /// Gives queued turns to programs, as far as there is room.
  virtual void place() = 0;
  virtual bool any_running() const = 0;
  /// Alive, ending ones too.
  virtual std::size_t programs() const = 0;
  virtual void stop_running(live_turn& turn, stop_stage stage) = 0;
  /// One that has answered is alive: turns get on, whatever became of others.
  virtual bool any_proven() const = 0;
  virtual void end_programs(close_manner how) = 0;
  virtual void abandon_programs() = 0;
  /// Destroys what is gone; whether none is left.
  virtual bool bury() = 0;

  const agent_settings& settings() const noexcept { return settings_; }
  exec_reactor& reactor() noexcept { return reactor_; }
  const exec_timing& timing() const noexcept { return timing_; }
  agent_log& log() noexcept { return log_; }
  bool closing() const noexcept { return closing_; }
  bool draining() const noexcept { return draining_; }
  std::deque<live_turn*>& queue() noexcept { return queue_; }
  /// What a program is told of a turn whose time begins now.
  instant deadline() const { return clock_() + settings_.timeout; }

  /// A program has it.
  void report_begun(const live_turn& turn);
  /// Its one report; the turn is gone afterwards.
  void report(live_turn& turn, turn_report what);
  void report_returned(live_turn& turn, std::string why);
  /// Calls place() and sends the reports at the end of this pass.
  void touch() { reactor_.ask_end_of_pass(*this); }

  bool may_start() const noexcept { return gate_.open(reactor_.now()); }
  void start_refused(const error& problem);
  /// What a program has shown of itself by its end.
  enum class shown : std::uint8_t { nothing, has_read, has_answered };
  /// A program is over by itself. What it says of the program goes to the log, and to turns that
  /// wait too long.
  void program_ended(const program& ended, shown by_then, const std::string& how);
  void program_started();
  /// The first answer of a program, or long life: it works.
  void program_answered();
  /// Every answer.
  void turn_answered() { gate_.answered(reactor_.now()); }
  /// A program is over, by us or not.
  void program_gone();

 private:
  /// Why turns have no program, if they have none.
  enum class trouble : std::uint8_t { none, refused, ends };

  void on_end_of_pass() override;
  void hurry_end();
  void give_up_waiting();
  void watch_queue();
  std::string judge(const program& ended, shown by_then, std::string text);
  void note_trouble(trouble what, std::string why);
  void send_news();

  exec_reactor& reactor_;
  agent_settings settings_;
  runner_sink sink_;
  wall_reader clock_;
  exec_timing timing_;
  agent_log log_;
  std::unordered_map<turn_id, std::unique_ptr<live_turn>, hash_of_id> turns_;
  std::deque<live_turn*> queue_; // oldest first
  runner_news news_;             // of this pass
  start_gate gate_;
  trouble trouble_ = trouble::none;
  std::uint32_t crashes_ = 0; // on turns, since a program answered
  runner_health health_;
  runner_health told_health_;
  bool health_changed_ = false;
  reactor_timer queue_timer_;
  reactor_timer proven_timer_; // after trouble: how long a program lives without an answer
  reactor_timer end_timer_;    // of closing: programs are killed, then abandoned
  std::function<void()> closed_;
  bool draining_ = false;
  bool closing_ = false;
  bool killed_ = false; // all programs, while closing
};

/// The agent of the configured mode.
std::unique_ptr<exec_agent> make_exec_agent(exec_reactor& reactor, agent_settings settings,
                                            runner_sink sink, exec_log log, wall_reader clock,
                                            exec_timing timing);

} // namespace skein
