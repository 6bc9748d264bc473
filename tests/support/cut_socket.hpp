// Stands between a client and a PostgreSQL server on a socket of its own, and cuts the line after
// so many bytes of one direction: what was sent before has arrived, what comes after never does.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace skein::test {

class cut_socket {
 public:
  /// `folder` has the server's socket; ours is made in a folder below.
  explicit cut_socket(const std::string& folder);
  ~cut_socket();
  cut_socket(const cut_socket&) = delete;
  cut_socket& operator=(const cut_socket&) = delete;

  /// Where clients connect to.
  const std::string& folder() const noexcept { return folder_; }

  /// Of the lines that are open: cut when so many more bytes have gone this way. Later ones are
  /// whole.
  void cut_to_server(std::int64_t bytes) { to_server_ = bytes; }
  void cut_to_client(std::int64_t bytes) { to_client_ = bytes; }
  /// What was to be cut and is not yet is whole again.
  void heal() { to_server_ = to_client_ = never; }
  /// Bytes that went each way since the last call.
  struct gone {
    std::int64_t to_server = 0;
    std::int64_t to_client = 0;
  };
  gone take_gone() { return {gone_to_server_.exchange(0), gone_to_client_.exchange(0)}; }
  bool was_cut() const noexcept { return cuts_ > 0; }

 private:
  static constexpr std::int64_t never = -1;
  void serve();

  std::string server_;
  std::string folder_;
  int listener_ = -1;
  std::atomic<std::int64_t> to_server_ = never;
  std::atomic<std::int64_t> to_client_ = never;
  std::atomic<std::int64_t> gone_to_server_ = 0;
  std::atomic<std::int64_t> gone_to_client_ = 0;
  std::atomic<int> cuts_ = 0;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

} // namespace skein::test
