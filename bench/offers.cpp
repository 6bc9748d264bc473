// bench/offers: single events over HTTP at a fixed rate, from the moment at which each was due
// until its acknowledgement; so a stall counts for all that it held up.
//
//   offers PORT RATE SECONDS KEY...
//
// One line of JSON. The first second is not counted.
#include "bench/http_client.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

using namespace skein::bench;
using steady = std::chrono::steady_clock;

namespace {

constexpr std::size_t senders = 32; // connections, one request at a time each

struct offering {
  std::uint16_t port = 0;
  std::size_t rate = 0;
  std::size_t events = 0;
  std::vector<std::string> keys;
  steady::time_point begin;
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> refused{0};
};

void send(offering& of, std::vector<double>& ms) {
  http_client client{of.port};
  const std::string run = std::to_string(of.begin.time_since_epoch().count());
  for (std::size_t i = 0; (i = of.next.fetch_add(1)) < of.events;) {
    const auto due = of.begin + std::chrono::nanoseconds{i * 1'000'000'000 / of.rate};
    std::this_thread::sleep_until(due);
    const int status =
        client.post_batch(R"([{"specversion":"1.0","id":")" + run + "-" + std::to_string(i) +
                          R"(","source":"bench","type":"bench.event","partitionkey":")" +
                          of.keys[i % of.keys.size()] + R"("}])");
    of.refused += status == 202 ? 0 : 1;
    if (i >= of.rate)
      ms.push_back(std::chrono::duration<double, std::milli>(steady::now() - due).count());
  }
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 5)
    die("usage: offers PORT RATE SECONDS KEY...");
  offering of;
  of.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  of.rate = std::strtoull(argv[2], nullptr, 10);
  of.events = of.rate * std::strtoull(argv[3], nullptr, 10);
  of.keys.assign(argv + 4, argv + argc);
  of.begin = steady::now();
  std::vector<std::vector<double>> each(senders);
  std::vector<std::thread> threads;
  for (auto& ms : each)
    threads.emplace_back(send, std::ref(of), std::ref(ms));
  for (auto& thread : threads)
    thread.join();
  std::vector<double> all;
  for (const auto& ms : each)
    all.insert(all.end(), ms.begin(), ms.end());
  std::sort(all.begin(), all.end());
  const auto at = [&](double part) { return quantile(all, part); };
  const nlohmann::json row{{"events", all.size()}, {"refused", of.refused.load()},
                           {"p50_ms", at(0.5)},    {"p99_ms", at(0.99)},
                           {"p999_ms", at(0.999)}, {"max_ms", at(1.0)}};
  std::printf("%s\n", row.dump().c_str());
}
