// The least HTTP client that can post batches over one kept connection.
#pragma once

#include "bench/load.hpp"

#include <cstdint>
#include <string>

namespace skein::bench {

class http_client {
 public:
  explicit http_client(std::uint16_t port);
  ~http_client();
  http_client(const http_client&) = delete;
  http_client& operator=(const http_client&) = delete;

  /// Posts a batch (application/cloudevents-batch+json); the status, or 0 when the connection
  /// broke.
  int post_batch(const std::string& body);

 private:
  int read_response();

  int fd_ = -1;
  std::string head_; // of every request, up to its length
  std::string buffer_;
};

/// The events of make_event, as a JSON array.
std::string json_batch(const plan& of, std::size_t first, std::size_t count);

} // namespace skein::bench
