#include "nodes/cli/output.hpp"

#include "nodes/logging/log_line.hpp"
#include "protocol/check.hpp"
#include "protocol/raw_json.hpp"
#include "protocol/time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <ostream>

namespace skein::cli {

namespace {

constexpr std::size_t cell_columns_max = 48; // on a terminal
constexpr std::size_t cell_columns_min = 4;
constexpr std::size_t gap = 2; // between two columns

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0u) == 0x80u; }

/// Characters, not bytes; wide ones count as one.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

std::string cut(const std::string& text, std::size_t width) {
  if (width_of(text) <= width)
    return text;
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size(); ++end)
    if (!continues(text[end]) && ++seen == width)
      break;
  return text.substr(0, end) + "\xe2\x80\xa6"; // an ellipsis
}

/// A time without what is finer than milliseconds; any other text as it is.
std::string in_milliseconds(std::string text) {
  constexpr std::string_view whole = "2026-01-01T00:00:00.000";
  if (text.size() > whole.size() + 1 && text[whole.size() - 4] == '.' && text.back() == 'Z' &&
      parse_rfc3339(text))
    text.erase(whole.size(), text.size() - whole.size() - 1);
  return text;
}

/// 0 if it is not known.
std::size_t terminal_width(const context& at) {
  const std::string text = at.world.environment("COLUMNS").value_or("");
  std::size_t width = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), width);
  return code == std::errc{} && end == text.data() + text.size() ? width : 0;
}

/// The last cell of a line is not padded.
void print_aligned(std::ostream& out, const std::vector<std::string>& cells,
                   const std::vector<std::size_t>& widths, bool bold = false) {
  std::string line = bold ? "\x1b[1m" : "";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string cell = cut(cells[i], widths[i]);
    line += cell;
    if (i + 1 < cells.size())
      line.append(widths[i] - width_of(cell) + gap, ' ');
  }
  out << line << (bold ? "\x1b[0m\n" : "\n");
}

void print_tabbed(std::ostream& out, const std::vector<std::string>& cells) {
  for (std::size_t i = 0; i < cells.size(); ++i)
    out << (i == 0 ? "" : "\t") << cells[i];
  out << '\n';
}

bool any_has(const json& rows, std::string_view member) {
  return std::any_of(rows.begin(), rows.end(), [&](const json& row) {
    return row.is_object() && row.contains(std::string{member});
  });
}

/// Of a search that ended before the log did.
std::string stopped_after(const json& body) {
  const std::string scanned = cell_of(body, "scanned");
  const std::string reached = cell_of(body, "reached");
  if (scanned == "-")
    return "the search stopped before it had seen all events";
  return fmt::format("the search stopped after {} events{}, before it had seen all", scanned,
                     reached == "-" ? "" : ", back to " + reached);
}

} // namespace

std::string cell_of(const json& value) {
  if (value.is_null())
    return "-";
  if (value.is_string())
    return escape_controls(value.get_ref<const std::string&>());
  if (value.is_boolean())
    return value.get<bool>() ? "yes" : "no";
  if (value.is_number_float())
    return fmt::format("{:.3f}", value.get<double>());
  return escape_controls(write_json(value));
}

std::string cell_of(const json& row, std::string_view member) {
  if (!row.is_object())
    return "-";
  const auto found = row.find(std::string{member});
  return found == row.end() ? "-" : cell_of(*found);
}

std::vector<std::size_t> fit_columns(std::vector<std::size_t> widths, std::size_t terminal_width) {
  if (widths.size() < 2 || terminal_width == 0)
    return widths;
  auto total = std::accumulate(widths.begin(), widths.end(), gap * (widths.size() - 1));
  for (; total > terminal_width; --total) {
    const auto widest = std::max_element(widths.begin() + 1, widths.end());
    if (*widest <= cell_columns_min)
      break;
    --*widest;
  }
  return widths;
}

void text_table::add(std::vector<std::string> cells) {
  SKEIN_CHECK(cells.size() == headers_.size());
  rows_.push_back(std::move(cells));
}

void text_table::print(context& at) const {
  std::ostream& out = at.world.out;
  if (!at.world.out_is_terminal) {
    if (!at.global.no_headers)
      print_tabbed(out, headers_);
    for (const auto& row : rows_)
      print_tabbed(out, row);
    return;
  }
  std::vector<std::size_t> widths;
  for (const std::string& header : headers_)
    widths.push_back(at.global.no_headers ? 0 : width_of(header));
  auto rows = rows_;
  for (auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = in_milliseconds(std::move(row[i]));
      widths[i] = std::max(widths[i], std::min(width_of(row[i]), cell_columns_max));
    }
  widths = fit_columns(std::move(widths), terminal_width(at));
  if (!at.global.no_headers)
    print_aligned(out, headers_, widths, !at.global.no_color);
  for (const auto& row : rows)
    print_aligned(out, row, widths);
}

void text_values::add(std::string_view name, std::string value) {
  lines_.emplace_back(name, std::move(value));
}

void text_values::add(std::string_view name, const json& row, std::string_view member) {
  const auto found = row.find(std::string{member});
  if (found != row.end() && !found->is_null())
    add(name, cell_of(*found));
}

void text_values::print(context& at) const {
  std::size_t width = 0;
  for (const auto& [name, value] : lines_)
    width = std::max(width, name.size());
  for (const auto& [name, value] : lines_) {
    if (at.world.out_is_terminal)
      at.world.out << fmt::format("{:<{}}  {}\n", name, width, value);
    else
      print_tabbed(at.world.out, {name, value});
  }
}

void print_rows(context& at, const json& rows, std::span<const column> columns) {
  std::vector<std::string> headers;
  std::vector<std::string_view> members;
  for (const column& each : columns) {
    if (each.optional && !any_has(rows, each.member))
      continue;
    headers.emplace_back(each.header);
    members.push_back(each.member);
  }
  text_table table{std::move(headers)};
  for (const json& row : rows) {
    std::vector<std::string> cells;
    for (const std::string_view member : members)
      cells.push_back(cell_of(row, member));
    table.add(std::move(cells));
  }
  table.print(at);
}

void print_list(context& at, const json& body, std::string_view rows,
                std::span<const column> columns, std::string_view empty) {
  const auto found = body.find(std::string{rows});
  const json list = found != body.end() && found->is_array() ? *found : json::array();
  if (at.global.output == output_format::json)
    print_json(at, body);
  else if (at.global.output == output_format::jsonl)
    for (const json& row : list)
      print_json(at, row);
  else if (!list.empty())
    print_rows(at, list, columns);
  const std::string next = cell_of(body, "next");
  const bool stopped = cell_of(body, "complete") == "no";
  if (list.empty() && next == "-" && !stopped)
    say(at, empty);
  if (stopped)
    say(at, stopped_after(body));
  if (next != "-")
    say(at, fmt::format("{}: add --after {}", stopped ? "it goes on" : "there is more",
                        shell_quoted(next)));
}

void print_json(context& at, const json& value) {
  const int indent = at.global.output == output_format::jsonl ? -1 : 2;
  at.world.out << write_json(value, indent) << '\n';
}

std::string shell_quoted(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"-_./:@%+,"}.find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain))
    return std::string{text};
  std::string out = "'";
  for (const char c : text)
    out.append(c == '\'' ? "'\\''" : std::string(1, c));
  return out + "'";
}

void print_heading(context& at, std::string_view text) {
  const bool bold = at.world.out_is_terminal && !at.global.no_color;
  at.world.out << '\n' << (bold ? "\x1b[1m" : "") << text << (bold ? "\x1b[0m" : "") << '\n';
}

} // namespace skein::cli
