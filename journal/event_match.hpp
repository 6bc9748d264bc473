// What a filter says of an event that was read, but for what its head says (source, id, key, type),
// which each engine looks at where that is cheapest. The oracle has its own.
#pragma once

#include "journal/journal.hpp"

namespace skein::journal {

bool matches(const event_filter& filter, const event_record& record);
bool matches(const dead_filter& filter, const event_record& record);

} // namespace skein::journal
