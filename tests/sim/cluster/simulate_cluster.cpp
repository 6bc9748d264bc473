// simulate_cluster --seeds N --first S    runs N seeds; those that break a promise are told
// simulate_cluster --seed S --verbose     replays one seed and prints what its nodes log
//
// Exit codes: 0 ok, 1 usage, 2 a promise was broken.
#include "tests/sim/cluster/cluster_simulation.hpp"

#include <cstdio>
#include <cstdlib>
#include <string_view>

int main(int argc, char** argv) {
  std::uint64_t first = 1, seeds = 1;
  bool verbose = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--verbose") {
      verbose = true;
    } else if (i + 1 < argc && (name == "--seeds" || name == "--first" || name == "--seed")) {
      const std::uint64_t value = std::strtoull(argv[++i], nullptr, 10);
      (name == "--seeds" ? seeds : first) = value;
    } else {
      std::fprintf(stderr, "simulate_cluster [--seeds N] [--first S] [--seed S] [--verbose]\n");
      return 1;
    }
  }
  std::map<std::string, std::uint64_t> seen;
  std::uint64_t failed = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const auto verdict = skein::test::simulate_cluster(seed, verbose);
    for (const auto& [what, times] : verdict.seen)
      seen[what] += times;
    if (verdict.ok())
      continue;
    ++failed;
    std::printf("seed %llu (%s)\n", static_cast<unsigned long long>(seed), verdict.options.c_str());
    for (const auto& [rule, text] : verdict.broken)
      std::printf("  %s: %s\n", rule.c_str(), text.c_str());
  }
  for (const auto& [what, times] : seen)
    std::printf("%10llu %s\n", static_cast<unsigned long long>(times), what.c_str());
  std::printf("%llu seeds, %llu failed\n", static_cast<unsigned long long>(seeds),
              static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 2;
}
