// simulate --seeds N --first S    runs N seeds; the first that fails is told, with its evidence
// simulate --seed S --verbose     replays one seed and prints all that happens
//   --no-rare                     does not ask that every rare thing was met
//   --all                         goes on after a seed that fails, and lists those that did, each
//                                 with its first broken promise; asks for no rare things
//
// Exit codes: 0 ok, 1 usage, 2 a safety promise was broken, 3 it does not come to rest, or a rare
// thing was never met, 4 an assertion failed.
#include "tests/sim/simulation.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace skein::test;

volatile std::uint64_t current_seed = 0;

void on_abort(int) {
  char text[64];
  const int size = std::snprintf(text, sizeof text, "seed %llu: an assertion failed\n",
                                 static_cast<unsigned long long>(current_seed));
  static_cast<void>(!::write(2, text, static_cast<std::size_t>(size)));
  _exit(4);
}

struct arguments {
  std::uint64_t first = 1;
  std::uint64_t seeds = 1;
  bool verbose = false;
  bool rare = true;
  bool all = false;
};

bool read_arguments(int argc, char** argv, arguments& into) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--verbose") {
      into.verbose = true;
    } else if (name == "--no-rare") {
      into.rare = false;
    } else if (name == "--all") {
      into.all = true;
    } else if (i + 1 < argc && (name == "--seeds" || name == "--first" || name == "--seed")) {
      const std::uint64_t value = std::strtoull(argv[++i], nullptr, 10);
      (name == "--seeds" ? into.seeds : into.first) = value;
      if (name == "--seed")
        into.rare = false;
    } else {
      return false;
    }
  }
  return true;
}

int tell(std::uint64_t seed, const sim_verdict& verdict) {
  int code = 3;
  std::printf("seed %llu FAILED after %llu steps\n  %s\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(verdict.steps), verdict.options.c_str());
  for (const violation& each : verdict.violations) {
    std::printf("  %s %s at record %zu: %s\n", each.kind == breach::safety ? "SAFETY" : "LIVENESS",
                each.rule.c_str(), each.at, each.text.c_str());
    if (each.kind == breach::safety)
      code = 2;
  }
  std::printf("%s", verdict.evidence.c_str());
  return code;
}

int tell_missing(const std::map<std::string, std::uint64_t>& seen) {
  int missing = 0;
  for (const std::string& each : rare_things())
    if (!seen.contains(each)) {
      std::printf("never happened: %s\n", each.c_str());
      missing = 3;
    }
  return missing;
}

int run(const arguments& what) {
  std::map<std::string, std::uint64_t> seen;
  std::uint64_t steps = 0;
  const auto began = std::chrono::steady_clock::now();
  for (std::uint64_t seed = what.first; seed < what.first + what.seeds; ++seed) {
    current_seed = seed;
    const sim_verdict verdict = simulate(seed, what.verbose);
    steps += verdict.steps;
    for (const auto& [name, count] : verdict.seen)
      seen[name] += count;
    if (!verdict.violations.empty())
      return tell(seed, verdict);
    if (seed % 100 == 0 && simulate(seed, false).trace != verdict.trace) {
      std::printf("seed %llu: two runs differ\n", static_cast<unsigned long long>(seed));
      return 2;
    }
    if (what.seeds == 1)
      std::printf("seed %llu ok: %llu steps, trace %016llx\n  %s\n",
                  static_cast<unsigned long long>(seed),
                  static_cast<unsigned long long>(verdict.steps),
                  static_cast<unsigned long long>(verdict.trace), verdict.options.c_str());
  }
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf("%llu seeds ok, %llu steps, %.1f s\n", static_cast<unsigned long long>(what.seeds),
              static_cast<unsigned long long>(steps), took);
  for (const auto& [name, count] : seen)
    std::printf("  %8llu %s\n", static_cast<unsigned long long>(count), name.c_str());
  return what.rare ? tell_missing(seen) : 0;
}

/// Each seed in a process of its own, so that a failed assertion does not end the run.
int run_all(const arguments& what) {
  std::uint64_t failed = 0;
  for (std::uint64_t seed = what.first; seed < what.first + what.seeds; ++seed) {
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child < 0)
      return 1;
    if (child == 0) {
      current_seed = seed;
      const sim_verdict verdict = simulate(seed, false);
      for (const violation& each : verdict.violations)
        std::printf("seed %llu: %s: %s\n", static_cast<unsigned long long>(seed), each.rule.c_str(),
                    each.text.c_str());
      std::fflush(stdout);
      _exit(verdict.violations.empty() ? 0 : 2);
    }
    int status = 0;
    if (::waitpid(child, &status, 0) != child)
      return 1;
    failed += status != 0;
  }
  std::printf("%llu of %llu seeds failed\n", static_cast<unsigned long long>(failed),
              static_cast<unsigned long long>(what.seeds));
  return failed > 0 ? 2 : 0;
}

} // namespace

int main(int argc, char** argv) {
  arguments what;
  if (!read_arguments(argc, argv, what)) {
    std::fprintf(
        stderr,
        "usage: simulate [--seeds N] [--first S] [--seed S] [--verbose] [--no-rare] [--all]\n");
    return 1;
  }
  std::signal(SIGABRT, on_abort);
  std::signal(SIGSEGV, on_abort);
  return what.all ? run_all(what) : run(what);
}
