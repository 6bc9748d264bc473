#include "bench/child.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
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

void end_as_killed() {
  raise(SIGKILL);
  std::abort();
}

} // namespace skein::bench
