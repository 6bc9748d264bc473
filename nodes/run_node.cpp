// The life of the process around a node: signals, a supervisor, the exit code.
#include "nodes/config/http_address.hpp"
#include "nodes/logging/logging.hpp"
#include "nodes/node.hpp"
#include "nodes/signals.hpp"
#include "nodes/supervisor/heartbeat.hpp"
#include "nodes/supervisor/supervisor.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <poll.h>
#include <unistd.h>
#include <utility>

namespace skein {

namespace {

constexpr useconds_t last_answers_us = 500'000; // for the answers "unknown" to leave

/// What an end takes beyond the drain's deadline at most: the store's close, twice store_close_max.
constexpr std::chrono::seconds end_takes_max{10};

/// Waits for signals and for the node's end; hands signals on. The end of a terminal comes as one
/// SIGHUP or as several: it begins a drain and never hastens one. While the node serves, this
/// thread and the actors prove to the supervisor that they do.
void serve_until_ended(node& which, signals& caught, supervisor& over, duration drain_deadline) {
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
    if (const int signal = (items[0].revents & POLLIN) != 0 ? caught.take() : 0; signal != 0)
      if (const bool again = std::exchange(drains, true); !again || signal != SIGHUP) {
        over.stopping(drain_deadline + end_takes_max);
        which.signal();
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
  const duration drain_deadline = options.settings.drain_deadline;
  serve_until_ended(*running, caught, over, drain_deadline);
  over.stopping(drain_deadline + end_takes_max); // also where no signal began it
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
