// What an operation weighs in memory and in a commit: the bodies it carries, in bytes.
#pragma once

#include "journal/journal.hpp"

namespace skein::journal {

/// Of an accept its event; of a finish its reply, its state and what it emits; of others nothing.
std::size_t payload_bytes(const operation& op);

} // namespace skein::journal
