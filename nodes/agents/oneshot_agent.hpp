// mode = "oneshot": a program a turn. The event's data is its standard input, its attributes are
// SKEIN_ variables, its state is the file SKEIN_STATE names.
//
//   exit 0     done: standard output is the reply (output = "reply": the bytes as they are), or the
//              JSON of answer.hpp (output = "effects"); a "state" in that JSON wins over the file
//   exit 75    failed, may be tried later
//   otherwise  failed, with the exit status or signal and the end of standard error
//
// A program that ends after we asked it to is reported as returned, unless it ended with 0.
#pragma once

#include "nodes/agents/exec_agent.hpp"
#include "nodes/agents/state_file.hpp"

#include <memory>
#include <string>
#include <vector>

namespace skein {

class oneshot_agent;

/// The program of one turn.
class oneshot_program final : public program {
 public:
  oneshot_program(oneshot_agent& agent, exec_reactor& reactor, const exec_timing& timing,
                  agent_log& log, live_turn& turn, state_file state);

  /// Starts it with `data` as its input. Errors as spawn_program.
  result<void> run(const spawn_request& request, std::string_view data);
  void ask_to_stop();

  live_turn& turn() noexcept { return *turn_; }
  const std::string& output() const noexcept { return output_; }
  bool too_much_output() const noexcept { return too_much_output_; }
  const state_file& state() const noexcept { return state_; }

 private:
  void on_output(child_process& child, std::string_view chunk) override;
  void on_hangup(child_process&) override {} // it may close its pipes and work on
  std::string_view only_turn() const override { return name_; }
  void on_gone(exit_status status) override;

  oneshot_agent& agent_;
  live_turn* turn_;
  std::string name_;
  state_file state_;
  std::string output_;
  bool too_much_output_ = false;
};

class oneshot_agent final : public exec_agent {
 public:
  oneshot_agent(exec_reactor& reactor, agent_settings settings, runner_sink sink, exec_log log,
                wall_reader clock, exec_timing timing);
  ~oneshot_agent() override;

  void open() override;
  void on_program_gone(oneshot_program& ended, exit_status status);

 private:
  enum class start_outcome { started, turn_reported, refused };

  void place() override;
  bool any_running() const override;
  std::size_t programs() const override { return programs_.size(); }
  bool any_proven() const override { return any_running(); }
  void stop_running(live_turn& turn, stop_stage stage) override;
  void end_programs(close_manner how) override;
  void abandon_programs() override;
  bool bury() override;

  start_outcome start_program(live_turn& turn);
  turn_report outcome(oneshot_program& ended, exit_status status);
  turn_report read_output(oneshot_program& ended);

  std::size_t programs_max_;
  environment_list environment_;
  answer_reader reader_;
  std::vector<std::unique_ptr<oneshot_program>> programs_;
};

} // namespace skein
