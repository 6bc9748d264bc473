// The load: events at a steady rate over some keys, to whichever nodes there are. A call that was
// not acknowledged is made again, elsewhere, with the same ids, until it is; the next step of a key
// is sent only then. So what is under way is bounded by the number of keys.
#pragma once

#include "nodes/demo/check.hpp"
#include "nodes/demo/doors.hpp"
#include "protocol/time.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace skein::demo {

struct load_setting {
  std::string source; // of its events
  std::uint32_t rate = 100;
  std::uint32_t keys = 50;
  std::uint32_t seed = 1;
};

struct load_counts {
  std::uint64_t acknowledged = 0;
  std::uint64_t calls_again = 0; // calls that another one had to follow
  std::uint64_t under_way = 0;   // events sent, and not acknowledged
  duration longest{0};           // from the first call to the acknowledgement
};

class load {
 public:
  using time = std::chrono::steady_clock::time_point;

  load(load_setting how, const doors& where);
  /// A call under way is given up.
  ~load();
  load(const load&) = delete;
  load& operator=(const load&) = delete;

  /// Nothing new is sent; what is under way is sent until it is acknowledged.
  void rest();
  void go_on();
  load_counts counts() const;
  std::vector<acknowledgement> acknowledged() const;
  /// Those since then.
  std::vector<acknowledgement> acknowledged_since(time from) const;
  const std::string& source() const noexcept { return how_.source; }

 private:
  struct sender; // a thread's own
  struct noted {
    acknowledgement what;
    time at;
  };

  void run(std::uint32_t which);
  bool wait(duration how_long);
  bool is_over() const;

  load_setting how_;
  const doors& where_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool rests_ = false; // guarded by mutex_, as the next ones
  bool ends_ = false;
  std::vector<noted> acknowledged_;
  load_counts counts_;
  std::vector<std::thread> threads_;
};

} // namespace skein::demo
