// The line protocol of mode = "lines": what is written to a program, and how its output is cut into
// lines again. Both directions: one JSON object a line, at most limits::agent_line_bytes_max with
// the newline.
//
//   to it: {"turn":"17-42.bot/1","event":{…},"attempt":1,"state":…|null,"deadline":"…","token":"…"}
//            {"cancel":"17-42.bot/1"}
//   from it: {"turn":"17-42.bot/1","reply":…,"emit":[…],"state":…,"error":{…}}     (answer.hpp)
#pragma once

#include "actors/ports.hpp"
#include "nodes/agents/answer.hpp"

#include <string>
#include <string_view>

namespace skein {

/// Appends the line of a turn. Errors: the body is no event, or too_large; then nothing is
/// appended.
result<void> append_turn_line(std::string& out, const turn_start& start, instant deadline);

void append_cancel_line(std::string& out, std::string_view turn);

/// So much of a line over the limit is borne with; then the program is ended.
inline constexpr std::size_t line_skipped_bytes_max = 16 << 20;

class line_sink {
 public:
  /// One line without its newline, with simdjson::SIMDJSON_PADDING readable bytes after it.
  virtual void on_line(std::string_view line) = 0;
  /// A line is over the limit and is skipped; `turn` is the one it names, if any. Told as soon as
  /// the name is known, at the latest at the line's end.
  virtual void on_giant_line(const std::string& turn) = 0;
  /// One line grows beyond line_skipped_bytes_max.
  virtual void on_endless_line() = 0;

 protected:
  ~line_sink() = default;
};

/// Holds at most one unfinished line.
class line_splitter {
 public:
  /// `chunk` with simdjson::SIMDJSON_PADDING readable bytes after it.
  void feed(std::string_view chunk, line_sink& sink);

 private:
  void keep(std::string_view part, line_sink& sink);
  void skip(std::string_view part, line_sink& sink);
  void end_of_giant(line_sink& sink);

  std::string partial_;
  bool skipping_ = false;   // to the next newline
  bool told_ = false;       // of the line that is skipped, with its turn
  std::size_t skipped_ = 0; // bytes of it
  turn_finder finder_;      // has seen it so far, until it found the turn
};

/// Cuts standard error into lines for the log; a longer one is cut off.
class log_line_splitter {
 public:
  template <class Sink> // void(std::string_view)
  void feed(std::string_view chunk, Sink&& sink) {
    while (!chunk.empty()) {
      const std::size_t end = chunk.find('\n');
      keep(chunk.substr(0, end));
      if (end == std::string_view::npos)
        return;
      end_line(sink);
      chunk.remove_prefix(end + 1);
    }
  }
  /// At the end of the program: what came without a newline.
  template <class Sink>
  void finish(Sink&& sink) {
    end_line(sink);
  }

 private:
  void keep(std::string_view part);
  template <class Sink>
  void end_line(Sink&& sink) {
    if (!line_.empty() && line_.back() == '\r')
      line_.pop_back();
    if (!line_.empty())
      sink(std::string_view{line_});
    line_.clear();
  }

  std::string line_;
};

} // namespace skein
