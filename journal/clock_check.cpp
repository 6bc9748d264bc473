#include "journal/clock_check.hpp"

namespace skein::journal {

namespace {

// Seconds since 1970 of 2025-01-01 and 2075-01-01.
constexpr instant first_plausible = from_ns(1'735'689'600'000'000'000);
constexpr instant first_implausible = from_ns(3'313'526'400'000'000'000);

error implausible(std::string what) {
  return {errc::clock_implausible,
          std::move(what) + "; set the clock (timedatectl), or if it is right, start once with "
                            "--trust-clock"};
}

} // namespace

result<void> judge_clock(instant now, instant last, duration jump_max) {
#ifdef SKEIN_BUG_ANY_CLOCK_BELIEVED
  return {};
#endif
  std::string said = "the clock says " + format_rfc3339(now);
  if (last != no_instant)
    said += ", and the last commit was at " + format_rfc3339(last);
  const bool is_ahead = last != no_instant && now - last > jump_max;
  const bool is_early = last == no_instant && now < first_plausible;
  if (is_ahead || is_early || now >= first_implausible)
    return implausible(std::move(said));
  return {};
}

} // namespace skein::journal
