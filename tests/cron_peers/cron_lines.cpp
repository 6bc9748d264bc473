// Answers lines "ZONE|AFTER|COUNT|EXPRESSION" with the next instants, as seconds since 1970, or
// with "error TEXT": for peers.py, which asks others the same.
#include "actors/jobs/due_times.hpp"
#include "nodes/clock/time_zones.hpp"

#include <cstdlib>
#include <iostream>
#include <string>

using namespace skein;

namespace {

std::string cut(std::string& line) {
  const std::size_t end = line.find('|');
  std::string part = line.substr(0, end);
  line.erase(0, end + 1);
  return part;
}

void answer(std::string line) {
  const auto zone = find_zone(cut(line));
  instant after = from_ns(std::stoll(cut(line)) * 1'000'000'000);
  const int count = std::stoi(cut(line));
  const auto expression = cron::parse(line);
  if (!zone || !expression) {
    std::cout << "error " << (!zone ? zone.error().detail : expression.error().detail) << '\n';
    return;
  }
  for (int i = 0; i < count; ++i) {
    const auto next = next_due(*expression, **zone, dst_rules::of(*expression), after);
    if (!next)
      break;
    after = *next;
    std::cout << (i == 0 ? "" : " ") << to_ns(after) / 1'000'000'000;
  }
  std::cout << '\n';
}

} // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);)
    answer(line);
}
