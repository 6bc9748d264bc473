#include "tests/nodes/http/raw_client.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace skein::test {

std::string raw_response::code() const {
  constexpr std::string_view mark = "\"code\":\"";
  const std::size_t at = body.find(mark);
  if (at == std::string::npos || field("content-type") != "application/problem+json")
    return "";
  const std::size_t from = at + mark.size();
  return body.substr(from, body.find('"', from) - from);
}

raw_client::raw_client(std::uint16_t port, const std::string& from, int receive_buffer) {
  sockaddr_in here{};
  here.sin_family = AF_INET;
  inet_pton(AF_INET, from.c_str(), &here.sin_addr);
  sockaddr_in there = here;
  there.sin_port = htons(port);
  there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (receive_buffer > 0)
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  if (::bind(socket_, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0 ||
      ::connect(socket_, reinterpret_cast<const sockaddr*>(&there), sizeof there) != 0) {
    ::close(socket_);
    socket_ = -1;
  }
}

raw_client::raw_client(raw_client&& other) noexcept
  : patience{other.patience}, socket_{std::exchange(other.socket_, -1)}, ended_{other.ended_},
    buffer_{std::move(other.buffer_)} {}

raw_client::~raw_client() {
  if (socket_ >= 0)
    ::close(socket_);
}

bool raw_client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size <= 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

std::size_t raw_client::send_some(std::string_view bytes) {
  const ssize_t size = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}

void raw_client::half_close() { ::shutdown(socket_, SHUT_WR); }

void raw_client::reset() {
  const linger now{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(std::exchange(socket_, -1));
}

bool raw_client::fill() {
  pollfd ready{socket_, POLLIN, 0};
  if (ended_ || ::poll(&ready, 1, static_cast<int>(patience.count())) != 1)
    return false;
  std::array<char, 65'536> bytes;
  const ssize_t size = ::recv(socket_, bytes.data(), bytes.size(), 0);
  ended_ = size <= 0;
  if (size > 0)
    buffer_.append(bytes.data(), static_cast<std::size_t>(size));
  return size > 0;
}

raw_response raw_client::read(bool head) {
  raw_response out;
  std::size_t end = buffer_.find("\r\n\r\n");
  while (end == std::string::npos && fill())
    end = buffer_.find("\r\n\r\n");
  if (end == std::string::npos || !buffer_.starts_with("HTTP/1.1 "))
    return {};
  out.status = std::stoi(buffer_.substr(9, 3));
  std::size_t line = buffer_.find("\r\n") + 2;
  while (line < end + 2) {
    const std::size_t line_end = buffer_.find("\r\n", line);
    const std::size_t colon = buffer_.find(": ", line);
    std::string name = buffer_.substr(line, colon - line);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    out.fields[name] = buffer_.substr(colon + 2, line_end - colon - 2);
    line = line_end + 2;
  }
  buffer_.erase(0, end + 4);
  if (out.status == 100 || head || !out.fields.contains("content-length"))
    return out;
  const std::size_t length = std::stoul(out.field("content-length"));
  while (buffer_.size() < length)
    if (!fill())
      return {};
  out.body = buffer_.substr(0, length);
  buffer_.erase(0, length);
  return out;
}

raw_response raw_client::ask(std::string_view request, bool head) {
  send(request);
  return read(head);
}

std::string raw_client::read_until(std::string_view text) {
  std::size_t at = buffer_.find(text);
  while (at == std::string::npos && fill())
    at = buffer_.find(text);
  if (at == std::string::npos)
    return "";
  std::string out = buffer_.substr(0, at + text.size());
  buffer_.erase(0, at + text.size());
  return out;
}

std::optional<std::string> raw_client::read_to_end() {
  while (fill()) {}
  if (!ended_)
    return std::nullopt;
  return std::exchange(buffer_, {});
}

} // namespace skein::test
