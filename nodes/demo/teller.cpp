#include "nodes/demo/teller.hpp"

#include <algorithm>
#include <cctype>
#include <ostream>

namespace skein::demo {

namespace {

/// As a person reads it; "-" for what is absent.
std::string cell(const json& row, const std::string& member) {
  const auto found = row.find(member);
  if (found == row.end() || found->is_null())
    return "-";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

/// "EVENTS/S" of "events_s".
std::string header_of(std::string member) {
  if (member.ends_with("_s"))
    member[member.size() - 2] = '/';
  std::transform(member.begin(), member.end(), member.begin(), [](unsigned char each) {
    return each == '_' ? ' ' : static_cast<char>(std::toupper(each));
  });
  return member;
}

} // namespace

void teller::say(std::string_view what, const std::string& text, json facts) {
  if (!as_lines_) {
    out_ << text << '\n';
  } else {
    json line{{"told", what}, {"text", text}};
    line.update(facts);
    out_ << line.dump() << '\n';
  }
  out_.flush();
}

void teller::table(std::string_view what, const std::vector<std::string>& members,
                   const json& rows) {
  if (as_lines_) {
    out_ << json{{"told", what}, {"rows", rows}}.dump() << '\n';
    out_.flush();
    return;
  }
  std::vector<std::vector<std::string>> lines(1);
  for (const std::string& each : members)
    lines.front().push_back(header_of(each));
  for (const json& row : rows) {
    auto& cells = lines.emplace_back();
    for (const std::string& each : members)
      cells.push_back(cell(row, each));
  }
  std::vector<std::size_t> widths(members.size());
  for (const auto& cells : lines)
    for (std::size_t i = 0; i < cells.size(); ++i)
      widths[i] = std::max(widths[i], cells[i].size());
  for (const auto& cells : lines) {
    std::string line = "  ";
    for (std::size_t i = 0; i < cells.size(); ++i)
      line += i + 1 == cells.size() ? cells[i]
                                    : cells[i] + std::string(widths[i] - cells[i].size() + 2, ' ');
    out_ << line << '\n';
  }
  out_.flush();
}

void teller::complain(const std::string& where, const error& problem) {
  const parted_error parts = part(problem);
  const std::string what = where.empty() ? parts.why : where + ": " + parts.why;
  if (as_lines_) {
    json line{{"error", what}, {"code", slug(problem.code)}};
    if (!parts.todo.empty())
      line["try"] = parts.todo;
    err_ << line.dump() << '\n';
  } else {
    err_ << "error: " << what << '\n';
    if (!parts.todo.empty())
      err_ << "  try: " << parts.todo << '\n';
  }
  err_.flush();
}

void teller::hint(const std::string& text) {
  if (as_lines_)
    return;
  out_ << text;
  out_.flush();
}

parted_error part(const error& problem) {
  const auto at = problem.detail.rfind("; ");
  if (at == problem.detail.npos)
    return {problem.detail, {}};
  return {problem.detail.substr(0, at), problem.detail.substr(at + 2)};
}

} // namespace skein::demo
