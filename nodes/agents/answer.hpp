// What a program answers: {"turn":…,"reply":…,"emit":[event…],"state":…,"error":{…}}. It is not
// trusted: bounded, UTF-8, every member checked. What is wrong becomes a report of the kind
// agent_output_invalid that says what.
#pragma once

#include "actors/ports.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace skein {

struct agent_answer {
  std::string turn;   // the turn it names; empty if none can be made out
  bool valid = false; // it is an answer; else report.error says why not
  turn_report report; // without its turn id; failed with agent_output_invalid if not valid
};

/// Keeps the parser's memory from line to line. One thread at a time.
class answer_reader {
 public:
  answer_reader();
  ~answer_reader();

  /// `line` without its newline; simdjson::SIMDJSON_PADDING readable bytes must follow it.
  agent_answer read(std::string_view line);

 private:
  struct parser_state;
  std::unique_ptr<parser_state> parser_;
};

/// Finds the value of the top-level member "turn" in a JSON object that comes in pieces and may be
/// cut or too long for a parser.
class turn_finder {
 public:
  void feed(std::string_view piece);
  /// The first such value that was complete; escapes are not resolved (turn names have none).
  const std::string& found() const noexcept { return found_; }
  void reset() { *this = turn_finder{}; }

 private:
  void string_byte(char byte);
  void end_of_string();

  std::string found_;
  std::string text_; // the current string at depth 1, cut
  std::uint32_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool expects_name_ = false; // the next string at depth 1 is a member's name
  bool names_turn_ = false;   // the last name was "turn"
};

/// The report for output that is wrong.
turn_report invalid_output(std::string problem);

} // namespace skein
