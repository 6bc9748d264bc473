// What a node logs of its store, its disk and its clock.
#pragma once

#include "nodes/store/disk_watch.hpp"
#include "protocol/error.hpp"
#include "protocol/time.hpp"

#include <string>

namespace skein {

void log_note(const std::string& what);
void log_upkeep(const error& problem);
void log_unreadable(const error& why);
std::string disk_text(const disk_facts& facts);
void log_disk(disk_news news, const disk_facts& facts, const error& why);
void log_doubted_clock(instant said, instant kept);

} // namespace skein
