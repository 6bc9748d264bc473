// What the commands that work on the files of a store have in common.
#pragma once

#include "nodes/cli/context.hpp"
#include "protocol/error.hpp"
#include "protocol/time.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace skein::cli {

instant wall_now();

/// A store's error as a person reads it. The exit status is 75 while somebody else has the store, 3
/// if there is none, 4 if the files may not be touched, else 1.
int complain_of_store(context& at, const std::string& what, const error& problem,
                      const std::string& todo);

/// How far a long work is, on standard error: a line a second, and only if there is a terminal.
class progress_line {
 public:
  progress_line(context& at, std::string doing);
  void show(std::uint64_t done, std::uint64_t all);
  /// Takes the line away.
  void end();

 private:
  context& at_;
  std::string doing_;
  std::chrono::steady_clock::time_point shown_;
  bool is_there_ = false;
};

} // namespace skein::cli
