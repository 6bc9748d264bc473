// The demo's folders: one for what can be looked at (configurations, logs, histories, the nodes'
// own folders), which --keep names and keeps, and a short one for sockets, whose paths must be.
#pragma once

#include "protocol/result.hpp"

#include <memory>
#include <string>

namespace skein::demo {

class folders {
 public:
  /// `keep` is made, or must be empty; without it a new one below TMPDIR. io_error,
  /// state_conflict.
  static result<std::unique_ptr<folders>> make(const std::string& keep);
  /// Removes what need not stay.
  ~folders();
  folders(const folders&) = delete;
  folders& operator=(const folders&) = delete;

  const std::string& main() const noexcept { return main_; }
  const std::string& sockets() const noexcept { return sockets_; }
  bool stays() const noexcept { return stays_; }
  /// Something went wrong that can be looked at in it.
  void keep() noexcept { stays_ = true; }

  std::string config(const std::string& node) const { return main_ + "/" + node + ".toml"; }
  std::string log(const std::string& node) const { return main_ + "/" + node + ".log"; }
  std::string data(const std::string& node) const { return main_ + "/" + node; }
  std::string history(const std::string& node) const { return main_ + "/" + node + ".history"; }
  /// Of a node's broker, and of the relay before it on another node's way to it.
  std::string broker(const std::string& node) const { return sockets_ + "/" + node; }
  std::string broker(const std::string& from, const std::string& to) const {
    return sockets_ + "/" + from + "-" + to;
  }

 private:
  folders() = default;
  std::string main_;
  std::string sockets_;
  bool stays_ = false;
};

/// Only this user reads it. io_error.
result<void> write_file(const std::string& path, const std::string& text);

/// Empty if there is none.
std::string read_file(const std::string& path);

} // namespace skein::demo
