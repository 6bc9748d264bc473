// What a program answers: {"turn":…,"reply":…,"emit":[event…],"state":…,"error":{…}}, or
// {"turn":…,"sleep":"10m","state":…}. It is not trusted: bounded, UTF-8, every member checked. An
// answer with a mistake in it becomes a report that rejects the turn and says which member is wrong
// and why: the same program would make the same mistake again. What is no JSON object with a turn
// is no answer at all.
#pragma once

#include "actors/ports.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace skein {

enum class answer_kind : std::uint8_t { noise, mistake, answer };

struct agent_answer {
  answer_kind is = answer_kind::noise;
  std::string turn;   // the turn it names; of noise, one that can be made out, or empty
  turn_report report; // without its turn id; unless it is an answer, `error` says what is wrong
};

/// Keeps the parser's memory from line to line. One thread at a time.
class answer_reader {
 public:
  answer_reader();
  ~answer_reader();

  /// `line` without its newline; simdjson::SIMDJSON_PADDING readable bytes must follow it. A line
  /// without a turn is noise.
  agent_answer read(std::string_view line);
  /// The same for effects that need not name a turn: what a oneshot program printed.
  turn_report read_effects_of(std::string_view text);

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

/// The report for output that is wrong, for good.
turn_report invalid_output(std::string problem, errc code = errc::agent_output_invalid);

} // namespace skein
