#include "tests/support/cut_socket.hpp"

#include "protocol/check.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace skein::test {

namespace {

sockaddr_un address_in(const std::string& folder) {
  sockaddr_un made{};
  made.sun_family = AF_UNIX;
  const std::string path = folder + "/.s.PGSQL.5432";
  SKEIN_CHECK(path.size() < sizeof made.sun_path);
  std::memcpy(made.sun_path, path.data(), path.size());
  return made;
}

int new_socket() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }

struct line {
  int client = -1;
  int server = -1;
};

bool send_all(int to, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(to, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0)
      return false;
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

/// Moves what is there; false if the line is to be closed.
bool move_some(int from, int to, std::atomic<std::int64_t>& left, std::atomic<std::int64_t>& gone,
               std::atomic<int>& cuts) {
  std::array<char, 16'384> bytes;
  const std::int64_t may = left;
  const auto most =
      may < 0 ? bytes.size() : std::min(bytes.size(), static_cast<std::size_t>(may) + 1);
  const ssize_t got = ::recv(from, bytes.data(), most, 0);
  if (got <= 0)
    return false;
  const bool is_cut = may >= 0 && got > may;
  const auto size = static_cast<std::size_t>(is_cut ? may : got);
  const bool arrived = send_all(to, bytes.data(), size);
  gone += static_cast<std::int64_t>(size);
  if (may >= 0)
    left = may - static_cast<std::int64_t>(size);
  if (is_cut) {
    left = -1;
    ++cuts;
  }
  return arrived && !is_cut;
}

} // namespace

cut_socket::cut_socket(const std::string& folder) : server_{folder}, folder_{folder + "/cut"} {
  std::filesystem::create_directories(folder_);
  ::chmod(folder_.c_str(), 0755);
  const sockaddr_un here = address_in(folder_);
  ::unlink(here.sun_path);
  listener_ = new_socket();
  SKEIN_CHECK(::bind(listener_, reinterpret_cast<const sockaddr*>(&here), sizeof here) == 0);
  SKEIN_CHECK(::listen(listener_, 16) == 0);
  thread_ = std::thread{[this] { serve(); }};
}

cut_socket::~cut_socket() {
  ending_ = true;
  thread_.join();
  ::close(listener_);
}

void cut_socket::serve() {
  std::vector<line> lines;
  while (!ending_) {
    std::vector<pollfd> all{{listener_, POLLIN, 0}};
    for (const line& each : lines) {
      all.push_back({each.client, POLLIN, 0});
      all.push_back({each.server, POLLIN, 0});
    }
    if (::poll(all.data(), all.size(), 20) <= 0)
      continue;
    for (std::size_t i = lines.size(); i-- > 0;) {
      bool open = true;
      if (all[1 + 2 * i].revents != 0)
        open = move_some(lines[i].client, lines[i].server, to_server_, gone_to_server_, cuts_);
      if (open && all[2 + 2 * i].revents != 0)
        open = move_some(lines[i].server, lines[i].client, to_client_, gone_to_client_, cuts_);
      if (open)
        continue;
      ::close(lines[i].client);
      ::close(lines[i].server);
      lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (all[0].revents != 0) {
      const line made{::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC), new_socket()};
      const sockaddr_un there = address_in(server_);
      if (::connect(made.server, reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0)
        lines.push_back(made);
      else
        ::close(made.client), ::close(made.server);
    }
  }
  for (const line& each : lines)
    ::close(each.client), ::close(each.server);
}

} // namespace skein::test
