#include "nodes/demo/relay.hpp"

#include "protocol/check.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>

namespace skein::demo {

namespace {

constexpr std::size_t piece_bytes = 16 << 10;
constexpr int waiting_max = 64; // connections that the system keeps before they are taken

unique_fd new_socket(int family) {
  return unique_fd{::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
}

const sockaddr* plain(const socket_address& of) {
  return reinterpret_cast<const sockaddr*>(&of.bytes);
}

bool would_wait(int number) { return number == EAGAIN || number == EINTR || number == ENOTCONN; }

/// Small messages are not held back to be sent together.
void send_at_once(const unique_fd& fd, int family) {
  const int on = 1;
  if (family != AF_UNIX)
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

error failed(const char* step) {
  return {errc::io_error, std::string{"a relay cannot "} + step + ": " + std::strerror(errno)};
}

} // namespace

// ---- addresses ----------------------------------------------------------------------------------

result<socket_address> socket_address::unix_path(const std::string& path) {
  socket_address made;
  auto& address = reinterpret_cast<sockaddr_un&>(made.bytes);
  if (path.size() >= sizeof address.sun_path)
    return error{errc::invalid_argument,
                 path + " is too long for a socket; choose a shorter folder"};
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  made.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return made;
}

socket_address socket_address::loopback(std::uint16_t port) {
  socket_address made;
  auto& address = reinterpret_cast<sockaddr_in&>(made.bytes);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  made.size = sizeof address;
  return made;
}

result<socket_address> socket_address::find(const std::string& host, const std::string& port) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int problem = ::getaddrinfo(host.c_str(), port.c_str(), &wanted, &list); problem != 0)
    return error{errc::store_unreachable, "there is no address of " + host + ": " +
                                              ::gai_strerror(problem) +
                                              "; correct the host in --store"};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned{list, ::freeaddrinfo};
  socket_address made;
  std::memcpy(&made.bytes, list->ai_addr, list->ai_addrlen);
  made.size = list->ai_addrlen;
  return made;
}

// ---- what other threads ask ---------------------------------------------------------------------

relays::relays() : wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
  SKEIN_CHECK(static_cast<bool>(wake_));
  thread_ = std::thread{[this] { run(); }};
}

relays::~relays() {
  {
    const std::lock_guard lock{mutex_};
    ends_ = true;
  }
  wake();
  thread_.join();
}

void relays::wake() const { ::eventfd_write(wake_.get(), 1); }

result<relay_id> relays::open(const socket_address& at, const socket_address& target) {
  relay made;
  made.target = target;
  made.listener = new_socket(at.bytes.ss_family);
  if (!made.listener)
    return failed("have a socket");
  if (::bind(made.listener.get(), plain(at), at.size) != 0)
    return failed("have its address");
  if (::listen(made.listener.get(), waiting_max) != 0)
    return failed("listen");
  sockaddr_in got{};
  socklen_t size = sizeof got;
  if (at.bytes.ss_family == AF_INET &&
      ::getsockname(made.listener.get(), reinterpret_cast<sockaddr*>(&got), &size) == 0)
    made.port = ntohs(got.sin_port);
  const std::lock_guard lock{mutex_};
  relays_.push_back(std::move(made));
  wake();
  return relays_.size() - 1;
}

std::uint16_t relays::port(relay_id which) const {
  const std::lock_guard lock{mutex_};
  return std::next(relays_.begin(), static_cast<std::ptrdiff_t>(which))->port;
}

void relays::set(relay_id which, const relay_rules& rules) {
  const std::lock_guard lock{mutex_};
  std::next(relays_.begin(), static_cast<std::ptrdiff_t>(which))->rules = rules;
  wake();
}

std::uint64_t relays::carried(relay_id which) const {
  const std::lock_guard lock{mutex_};
  return std::next(relays_.begin(), static_cast<std::ptrdiff_t>(which))->carried;
}

// ---- the thread ---------------------------------------------------------------------------------

bool relays::direction::has_room() const { return !ended && bytes + piece_bytes <= held_bytes_max; }

void relays::accept(relay& at) {
  unique_fd client{::accept4(at.listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (!client || at.connections.size() >= connections_max)
    return;
  unique_fd target = new_socket(at.target.bytes.ss_family);
  const bool reached = ::connect(target.get(), plain(at.target), at.target.size) == 0;
  if (!reached && errno != EINPROGRESS)
    return; // nobody is there: the client sees its connection end
  send_at_once(client, at.target.bytes.ss_family);
  send_at_once(target, at.target.bytes.ss_family);
  at.connections.push_back({std::move(client), std::move(target), {}, {}, reached, false});
}

/// False: this direction is over.
bool relays::move(int from, int to, direction& by, duration delay, std::uint64_t& carried,
                  time now) {
  std::array<char, piece_bytes> buffer{};
  while (by.has_room()) {
    const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
    if (got < 0 && would_wait(errno))
      break;
    by.ended = got <= 0;
    if (by.ended)
      break;
    const time before = by.held.empty() ? time{} : by.held.back().at; // the order stays
    by.held.push_back(
        {{buffer.data(), static_cast<std::size_t>(got)}, std::max(before, now + delay)});
    by.bytes += static_cast<std::size_t>(got);
  }
  while (!by.held.empty() && by.held.front().at <= now) {
    std::string& first = by.held.front().bytes;
    const ssize_t sent = ::send(to, first.data(), first.size(), MSG_NOSIGNAL);
    if (sent < 0 && !would_wait(errno))
      return false;
    if (sent <= 0)
      break;
    carried += static_cast<std::uint64_t>(sent);
    by.bytes -= static_cast<std::size_t>(sent);
    first.erase(0, static_cast<std::size_t>(sent));
    if (first.empty())
      by.held.pop_front();
  }
  return !by.ended || !by.held.empty();
}

/// What is to wake the thread: descriptors, and a time at which something held may go on. A socket
/// of which nothing is wanted is left out, as the poll would tell its end again and again.
struct relays::waiting {
  std::vector<pollfd> items;
  std::optional<time> until;

  void add(int fd, bool reads, bool writes) {
    if (reads || writes)
      items.push_back({fd, static_cast<short>((reads ? POLLIN : 0) | (writes ? POLLOUT : 0)), 0});
  }
  void add(const connection& of, const relay_rules& rules, time now) {
    const auto writes = [&](const direction& by, bool cut) {
      if (cut || by.held.empty())
        return false;
      if (by.held.front().at <= now)
        return true;
      until = std::min(until.value_or(by.held.front().at), by.held.front().at);
      return false;
    };
    const bool writes_target = writes(of.there, rules.cut_there);
    const bool writes_client = writes(of.back, rules.cut_back);
    add(of.client.get(), of.reached && !rules.cut_there && of.there.has_room(), writes_client);
    add(of.target.get(), of.reached && !rules.cut_back && of.back.has_room(),
        writes_target || !of.reached);
  }
};

void relays::wait_for(const waiting& on, time now) const {
  int patience_ms = -1;
  if (on.until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*on.until - now).count();
    patience_ms = static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
  }
  auto items = on.items;
  ::poll(items.data(), items.size(), patience_ms);
  eventfd_t ignored = 0;
  ::eventfd_read(wake_.get(), &ignored);
}

void relays::run() {
  while (true) {
    waiting on;
    on.add(wake_.get(), true, false);
    const time before = std::chrono::steady_clock::now();
    {
      const std::lock_guard lock{mutex_};
      if (ends_)
        return;
      for (const relay& each : relays_) {
        on.add(each.listener.get(), true, false);
        for (const connection& of : each.connections)
          on.add(of, each.rules, before);
      }
    }
    wait_for(on, before);
    const std::lock_guard lock{mutex_};
    const time now = std::chrono::steady_clock::now();
    for (relay& each : relays_) {
      accept(each);
      for (connection& of : each.connections) {
        int problem = 0;
        socklen_t size = sizeof problem;
        if (!of.reached) {
          pollfd ready{of.target.get(), POLLOUT, 0};
          of.reached = ::poll(&ready, 1, 0) == 1;
          ::getsockopt(of.target.get(), SOL_SOCKET, SO_ERROR, &problem, &size);
        }
        const relay_rules& rules = each.rules;
        of.over =
            problem != 0 ||
            (of.reached && !rules.cut_there &&
             !move(of.client.get(), of.target.get(), of.there, rules.delay_there, each.carried,
                   now)) ||
            (of.reached && !rules.cut_back &&
             !move(of.target.get(), of.client.get(), of.back, rules.delay_back, each.carried, now));
      }
      each.connections.remove_if([](const connection& of) { return of.over; });
    }
  }
}

} // namespace skein::demo
