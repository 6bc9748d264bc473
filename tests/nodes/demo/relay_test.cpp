// Relays with real sockets: what is cut stays under way, what is slow comes later and in order.
#include "nodes/demo/relay.hpp"
#include "protocol/unique_fd.hpp"
#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <poll.h>
#include <thread>
#include <unistd.h>

using namespace skein;
using namespace skein::demo;
using namespace std::chrono_literals;

namespace {

constexpr int patience_ms = 30'000;

relay_rules cut(bool there, bool back) { return {there, back, 0ms, 0ms}; }
relay_rules slow(duration there, duration back) { return {false, false, there, back}; }

const sockaddr* plain(const socket_address& of) {
  return reinterpret_cast<const sockaddr*>(&of.bytes);
}

bool is_readable(const unique_fd& fd, int within_ms) {
  pollfd item{fd.get(), POLLIN, 0};
  return ::poll(&item, 1, within_ms) == 1;
}

/// A server, a relay before it, and a client that is connected through it.
struct line {
  explicit line(bool by_path = true) {
    const auto server =
        by_path ? *socket_address::unix_path(dir.path() + "/server") : socket_address::loopback(0);
    listener = unique_fd{::socket(server.bytes.ss_family, SOCK_STREAM, 0)};
    REQUIRE(::bind(listener.get(), plain(server), server.size) == 0);
    REQUIRE(::listen(listener.get(), 8) == 0);
    socket_address target;
    target.size = sizeof target.bytes;
    REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&target.bytes),
                          &target.size) == 0);
    at = by_path ? *socket_address::unix_path(dir.path() + "/relay") : socket_address::loopback(0);
    const auto opened = all.open(at, target);
    REQUIRE(opened);
    id = *opened;
    if (!by_path)
      at = socket_address::loopback(all.port(id));
  }

  unique_fd connect() const {
    unique_fd made{::socket(at.bytes.ss_family, SOCK_STREAM, 0)};
    REQUIRE(::connect(made.get(), plain(at), at.size) == 0);
    return made;
  }
  unique_fd accept() const {
    REQUIRE(is_readable(listener, patience_ms));
    return unique_fd{::accept(listener.get(), nullptr, nullptr)};
  }

  test::temp_dir dir;
  relays all;
  relay_id id = 0;
  socket_address at;
  unique_fd listener;
};

void send(const unique_fd& fd, const std::string& text) {
  REQUIRE(::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

std::string receive(const unique_fd& fd, std::size_t size) {
  std::string text;
  std::array<char, 65'536> buffer{};
  while (text.size() < size && is_readable(fd, patience_ms)) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got <= 0)
      break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

/// Nothing comes, for so long that it would have.
bool is_silent(const unique_fd& fd) { return !is_readable(fd, 150); }

bool is_closed(const unique_fd& fd) {
  char byte = 0;
  return is_readable(fd, patience_ms) && ::read(fd.get(), &byte, 1) <= 0;
}

} // namespace

TEST_CASE("a relay carries both ways, by path and by port") {
  for (const bool by_path : {true, false}) {
    line between{by_path};
    const unique_fd client = between.connect();
    const unique_fd server = between.accept();
    send(client, "hello");
    CHECK(receive(server, 5) == "hello");
    send(server, "and back");
    CHECK(receive(client, 8) == "and back");
    CHECK(between.all.carried(between.id) == 13);
  }
}

TEST_CASE("much is carried whole and in order, though what a relay holds is bounded") {
  line between;
  const unique_fd client = between.connect();
  const unique_fd server = between.accept();
  std::string text(4 << 20, ' ');
  for (std::size_t i = 0; i < text.size(); ++i)
    text[i] = static_cast<char>('a' + i * i % 23);
  std::string got;
  std::thread reader{[&] { got = receive(server, text.size()); }};
  for (std::size_t at = 0; at < text.size(); at += 1 << 16)
    send(client, text.substr(at, 1 << 16));
  reader.join();
  CHECK((got == text));
}

TEST_CASE("an end is carried on, from either side") {
  line between;
  unique_fd client = between.connect();
  unique_fd server = between.accept();
  client.reset();
  CHECK(is_closed(server));
  client = between.connect();
  server = between.accept();
  server.reset();
  CHECK(is_closed(client));
}

TEST_CASE("a connection ends if nobody is behind the relay") {
  line between;
  between.listener.reset();
  ::unlink((between.dir.path() + "/server").c_str());
  const unique_fd client = between.connect();
  CHECK(is_closed(client));
}

TEST_CASE("what is cut stays under way, and comes when it is whole again") {
  line between;
  const unique_fd client = between.connect();
  const unique_fd server = between.accept();
  between.all.set(between.id, cut(true, true));
  send(client, "there");
  send(server, "back");
  CHECK(is_silent(server));
  CHECK(is_silent(client));
  between.all.set(between.id, {});
  CHECK(receive(server, 5) == "there");
  CHECK(receive(client, 4) == "back");
}

TEST_CASE("one direction can be cut alone") {
  line between;
  const unique_fd client = between.connect();
  const unique_fd server = between.accept();
  between.all.set(between.id, cut(true, false));
  send(client, "there");
  send(server, "back");
  CHECK(receive(client, 4) == "back");
  CHECK(is_silent(server));
}

TEST_CASE("nobody hears of an end while it is cut") {
  line between;
  unique_fd client = between.connect();
  const unique_fd server = between.accept();
  between.all.set(between.id, cut(true, true));
  client.reset();
  CHECK(is_silent(server));
  between.all.set(between.id, {});
  CHECK(is_closed(server));
}

TEST_CASE("what is slow comes later by that, and in order") {
  line between;
  const unique_fd client = between.connect();
  const unique_fd server = between.accept();
  between.all.set(between.id, slow(200ms, 0ms));
  const auto begun = std::chrono::steady_clock::now();
  send(client, "a");
  between.all.set(between.id, {}); // what was sent before is not overtaken
  send(client, "b");
  const std::string got = receive(server, 2);
  CHECK(got == "ab");
  send(server, "c");
  CHECK(receive(client, 1) == "c");
  between.all.set(between.id, slow(0ms, 200ms));
  send(server, "d");
  CHECK(receive(client, 1) == "d");
  CHECK(std::chrono::steady_clock::now() - begun >= 200ms);
}

TEST_CASE("a path that is too long for a socket is refused") {
  CHECK(socket_address::unix_path(std::string(107, 'x')));
  CHECK(socket_address::unix_path(std::string(108, 'x')).error().code == errc::invalid_argument);
}

TEST_CASE("an address that is taken is refused") {
  line between;
  const auto again = between.all.open(between.at, between.at);
  REQUIRE_FALSE(again);
  CHECK(again.error().code == errc::io_error);
}
