// mode = "lines": long-lived programs that take turns as lines and answer with lines. A turn
// belongs to a program from when its line is put into what is sent there; the program's end charges
// it only if the kernel had taken some of that line.
#pragma once

#include "nodes/agents/exec_agent.hpp"

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace skein {

class lines_worker;

class lines_agent final : public exec_agent {
 public:
  lines_agent(exec_reactor& reactor, agent_settings settings, runner_sink sink, exec_log log,
              wall_reader clock, exec_timing timing);
  ~lines_agent() override;

  void open() override;

  // From its workers.
  void on_answer(lines_worker& worker, live_turn& turn, turn_report what);
  void on_worker_gone(lines_worker& worker, exit_status status);
  void on_worker_room() { touch(); }
  void on_begun(const live_turn& turn) { report_begun(turn); }
  answer_reader& reader() noexcept { return reader_; }
  /// Turns of an ended program: back to the front of the queue.
  void take_back(live_turn& turn);
  void fail(live_turn& turn, errc code, std::string why);
  void give_back(live_turn& turn, std::string why) { report_returned(turn, std::move(why)); }

 private:
  void place() override;
  bool any_running() const override;
  std::size_t programs() const override { return workers_.size(); }
  bool any_proven() const override;
  void stop_running(live_turn& turn, stop_stage stage) override;
  void end_programs(close_manner how) override;
  void abandon_programs() override;
  bool bury() override;

  lines_worker* choose();
  lines_worker* start_worker();
  void give(live_turn& turn, lines_worker& worker);
  bool place_some();
  void replace_lost();

  std::size_t workers_max_;
  std::size_t turns_max_; // a worker
  spawn_request request_;
  answer_reader reader_;
  std::vector<std::unique_ptr<lines_worker>> workers_;
  std::uint32_t starts_left_ = 0; // of this pass
  std::uint32_t lost_ = 0;        // programs that crashed on turns in this pass
};

/// One long-lived program and the turns it has.
class lines_worker final : public program, line_sink {
 public:
  lines_worker(lines_agent& agent, exec_reactor& reactor, const exec_timing& timing,
               agent_log& log);

  std::size_t turns() const noexcept { return turns_.size(); }
  bool answered() const noexcept { return answered_; }
  bool stopped_for_turn() const noexcept { return stopped_for_turn_; }
  /// Of what it was given.
  bool has_read() const noexcept { return child().read_total() > 0; }
  /// Whether it can be given more to read.
  bool has_room() const noexcept {
    return child().takes_input() && child().unsent() < limits::program_unsent_bytes_max;
  }

  /// Puts the line of the turn into what is sent. Errors as append_turn_line.
  result<void> give(live_turn& turn, instant deadline);
  void ask_to_stop(const live_turn& turn);
  /// Ends the program for the sake of one of its turns: the others count nothing.
  void stop_for_turn(stop_stage stage);
  void flush() { child().flush(); }
  /// At its end: each turn back to the agent.
  void release_turns(const std::string& how, bool closing);

 private:
  void on_output(child_process& child, std::string_view chunk) override;
  void on_room(child_process&) override { agent_.on_worker_room(); }
  void on_progress() override;
  void on_line(std::string_view line) override;
  void on_giant_line(const std::string& turn) override;
  void on_endless_line() override;
  void finish(live_turn& turn, turn_report what);
  std::string_view only_turn() const override;
  void on_gone(exit_status status) override;
  /// The turn leaves; null if no such turn is here.
  live_turn* take(std::string_view name);
  std::vector<live_turn*> take_all(); // in the order they were given

  lines_agent& agent_;
  line_splitter lines_;
  std::unordered_map<std::string_view, live_turn*> turns_; // by name; the name lies in the turn
  std::deque<live_turn*> unbegun_; // of turns_, those whose line the kernel has not begun to take
  bool answered_ = false;
  bool endless_ = false; // ended for printing without a newline
  bool stopped_for_turn_ = false;
};

} // namespace skein
