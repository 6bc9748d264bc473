#include "rules.hpp"

#include "source_text.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace skein::tidy {

namespace {

constexpr std::size_t file_lines_max = 600;
constexpr std::size_t line_columns_max = 100;
constexpr std::size_t function_lines_max = 70;

constexpr std::array<std::string_view, 4> layers = {"protocol", "journal", "actors", "nodes"};

std::size_t layer_of(std::string_view path) {
  const std::string_view folder = path.substr(0, path.find('/'));
  return static_cast<std::size_t>(std::find(layers.begin(), layers.end(), folder) - layers.begin());
}

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_source(std::string_view path) { return path.ends_with(".cpp") || path.ends_with(".hpp"); }

std::string at(std::string_view path, std::size_t line, std::string_view what) {
  return std::string{path} + ":" + std::to_string(line) + ": " + std::string{what};
}

using word_list = std::vector<std::string_view>;
const word_list sleeps = {"sleep", "usleep", "nanosleep", "sleep_for", "sleep_until"};
const word_list time_and_chance = {"system_clock",  "steady_clock",  "high_resolution_clock",
                                   "clock_gettime", "random_device", "mt19937",
                                   "rand",          "spdlog",        "sleep",
                                   "usleep",        "nanosleep",     "sleep_for",
                                   "sleep_until",   "this_thread"};

problems words_found(std::string_view path, std::string_view code, const word_list& words) {
  problems found;
  for (const std::string_view word : words)
    if (has_word(code, word))
      found.push_back(std::string{path} + ": has " + std::string{word});
  return found;
}

/// Whether something is asked `name()`: a bare call, or one of an object or a class.
bool calls(std::string_view code, std::string_view name) {
  const std::string call = std::string{name} + "()";
  for (std::size_t at = code.find(call); at != std::string_view::npos;
       at = code.find(call, at + 1)) {
    const char before = at == 0 ? ' ' : code[at - 1];
    if (std::isalnum(static_cast<unsigned char>(before)) == 0 && before != '_')
      return true;
  }
  return false;
}

} // namespace

problems check_layers(std::string_view path, std::string_view text) {
  const std::size_t own = layer_of(path);
  problems found;
  if (own == layers.size())
    return found;
  for (const std::string& each : includes_of(text)) {
    const std::size_t other = each.front() == '"' ? layer_of(each.substr(1)) : own;
    if (other != layers.size() && other > own)
      found.push_back(std::string{path} + ": includes " + each + " against the arrow");
  }
  return found;
}

problems check_libraries(std::string_view path, std::string_view text) {
  const std::string_view name = name_of(path);
  const bool shell =
      path.starts_with("actors/") && (name.ends_with("_actor.cpp") || name == "interfaces.hpp" ||
                                      name == "type_ids.hpp" || name == "engine.cpp");
  const bool caf = shell || path.starts_with("tests/sim/") || name.ends_with("_actor_test.cpp");
  const bool zmq = path.starts_with("nodes/broker/") || path.starts_with("tests/nodes/broker/") ||
                   path.starts_with("bench/");
  problems found;
  for (const std::string& each : includes_of(text)) {
    const std::string_view what = std::string_view{each}.substr(1);
    if ((what.starts_with("caf/") && !caf) || (what.starts_with("zmq") && !zmq))
      found.push_back(std::string{path} + ": includes " + each);
  }
  return found;
}

problems check_purity(std::string_view path, std::string_view text) {
  const bool core = name_of(path).find("_core.") != std::string_view::npos;
  if ((!core && !path.starts_with("protocol/")) || path.starts_with("tests/") || !is_source(path))
    return {};
  const std::string code = code_of(text);
  problems found = words_found(path, code, time_and_chance);
  if (calls(code, "now"))
    found.push_back(std::string{path} + ": reads a clock");
  for (const std::string& each : includes_of(text))
    if (each.starts_with("<spdlog") || each.find("log.hpp") != std::string::npos)
      found.push_back(std::string{path} + ": includes " + each);
  return found;
}

problems check_actors(std::string_view path, std::string_view text) {
  if (!path.starts_with("actors/") || !is_source(path))
    return {};
  const std::string code = code_of(text);
  problems found = words_found(path, code, {"detached", "blocking_actor", "scoped_actor"});
  for (std::string& each : words_found(path, code, time_and_chance))
    found.push_back(std::move(each));
  return found;
}

problems check_sizes(std::string_view path, std::string_view text) {
  if (!is_source(path))
    return {};
  problems found;
  const auto lines = lines_of(text);
  if (lines.size() > file_lines_max)
    found.push_back(std::string{path} + ": " + std::to_string(lines.size()) + " lines");
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (columns(lines[i]) > line_columns_max)
      found.push_back(at(path, i + 1, std::to_string(columns(lines[i])) + " columns"));
  for (const function_size& each : functions_of(text))
    if (each.lines > function_lines_max)
      found.push_back(
          at(path, each.line, "a function of " + std::to_string(each.lines) + " lines"));
  return found;
}

problems check_tests(std::string_view path, std::string_view text) {
  if (!path.starts_with("tests/"))
    return {};
  problems found;
  if (path.ends_with(".py") || path.ends_with(".sh")) {
    const auto lines = lines_of(text);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::string_view line =
          lines[i].substr(std::min(lines[i].find_first_not_of(' '), lines[i].size()));
      const bool pauses = line.starts_with("sleep ") || line.starts_with("time.sleep(");
      if (pauses && line.find(" #") == std::string_view::npos)
        found.push_back(at(path, i + 1, "a pause that does not say what for"));
    }
    return found;
  }
  const std::string_view name = name_of(path);
  const bool measures = name.ends_with("_rate.cpp") || name.ends_with("_bench.cpp");
  if (!is_source(path) || measures) // what measures runs for a time
    return found;
  const std::string code = code_of(text);
  if (has_word(code, "TEST_CASE") && code.find("REQUIRE") == std::string::npos &&
      code.find("CHECK") == std::string::npos)
    found.push_back(std::string{path} + ": tests that assert nothing");
  for (std::string& each : words_found(path, code, sleeps))
    found.push_back(std::move(each));
  return found;
}

} // namespace skein::tidy
