#include "bench/http_client.hpp"

#include "protocol/check.hpp"

#include <arpa/inet.h>
#include <cstdlib>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace skein::bench {

http_client::http_client(std::uint16_t port)
  : fd_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)},
    head_{"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
          "\r\nContent-Type: application/cloudevents-batch+json\r\nContent-Length: "} {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  SKEIN_CHECK(connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

http_client::~http_client() { close(fd_); }

int http_client::post_batch(const std::string& body) {
  const std::string request = head_ + std::to_string(body.size()) + "\r\n\r\n" + body;
  std::string_view left = request;
  while (!left.empty()) {
    const ssize_t sent = send(fd_, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent <= 0)
      return 0;
    left.remove_prefix(static_cast<std::size_t>(sent));
  }
  return read_response();
}

int http_client::read_response() {
  char part[65'536];
  while (true) {
    const auto head = buffer_.find("\r\n\r\n");
    if (head != std::string::npos) {
      const auto field = buffer_.find("Content-Length: ");
      const std::size_t length =
          field < head ? std::strtoul(buffer_.c_str() + field + 16, nullptr, 10) : 0;
      if (buffer_.size() >= head + 4 + length) {
        const int status = std::atoi(buffer_.c_str() + 9);
        buffer_.erase(0, head + 4 + length);
        return status;
      }
    }
    const ssize_t got = recv(fd_, part, sizeof part, 0);
    if (got <= 0)
      return 0;
    buffer_.append(part, static_cast<std::size_t>(got));
  }
}

std::string json_batch(const plan& of, std::size_t first, std::size_t count) {
  const std::string data(of.payload, 'x');
  std::string body = "[";
  for (std::size_t i = first; i < first + count; ++i) {
    body += i == first ? "" : ",";
    body += R"({"specversion":"1.0","id":")" + std::to_string(i) +
            R"(","source":"bench","type":"bench.event","datacontenttype":"text/plain",)"
            R"("partitionkey":"key-)" +
            std::to_string(i % of.keys) + R"(","data":")" + data + R"("})";
  }
  return body + "]";
}

} // namespace skein::bench
