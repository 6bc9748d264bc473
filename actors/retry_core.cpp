#include "actors/retry_core.hpp"

#include "protocol/check.hpp"

#include <algorithm>

namespace skein {

void retry_core::step(retry_input input, moment now, std::vector<retry_effect>& out) {
  if (auto* ask = std::get_if<ask_retry_in>(&input)) {
    decided_in decided;
    for (const failed_attempt& each : ask->attempts)
      decided.decisions.push_back(decide(each, now));
    out.push_back(std::move(decided));
  } else if (auto* arm = std::get_if<arm_retry_in>(&input)) {
    for (const armed_retry& each : arm->retries)
      timers_.set(each.due, each.failed);
  } else if (auto* changed = std::get_if<policies_in>(&input)) {
    policies_ = std::move(changed->policies);
  }
  retry_due_in due;
  while (const auto failed = timers_.take_due(now.boot))
    due.failed.push_back(*failed);
  if (!due.failed.empty())
    out.push_back(std::move(due));
  if (armed_ && *armed_ <= now.boot)
    armed_.reset();
  if (const auto next = timers_.next(); next && (!armed_ || *next < *armed_)) {
    armed_ = next;
    out.push_back(wake_effect{*next});
  }
}

retry_decision retry_core::decide(const failed_attempt& attempt, moment now) const {
  SKEIN_CHECK(raw(attempt.agent) < policies_.size());
  retry_decision decision{attempt.turn, false, no_instant, {}};
  if (attempt.verdict != turn_verdict::failed)
    return decision;
#ifdef SKEIN_BUG_SLEEP_IS_AN_ATTEMPT
  const std::uint32_t failures = attempt.turn.attempt;
#else
  const std::uint32_t failures = attempt.turn.attempt - attempt.sleeps;
#endif
  const auto delay = retry_delay(policies_[raw(attempt.agent)], failures, attempt.retry_after,
                                 retry_dice(seed_, attempt.turn));
  if (!delay)
    return decision;
  decision.again = true;
  decision.due = now.wall + *delay;
  decision.wake = now.boot + *delay;
  return decision;
}

} // namespace skein
