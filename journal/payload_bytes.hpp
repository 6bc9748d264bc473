// What an operation weighs in memory and in a commit: the bodies it carries, in bytes.
#pragma once

#include "journal/journal.hpp"

namespace skein::journal {

/// Of an accept its event; of a finish its reply, its state and what it emits; of an attempt its
/// state; of a keep its states with their keys, as there may be many, and what it emits; of others
/// nothing.
std::size_t payload_bytes(const operation& op);

/// Bytes of what was sent and answered: body, replies, errors of attempts.
std::size_t payload_bytes(const event_record& record);

/// A page of a list ends with the record that reaches this, so that a page of large events (or
/// states) is a short one and not gigabytes.
inline constexpr std::size_t page_bytes_max = 8 << 20;

} // namespace skein::journal
