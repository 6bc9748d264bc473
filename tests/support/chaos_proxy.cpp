#include "tests/support/chaos_proxy.hpp"

#include "protocol/check.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace skein::test {

namespace {

constexpr std::size_t piece_bytes = 16 << 10;
constexpr long look_again_ms = 5; // while something is held, or a limit of speed is in force

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

unique_fd new_socket() {
  return unique_fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
}

/// Closing it sends a reset.
void end_hard(const unique_fd& fd) {
  const linger none{1, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

} // namespace

chaos_proxy::chaos_proxy(std::uint16_t target, std::uint64_t seed)
  : listener_{new_socket()}, wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)}, target_{target},
    random_{seed} {
  sockaddr_in address = loopback(0);
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  SKEIN_CHECK(::bind(listener_.get(), plain, size) == 0);
  SKEIN_CHECK(::listen(listener_.get(), 16) == 0);
  SKEIN_CHECK(::getsockname(listener_.get(), plain, &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread{[this] { run(); }};
}

chaos_proxy::~chaos_proxy() {
  {
    const std::lock_guard lock{mutex_};
    ends_ = true;
  }
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
}

void chaos_proxy::set(const network_rules& rules) {
  const std::lock_guard lock{mutex_};
  rules_ = rules;
  ::eventfd_write(wake_.get(), 1);
}

void chaos_proxy::reset() {
  const std::lock_guard lock{mutex_};
  resets_ = true;
  ::eventfd_write(wake_.get(), 1);
}

void chaos_proxy::take_connection() {
  unique_fd client{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (!client || connections_.size() >= connections_max)
    return;
  unique_fd target = new_socket();
  const sockaddr_in address = loopback(target_);
  if (::connect(target.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS)
    return;
  connections_.push_back({std::move(client), std::move(target), {}, {}});
}

/// False: a side is gone.
bool chaos_proxy::pump(int from, int to, direction& by, bool cut, time now) {
  if (cut)
    return true;
  std::array<char, piece_bytes> buffer{};
  while (!by.ended && by.bytes + buffer.size() <= held_bytes_max) {
    const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == ENOTCONN))
      break;
    if (got <= 0) {
      by.ended = true;
      break;
    }
    duration late = now_.delay;
    if (now_.jitter > duration{0})
      late += duration{
          static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(now_.jitter.count()))};
    const time before = by.held.empty() ? time{} : by.held.back().at;
    by.held.push_back(
        {{buffer.data(), static_cast<std::size_t>(got)}, std::max(before, now + late)});
    by.bytes += static_cast<std::size_t>(got);
  }
  if (now_.bytes_per_second != 0) {
    const double rate = static_cast<double>(now_.bytes_per_second);
    by.allowance += rate * std::chrono::duration<double>(now - last_).count();
    by.allowance = std::min(by.allowance, rate / 4);
  }
  while (!by.held.empty() && by.held.front().at <= now) {
    piece& first = by.held.front();
    std::size_t size = first.bytes.size();
    if (now_.bytes_per_second != 0)
      size = std::min(size, static_cast<std::size_t>(by.allowance));
    const ssize_t sent = size == 0 ? 0 : ::send(to, first.bytes.data(), size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != ENOTCONN)
      return false;
    if (sent <= 0)
      break;
    carried_ += static_cast<std::uint64_t>(sent);
    by.bytes -= static_cast<std::size_t>(sent);
    by.allowance -= static_cast<double>(sent);
    first.bytes.erase(0, static_cast<std::size_t>(sent));
    if (first.bytes.empty())
      by.held.pop_front();
  }
  return !by.ended || !by.held.empty();
}

bool chaos_proxy::carry(connection& of, time now) {
  const bool there = pump(of.client.get(), of.target.get(), of.there, now_.cut_there, now);
  const bool back = pump(of.target.get(), of.client.get(), of.back, now_.cut_back, now);
  return there && back;
}

/// Pieces that are held want to be looked at again; else what comes wakes the poll.
long chaos_proxy::patience(time) const {
  for (const connection& each : connections_)
    if (!each.there.held.empty() || !each.back.held.empty())
      return look_again_ms;
  return -1;
}

void chaos_proxy::run() {
  last_ = std::chrono::steady_clock::now();
  while (true) {
    std::vector<pollfd> items{{listener_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    for (const connection& each : connections_) {
      const auto wanted = [](bool cut, const direction& by) {
        return static_cast<short>(
            !cut && !by.ended && by.bytes + piece_bytes <= held_bytes_max ? POLLIN : 0);
      };
      items.push_back({each.client.get(), wanted(now_.cut_there, each.there), 0});
      items.push_back({each.target.get(), wanted(now_.cut_back, each.back), 0});
    }
    ::poll(items.data(), items.size(), static_cast<int>(patience(last_)));
    eventfd_t ignored = 0;
    ::eventfd_read(wake_.get(), &ignored);
    bool resets = false;
    {
      const std::lock_guard lock{mutex_};
      if (ends_)
        return;
      now_ = rules_;
      resets = std::exchange(resets_, false);
    }
    if (resets)
      for (const connection& each : connections_) {
        end_hard(each.client);
        end_hard(each.target);
      }
    if (resets)
      connections_.clear();
    if ((items[0].revents & POLLIN) != 0)
      take_connection();
    const time now = std::chrono::steady_clock::now();
    connections_.remove_if([&](connection& each) { return !carry(each, now); });
    last_ = now;
  }
}

} // namespace skein::test
