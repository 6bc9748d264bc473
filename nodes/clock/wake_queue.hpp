// What is to be woken and when: a heap by (time, order of arrival). Pure; the clock's thread owns
// the time.
#pragma once

#include "protocol/time.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace skein {

class wake_queue {
 public:
  using callback = std::function<void()>;

  /// Whether it is now the earliest.
  bool push(boot_time at, callback fire);

  /// Empty if nothing waits.
  std::optional<boot_time> earliest() const;

  /// Takes out what is due at `now`, in order.
  std::vector<callback> take_due(boot_time now);

  /// Copies of all that wait, in order; they stay and fire once more at their time.
  std::vector<callback> all() const;

  std::size_t size() const noexcept { return wakes_.size(); }

 private:
  struct wake {
    boot_time at;
    std::uint64_t order = 0;
    callback fire;
  };
  static bool later(const wake& a, const wake& b) noexcept;

  std::vector<wake> wakes_; // a heap by `later`: the earliest is in front
  std::uint64_t pushed_ = 0;
};

} // namespace skein
