// What will happen in a simulated world, by virtual time. Equal times happen in the order in which
// they were set.
#pragma once

#include "protocol/check.hpp"
#include "protocol/time.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace skein::test {

class sim_timeline {
 public:
  virtual ~sim_timeline() = default;
  virtual boot_time now() const noexcept { return now_; }
  void advance(boot_time to) {
    if (to > now_)
      now_ = to;
  }

  virtual void at(boot_time when, std::function<void()> what) {
    events_.emplace(std::pair{when < now_ ? now_ : when, ++count_}, std::move(what));
  }
  void after(duration wait, std::function<void()> what) { at(now() + wait, std::move(what)); }

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

 private:
  boot_time now_{std::chrono::hours{1}};
  std::uint64_t count_ = 0;
  std::map<std::pair<boot_time, std::uint64_t>, std::function<void()>> events_;
};

/// What one process does of what happens: while it is frozen its events wait, and come together
/// when it is thawed, as after SIGSTOP and SIGCONT.
class gated_timeline final : public sim_timeline {
 public:
  explicit gated_timeline(sim_timeline& all) : all_{all} {}

  boot_time now() const noexcept override { return all_.now(); }
  void at(boot_time when, std::function<void()> what) override {
    all_.at(when, [state = state_, what = std::move(what)]() mutable {
      if (state->frozen)
        state->late.push_back(std::move(what));
      else
        what();
    });
  }
  void freeze() { state_->frozen = true; }
  void thaw() {
    state_->frozen = false;
    for (auto& each : std::exchange(state_->late, {}))
      all_.after(duration{0}, std::move(each));
  }
  bool is_frozen() const { return state_->frozen; }

 private:
  struct gate {
    bool frozen = false;
    std::vector<std::function<void()>> late;
  };
  sim_timeline& all_;
  std::shared_ptr<gate> state_ = std::make_shared<gate>();
};

} // namespace skein::test
