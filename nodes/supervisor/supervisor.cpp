#include "nodes/supervisor/supervisor.hpp"

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <system_error>
#include <time.h>
#include <unistd.h>

namespace skein {

namespace {

/// A supervisor whose socket is full holds the node up no longer.
constexpr timeval send_within{1, 0};

std::optional<std::int64_t> number_of(const std::optional<std::string>& text) {
  std::int64_t value = 0;
  if (!text)
    return std::nullopt;
  const char* const end = text->data() + text->size();
  const auto [stop, code] = std::from_chars(text->data(), end, value);
  return code == std::errc{} && stop == end ? std::optional{value} : std::nullopt;
}

struct socket_address {
  sockaddr_un name{};
  socklen_t size = 0; // 0: no socket can have such a name
};

socket_address address_of(const std::string& socket) {
  socket_address out;
  const bool is_abstract = socket.starts_with('@');
  if ((!is_abstract && !socket.starts_with('/')) || socket.size() >= sizeof out.name.sun_path)
    return out;
  out.name.sun_family = AF_UNIX;
  std::memcpy(out.name.sun_path, socket.data(), socket.size());
  if (is_abstract)
    out.name.sun_path[0] = '\0';
  // An abstract name ends where its size says, a path with a zero.
  out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket.size() +
                                    (is_abstract ? 0 : 1));
  return out;
}

std::string microseconds(duration span) {
  return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(span).count());
}

} // namespace

supervision
read_supervision(const std::function<std::optional<std::string>(const char* name)>& variable,
                 std::int64_t process) {
  supervision out;
  out.socket = variable("NOTIFY_SOCKET").value_or("");
  const auto patience = number_of(variable("WATCHDOG_USEC"));
  const auto watched = variable("WATCHDOG_PID");
  if (patience && *patience > 0 && (!watched || number_of(watched) == process))
    out.patience = std::chrono::microseconds{*patience};
  return out;
}

supervision read_supervision() {
  return read_supervision(
      [](const char* name) -> std::optional<std::string> {
        const char* const value = std::getenv(name);
        return value == nullptr ? std::nullopt : std::optional<std::string>{value};
      },
      ::getpid());
}

supervisor::supervisor(supervision of, log_function log)
  : of_{std::move(of)}, log_{std::move(log)} {
  if (of_.socket.empty())
    return;
  socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket_ >= 0)
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &send_within, sizeof send_within);
}

supervisor::~supervisor() {
  if (socket_ >= 0)
    ::close(socket_);
}

void supervisor::ready(std::string_view status) {
  tell("READY=1\nSTATUS=" + std::string{status} + "\n");
}

void supervisor::reloading(bool begins) {
  if (stopping_.load())
    return;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const duration since_boot =
      std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
  tell(begins ? "RELOADING=1\nMONOTONIC_USEC=" + microseconds(since_boot) + "\n" : "READY=1\n");
}

void supervisor::stopping(duration at_most) {
  if (!stopping_.exchange(true))
    tell("STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=" + microseconds(at_most) + "\n");
}

void supervisor::alive() { tell("WATCHDOG=1\n"); }

void supervisor::tell(const std::string& lines) {
  if (of_.socket.empty())
    return;
  const socket_address to = address_of(of_.socket);
  // A union of the library's own would do no better than this cast, which its calls are made for.
  const auto* name = reinterpret_cast<const sockaddr*>(&to.name);
  int code = socket_ < 0 || to.size == 0 ? EINVAL : 0;
  if (code == 0 && ::sendto(socket_, lines.data(), lines.size(), MSG_NOSIGNAL, name, to.size) < 0)
    code = errno;
  if (code != 0 && !unheard_.exchange(true))
    log_(log_level::warn, "node", "supervisor-unheard",
         "the supervisor cannot be told anything at " + of_.socket + " (NOTIFY_SOCKET): " +
             std::generic_category().message(code) + "; it may think that the node never started",
         {});
}

} // namespace skein
