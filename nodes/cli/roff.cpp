#include "nodes/cli/roff.hpp"

#include "nodes/config/version.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace skein::cli {

namespace {

/// At a line's start these make a command of it.
bool is_command(std::string_view line) { return line.starts_with('.') || line.starts_with('\''); }

std::string as_line(std::string_view pieces) {
  return fmt::format("{}{}\n", is_command(pieces) ? "\\&" : "", pieces);
}

/// An argument of a macro: quotes would end it.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : roff::plain(text))
    out += c == '"' ? std::string{"\\(dq"} : std::string{c};
  return out + "\"";
}

std::string capitals(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

} // namespace

/// A dash that is typed must stay one, and so must quotes.
std::string roff::plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if (c == '\'')
      out += "\\(aq";
    else if (c == '`')
      out += "\\(ga";
    else if (c == '^')
      out += "\\(ha";
    else if (c == '~')
      out += "\\(ti";
    else
      out += c;
  }
  return out;
}

std::string roff::bold(std::string_view text) { return fmt::format("\\fB{}\\fR", plain(text)); }
std::string roff::italic(std::string_view text) { return fmt::format("\\fI{}\\fR", plain(text)); }

roff_page::roff_page(std::string_view name, char section, std::string_view about) {
  text_ = fmt::format(".TH {} {} \"\" {} {}\n", quoted(capitals(name)), section,
                      quoted(fmt::format("Skein {}", version())), quoted("Skein"));
  heading("NAME");
  text_ += as_line(fmt::format("{} \\- {}", roff::plain(name), roff::plain(about)));
}

void roff_page::heading(std::string_view title) { text_ += fmt::format(".SH {}\n", quoted(title)); }
void roff_page::subheading(std::string_view title) {
  text_ += fmt::format(".SS {}\n", quoted(title));
}

void roff_page::paragraph(std::string_view text) { line(roff::plain(text)); }
void roff_page::line(std::string_view pieces) { text_ += ".PP\n" + as_line(pieces); }

void roff_page::item(std::string_view pieces, std::string_view text) {
  text_ += ".TP\n" + as_line(pieces) + as_line(roff::plain(text));
}

void roff_page::verbatim(std::string_view lines) {
  text_ += ".PP\n.RS 4\n.nf\n";
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size());
    text_ += end == 0 ? "\\&\n" : as_line(roff::plain(lines.substr(0, end)));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  text_ += ".fi\n.RE\n";
}

} // namespace skein::cli
