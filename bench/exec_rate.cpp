// How many turns a second the runner alone carries: turns are started as reports come in, with the
// small compiled worker on the other side of the pipes. Prints one line of JSON.
//
//   exec_rate [processes] [turns_per_process] [seconds] [data bytes]
#include "nodes/agents/exec_runner.hpp"
#include "nodes/agents/program_guard.hpp"
#include "nodes/bench/process_time.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace {

using namespace skein;

event sample(std::size_t data_bytes) {
  event value;
  value.id = "0f2c9a1b-77aa-4a55-9a75-0123456789ab";
  value.source = "/bench/producer";
  value.type = "skein.message";
  value.datacontenttype = "application/json";
  value.set_extension("partitionkey", std::string{"chat-1234"});
  value.kind = data_kind::json;
  value.data = "{\"text\":\"" + std::string(data_bytes, 'x') + "\"}";
  return value;
}

class rate_run {
 public:
  rate_run(std::uint32_t processes, std::uint32_t turns, std::size_t data_bytes)
    : body_{encode_event(sample(data_bytes))}, window_{processes * turns} {
    settings_.name = "bot";
    settings_.concurrency = window_;
    settings_.exec.command = {WORKER_LINES};
    settings_.exec.processes = processes;
    settings_.exec.turns_per_process = turns;
  }

  int run(double seconds) {
    auto reactor = exec_reactor::open({});
    if (!reactor)
      return 1;
    runner_ = std::make_unique<exec_runner>(
        std::shared_ptr<exec_reactor>{std::move(reactor).value()}, settings_,
        [this](runner_news news) { on_reports(news.ended); },
        [](exec_log_level, std::string_view, std::string_view text, std::string_view) {
          std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
        },
        [] { return instant{}; });
    const auto begin = std::chrono::steady_clock::now();
    start(window_);
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    stopping_ = true;
    const std::uint64_t finished = finished_;
    const double took =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    runner_.reset();
    std::printf("{\"processes\":%u,\"turns_per_process\":%u,\"turns\":%llu,\"failed\":%llu,"
                "\"turns_per_second\":%.0f,\"runner_cpu_us_per_turn\":%.2f,"
                "\"worker_cpu_us_per_turn\":%.2f}\n",
                settings_.exec.processes, settings_.exec.turns_per_process,
                static_cast<unsigned long long>(finished),
                static_cast<unsigned long long>(failed_.load()),
                static_cast<double>(finished) / took,
                bench::cpu_now(RUSAGE_SELF) * 1e6 / static_cast<double>(finished),
                bench::cpu_now(RUSAGE_CHILDREN) * 1e6 / static_cast<double>(finished));
    return failed_ == 0 ? 0 : 1;
  }

 private:
  void start(std::size_t count) {
    std::vector<turn_start> turns(count);
    for (auto& turn : turns) {
      turn.turn = {{{shard_id{17}, ++sequence_}, 0}, 1};
      turn.agent = "bot";
      turn.name = turn_name(turn.turn.delivery.event, "bot", 1);
      turn.token = "c29tZS10b2tlbi1vZi0yMi1ieXRlcw";
      turn.body = body_;
    }
    runner_->start(std::move(turns));
  }

  void on_reports(const std::vector<turn_report>& reports) {
    for (const auto& report : reports)
      if (report.verdict != turn_verdict::done && !stopping_)
        ++failed_;
    finished_ += reports.size();
    if (!stopping_)
      start(reports.size());
  }

  agent_settings settings_;
  slice body_;
  std::uint32_t window_;
  std::uint64_t sequence_ = 0; // first the main thread's, then the reactor's
  std::atomic<std::uint64_t> finished_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<bool> stopping_{false};
  std::unique_ptr<exec_runner> runner_;
};

} // namespace

int main(int count, char** arguments) {
  const auto number = [&](int at, double otherwise) {
    return at < count ? std::atof(arguments[at]) : otherwise;
  };
  rate_run bench{static_cast<std::uint32_t>(number(1, 2)),
                 static_cast<std::uint32_t>(number(2, 256)),
                 static_cast<std::size_t>(number(4, 64))};
  return bench.run(number(3, 3));
}
