// For what may come ten thousand times a second: a line at once, then one a minute at most, with
// how often it was since the last.
#pragma once

#include "protocol/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace skein {

class log_pace {
 public:
  /// It has come once more. What to add to a line, or empty if there is none to write now.
  std::optional<std::string> next(boot_time now) {
    ++since_;
    if (said_ && now - *said_ < std::chrono::minutes{1})
      return std::nullopt;
    said_ = now;
    const std::uint64_t times = std::exchange(since_, 0);
    return times == 1 ? std::string{}
                      : " (" + std::to_string(times) + " times since this was said last)";
  }

 private:
  std::optional<boot_time> said_;
  std::uint64_t since_ = 0;
};

} // namespace skein
