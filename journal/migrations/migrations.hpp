// The schema as numbered steps. A step that was released is never changed: what comes next is a new
// file.
#pragma once

#include <span>
#include <string_view>

namespace skein::journal {

/// Step number 1 first. A store says in `PRAGMA user_version` how many it has seen.
std::span<const std::string_view> migrations();

} // namespace skein::journal
