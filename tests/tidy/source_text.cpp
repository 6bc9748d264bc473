#include "source_text.hpp"

#include <algorithm>
#include <cctype>

namespace skein::tidy {

namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

void blank(std::string& text, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to && i < text.size(); ++i)
    if (text[i] != '\n')
      text[i] = ' ';
}

/// The end of the literal or comment that begins at `at`; `at` if none does.
std::size_t end_of_blank(std::string_view text, std::size_t at) {
  const auto until = [&](std::string_view what, std::size_t from) {
    const std::size_t found = text.find(what, from);
    return found == std::string_view::npos ? text.size() : found + what.size();
  };
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("//"))
    return std::min(text.find('\n', at), text.size());
  if (rest.starts_with("/*"))
    return until("*/", at + 2);
  if (rest.starts_with("R\"") && (at == 0 || !is_word(text[at - 1]))) {
    const std::size_t open = text.find('(', at);
    if (open == std::string_view::npos)
      return text.size();
    return until(")" + std::string{text.substr(at + 2, open - at - 2)} + "\"", open);
  }
  const char quote = text[at];
  const bool separator = quote == '\'' && at > 0 && is_word(text[at - 1]); // 1'000
  if ((quote != '"' && quote != '\'') || separator)
    return at;
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == quote || text[i] == '\n')
      return i + 1;
  }
  return text.size();
}

enum class brace { container, function, other };

/// What a brace opens, from the text since the last statement and the brace around it.
brace kind_of(std::string_view header, brace around) {
  while (!header.empty() && std::isspace(static_cast<unsigned char>(header.back())) != 0 &&
         header.size() > 1 &&
         std::isspace(static_cast<unsigned char>(header[header.size() - 2])) != 0)
    header.remove_suffix(1);
  if (around != brace::container || header.empty() || is_word(header.back()) ||
      header.back() == '>')
    return brace::other; // inside of a function, or an initializer: name_{...}
  const std::size_t last = header.find_last_not_of(" \n");
  if (last == std::string_view::npos || header[last] == '=' || header[last] == ',')
    return brace::other;
  if (header.find(')') != std::string_view::npos)
    return brace::function;
  for (const std::string_view word : {"namespace", "class", "struct", "union", "extern"})
    if (has_word(header, word))
      return brace::container;
  return brace::other;
}

} // namespace

std::string code_of(std::string_view source) {
  std::string text{source};
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = end_of_blank(source, at);
    blank(text, at, end);
    at = std::max(end, at + 1);
  }
  return text;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::size_t columns(std::string_view line) {
  return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0u) != 0x80u;
  }));
}

bool has_word(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || !is_word(text[at - 1])) && (end == text.size() || !is_word(text[end])))
      return true;
  }
  return false;
}

std::vector<std::string> includes_of(std::string_view source) {
  constexpr std::string_view directive = "#include ";
  std::vector<std::string> found;
  for (std::string_view line : lines_of(source)) {
    if (!line.starts_with(directive))
      continue;
    line.remove_prefix(directive.size());
    if (line.empty())
      continue;
    const std::size_t end = line.find(line.front() == '<' ? '>' : '"', 1);
    if (end != std::string_view::npos)
      found.emplace_back(line.substr(0, end + 1));
  }
  return found;
}

namespace {

/// Line for line, how many lines up to it are the inside of a raw string: they are data, not code.
std::vector<std::size_t> data_lines(std::string_view source, std::string_view code) {
  const auto lines = lines_of(source);
  const auto rests = lines_of(code);
  std::vector<std::size_t> counts{0}; // of line 0; lines count from 1
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t first = lines[i].find_first_not_of(' ');
    const bool blanked = i < rests.size() && rests[i].find_first_not_of(' ') == rests[i].npos;
    const bool data = first != lines[i].npos && blanked && lines[i][first] != '/' &&
                      lines[i][first] != '"' && lines[i][first] != '*';
    counts.push_back(counts.back() + (data ? 1 : 0));
  }
  return counts;
}

} // namespace

std::vector<function_size> functions_of(std::string_view source) {
  const std::string code = code_of(source);
  const std::vector<std::size_t> data = data_lines(source, code);
  std::vector<function_size> found;
  std::vector<std::pair<brace, std::size_t>> open;
  std::size_t line = 1, header = 0;
  bool directive = false;
  for (std::size_t at = 0; at < code.size(); ++at) {
    const char c = code[at];
    const brace around = open.empty() ? brace::container : open.back().first;
    if (c == '\n') {
      ++line;
      directive = false;
    } else if (c == '#') {
      directive = true;
    } else if (c == ';' && around == brace::container) {
      header = at + 1;
    } else if (c == '{' && !directive) {
      const brace kind = kind_of(std::string_view{code}.substr(header, at - header), around);
      open.emplace_back(kind, line);
      if (kind == brace::container)
        header = at + 1;
    } else if (c == '}' && !directive && !open.empty()) {
      const auto [kind, from] = open.back();
      open.pop_back();
      if (kind == brace::function)
        found.push_back({from, line - from + 1 - (data[line] - data[from])});
      if (kind != brace::other)
        header = at + 1;
    }
  }
  return found;
}

} // namespace skein::tidy
