#include "nodes/demo/worker.hpp"

#include "nodes/demo/check.hpp"
#include "nodes/demo/config_text.hpp"
#include "protocol/unique_fd.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <iostream>
#include <thread>

namespace skein::demo {

namespace {

using json = nlohmann::json;

/// So long a turn takes: long enough to be hit by a kill now and then.
constexpr std::chrono::milliseconds work{5};

/// The key at which the events are counted that the turns of `key` emit: of "k17" it is "sum-7".
std::string sum_key(const std::string& key) {
  return key.empty() ? "sum" : std::string{"sum-"} + key.back();
}

/// A line a turn, whole: writes of a few hundred bytes to the end of a file do not mix.
bool write_down(int file, const std::string& line) {
  return ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

} // namespace

worker_words work_on(const std::string& line) {
  const json message = json::parse(line, nullptr, false);
  if (!message.is_object() || !message.contains("turn"))
    return {};
  const json& event = message["event"];
  const std::string key = event.value("partitionkey", event.value("id", ""));
  const json state = message.value("state", json{});
  const std::int64_t before = state.is_object() ? state.value("count", std::int64_t{0}) : 0;
  const std::int64_t count = before + 1;
  json answer{{"turn", message["turn"]}, {"reply", count}, {"state", {{"count", count}}}};
  const std::string type = event.value("type", "");
  if (type == step_type && count % steps_per_emit == 0)
    answer["emit"] = json::array({{{"type", sum_type},
                                   {"source", event.value("source", "") + "/sum"},
                                   {"partitionkey", sum_key(key)}}});
  const json history{{"turn", message["turn"]},
                     {"key", key},
                     {"id", event.value("id", "")},
                     {"token", message.value("token", "")},
                     {"before", before}};
  return {answer.dump() + "\n", history.dump() + "\n"};
}

int work_as_agent() {
  const char* const path = std::getenv(history_variable);
  const unique_fd history{
      ::open(path == nullptr ? "" : path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600)};
  if (!history) {
    std::cerr << history_variable << " names no file that can be written\n";
    return 1;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const worker_words words = work_on(line);
    if (words.answer.empty())
      continue;
    if (!write_down(history.get(), words.history))
      return 1;
    std::this_thread::sleep_for(work);
    std::cout << words.answer << std::flush;
  }
  return 0;
}

} // namespace skein::demo
