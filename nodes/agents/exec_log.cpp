#include "nodes/agents/exec_log.hpp"

#include "nodes/agents/text.hpp"

#include <algorithm>
#include <utility>

namespace skein {

bool line_budget::take(boot_time now) {
  const double seconds = std::chrono::duration<double>(now - filled_).count();
  lines_ = std::min<double>(limits::program_log_burst, lines_ + seconds * limits::program_log_rate);
  filled_ = now;
  if (lines_ < 1.0) {
    ++dropped_;
    return false;
  }
  lines_ -= 1.0;
  return true;
}

std::uint64_t line_budget::take_dropped() noexcept { return std::exchange(dropped_, 0); }

agent_log::agent_log(exec_log log) : log_{std::move(log)} {}

void agent_log::write(exec_log_level level, std::string_view id, std::string_view text,
                      std::string_view turn) {
  if (log_)
    log_(level, id, text, turn);
}

void agent_log::program(boot_time now, std::string_view line, std::string_view turn, int pid) {
  limited(program_lines_, now, exec_log_level::info, "agent-program-said", line, turn, pid);
}

void agent_log::ignored(boot_time now, std::string_view text, std::string_view turn, int pid) {
  limited(ignored_lines_, now, exec_log_level::warning, "agent-output-ignored", text, turn, pid);
}

void agent_log::rejected(boot_time now, std::string_view text, std::string_view turn, int pid) {
  limited(rejected_lines_, now, exec_log_level::warning, "agent-answer-rejected", text, turn, pid);
}

void agent_log::flush() {
  tell_dropped(program_lines_, "agent-program-said");
  tell_dropped(ignored_lines_, "agent-output-ignored");
  tell_dropped(rejected_lines_, "agent-answer-rejected");
}

void agent_log::limited(line_budget& budget, boot_time now, exec_log_level level,
                        std::string_view id, std::string_view text, std::string_view turn,
                        int pid) {
  if (!budget.take(now))
    return;
  tell_dropped(budget, id);
  std::string line = printable(text, limits::program_log_line_bytes_max);
  if (turn.empty())
    line = "pid " + std::to_string(pid) + ": " + line;
  write(level, id, line, turn);
}

void agent_log::tell_dropped(line_budget& budget, std::string_view id) {
  if (const std::uint64_t dropped = budget.take_dropped(); dropped > 0)
    write(exec_log_level::warning, id,
          std::to_string(dropped) + " lines were dropped, too many at once");
}

} // namespace skein
