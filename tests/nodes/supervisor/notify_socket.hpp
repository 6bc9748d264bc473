// A supervisor's socket that keeps what it is told.
#pragma once

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace skein::test {

class notify_socket {
 public:
  /// A path, or an abstract name behind '@'.
  explicit notify_socket(const std::string& name) : name_{name} {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(name.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@')
      address.sun_path[0] = '\0';
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE(socket_ >= 0);
    const auto size = offsetof(sockaddr_un, sun_path) + name.size() + (name[0] == '@' ? 0 : 1);
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), static_cast<socklen_t>(size)) ==
            0);
  }
  ~notify_socket() {
    ::close(socket_);
    if (name_[0] != '@')
      ::unlink(name_.c_str());
  }
  notify_socket(const notify_socket&) = delete;
  notify_socket& operator=(const notify_socket&) = delete;

  const std::string& name() const { return name_; }

  /// What has come since the last call, a datagram each.
  std::vector<std::string> take() {
    std::vector<std::string> all;
    std::string each(4'096, '\0');
    for (ssize_t size = 0; (size = ::recv(socket_, each.data(), each.size(), 0)) >= 0;)
      all.push_back(each.substr(0, static_cast<std::size_t>(size)));
    return all;
  }

 private:
  std::string name_;
  int socket_ = -1;
};

} // namespace skein::test
