#include "rules.hpp"

#include "source_text.hpp"

#include <algorithm>
#include <array>

namespace skein::tidy {

namespace {

constexpr std::size_t file_lines_max = 600;
constexpr std::size_t line_columns_max = 120;
constexpr std::size_t function_lines_max = 70;

constexpr std::array<std::string_view, 4> layers = {"protocol", "journal", "actors", "nodes"};

std::size_t layer_of(std::string_view path) {
  const std::string_view folder = path.substr(0, path.find('/'));
  return static_cast<std::size_t>(std::find(layers.begin(), layers.end(), folder) - layers.begin());
}

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_source(std::string_view path) { return path.ends_with(".cpp") || path.ends_with(".hpp"); }

std::size_t columns(std::string_view line) { // code points, not bytes
  return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0u) != 0x80u;
  }));
}

std::string at(std::string_view path, std::size_t line, std::string_view what) {
  return std::string{path} + ":" + std::to_string(line) + ": " + std::string{what};
}

/// Words in two parts, so that this file does not break its own rules.
const std::array<std::string, 4> markers = {std::string{"TO"} + "DO", std::string{"FIX"} + "ME",
                                            std::string{"X"} + "XX", std::string{"HA"} + "CK"};
const std::array<std::string, 4> machine_paths = {
    std::string{"/wo"} + "rk/", std::string{"/ro"} + "ot/", std::string{"/ho"} + "me/",
    std::string{"/tmp/bu"} + "ild"};

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
  const bool caf = shell || path.starts_with("tests/sim/");
  const bool zmq = path.starts_with("nodes/broker/") || path.starts_with("tests/nodes/broker/");
  problems found;
  for (const std::string& each : includes_of(text)) {
    const std::string_view what = std::string_view{each}.substr(1);
    if ((what.starts_with("caf/") && !caf) || (what.starts_with("zmq") && !zmq))
      found.push_back(std::string{path} + ": includes " + each);
  }
  return found;
}

problems check_purity(std::string_view path, std::string_view text) {
  const std::string_view name = name_of(path);
  const bool core = name.find("_core.") != std::string_view::npos;
  if ((!core && !path.starts_with("protocol/")) || path.starts_with("tests/") || !is_source(path))
    return {};
  problems found;
  const std::string code = code_of(text);
  for (const char* word : {"random_device", "spdlog", "sleep", "sleep_for", "sleep_until"})
    if (has_word(code, word))
      found.push_back(std::string{path} + ": has " + word);
  if (code.find("now()") != std::string::npos)
    found.push_back(std::string{path} + ": reads a clock");
  for (const std::string& each : includes_of(text))
    if (each.starts_with("<spdlog"))
      found.push_back(std::string{path} + ": includes " + each);
  return found;
}

problems check_actors(std::string_view path, std::string_view text) {
  if (!path.starts_with("actors/"))
    return {};
  problems found;
  const std::string code = code_of(text);
  for (const char* word : {"detached", "blocking_actor", "scoped_actor"})
    if (has_word(code, word))
      found.push_back(std::string{path} + ": has " + word);
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
  if (!path.starts_with("tests/") || !is_source(path))
    return {};
  problems found;
  const std::string code = code_of(text);
  if (has_word(code, "TEST_CASE") && code.find("REQUIRE") == std::string::npos &&
      code.find("CHECK") == std::string::npos)
    found.push_back(std::string{path} + ": tests that assert nothing");
  for (const char* word : {"sleep", "usleep", "nanosleep", "sleep_for", "sleep_until"})
    if (has_word(code, word))
      found.push_back(std::string{path} + ": has " + word);
  return found;
}

problems check_text(std::string_view path, std::string_view text) {
  problems found;
  const auto lines = lines_of(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].empty() && (lines[i].back() == ' ' || lines[i].back() == '\t'))
      found.push_back(at(path, i + 1, "white space at its end"));
    for (const std::string& marker : markers)
      if (has_word(lines[i], marker))
        found.push_back(at(path, i + 1, marker));
    for (const std::string& machine : machine_paths)
      if (lines[i].find(machine) != std::string_view::npos)
        found.push_back(at(path, i + 1, "a path of one machine: " + machine));
  }
  return found;
}

} // namespace skein::tidy
