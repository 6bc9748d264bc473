#include "nodes/demo/line_reader.hpp"

#include <array>
#include <cerrno>
#include <poll.h>
#include <unistd.h>
#include <utility>

namespace skein::demo {

void line_reader::read_some() {
  std::array<char, 4096> buffer{};
  const ssize_t got = ::read(fd_, buffer.data(), buffer.size());
  if (got > 0)
    held_.append(buffer.data(), static_cast<std::size_t>(got));
  else if (got == 0 || (errno != EAGAIN && errno != EINTR))
    over_ = true;
}

std::optional<std::string> line_reader::next() {
  pollfd ready{fd_, POLLIN, 0};
  while (!over_ && held_.find('\n') == held_.npos && held_.size() < line_bytes_max &&
         ::poll(&ready, 1, 0) == 1)
    read_some();
  const auto end = held_.find('\n');
  if (end == held_.npos && held_.size() < line_bytes_max && !(over_ && !held_.empty()))
    return std::nullopt;
  std::string line = held_.substr(0, end);
  held_.erase(0, end == held_.npos ? end : end + 1);
  return line;
}

std::optional<std::string> line_reader::next_blocking() {
  while (true) {
    if (auto line = next())
      return line;
    if (is_over())
      return std::nullopt;
    pollfd ready{fd_, POLLIN, 0};
    ::poll(&ready, 1, -1);
  }
}

} // namespace skein::demo
