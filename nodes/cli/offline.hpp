// What the commands that work on the files of a store have in common.
#pragma once

#include "nodes/cli/command.hpp"
#include "nodes/cli/context.hpp"
#include "protocol/error.hpp"
#include "protocol/time.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace skein::cli {

instant wall_now();

/// A store's error as a person reads it. The exit status is 75 while somebody else has the store, 3
/// if there is none, 4 if the files may not be touched, else 1.
int complain_of_store(context& at, const std::string& what, const error& problem,
                      const std::string& todo);

/// Folder of a store, as --data names it.
using folder_option = std::shared_ptr<std::optional<std::string>>;
/// Work on it, or on ./skein-data if none is named. These commands read and write the files of
/// SQLite: on a store on PostgreSQL they say `instead`, what to do there.
handler on_folder(folder_option folder, std::string instead,
                  std::function<int(context&, const std::string& folder)> work);

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
