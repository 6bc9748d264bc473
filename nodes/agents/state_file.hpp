// The state of a oneshot turn as a file: in a private directory of its own (0700), mode 0600. It
// holds one JSON value; empty means that there is no state. Removed with its directory, which is
// locked for as long as it is in use: what a killed process leaves can be told from it.
#pragma once

#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

#include <string>
#include <string_view>

namespace skein {

class state_file {
 public:
  /// Below TMPDIR, else /tmp. `state` is JSON text, empty = none.
  static result<state_file> create(std::string_view state);
  /// Removes those that nobody uses any more.
  static void remove_abandoned();
  state_file(state_file&& other) noexcept;
  state_file& operator=(state_file&&) = delete;
  ~state_file();

  const std::string& path() const noexcept { return path_; }

  struct change {
    enum class kind { unchanged, set, deleted } what = kind::unchanged;
    std::string state; // set: one JSON value, without space around it
  };
  /// What the program made of it. Errors: no regular file, over limits::state_bytes_max, not JSON.
  result<change> read_change() const;

 private:
  state_file(std::string directory, unique_fd in_use, std::string_view state);

  std::string directory_; // empty: moved from
  unique_fd in_use_;      // the directory, locked
  std::string path_;
  std::string before_;
};

} // namespace skein
