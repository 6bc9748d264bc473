// A page of the manual in roff, as man shows it. Texts may have any characters: none of them is a
// command to roff.
#pragma once

#include <string>
#include <string_view>

namespace skein::cli {

namespace roff {
/// Pieces of a line; the others stand as they are.
std::string plain(std::string_view text);
std::string bold(std::string_view text);
std::string italic(std::string_view text);
} // namespace roff

class roff_page {
 public:
  /// "skein-job", '1', "the commands of skein about jobs"
  roff_page(std::string_view name, char section, std::string_view about);

  void heading(std::string_view title);
  void subheading(std::string_view title);
  void paragraph(std::string_view text);
  /// A line of pieces, as a paragraph of its own.
  void line(std::string_view pieces);
  /// `pieces` with a text that explains them, indented.
  void item(std::string_view pieces, std::string_view text);
  /// Lines as they are.
  void verbatim(std::string_view lines);

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

} // namespace skein::cli
