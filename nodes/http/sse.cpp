#include "nodes/http/sse.hpp"

#include "protocol/check.hpp"

#include <utility>

namespace skein {

namespace {

/// A value that ends with its line, whatever it holds.
void append_line(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  for (const char c : value)
    out.push_back(c == '\n' || c == '\r' ? ' ' : c);
  out.push_back('\n');
}

} // namespace

void append_sse(std::string& out, const stream_message& one) {
  if (!one.id.empty())
    append_line(out, "id", one.id);
  append_line(out, "event", one.name);
  append_line(out, "data", one.data);
  out.push_back('\n');
}

stream_taken stream_feed::deliver(const std::vector<stream_message>& messages, bool live) {
  bool wake = false;
  stream_taken answer = stream_taken::more;
  {
    const std::lock_guard lock{mutex_};
    if (closed_ || lagging_)
      return stream_taken::gone;
    for (const stream_message& each : messages)
      if (!live)
        append_sse(waiting_, each);
      else if (!append_live(each))
        break;
    wake = !std::exchange(woken_, true);
    full_ = !live && in_flight_ + waiting_.size() >= backlog_max_ / 2;
    if (lagging_)
      answer = stream_taken::gone;
    else if (full_)
      answer = stream_taken::full;
  }
  if (wake)
    wake_();
  return answer;
}

bool stream_feed::append_live(const stream_message& one) {
  const std::size_t before = waiting_.size();
  append_sse(waiting_, one);
  // A message alone may be larger than the bound: else nobody could ever read past it.
  if (in_flight_ + before == 0 || in_flight_ + waiting_.size() <= backlog_max_)
    return true;
  waiting_.resize(before);
  lagging_ = true;
  return false;
}

stream_feed::taken stream_feed::take() {
  const std::lock_guard lock{mutex_};
  woken_ = false;
  taken out{std::exchange(waiting_, {}), lagging_};
  in_flight_ += out.text.size();
  return out;
}

bool stream_feed::sent(std::size_t bytes) {
  const std::lock_guard lock{mutex_};
  SKEIN_CHECK(bytes <= in_flight_);
  in_flight_ -= bytes;
  return full_ && in_flight_ + waiting_.size() <= backlog_max_ / 4 && std::exchange(full_, false);
}

bool stream_feed::close() {
  const std::lock_guard lock{mutex_};
  return !std::exchange(closed_, true) && !lagging_;
}

} // namespace skein
