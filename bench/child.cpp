#include "bench/child.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace skein::bench {

namespace {

constexpr int look_every_ms = 100;

/// A line of /proc/PID/status, in bytes.
std::size_t memory_of(pid_t process, const std::string& name) {
  std::ifstream lines{"/proc/" + std::to_string(process) + "/status"};
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(name))
      return std::strtoull(line.c_str() + name.size(), nullptr, 10) * 1'024;
  return 0;
}

pid_t start_child(std::vector<std::string> arguments, int output) {
  std::vector<char*> argv;
  std::string self = "/proc/self/exe";
  argv.push_back(self.data());
  for (std::string& each : arguments)
    argv.push_back(each.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0)
    die("no process can be started");
  if (child > 0)
    return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(output, STDOUT_FILENO);
  execv(self.c_str(), argv.data());
  _exit(127);
}

std::vector<std::string> arguments_of(const plan& of) {
  return {"--part",    of.part,
          "--data",    of.data,
          "--events",  std::to_string(of.events),
          "--first",   std::to_string(of.first),
          "--far",     std::to_string(of.far),
          "--payload", std::to_string(of.payload),
          "--keys",    std::to_string(of.keys),
          "--loops",   std::to_string(of.loops),
          "--window",  std::to_string(of.window),
          "--batch",   std::to_string(of.batch)};
}

} // namespace

nlohmann::json run_part(const plan& of, const std::string& part, const own_folder& folder) {
  plan own = of;
  own.part = part;
  own.data = folder.path();
  int ends[2];
  if (pipe(ends) != 0)
    die("no pipe can be made");
  const pid_t child = start_child(arguments_of(own), ends[1]);
  close(ends[1]);
  std::string told;
  std::size_t most = 0;
  std::size_t peak = 0;
  for (bool open = true; open;) {
    pollfd item{ends[0], POLLIN, 0};
    poll(&item, 1, look_every_ms);
    if (told.empty()) {
      most = std::max(most, memory_of(child, "VmRSS:"));
      peak = std::max(peak, memory_of(child, "VmHWM:"));
    }
    if (item.revents == 0)
      continue;
    char bytes[4'096];
    const ssize_t got = read(ends[0], bytes, sizeof bytes);
    open = got > 0;
    told.append(bytes, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  }
  close(ends[0]);
  waitpid(child, nullptr, 0);
  auto figures = nlohmann::json::parse(told, nullptr, false);
  if (figures.is_discarded())
    die("a part of the benchmark failed");
  figures["rss_max"] = most;
  figures["rss_peak"] = peak;
  return figures;
}

void tell(const nlohmann::json& figures) {
  std::printf("%s\n", figures.dump().c_str());
  std::fflush(stdout);
}

std::unique_ptr<load_node> start_and_tell(const plan& of, agent_settings agent) {
  const auto begin = std::chrono::steady_clock::now();
  auto node = start_part(of, std::move(agent));
  const double seconds = seconds_since(begin);
  tell({{"seconds", seconds}, {"pending", status_of(node->api())["ledger"]["pending"]}});
  return node;
}

void start_and_die(const plan& of) {
  const auto node = start_and_tell(of, held_agent());
  end_as_killed();
}

void publish_and_die(const plan& of) {
  const auto node = start_part(of, held_agent());
  const auto begin = std::chrono::steady_clock::now();
  const std::size_t refused = publish_windowed(node->api(), of);
  const double seconds = seconds_since(begin);
  tell({{"seconds", seconds},
        {"per_s", static_cast<double>(of.events) / seconds},
        {"refused", refused},
        {"pending", status_of(node->api())["ledger"]["pending"]},
        {"event_bytes", make_batch(node->api(), of, of.events / 2, 1).front().body.size()}});
  end_as_killed();
}

int run_bench(const plan& of, const parts_of_bench& with) {
  if (!of.part.empty()) {
    const auto found = with.parts.find(of.part);
    if (found == with.parts.end())
      die("there is no part " + of.part);
    found->second(of);
    return 0;
  }
  const auto figures = with.measure(of);
  if (of.json)
    std::printf("%s\n", figures.dump().c_str());
  else
    with.print_table(figures);
  return 0;
}

void end_as_killed() {
  raise(SIGKILL);
  std::abort();
}

} // namespace skein::bench
