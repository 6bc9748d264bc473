// A clock whose hands the simulation moves. Like the real one: engine time never goes back, and
// when the wall clock is set, all pending wakes fire at once and stay.
#pragma once

#include "actors/jobs/zone_rules.hpp"
#include "actors/ports.hpp"
#include "tests/support/sim_timeline.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

namespace skein::test {

/// Its only time zone.
class utc_zone final : public zone_rules {
 public:
  offset_span at(instant) const override { return {instant::min(), instant::max(), {}}; }
};

/// The wall clock of a simulated machine: outlives the processes that read it.
struct sim_wall {
  instant zero{std::chrono::hours{24 * 365 * 55}}; // the wall at boot time zero
};

class sim_clock final : public clock_port {
 public:
  /// `of_store`: the time of a store that is shared, once that is known.
  using store_clock = std::function<std::optional<instant>(boot_time)>;
  sim_clock(sim_timeline& timeline, const sim_wall& wall, store_clock of_store = {})
    : timeline_{timeline}, wall_{wall}, of_store_{std::move(of_store)} {}

  moment now() const override {
    SKEIN_CHECK(std::this_thread::get_id() == thread_);
    instant read = wall_.zero + timeline_.now().time_since_epoch();
    if (of_store_)
      read = of_store_(timeline_.now()).value_or(read);
    if (read > last_)
      last_ = read;
    return {last_, timeline_.now()};
  }
  void wake_at(boot_time at, std::function<void()> fire) override {
    SKEIN_CHECK(std::this_thread::get_id() == thread_);
    const std::uint64_t number = ++count_;
    wakes_.emplace(number, std::move(fire));
    timeline_.at(at, [this, number, alive = std::weak_ptr<int>{alive_}] {
      if (!alive.lock())
        return;
      if (auto due = wakes_.extract(number))
        due.mapped()();
    });
  }
  duration thread_cpu() const override { return duration{0}; }
  void not_before(instant floor) { last_ = std::max(last_, floor); }

  /// The wall clock was set.
  void wall_was_set() {
    for (const auto& [number, fire] : wakes_)
      fire();
  }

 private:
  sim_timeline& timeline_;
  const sim_wall& wall_;
  store_clock of_store_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  mutable instant last_ = no_instant;
  std::map<std::uint64_t, std::function<void()>> wakes_;
  std::uint64_t count_ = 0;
  std::thread::id thread_ = std::this_thread::get_id();
};

} // namespace skein::test
