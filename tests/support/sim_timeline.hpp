// What will happen in a simulated world, by virtual time. Equal times happen in the order in which
// they were set.
#pragma once

#include "protocol/check.hpp"
#include "protocol/time.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>

namespace skein::test {

class sim_timeline {
 public:
  boot_time now() const noexcept { return now_; }
  void advance(boot_time to) {
    if (to > now_)
      now_ = to;
  }

  void at(boot_time when, std::function<void()> what) {
    events_.emplace(std::pair{when < now_ ? now_ : when, ++count_}, std::move(what));
  }
  void after(duration wait, std::function<void()> what) { at(now_ + wait, std::move(what)); }

  std::optional<boot_time> next() const {
    return events_.empty() ? std::nullopt : std::optional{events_.begin()->first.first};
  }
  /// Moves the time to the next event and lets it happen.
  void run_next() {
    SKEIN_CHECK(!events_.empty());
    auto first = events_.extract(events_.begin());
    advance(first.key().first);
    first.mapped()();
  }
  void clear() { events_.clear(); }

 private:
  boot_time now_{std::chrono::hours{1}};
  std::uint64_t count_ = 0;
  std::map<std::pair<boot_time, std::uint64_t>, std::function<void()>> events_;
};

} // namespace skein::test
