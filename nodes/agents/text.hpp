// Text from outside on its way to a log, an error or an environment variable.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace skein {

/// Bytes of the UTF-8 sequence at `at`; 0 if there is none. Shortest forms only, no surrogates.
std::size_t utf8_sequence(std::string_view text, std::size_t at) noexcept;

/// `text`, or as much of it as fits `bytes_max` without cutting a UTF-8 sequence.
std::string_view cut_utf8(std::string_view text, std::size_t bytes_max) noexcept;

/// One harmless line: control characters (C1 too) and bytes that are no UTF-8 as \n, \t, \r, \xNN.
/// At most `bytes_max` bytes of `text` are shown; "..." tells of more.
std::string printable(std::string_view text, std::size_t bytes_max);

/// A value a C string can hold: NUL and bytes that are no UTF-8 become U+FFFD.
std::string environment_text(std::string_view text);

} // namespace skein
