// Data on standard output: tables, lists of one thing's values, JSON. On a terminal columns are
// aligned and long cells cut; elsewhere columns are separated by one tab and cells are whole.
#pragma once

#include "nodes/cli/context.hpp"
#include "nodes/cli/remote.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skein::cli {

/// A JSON value in a cell: texts as they are, absent and null as "-".
std::string cell_of(const json& value);
/// The member's cell; "-" if there is none.
std::string cell_of(const json& row, std::string_view member);

/// Widths of columns two apart, the widest made narrower until a row fits into the terminal. No
/// column gets narrower than four, and the first, which other commands ask for, stays whole; 0
/// means that the terminal's width is not known.
std::vector<std::size_t> fit_columns(std::vector<std::size_t> widths, std::size_t terminal_width);

class text_table {
 public:
  explicit text_table(std::vector<std::string> headers) : headers_{std::move(headers)} {}
  /// One cell a header.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  void print(context& at) const;

 private:
  std::vector<std::string> headers_;
  std::vector<std::vector<std::string>> rows_;
};

/// Names and values, one a line.
class text_values {
 public:
  void add(std::string_view name, std::string value);
  /// Only if the member is there and no null.
  void add(std::string_view name, const json& row, std::string_view member);
  void print(context& at) const;

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

/// A column of a list: its header, and the member of a row that it shows.
struct column {
  std::string_view header;
  std::string_view member;
  bool optional = false; // left out when no row has it
};

/// A list in the chosen form. `rows` is the member of `body` with the rows; json shows the whole
/// body. `empty` is said when the whole search found none; if there is another page, how to get it,
/// and whether this one is short because the search stopped.
void print_list(context& at, const json& body, std::string_view rows,
                std::span<const column> columns, std::string_view empty);

/// The rows alone, as a table.
void print_rows(context& at, const json& rows, std::span<const column> columns);

/// json: indented; jsonl: one line.
void print_json(context& at, const json& value);

/// As one word for a shell to copy.
std::string shell_quoted(std::string_view text);

/// A line between two parts of a page.
void print_heading(context& at, std::string_view text);

} // namespace skein::cli
