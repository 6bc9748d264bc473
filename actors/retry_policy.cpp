#include "actors/retry_policy.hpp"

#include <algorithm>
#include <cmath>

namespace skein {

namespace {

constexpr duration asked_max = std::chrono::hours{24};

std::uint64_t mix(std::uint64_t value) noexcept { // splitmix64, Steele et al. 2014
  value += 0x9e3779b97f4a7c15ull;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
  return value ^ (value >> 31);
}

} // namespace

std::optional<duration> retry_delay(const retry_settings& policy, std::uint32_t attempt,
                                    duration asked, std::uint64_t dice) noexcept {
  if (attempt >= policy.attempts)
    return std::nullopt;
  if (asked > duration{0})
    return std::min(asked, asked_max);
  const double steps = static_cast<double>(attempt > 0 ? attempt - 1 : 0);
  const double bound =
      std::min(static_cast<double>(policy.max.count()),
               static_cast<double>(policy.initial.count()) * std::pow(policy.factor, steps));
  const double part = policy.jitter ? static_cast<double>(dice >> 11) * 0x1.0p-53 : 1.0;
  return duration{static_cast<duration::rep>(bound * part)};
}

std::uint64_t retry_dice(std::uint64_t seed, const turn_id& turn) noexcept {
  return mix(mix(seed ^ turn.delivery.event.sequence) ^
             (static_cast<std::uint64_t>(raw(turn.delivery.event.shard)) << 40) ^
             (static_cast<std::uint64_t>(turn.delivery.index) << 32) ^ turn.attempt);
}

} // namespace skein
