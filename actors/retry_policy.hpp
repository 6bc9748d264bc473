// When a failed attempt is made again: exponential backoff with full jitter (the delay is uniform
// between zero and the exponential bound; see Brooker, "Exponential Backoff And Jitter", 2015).
#pragma once

#include "actors/settings.hpp"
#include "protocol/ids.hpp"
#include "protocol/time.hpp"

#include <cstdint>
#include <optional>

namespace skein {

/// The delay before the attempt after `attempt` (1-based), empty when that was the last one.
/// `asked` > 0 is what the agent asked for and wins over the computed delay, up to 24 h. `dice` is
/// 64 random bits.
std::optional<duration> retry_delay(const retry_settings& policy, std::uint32_t attempt,
                                    duration asked, std::uint64_t dice) noexcept;

/// 64 bits that depend on the seed, the delivery and the attempt only, so that runs can be
/// repeated.
std::uint64_t retry_dice(std::uint64_t seed, const turn_id& turn) noexcept;

} // namespace skein
