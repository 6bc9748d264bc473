// Text from outside on its way to a log, an error or an environment variable.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace skein {

/// One harmless line: control characters (C1 too) and bytes that are no UTF-8 as \n, \t, \r, \xNN.
/// At most `bytes_max` bytes of `text` are shown; "..." tells of more.
std::string printable(std::string_view text, std::size_t bytes_max);

/// A value a C string can hold: NUL and bytes that are no UTF-8 become U+FFFD.
std::string environment_text(std::string_view text);

} // namespace skein
