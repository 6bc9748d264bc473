// UTF-8: whether bytes are it, where it may be cut, and what of it a CloudEvents String may
// contain.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace skein {

bool is_utf8(std::string_view text) noexcept;

/// Whether UTF-8 text has only what a CloudEvents String may have: no control character (U+0000 to
/// U+001F, U+007F to U+009F) and no noncharacter.
bool is_allowed_text(std::string_view text) noexcept;

/// ASCII without control characters, which is both of the above and quick to see.
bool is_plain_text(std::string_view text) noexcept;

/// Bytes of the UTF-8 sequence at `at`; 0 if there is none. Shortest forms only, no surrogates.
std::size_t utf8_sequence(std::string_view text, std::size_t at) noexcept;

/// `text`, or as much of it as fits `bytes_max` without cutting a UTF-8 sequence.
std::string_view cut_utf8(std::string_view text, std::size_t bytes_max) noexcept;

/// `point` must be a Unicode scalar value.
void append_utf8(std::string& out, char32_t point);

} // namespace skein
