// Lines of a descriptor, without waiting for them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace skein::demo {

class line_reader {
 public:
  static constexpr std::size_t line_bytes_max = 4'096; // what is longer is cut into lines

  explicit line_reader(int fd) : fd_{fd} {}
  /// A line that is there, without its end. Reads what can be read without waiting.
  std::optional<std::string> next();
  /// The same, and waits for it; nothing: that was all.
  std::optional<std::string> next_blocking();
  /// Nothing more will come.
  bool is_over() const noexcept { return over_ && held_.empty(); }

 private:
  void read_some();
  int fd_;
  std::string held_;
  bool over_ = false;
};

} // namespace skein::demo
