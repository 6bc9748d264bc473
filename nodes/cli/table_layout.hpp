// How a table fits a terminal: which of its columns are cut, which are hidden, and how short a time
// can be told.
#pragma once

#include "protocol/time.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace skein::cli {

/// What a column is worth where there is no room for all. The first column is never hidden.
enum class weight : std::uint8_t {
  exact, // as whole, and its times are not shortened either
  whole, // neither cut nor hidden: what the row is about, what other commands ask for
  text,  // free text: cut first, but hidden last
  main,  // never cut, hidden when nothing below is left
  note,  // free text, cut as well, hidden before the main ones
  extra, // never cut, hidden first
};

struct column_size {
  weight worth = weight::main;
  std::size_t header = 0;
  std::size_t widest = 0; // of its cells and its header
};

/// Characters, not bytes; wide ones count as one.
std::size_t width_of(std::string_view text);
/// The beginning and an ellipsis, if it is wider.
std::string cut_to(const std::string& text, std::size_t width);

/// Widths of columns two apart; 0 is one that is hidden. First the free texts are cut, the widest
/// more than others, to 16 or their header's width; then columns are hidden, the least worth first
/// and of these the rightmost; what is left of the texts has the room that there is. A row may be
/// wider all the same. `terminal` is 0 if it is not known: then only texts above 48 are cut.
std::vector<std::size_t> fit_columns(const std::vector<column_size>& columns, std::size_t terminal);

/// A time in RFC 3339 as short as a reader of now can do with, at its own offset: "23:04:21.007"
/// today, "11-29 23:04:21" in this year, "2025-11-29 23:04" else. Any other text as it is.
std::string short_time(const std::string& text, instant now);
/// A time without what is finer than milliseconds; any other text as it is.
std::string in_milliseconds(std::string text);

} // namespace skein::cli
