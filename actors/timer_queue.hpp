// Timers of one core: a heap of (time, key). Nothing is cancelled in the heap: a timer carries the
// key it was set with, and whoever takes it out ignores a key that is stale by then.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace skein {

template <class Time, class Key>
class timer_queue {
 public:
  void set(Time at, Key key) {
    heap_.push_back({at, std::move(key)});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  /// Takes one timer whose time is not after `now`; equal times in order of keys.
  std::optional<Key> take_due(Time now) {
    if (heap_.empty() || heap_.front().at > now)
      return std::nullopt;
    std::pop_heap(heap_.begin(), heap_.end(), later);
    Key key = std::move(heap_.back().key);
    heap_.pop_back();
    return key;
  }

  std::optional<Time> next() const {
    return heap_.empty() ? std::nullopt : std::optional{heap_.front().at};
  }
  std::size_t size() const noexcept { return heap_.size(); }

 private:
  struct entry {
    Time at;
    Key key;
  };
  static bool later(const entry& a, const entry& b) {
    return a.at != b.at ? a.at > b.at : b.key < a.key;
  }
  std::vector<entry> heap_;
};

} // namespace skein
