#include "nodes/agents/program.hpp"

#include <csignal>

namespace skein {

program::program(exec_reactor& reactor, const exec_timing& timing, agent_log& log)
  : reactor_{reactor}, timing_{timing}, log_{log}, timer_{reactor, [this] { escalate(); }} {}

result<void> program::start(const spawn_request& request) {
  auto child = child_process::start(reactor_, *this, request);
  if (!child)
    return child.error();
  child_ = std::move(child).value();
  started_at_ = reactor_.now();
  return {};
}

void program::end() {
  if (!running())
    return;
  step_ = program_step::ending;
  child_->end_input();
  timer_.arm(reactor_.now() + timing_.close_grace);
}

void program::hang_up() {
  if (!running())
    return;
  step_ = program_step::ending;
  hung_up_ = true;
  timer_.arm(reactor_.now() + limits::program_hangup_grace);
}

void program::terminate() {
  if (gone_ || step_ >= program_step::terminating)
    return;
  step_ = program_step::terminating;
  child_->close_input();
  child_->signal_group(SIGTERM);
  timer_.arm(reactor_.now() + timing_.terminate_grace);
}

void program::kill() {
  if (gone_ || step_ == program_step::killed)
    return;
  step_ = program_step::killed;
  child_->close_input();
  child_->signal_group(SIGKILL);
  timer_.disarm();
}

void program::abandon() {
  child_->abandon();
  gone_ = true;
  timer_.disarm();
}

void program::escalate() {
  if (step_ == program_step::ending && !hung_up_)
    terminate();
  else
    kill();
}

void program::on_errors(child_process&, std::string_view chunk) {
  log_lines_.feed(chunk, [this](std::string_view line) { log_line(line); });
}

void program::on_end(child_process&, exit_status status) {
  log_lines_.finish([this](std::string_view line) { log_line(line); });
  timer_.disarm();
  gone_ = true;
  on_gone(status);
}

void program::log_line(std::string_view line) {
  log_.program(reactor_.now(), line, only_turn(), child_->pid());
}

} // namespace skein
