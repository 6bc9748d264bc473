// The life of the process around a node: signals, a supervisor, the exit code.
#include "nodes/config/http_address.hpp"
#include "nodes/logging/logging.hpp"
#include "nodes/node.hpp"
#include "nodes/signals.hpp"
#include "nodes/supervisor/heartbeat.hpp"
#include "nodes/supervisor/supervisor.hpp"
#include "protocol/unique_fd.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <utility>

namespace skein {

namespace {

constexpr useconds_t last_answers_us = 500'000; // for the answers "unknown" to leave

/// What an end takes beyond the drain's deadline at most: the store's close, twice store_close_max.
constexpr std::chrono::seconds end_takes_max{10};

/// Whether a terminal is this process's own, and there.
bool has_terminal() {
  const unique_fd terminal{::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)};
  return static_cast<bool>(terminal);
}

/// Waits for signals and for the node's end; hands signals on. SIGHUP comes from somebody who wants
/// the configuration read again; or, as one or as several, from the end of a terminal: that begins
/// a drain and never hastens one. Where there is no file to read it can mean nothing else. While
/// the node serves, this thread and the actors prove to the supervisor that they do.
void serve_until_ended(node& which, signals& caught, supervisor& over,
                       const node_options& options) {
  const duration drain_deadline = options.settings.drain_deadline;
  const bool had_terminal = has_terminal();
  using clock = std::chrono::steady_clock;
  heartbeat beats{over,
                  [&](duration within, std::function<void(bool)> done) {
                    which.probe(within, std::move(done));
                  },
                  log, clock::now()};
  bool drains = false;
  std::array<pollfd, 2> items{{{caught.fd(), POLLIN, 0}, {which.ended_fd(), POLLIN, 0}}};
  while (true) {
    const int wait = drains ? -1 : beats.wait_ms(clock::now());
    if (poll(items.data(), items.size(), wait) < 0)
      continue;
    if (const int signal = (items[0].revents & POLLIN) != 0 ? caught.take() : 0; signal != 0) {
      const bool hangs_up = options.config_file.empty() || (had_terminal && !has_terminal());
      if (signal == SIGHUP && !hangs_up)
        which.reload();
      else if (const bool again = std::exchange(drains, true); !again || signal != SIGHUP) {
        over.stopping(drain_deadline + end_takes_max);
        which.signal();
      }
    }
    if ((items[1].revents & POLLIN) != 0)
      return;
    if (!drains)
      beats.beat(clock::now());
  }
}

std::string status_line(const node_options& options, std::uint16_t port) {
  return "node " + options.settings.node + " serves " +
         to_string(http_address{options.http_host, port});
}

void log_end(const node_end& end) {
  for (const std::string& turn : end.left)
    log(log_level::warn, "node", "turn-left",
        "was told to stop; unless it still answered, it runs again at the next start",
        {{"turn", turn}});
  log(log_level::info, "node", "stopped",
      std::to_string(end.pending) + (end.pending == 1 ? " event waits" : " events wait") +
          " for the next start",
      {{"code", std::to_string(end.code)}});
}

} // namespace

result<int> run_node(const node_options& options,
                     const std::function<void(const node_options&, std::uint16_t)>& ready,
                     std::vector<std::string> guard) {
  set_up_background_logging(options.log, STDERR_FILENO);
  signals caught;
  auto started = node::start(options, std::move(guard));
  if (!started) {
    flush_log(last_lines_limit); // before the caller says why
    return started.error();
  }
  std::unique_ptr<node> running = *std::move(started);
  supervisor over{read_supervision(), log};
  ready(options, running->http_port());
  over.ready(status_line(options, running->http_port()));
  running->tell_reloads([&over](bool begins) { over.reloading(begins); });
  serve_until_ended(*running, caught, over, options);
  // Also where no signal began it.
  over.stopping(options.settings.drain_deadline + end_takes_max);
  if (running->store_failed()) {
    usleep(last_answers_us);
    flush_log(last_lines_limit);
    _exit(exit_store_failed);
  }
  const node_end end = running->finish();
  log_end(end);
  return end.code;
}

} // namespace skein
