#include "nodes/logging/logging.hpp"

#include "nodes/logging/log_line.hpp"
#include "nodes/logging/log_queue.hpp"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <ctime>
#include <memory>
#include <mutex>

namespace skein {

namespace {

constexpr std::array<std::string_view, 6> level_names{"trace", "debug", "info",
                                                      "warn",  "error", "off"};

/// Hands formatted lines to a function; spdlog's base class serializes the calls.
class writer_sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit writer_sink(log_writer writer) : writer_{std::move(writer)} {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    writer_(std::string_view{line.data(), line.size()});
  }
  void flush_() override {}

  log_writer writer_;
};

spdlog::level::level_enum to_spdlog(log_level level) {
  switch (level) {
    case log_level::trace:
      return spdlog::level::trace;
    case log_level::debug:
      return spdlog::level::debug;
    case log_level::info:
      return spdlog::level::info;
    case log_level::warn:
      return spdlog::level::warn;
    case log_level::error:
      return spdlog::level::err;
    case log_level::off:
      break;
  }
  return spdlog::level::off;
}

/// Puts the time before a line and a newline behind it.
std::unique_ptr<spdlog::formatter> line_formatter(bool json) {
  return std::make_unique<spdlog::pattern_formatter>(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ",%v})"
                                                          : "%Y-%m-%dT%H:%M:%S.%eZ %v",
                                                     spdlog::pattern_time_type::utc);
}

/// A line without its time.
std::string line_of(bool json, log_level level, std::string_view component, std::string_view id,
                    std::string_view sentence, const log_fields& fields) {
  return json ? fmt::format("\"level\":\"{}\",{}", to_string(level),
                            json_members(component, id, sentence, fields))
              : fmt::format("{:<5} {}", to_string(level),
                            text_line(component, id, sentence, fields));
}

std::string lost_line(bool json, std::uint64_t lines) {
  const std::string line =
      line_of(json, log_level::warn, "log", "lines-lost",
              "Lines were lost here because nobody took them.", {{"lines", std::to_string(lines)}});
  spdlog::memory_buf_t out;
  line_formatter(json)->format({{}, spdlog::level::warn, line}, out);
  return {out.data(), out.size()};
}

constexpr int abort_looks = 100;
constexpr timespec abort_pause{0, 2'000'000}; // between two looks: 0.2 s in all
std::atomic<log_queue*> queue_at_abort{nullptr};

/// The lines before a broken invariant are the ones that somebody will want to read.
extern "C" void wait_for_last_lines(int) {
  const log_queue* queue = queue_at_abort.load();
  for (int i = 0; queue != nullptr && !queue->idle() && i < abort_looks; ++i)
    nanosleep(&abort_pause, nullptr);
}

/// The one log of the process.
struct process_log {
  std::atomic<log_level> level{log_level::info};
  bool json = false;
  std::unique_ptr<log_queue> queue; // of the background, if that is where lines go
  std::unique_ptr<spdlog::logger> lines;

  process_log() { set_up({}, {}); }
  ~process_log() { queue_at_abort.store(nullptr); }
  process_log(const process_log&) = delete;
  process_log& operator=(const process_log&) = delete;

  void set_up(const log_options& options, log_writer writer) {
    spdlog::sink_ptr sink;
    if (writer)
      sink = std::make_shared<writer_sink>(std::move(writer));
    else
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    set_up_sink(options, std::move(sink));
    queue_at_abort.store(nullptr);
    queue.reset();
  }

  void set_up_background(const log_options& options, int fd) {
    auto made = std::make_unique<log_queue>(
        fd, log_queue_bytes_max,
        [as_json = options.json](std::uint64_t lost) { return lost_line(as_json, lost); });
    log_queue* to = made.get();
    set_up_sink(options,
                std::make_shared<writer_sink>([to](std::string_view line) { to->push(line); }));
    queue_at_abort.store(to);
    queue = std::move(made);
    std::signal(SIGABRT, wait_for_last_lines);
  }

  void set_up_sink(const log_options& options, spdlog::sink_ptr sink) {
    lines = std::make_unique<spdlog::logger>("skein", std::move(sink));
    lines->set_level(spdlog::level::trace); // `level` decides
    lines->flush_on(spdlog::level::trace);
    lines->set_error_handler(
        [](const std::string&) {}); // a full standard error has no better place
    lines->set_formatter(line_formatter(options.json));
    json = options.json;
    level.store(options.level, std::memory_order_relaxed);
  }
};

process_log& the_log() {
  static process_log instance;
  return instance;
}

} // namespace

std::string_view to_string(log_level level) noexcept {
  return level_names[std::min<std::size_t>(static_cast<std::size_t>(level),
                                           level_names.size() - 1)];
}

std::optional<log_level> parse_log_level(std::string_view text) noexcept {
  const auto at = std::find(level_names.begin(), level_names.end(), text);
  if (at == level_names.end())
    return std::nullopt;
  return static_cast<log_level>(at - level_names.begin());
}

void set_up_logging(const log_options& options, log_writer writer) {
  the_log().set_up(options, std::move(writer));
}

void set_up_background_logging(const log_options& options, int fd) {
  the_log().set_up_background(options, fd);
}

bool flush_log(std::chrono::milliseconds limit) {
  const process_log& log = the_log();
  return log.queue == nullptr || log.queue->flush(limit);
}

void set_log_level(log_level level) noexcept {
  the_log().level.store(level, std::memory_order_relaxed);
}

bool log_enabled(log_level level) noexcept {
  return level != log_level::off && level >= the_log().level.load(std::memory_order_relaxed);
}

void log(log_level level, std::string_view component, std::string_view id,
         std::string_view sentence, const log_fields& fields) {
  if (!log_enabled(level))
    return;
  process_log& log = the_log();
  log.lines->log(to_spdlog(level), line_of(log.json, level, component, id, sentence, fields));
}

} // namespace skein
