// What the exec runner tells the log, and how it keeps a babbling program from filling it.
#pragma once

#include "protocol/limits.hpp"
#include "protocol/time.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace skein {

enum class exec_log_level : std::uint8_t { debug, info, warning, error };

/// (level, stable id, one printable line, turn name or empty). Called on the reactor's thread.
using exec_log =
    std::function<void(exec_log_level, std::string_view, std::string_view, std::string_view)>;

/// A bucket of lines: program_log_burst at once, then program_log_rate a second.
class line_budget {
 public:
  /// Whether one more line may be logged; counts those that may not.
  bool take(boot_time now);
  /// Lines refused since the last call.
  std::uint64_t take_dropped() noexcept;

 private:
  double lines_ = limits::program_log_burst;
  boot_time filled_{};
  std::uint64_t dropped_ = 0;
};

/// The log of one agent; whoever gives the function names the agent. Text from programs goes
/// through `program`, `ignored` and `rejected`, which are limited.
class agent_log {
 public:
  explicit agent_log(exec_log log);

  void write(exec_log_level level, std::string_view id, std::string_view text,
             std::string_view turn = {});
  /// A line of a program's standard error; `pid` is named when no single turn is known.
  void program(boot_time now, std::string_view line, std::string_view turn, int pid);
  /// Output that is no answer.
  void ignored(boot_time now, std::string_view text, std::string_view turn, int pid);
  /// An answer that ends its turn because of a mistake in it.
  void rejected(boot_time now, std::string_view text, std::string_view turn, int pid);
  /// Tells of lines that were dropped and not told of yet.
  void flush();

 private:
  void limited(line_budget& budget, boot_time now, exec_log_level level, std::string_view id,
               std::string_view text, std::string_view turn, int pid);
  void tell_dropped(line_budget& budget, std::string_view id);

  exec_log log_;
  line_budget program_lines_;
  line_budget ignored_lines_;
  line_budget rejected_lines_;
};

} // namespace skein
