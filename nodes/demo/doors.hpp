// Where the nodes can be asked: what the load's threads know of the cluster. A node that stands
// still or is cut off has its door all the same, as a client could not know.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace skein::demo {

class doors {
 public:
  void open(const std::string& node, std::uint16_t port) {
    const std::lock_guard lock{mutex_};
    ports_[node] = port;
  }
  void close(const std::string& node) {
    const std::lock_guard lock{mutex_};
    ports_.erase(node);
  }
  std::map<std::string, std::uint16_t> all() const {
    const std::lock_guard lock{mutex_};
    return ports_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::uint16_t> ports_; // guarded by mutex_
};

} // namespace skein::demo
