#include "nodes/cli/table_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace skein::cli {

namespace {

constexpr std::size_t text_width_min = 16;
constexpr std::size_t text_width_unknown = 48; // where the terminal's width is not known
constexpr std::size_t gap = 2;                 // between two columns

constexpr std::string_view to_the_second = "2026-01-01T00:00:00";
constexpr std::string_view to_the_millisecond = "2026-01-01T00:00:00.000";

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0u) == 0x80u; }

bool is_text(const column_size& column) {
  return column.worth == weight::text || column.worth == weight::note;
}

std::size_t least_width(const column_size& column) {
  return is_text(column) ? std::min(column.widest, std::max(column.header, text_width_min))
                         : column.widest;
}

/// Of a row with the columns that are not hidden.
std::size_t row_width(const std::vector<std::size_t>& widths) {
  std::size_t total = 0;
  for (const std::size_t each : widths)
    if (each > 0)
      total += each + gap;
  return total > gap ? total - gap : 0;
}

/// The column that goes next; none if all that are left stay.
std::size_t least_worth(const std::vector<column_size>& columns,
                        const std::vector<std::size_t>& widths) {
  std::size_t found = 0;
  for (std::size_t i = 1; i < columns.size(); ++i)
    if (widths[i] > 0 && columns[i].worth > weight::whole &&
        (found == 0 || columns[i].worth >= columns[found].worth))
      found = i;
  return found;
}

/// Gives what is left of a row to its texts, the narrowest first.
void widen_texts(const std::vector<column_size>& columns, std::vector<std::size_t>& widths,
                 std::size_t terminal) {
  for (std::size_t left = terminal - row_width(widths); left > 0; --left) {
    std::size_t narrowest = columns.size();
    for (std::size_t i = 0; i < columns.size(); ++i)
      if (widths[i] > 0 && widths[i] < columns[i].widest &&
          (narrowest == columns.size() || widths[i] < widths[narrowest]))
        narrowest = i;
    if (narrowest == columns.size())
      return;
    ++widths[narrowest];
  }
}

/// "+02:00", "Z"
duration offset_of(std::string_view text) {
  const auto sign = text.find_last_of("+-");
  if (sign == std::string_view::npos || sign < to_the_second.size())
    return duration{0};
  const auto two = [&](std::size_t at) { return (text[at] - '0') * 10 + (text[at + 1] - '0'); };
  const duration span = std::chrono::hours{two(sign + 1)} + std::chrono::minutes{two(sign + 4)};
  return text[sign] == '-' ? -span : span;
}

} // namespace

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

std::string cut_to(const std::string& text, std::size_t width) {
  if (width_of(text) <= width)
    return text;
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size(); ++end)
    if (!continues(text[end]) && ++seen == width)
      break;
  return text.substr(0, end) + "\xe2\x80\xa6"; // an ellipsis
}

std::vector<std::size_t> fit_columns(const std::vector<column_size>& columns,
                                     std::size_t terminal) {
  std::vector<std::size_t> widths;
  for (const column_size& each : columns)
    widths.push_back(terminal > 0    ? least_width(each)
                     : is_text(each) ? std::min(each.widest, text_width_unknown)
                                     : each.widest);
  if (terminal == 0)
    return widths;
  while (row_width(widths) > terminal) {
    const std::size_t next = least_worth(columns, widths);
    if (next == 0)
      return widths;
    widths[next] = 0;
  }
  widen_texts(columns, widths, terminal);
  return widths;
}

std::string short_time(const std::string& text, instant now) {
  if (text.size() <= to_the_second.size() || text[10] != 'T' || !parse_rfc3339(text))
    return text;
  const std::string today = format_rfc3339(now + offset_of(text));
  const auto part = [&](std::size_t from, std::size_t to) { return text.substr(from, to - from); };
  if (text.starts_with(today.substr(0, 10))) {
    const auto end =
        std::min(text.find_first_not_of("0123456789:.", 11), to_the_millisecond.size());
    return part(11, end);
  }
  if (text.starts_with(today.substr(0, 5)))
    return fmt::format("{} {}", part(5, 10), part(11, 19));
  return fmt::format("{} {}", part(0, 10), part(11, 16));
}

std::string in_milliseconds(std::string text) {
  const std::size_t whole = to_the_millisecond.size();
  if (text.size() > whole + 1 && text[to_the_second.size()] == '.' && text.back() == 'Z' &&
      parse_rfc3339(text))
    text.erase(whole, text.size() - whole - 1);
  return text;
}

} // namespace skein::cli
