// Data on standard output: tables, lists of one thing's values, JSON. On a terminal tables are made
// to fit; elsewhere columns are separated by one tab, and all of them and their cells are whole.
#pragma once

#include "nodes/cli/context.hpp"
#include "nodes/cli/remote.hpp"
#include "nodes/cli/table_layout.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skein::cli {

/// A JSON value in a cell: texts as they are, absent and null as "-".
std::string cell_of(const json& value);
/// The member's cell; "-" if there is none.
std::string cell_of(const json& row, std::string_view member);

struct heading {
  std::string header;
  weight worth = weight::main;
};

class text_table {
 public:
  explicit text_table(std::vector<heading> columns) : columns_{std::move(columns)} {}
  /// One cell a column.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  /// On a terminal without columns that say nothing in any row, with short times, and cut and
  /// hidden as fit_columns says; what is hidden is told.
  void print(context& at) const;

 private:
  void drop_empty_columns();
  void print_fitted(context& at) &&;

  std::vector<heading> columns_;
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

/// A column of a list: its header, the member of a row that it shows, and what it is worth.
struct column {
  std::string_view header;
  std::string_view member;
  weight worth = weight::main;
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

/// The "warnings" of an answer.
void say_warnings(context& at, const json& body);

/// As one word for a shell to copy.
std::string shell_quoted(std::string_view text);

/// A line between two parts of a page.
void print_heading(context& at, std::string_view text);

} // namespace skein::cli
