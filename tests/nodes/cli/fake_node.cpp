#include "tests/nodes/cli/fake_node.hpp"

#include "protocol/check.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace skein::test {

namespace {

/// A loopback socket at a port that the system chose.
int bound_socket(unsigned& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  SKEIN_CHECK(fd >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  SKEIN_CHECK(::bind(fd, plain, sizeof address) == 0);
  socklen_t size = sizeof address;
  SKEIN_CHECK(::getsockname(fd, plain, &size) == 0);
  port = ntohs(address.sin_port);
  return fd;
}

std::size_t body_length(const std::string& head) {
  const auto at = head.find("Content-Length: ");
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
}

/// False if the client left before the whole request was there.
bool read_request(int fd, seen_request& into) {
  std::string bytes;
  std::array<char, 4'096> part{};
  for (;;) {
    const auto end = bytes.find("\r\n\r\n");
    if (end != std::string::npos && bytes.size() >= end + 4 + body_length(bytes.substr(0, end))) {
      const auto line_end = bytes.find("\r\n");
      into.line = bytes.substr(0, bytes.find(" HTTP/"));
      into.head = bytes.substr(line_end + 2, end - line_end);
      into.body = bytes.substr(end + 4);
      return true;
    }
    const auto count = ::recv(fd, part.data(), part.size(), 0);
    if (count <= 0)
      return false;
    bytes.append(part.data(), static_cast<std::size_t>(count));
  }
}

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0)
      return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void wait_for_the_client_to_leave(int fd) {
  std::array<char, 64> part{};
  while (::recv(fd, part.data(), part.size(), 0) > 0) {}
}

} // namespace

unsigned closed_port() {
  unsigned port = 0;
  ::close(bound_socket(port));
  return port;
}

fake_node::fake_node() : listener_{bound_socket(port_)} {
  SKEIN_CHECK(::listen(listener_, 8) == 0);
  thread_ = std::thread{[this] { run(); }};
}

fake_node::~fake_node() {
  ending_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
}

std::string fake_node::url() const { return "http://127.0.0.1:" + std::to_string(port_); }

void fake_node::serve(const std::string& line, canned_answer answer) {
  const std::lock_guard lock{mutex_};
  answer_queue& queue = answers_[line];
  if (std::exchange(queue.last_used, false))
    queue.answers.clear();
  queue.answers.push_back(std::move(answer));
}

void fake_node::on_request(std::function<void()> call) {
  const std::lock_guard lock{mutex_};
  on_request_ = std::move(call);
}

std::vector<seen_request> fake_node::take_requests() {
  const std::lock_guard lock{mutex_};
  return std::exchange(requests_, {});
}

canned_answer fake_node::answer_to(const std::string& line) {
  const std::lock_guard lock{mutex_};
  const auto found = answers_.find(line);
  if (found == answers_.end())
    return {500, "text/plain", "", "the test has no answer to " + line};
  answer_queue& queue = found->second;
  canned_answer answer = queue.answers.front();
  if (queue.answers.size() > 1)
    queue.answers.erase(queue.answers.begin());
  else
    queue.last_used = true;
  return answer;
}

void fake_node::handle(int fd) {
  seen_request request;
  if (!read_request(fd, request))
    return;
  std::function<void()> call;
  {
    const std::lock_guard lock{mutex_};
    requests_.push_back(request);
    call = on_request_;
  }
  if (call)
    call();
  const canned_answer answer = answer_to(request.line);
  if (answer.status == 0)
    return;
  if (answer.status == 1)
    return wait_for_the_client_to_leave(fd);
  if (answer.status == 2)
    return send_all(fd, "SSH-2.0-not-http\r\n\r\n");
  send_all(fd, "HTTP/1.1 " + std::to_string(answer.status) +
                   " Status\r\nContent-Type: " + answer.content_type +
                   "\r\nContent-Length: " + std::to_string(answer.body.size()) + "\r\n" +
                   answer.fields + "Connection: close\r\n\r\n" + answer.body);
}

void fake_node::run() {
  while (!ending_) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0)
      continue; // ending
    handle(fd);
    ::close(fd);
  }
}

} // namespace skein::test
