// Just enough of C++'s lexis to look at a source file without its comments and literals.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace skein::tidy {

/// The same text, line for line, with comments, strings and characters blanked out.
std::string code_of(std::string_view source);

std::vector<std::string_view> lines_of(std::string_view text);

/// Code points, not bytes.
std::size_t columns(std::string_view line);

/// Whether `word` stands in `text` with no letter, digit or underscore beside it.
bool has_word(std::string_view text, std::string_view word);

/// What stands in quotes or angles behind each #include, with its delimiters: <zmq.hpp>, "a/b.hpp".
std::vector<std::string> includes_of(std::string_view source);

struct function_size {
  std::size_t line = 0; // of its opening brace, from 1
  std::size_t lines = 0;
};
/// Functions (lambdas belong to theirs), by counting braces in text as the formatter leaves it. The
/// inside of a raw string has no lines.
std::vector<function_size> functions_of(std::string_view source);

} // namespace skein::tidy
