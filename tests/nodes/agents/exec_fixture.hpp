// A reactor, runners on it, and everything they report and log. Waits are on conditions and
// bounded.
#pragma once

#include "nodes/agents/changing_runner.hpp"
#include "nodes/agents/exec_runner.hpp"
#include "nodes/agents/program_guard.hpp"

#include <catch2/catch.hpp>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <dirent.h>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skein::test {

inline constexpr std::chrono::seconds patience{120};

/// Where `now` stands for the runner's deadlines.
inline constexpr instant test_now = instant{std::chrono::seconds{1'700'000'000}};

struct log_entry {
  exec_log_level level;
  std::string id;
  std::string text;
  std::string turn;
};

/// Open descriptors of this process, and whether it has children.
inline std::size_t count_descriptors() {
  std::size_t count = 0;
  DIR* listing = ::opendir("/proc/self/fd");
  while (::readdir(listing) != nullptr)
    ++count;
  ::closedir(listing);
  return count;
}
inline bool has_children() {
  siginfo_t about{};
  return ::waitid(P_ALL, 0, &about, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/// Waits until the process is gone or a zombie that its parent has yet to reap.
inline bool process_ends(int pid) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0)
    return true;
  pollfd waited{fd, POLLIN, 0};
  const auto bound = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
  const bool ended = ::poll(&waited, 1, static_cast<int>(bound.count())) == 1;
  ::close(fd);
  return ended;
}

class exec_fixture {
 public:
  exec_fixture() {
    auto opened = exec_reactor::open({});
    REQUIRE(opened.ok());
    reactor_ = std::move(opened).value();
  }

  agent_settings settings; // changed by the test before run()
  exec_timing timing{std::chrono::milliseconds{300}, std::chrono::milliseconds{300},
                     std::chrono::seconds{30}};

  /// mode = "lines" with the test worker.
  exec_fixture& lines(std::vector<std::string> flags = {}, std::uint32_t processes = 1,
                      std::uint32_t turns_per_process = 1) {
    settings.name = "bot";
    settings.kind = agent_kind::exec;
    settings.exec.mode = exec_mode::lines;
    settings.exec.command = {WORKER_LINES};
    settings.exec.command.insert(settings.exec.command.end(), flags.begin(), flags.end());
    settings.exec.processes = processes;
    settings.exec.turns_per_process = turns_per_process;
    return *this;
  }
  exec_fixture& oneshot(std::vector<std::string> command, exec_output output = exec_output::reply) {
    settings.name = "bot";
    settings.kind = agent_kind::exec;
    settings.exec.mode = exec_mode::oneshot;
    settings.exec.output = output;
    settings.exec.command = std::move(command);
    return *this;
  }
  exec_fixture& shell(const std::string& script, exec_output output = exec_output::reply) {
    return oneshot({"/bin/sh", "-c", script}, output);
  }

  void run() {
    runner_ = std::make_unique<exec_runner>(
        reactor_, settings, [this](runner_news news) { take(std::move(news)); },
        [this](exec_log_level level, std::string_view id, std::string_view text,
               std::string_view turn) {
          const std::lock_guard lock{mutex_};
          logs_.push_back({level, std::string{id}, std::string{text}, std::string{turn}});
          changed_.notify_all();
        },
        [] { return test_now; }, timing);
  }
  void destroy() { runner_.reset(); }
  /// One whose settings change, without programs yet.
  std::unique_ptr<changing_runner> make_changing() {
    return std::make_unique<changing_runner>(
        [this](const agent_settings& of, runner_sink sink) {
          return std::make_unique<exec_runner>(
              reactor_, of, std::move(sink),
              [](exec_log_level, std::string_view, std::string_view, std::string_view) {},
              [] { return test_now; }, timing);
        },
        [this](runner_news news) { take(std::move(news)); });
  }
  std::uint64_t begin_on(runner_port& which, std::string_view data) {
    which.start(one(make(++last_, text_event(data))));
    return last_;
  }
  exec_runner& runner() { return *runner_; }

  static turn_id id_of(std::uint64_t number, std::uint32_t attempt = 1) {
    return {{{shard_id{17}, number}, 0}, attempt};
  }
  static std::string name_of(std::uint64_t number) {
    return "17-" + std::to_string(number) + ".bot/1";
  }

  static event text_event(std::string_view data) {
    event value;
    value.id = "id-1";
    value.source = "/test";
    value.type = "skein.message";
    value.subject = "chat-7";
    value.kind = data_kind::text;
    value.data = data;
    return value;
  }
  turn_start make(std::uint64_t number, const event& value) {
    turn_start start;
    start.attempt = 1;
    start.turn = id_of(number);
    start.agent = settings.name;
    start.name = name_of(number);
    start.token = "token-" + std::to_string(number);
    start.body = slice{encode_event(value)};
    return start;
  }
  /// Starts a turn whose event is a text; returns its number.
  std::uint64_t begin(std::string_view data, std::string_view state = {}) {
    return begin(text_event(data), state);
  }
  std::uint64_t begin(const event& value, std::string_view state = {}) {
    turn_start start = make(++last_, value);
    start.has_state = !state.empty();
    start.state = slice{std::string{state}};
    runner_->start(one(std::move(start)));
    return last_;
  }
  /// Starts one of the worker's !hang, !wait, !freeze and waits until the worker has it.
  std::uint64_t begin_held(std::string_view data) {
    const std::uint64_t number = begin(data);
    log_with("agent-program-said", "has " + name_of(number));
    return number;
  }
  void stop(std::uint64_t number, stop_stage stage) { runner_->stop(id_of(number), stage); }
  static std::vector<turn_start> one(turn_start start) {
    std::vector<turn_start> turns;
    turns.push_back(std::move(start));
    return turns;
  }
  std::vector<std::uint64_t> begin_all(const std::vector<std::string>& data) {
    std::vector<turn_start> turns;
    std::vector<std::uint64_t> numbers;
    for (const std::string& each : data) {
      turns.push_back(make(++last_, text_event(each)));
      numbers.push_back(last_);
    }
    runner_->start(std::move(turns));
    return numbers;
  }

  turn_report report_of(std::uint64_t number) {
    std::unique_lock lock{mutex_};
    const bool came = changed_.wait_for(lock, patience, [&] { return reports_.count(number) > 0; });
    INFO("turn " << number << logged(lock));
    REQUIRE(came);
    return reports_.at(number);
  }
  turn_report ask(std::string_view data, std::string_view state = {}) {
    return report_of(begin(data, state));
  }
  void wait_for_reports(std::size_t count) {
    std::unique_lock lock{mutex_};
    REQUIRE(changed_.wait_for(lock, patience, [&] { return reports_.size() >= count; }));
  }
  bool has_report(std::uint64_t number) {
    const std::lock_guard lock{mutex_};
    return reports_.count(number) > 0;
  }
  /// Reports for turns that had one already.
  std::size_t repeated_reports() {
    const std::lock_guard lock{mutex_};
    return repeated_;
  }

  /// Numbers of the turns that programs were given, in order.
  std::vector<std::uint64_t> begun() {
    const std::lock_guard lock{mutex_};
    return begun_;
  }
  void wait_for_begun(std::uint64_t number) {
    std::unique_lock lock{mutex_};
    REQUIRE(changed_.wait_for(
        lock, patience, [&] { return std::count(begun_.begin(), begun_.end(), number) > 0; }));
  }
  /// Waits until the runner says that it goes so with its programs.
  runner_health health_with(runner_state state, std::string_view part = {}) {
    std::unique_lock lock{mutex_};
    const runner_health* found = nullptr;
    const bool came = changed_.wait_for(lock, patience, [&] {
      for (const runner_health& each : healths_)
        if (each.state == state && each.error.find(part) != std::string::npos)
          found = &each;
      return found != nullptr;
    });
    INFO("health with " << part << logged(lock));
    REQUIRE(came);
    return *found;
  }

  /// Waits for a log entry with this id whose text contains `part`.
  log_entry log_with(std::string_view id, std::string_view part) {
    std::unique_lock lock{mutex_};
    const log_entry* found = nullptr;
    changed_.wait_for(lock, patience, [&] { return (found = find(id, part)) != nullptr; });
    INFO("log " << id << " with " << part << logged(lock));
    REQUIRE(found != nullptr);
    return *found;
  }
  std::size_t count_logs(std::string_view id, std::string_view part) {
    const std::lock_guard lock{mutex_};
    std::size_t count = 0;
    for (const auto& entry : logs_)
      count += entry.id == id && entry.text.find(part) != std::string::npos ? 1u : 0u;
    return count;
  }

 private:
  void take(runner_news news) {
    const std::lock_guard lock{mutex_};
    for (const turn_id& turn : news.begun)
      begun_.push_back(turn.delivery.event.sequence);
    if (news.health)
      healths_.push_back(*std::move(news.health));
    for (auto& report : news.ended) {
      const auto number = report.turn.delivery.event.sequence;
      repeated_ += reports_.emplace(number, std::move(report)).second ? 0u : 1u;
    }
    changed_.notify_all();
  }
  const log_entry* find(std::string_view id, std::string_view part) const {
    for (const auto& entry : logs_)
      if (entry.id == id && entry.text.find(part) != std::string::npos)
        return &entry;
    return nullptr;
  }
  std::string logged(const std::unique_lock<std::mutex>&) const {
    std::string out;
    for (const auto& entry : logs_)
      out += "\n  " + entry.id + ": " + entry.text;
    return out;
  }

  std::shared_ptr<exec_reactor> reactor_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, turn_report> reports_;
  std::size_t repeated_ = 0;
  std::vector<std::uint64_t> begun_;
  std::vector<runner_health> healths_;
  std::vector<log_entry> logs_;
  std::uint64_t last_ = 0;
  std::unique_ptr<exec_runner> runner_; // first to go
};

} // namespace skein::test
