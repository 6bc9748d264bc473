#include "nodes/logging/logging.hpp"

#include "nodes/logging/log_line.hpp"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <array>
#include <atomic>
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

/// The one log of the process.
struct process_log {
  std::atomic<log_level> level{log_level::info};
  bool json = false;
  std::unique_ptr<spdlog::logger> lines;

  process_log() { set_up({}, {}); }

  void set_up(const log_options& options, log_writer writer) {
    spdlog::sink_ptr sink;
    if (writer)
      sink = std::make_shared<writer_sink>(std::move(writer));
    else
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    lines = std::make_unique<spdlog::logger>("skein", std::move(sink));
    lines->set_level(spdlog::level::trace); // `level` decides
    lines->flush_on(spdlog::level::trace);
    lines->set_error_handler(
        [](const std::string&) {}); // a full standard error has no better place
    lines->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        options.json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ",%v})" : "%Y-%m-%dT%H:%M:%S.%eZ %v",
        spdlog::pattern_time_type::utc));
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
  const std::string line = log.json ? fmt::format("\"level\":\"{}\",{}", to_string(level),
                                                  json_members(component, id, sentence, fields))
                                    : fmt::format("{:<5} {}", to_string(level),
                                                  text_line(component, id, sentence, fields));
  log.lines->log(to_spdlog(level), line);
}

} // namespace skein
