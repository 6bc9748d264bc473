// The schema of the PostgreSQL store as numbered steps. A step that was released is never changed:
// what comes next is a new file.
#pragma once

#include <span>
#include <string_view>

namespace skein::journal {

/// Step number 1 first. A store says in its table `migration` which it has seen.
std::span<const std::string_view> postgres_migrations();

} // namespace skein::journal
