// The IANA zones of the system's tzdata. What is read once stays for the life of the process; a
// newer tzdata counts from the next start on.
#pragma once

#include "actors/jobs/zone_rules.hpp"
#include "protocol/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace skein {

/// By its name, such as "Europe/Berlin" or "UTC"; it lives as long as the process. Errors:
/// not_found; io_error if the system has no tzdata.
result<const zone_rules*> find_zone(std::string_view name);

/// All names, without those that are only links to others; in order.
result<std::vector<std::string>> zone_names();

} // namespace skein
