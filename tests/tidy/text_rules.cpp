// The rules about words, pages and the list of what is built.
#include "rules.hpp"
#include "source_text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <regex>

namespace skein::tidy {

namespace {

namespace fs = std::filesystem;

/// In two parts, so that this file does not break its own rules.
const std::array<std::string, 4> markers = {std::string{"TO"} + "DO", std::string{"FIX"} + "ME",
                                            std::string{"X"} + "XX", std::string{"HA"} + "CK"};
const std::array<std::string, 6> machine_paths = {
    std::string{"/wo"} + "rk/",     std::string{"/ro"} + "ot/",  std::string{"/ho"} + "me/",
    std::string{"/tmp/bu"} + "ild", std::string{"/tmp/w"} + "t", std::string{"/tmp/h"} + "/"};
/// Phrases in lower case; each is looked for as a word of its own, in any case.
const std::array<std::string, 11> phrases = {
    std::string{"a"} + "i",           std::string{"l"} + "lm",
    std::string{"g"} + "pt",          std::string{"chatg"} + "pt",
    std::string{"co"} + "pilot",      std::string{"sub"} + "agent",
    std::string{"coding "} + "agent", std::string{"helper "} + "agent",
    std::string{"this "} + "session", std::string{"work"} + "tree",
    std::string{"review"} + "er"};

std::string at(std::string_view path, std::size_t line, std::string_view what) {
  return std::string{path} + ":" + std::to_string(line) + ": " + std::string{what};
}

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

/// The name by which a link reaches a heading: lower case, spaces as '-', other signs left out.
std::string anchor_of(std::string_view heading) {
  std::string out;
  for (const char c : lower(heading)) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' ||
        static_cast<unsigned char>(c) >= 0x80)
      out += c;
    else if (c == ' ')
      out += '-';
  }
  return out;
}

bool has_heading(std::string_view page, std::string_view anchor) {
  for (std::string_view line : lines_of(page)) {
    const std::size_t marks = std::min(line.find_first_not_of('#'), line.size());
    if (marks > 0 && line.substr(marks).starts_with(" ") &&
        anchor_of(line.substr(marks + 1)) == anchor)
      return true;
  }
  return false;
}

/// What stands between `open` and `close`, each time they follow one another in the line.
std::vector<std::string_view> between(std::string_view line, std::string_view open,
                                      std::string_view close) {
  std::vector<std::string_view> found;
  for (std::size_t from = line.find(open); from != line.npos; from = line.find(open, from)) {
    from += open.size();
    const std::size_t end = line.find(close, from);
    if (end == line.npos)
      break;
    found.push_back(line.substr(from, end - from));
    from = end + close.size();
  }
  return found;
}

/// Whether `code` of a page reads like a file of the repository: folder/name, and no pattern.
bool is_path(std::string_view code) {
  constexpr std::array<std::string_view, 10> folders = {
      "protocol/", "journal/", "actors/",  "nodes/",    "tests/",
      "bench/",    "docs/",    "scripts/", "examples/", "cmake/"};
  const bool inside = std::any_of(folders.begin(), folders.end(),
                                  [&](std::string_view each) { return code.starts_with(each); });
  return inside && code.find_first_of(" *<>{}NX…") == code.npos;
}

/// Sources may be named without their ending, and classes by the file they live in.
bool names_a_file(const std::string& path, const std::function<bool(const std::string&)>& exists) {
  for (const char* ending : {"", ".hpp", ".cpp", "_core.hpp", ".md"})
    if (exists(path + ending))
      return true;
  return false;
}

std::string inside_of(std::string_view page, std::string_view link) {
  const fs::path folder = fs::path{page}.parent_path();
  return (folder / link).lexically_normal().generic_string();
}

/// Of all rows of the table but the first: no error.
std::vector<std::string_view> codes_of(std::string_view error_source) {
  auto found = between(error_source, "row{errc::", "\",");
  for (std::string_view& each : found)
    each.remove_prefix(each.rfind('"') + 1);
  std::erase(found, "none");
  return found;
}

/// Where a page says that something is an error's code: as a member of a problem, behind the status
/// or the exit status that it comes with, in a table's column behind these or behind its place.
std::vector<std::string> codes_named_in(std::string_view line) {
  static const std::regex where{
      "\"code\":\"([^\"]+)\"|(?:\\b[45]\\d\\d|\\bexit \\d+,|^\\| (?:turn|start|log|node)) "
      "(?:\\| )?`([a-z-]+)`"};
  std::vector<std::string> found;
  for (std::cregex_iterator at{line.begin(), line.end(), where}, end; at != end; ++at)
    found.push_back((*at)[1].matched ? (*at)[1] : (*at)[2]);
  return found;
}

} // namespace

problems check_text(std::string_view path, std::string_view text) {
  problems found;
  const auto lines = lines_of(text);
  const bool recorded = path.find("/stories/") != path.npos; // a table's last column is padded
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!recorded && !lines[i].empty() && (lines[i].back() == ' ' || lines[i].back() == '\t'))
      found.push_back(at(path, i + 1, "white space at its end"));
    for (const std::string& marker : markers)
      if (has_word(lines[i], marker))
        found.push_back(at(path, i + 1, marker));
  }
  return found;
}

problems check_words(std::string_view path, std::string_view text) {
  problems found;
  const auto lines = lines_of(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    for (const std::string& machine : machine_paths)
      if (lines[i].find(machine) != std::string_view::npos)
        found.push_back(at(path, i + 1, "a path of one machine: " + machine));
    const std::string line = lower(lines[i]);
    for (const std::string& phrase : phrases)
      if (has_word(line, phrase))
        found.push_back(at(path, i + 1, phrase));
  }
  return found;
}

problems check_links(std::string_view path, const file_map& files,
                     const std::function<bool(const std::string&)>& exists) {
  problems found;
  bool example = false;
  const auto lines = lines_of(files.at(std::string{path}));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].starts_with("```"))
      example = !example;
    if (example)
      continue;
    for (const std::string_view link : between(lines[i], "](", ")")) {
      if (link.starts_with("http:") || link.starts_with("https:"))
        continue;
      const std::size_t mark = std::min(link.find('#'), link.size());
      const std::string target =
          mark == 0 ? std::string{path} : inside_of(path, link.substr(0, mark));
      const auto page = files.find(target);
      const bool heading =
          mark == link.size() ||
          (page != files.end() && has_heading(page->second, link.substr(mark + 1)));
      if (!exists(target) || !heading)
        found.push_back(at(path, i + 1, "a link to nothing: " + std::string{link}));
    }
    for (const std::string_view code : between(lines[i], "`", "`"))
      if (is_path(code) && !names_a_file(std::string{code}, exists))
        found.push_back(at(path, i + 1, "names what is not there: " + std::string{code}));
  }
  return found;
}

problems check_built(const file_map& files) {
  problems found;
  const auto list_of = [&](const fs::path& folder) -> std::string_view {
    const auto list = files.find((folder / "CMakeLists.txt").generic_string());
    return list == files.end() ? std::string_view{} : std::string_view{list->second};
  };
  const auto listed = [&](const std::string& source) {
    return std::any_of(files.begin(), files.end(), [&](const auto& each) {
      return each.first.ends_with("CMakeLists.txt") && has_word(each.second, source);
    });
  };
  for (const auto& [name, text] : files) {
    const fs::path path{name};
    const fs::path folder = path.parent_path();
    const std::string here = folder.filename().generic_string();
    const std::string file = path.filename().generic_string();
    if (file == "CMakeLists.txt" && !folder.empty() &&
        list_of(folder.parent_path()).find("add_subdirectory(" + here + ")") == std::string::npos)
      found.push_back(name + ": its folder is not added");
    if (path.extension() == ".cpp" && !has_word(list_of(folder), file) &&
        !listed(here + "/" + file))
      found.push_back(name + ": in no CMakeLists.txt");
  }
  return found;
}

problems check_page_width(std::string_view path, std::string_view text) {
  constexpr std::size_t columns_max = 140;
  problems found;
  bool is_shown = false;
  const auto lines = lines_of(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].starts_with("```"))
      is_shown = !is_shown;
    if (!is_shown && columns(lines[i]) > columns_max && !lines[i].starts_with("|") &&
        lines[i].find("://") == std::string_view::npos)
      found.push_back(at(path, i + 1, std::to_string(columns(lines[i])) + " columns"));
  }
  return found;
}

problems check_error_codes(std::string_view error_source, std::string_view page) {
  problems found;
  for (const std::string_view code : codes_of(error_source))
    if (page.find("| `" + std::string{code} + "` |") == page.npos)
      found.push_back(std::string{code} + ": not explained");
  return found;
}

problems check_named_codes(std::string_view error_source, std::string_view path,
                           std::string_view page) {
  const auto codes = codes_of(error_source);
  problems found;
  const auto lines = lines_of(page);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    for (const std::string& code : codes_named_in(lines[i]))
      if (std::find(codes.begin(), codes.end(), code) == codes.end())
        found.push_back(at(path, i + 1, "no error has the code " + code));
  }
  return found;
}

} // namespace skein::tidy
