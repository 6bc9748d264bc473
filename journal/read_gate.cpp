#include "journal/read_gate.hpp"

#include "protocol/check.hpp"

namespace skein::journal {

void read_gate::enter() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return !is_shut_; });
  ++inside_;
}

void read_gate::leave() {
  {
    const std::lock_guard lock{mutex_};
    SKEIN_CHECK(inside_ > 0);
    --inside_;
  }
  changed_.notify_all();
}

bool read_gate::shut(std::chrono::milliseconds patience) {
  std::unique_lock lock{mutex_};
  SKEIN_CHECK(!is_shut_);
  is_shut_ = true;
  return changed_.wait_for(lock, patience, [this] { return inside_ == 0; });
}

void read_gate::open() {
  {
    const std::lock_guard lock{mutex_};
    is_shut_ = false;
  }
  changed_.notify_all();
}

} // namespace skein::journal
