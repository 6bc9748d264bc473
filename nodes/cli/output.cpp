#include "nodes/cli/output.hpp"

#include "nodes/logging/log_line.hpp"
#include "protocol/check.hpp"
#include "protocol/raw_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ostream>

namespace skein::cli {

namespace {

constexpr std::size_t gap = 2; // between two columns

/// 0 if it is not known.
std::size_t terminal_width(const context& at) {
  const std::string text = at.world.environment("COLUMNS").value_or("");
  std::size_t width = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), width);
  return code == std::errc{} && end == text.data() + text.size() ? width : 0;
}

instant wall_now(const context& at) {
  return at.world.wall_now ? at.world.wall_now()
                           : from_ns(std::chrono::duration_cast<duration>(
                                         std::chrono::system_clock::now().time_since_epoch())
                                         .count());
}

/// Columns without a width are left out; the last cell of a line is not padded.
void print_aligned(std::ostream& out, const std::vector<std::string>& cells,
                   const std::vector<std::size_t>& widths, bool bold = false) {
  std::string line;
  std::size_t pad = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (widths[i] == 0)
      continue;
    const std::string cell = cut_to(cells[i], widths[i]);
    line.append(pad, ' ').append(cell);
    pad = widths[i] - std::min(width_of(cell), widths[i]) + gap;
  }
  out << (bold ? "\x1b[1m" : "") << line << (bold ? "\x1b[0m\n" : "\n");
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

void text_table::add(std::vector<std::string> cells) {
  SKEIN_CHECK(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

void text_table::print(context& at) const {
  if (at.world.out_is_terminal)
    return text_table{*this}.print_fitted(at);
  std::vector<std::string> headers;
  for (const heading& each : columns_)
    headers.push_back(each.header);
  if (!at.global.no_headers)
    print_tabbed(at.world.out, headers);
  for (const auto& row : rows_)
    print_tabbed(at.world.out, row);
}

/// Columns of which no row has anything go, but for the first.
void text_table::drop_empty_columns() {
  for (std::size_t i = columns_.size(); i-- > 1;) {
    if (std::any_of(rows_.begin(), rows_.end(),
                    [i](const auto& row) { return !row[i].empty() && row[i] != "-"; }))
      continue;
    const auto at = static_cast<std::ptrdiff_t>(i);
    columns_.erase(columns_.begin() + at);
    for (auto& row : rows_)
      row.erase(row.begin() + at);
  }
}

void text_table::print_fitted(context& at) && {
  drop_empty_columns();
  const instant now = wall_now(at);
  std::vector<column_size> sizes;
  std::vector<std::string> headers, hidden;
  for (const heading& each : columns_) {
    const std::size_t width = at.global.no_headers ? 0 : width_of(each.header);
    sizes.push_back({each.worth, width, width});
    headers.push_back(each.header);
  }
  for (auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = columns_[i].worth == weight::exact ? in_milliseconds(std::move(row[i]))
                                                  : short_time(row[i], now);
      sizes[i].widest = std::max(sizes[i].widest, width_of(row[i]));
    }
  const auto widths = fit_columns(sizes, terminal_width(at));
  for (std::size_t i = 0; i < widths.size(); ++i)
    if (widths[i] == 0 && sizes[i].widest > 0)
      hidden.push_back(headers[i]);
  if (!at.global.no_headers)
    print_aligned(at.world.out, headers, widths, !at.global.no_color);
  for (const auto& row : rows_)
    print_aligned(at.world.out, row, widths);
  if (hidden.empty())
    return;
  at.world.out.flush();
  say(at, fmt::format("(columns hidden: {}; widen the terminal or use -o json)",
                      fmt::join(hidden, ", ")));
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
  std::vector<heading> headings;
  std::vector<std::string_view> members;
  for (const column& each : columns) {
    if (each.optional && !any_has(rows, each.member))
      continue;
    headings.push_back({std::string{each.header}, each.worth});
    members.push_back(each.member);
  }
  text_table table{std::move(headings)};
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

void say_warnings(context& at, const json& body) {
  if (const auto found = body.find("warnings"); found != body.end())
    for (const json& each : *found)
      say(at, "warning: " + cell_of(each));
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
