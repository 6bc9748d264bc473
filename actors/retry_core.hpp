// Decides whether and when a failed attempt is made again, and wakes it then. One beside each
// scheduler.
//
//   failed attempt --ask--> decision (again at T, or dead) --[scheduler commits it]--> arm --T-->
//   due
//
// The decision is made before it is durable and the timer set after: a crash between the two loses
// nothing, since the scheduler arms again what it finds in the journal.
#pragma once

#include "actors/retry_policy.hpp"
#include "actors/scheduler_core.hpp"
#include "actors/timer_queue.hpp"

#include <variant>
#include <vector>

namespace skein {

struct ask_retry_in {
  std::vector<failed_attempt> attempts;
};
struct arm_retry_in {
  std::vector<armed_retry> retries;
};
/// By agent number: what is decided from here on is decided by these.
struct policies_in {
  std::vector<retry_settings> policies;
};
using retry_input = std::variant<ask_retry_in, arm_retry_in, policies_in, tick_in>;
using retry_effect = std::variant<decided_in, retry_due_in, wake_effect>;

class retry_core {
 public:
  /// Policies by agent number.
  retry_core(std::vector<retry_settings> policies, std::uint64_t seed)
    : policies_{std::move(policies)}, seed_{seed} {}

  void step(retry_input input, moment now, std::vector<retry_effect>& out);

  std::size_t waiting() const noexcept { return timers_.size(); }

 private:
  retry_decision decide(const failed_attempt& attempt, moment now) const;

  std::vector<retry_settings> policies_;
  std::uint64_t seed_;
  timer_queue<boot_time, turn_id> timers_;
  std::optional<boot_time> armed_;
};

} // namespace skein
