// The demo's agent: a program that counts the events of each key in its state, replies the count,
// and writes down each turn before it answers.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

namespace skein::demo {

/// The word with which the binary is that program.
inline constexpr std::string_view worker_command = "demo-worker";
/// Names the file of its history.
inline constexpr const char* history_variable = "DEMO_HISTORY";

/// What it answers to a line, and what it writes down; both empty for a line that is no turn.
struct worker_words {
  std::string answer;
  std::string history;
};
worker_words work_on(const std::string& line);

/// The program's whole life: turns on standard input, answers on standard output. Returns the exit
/// status.
int work_as_agent();

} // namespace skein::demo
