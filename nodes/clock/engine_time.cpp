#include "nodes/clock/engine_time.hpp"

namespace skein {

instant engine_time::at_least(instant floor) noexcept {
  std::int64_t last = last_ns_.load(std::memory_order_relaxed);
  const std::int64_t now = to_ns(floor);
  while (last < now && !last_ns_.compare_exchange_weak(last, now, std::memory_order_relaxed)) {}
  return from_ns(last < now ? now : last);
}

engine_time::answer engine_time::see(instant read, boot_time boot) noexcept {
#ifdef SKEIN_BUG_ANY_CLOCK_BELIEVED
  return {at_least(read)};
#endif
  const instant last = from_ns(last_ns_.load(std::memory_order_relaxed));
  if (last != no_instant && read - last > clock_jump_max)
    return doubt(last, boot);
  if (is_doubted_.load(std::memory_order_relaxed))
    is_doubted_.store(false);
  return {at_least(read)};
}

engine_time::answer engine_time::doubt(instant last, boot_time boot) noexcept {
  const std::lock_guard lock{mutex_};
  const bool begins = !is_doubted_.exchange(true);
  if (begins) {
    since_wall_ = last;
    since_boot_ = boot;
  }
  return {at_least(since_wall_ + (boot - since_boot_)), begins};
}

} // namespace skein
