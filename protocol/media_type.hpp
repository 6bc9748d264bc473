// What a content type says about the data it names.
#pragma once

#include <string_view>

namespace skein {

/// type "/" subtype, then nothing or parameters (which are not looked into).
bool is_media_type(std::string_view text) noexcept;

/// Subtype json, or one that ends in +json.
bool is_json_type(std::string_view media_type) noexcept;

/// text/*, XML and forms, unless a charset other than UTF-8 or ASCII is named.
bool is_text_type(std::string_view media_type) noexcept;

} // namespace skein
