#include "nodes/agents/turn_line.hpp"

#include "protocol/cloudevents.hpp"
#include "protocol/limits.hpp"

#include <simdjson.h>

#include <algorithm>

namespace skein {

namespace {

// JSON text may have newlines only between its tokens, where a space is as good.
void append_on_one_line(std::string& out, std::string_view json) {
  const std::size_t begin = out.size();
  out += json;
  for (std::size_t at = begin; at < out.size(); ++at)
    if (out[at] == '\n' || out[at] == '\r')
      out[at] = ' ';
}

} // namespace

result<void> append_turn_line(std::string& out, const turn_start& start, instant deadline) {
  result<event> value = decode_event(start.body.view());
  if (!value)
    return value.error();
  const std::size_t begin = out.size();
  out += "{\"turn\":";
  append_json_string(out, start.name);
  out += ",\"event\":";
  append_structured(out, *value);
  out += ",\"attempt\":";
  out += std::to_string(start.attempt);
  if (start.sleeps > 0) {
    out += ",\"sleeps\":";
    out += std::to_string(start.sleeps);
  }
  out += ",\"state\":";
  if (start.has_state)
    append_on_one_line(out, start.state.view());
  else
    out += "null";
  out += ",\"deadline\":\"";
  out += format_rfc3339(deadline);
  out += "\",\"token\":";
  append_json_string(out, start.token);
  out += "}\n";
  const std::size_t bytes = out.size() - begin;
  if (bytes <= limits::agent_line_bytes_max)
    return {};
  out.resize(begin);
  return error{errc::too_large, "event and state as a line are " + std::to_string(bytes) +
                                    " bytes; a program takes at most " +
                                    std::to_string(limits::agent_line_bytes_max) +
                                    "; mode = \"oneshot\" has no such limit"};
}

void append_cancel_line(std::string& out, std::string_view turn) {
  out += "{\"cancel\":";
  append_json_string(out, turn);
  out += "}\n";
}

void line_splitter::feed(std::string_view chunk, line_sink& sink) {
  while (!chunk.empty()) {
    const std::size_t end = chunk.find('\n');
    const std::string_view part = chunk.substr(0, end);
    if (end == std::string_view::npos) {
      keep(part, sink);
      return;
    }
    chunk.remove_prefix(end + 1);
    if (!skipping_ && partial_.empty() && part.size() < limits::agent_line_bytes_max) {
      sink.on_line(part); // the usual case: nothing is copied
      continue;
    }
    keep(part, sink);
    if (skipping_) {
      end_of_giant(sink);
      continue;
    }
    partial_.reserve(partial_.size() + simdjson::SIMDJSON_PADDING);
    sink.on_line(partial_);
    partial_.clear();
    if (partial_.capacity() > limits::program_read_bytes)
      partial_ = {}; // not every program may keep a megabyte
  }
}

void line_splitter::keep(std::string_view part, line_sink& sink) {
  if (!skipping_ && partial_.size() + part.size() < limits::agent_line_bytes_max) {
    partial_ += part;
    return;
  }
  if (!skipping_) {
    skipping_ = true;
    skip(partial_, sink);
    partial_ = {};
  }
  skip(part, sink);
}

void line_splitter::skip(std::string_view part, line_sink& sink) {
  const bool bearable = skipped_ <= line_skipped_bytes_max;
  skipped_ += part.size();
  if (!told_) {
    finder_.feed(part);
    told_ = !finder_.found().empty();
    if (told_)
      sink.on_giant_line(finder_.found()); // its turn need not wait for the newline
  }
  if (bearable && skipped_ > line_skipped_bytes_max)
    sink.on_endless_line();
}

void line_splitter::end_of_giant(line_sink& sink) {
  if (!told_)
    sink.on_giant_line({});
  skipping_ = told_ = false;
  skipped_ = 0;
  finder_.reset();
}

void log_line_splitter::keep(std::string_view part) {
  // One byte over the limit is kept, so that printable() tells of the cut.
  constexpr std::size_t kept_max = limits::program_log_line_bytes_max + 1;
  line_ += part.substr(0, kept_max - std::min(kept_max, line_.size()));
}

} // namespace skein
