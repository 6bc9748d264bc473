// What the CloudEvents specification allows in attributes, and what is allowed here. Each check
// gives an error whose detail names the attribute and says what would have been right.
#pragma once

#include "protocol/event.hpp"
#include "protocol/result.hpp"

#include <string_view>

namespace skein {

/// A name the specification allows: lower-case letters and digits, at most
/// limits::attribute_name_bytes_max of them, and none of the specification's own names.
result<void> check_extension_name(std::string_view name);

/// Characters (no control characters, no noncharacters, UTF-8) and length of a String.
result<void> check_text(std::string_view name, std::string_view value, std::size_t bytes_max);

/// The attribute `time`, if there is one.
result<void> check_time(const event& value);

/// Every attribute of `value`, its key and its data kind; not what the extensions of ours mean.
result<void> check_attributes(const event& value);

} // namespace skein
