// Requests to one node over a connection that is kept, each with a time limit for the whole of it.
// Not for several threads.
#pragma once

#include "protocol/time.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace skein::demo {

using json = nlohmann::ordered_json;

struct node_answer {
  unsigned status = 0;
  json body; // discarded if it is no JSON
  bool ok() const { return status >= 200 && status < 300 && !body.is_discarded(); }
};

class node_client {
 public:
  /// Of a node of this machine.
  explicit node_client(std::uint16_t port);
  ~node_client();
  node_client(node_client&&) noexcept;
  node_client& operator=(node_client&&) noexcept;

  /// Nothing: no answer came in time, and what was asked may be done or not.
  std::optional<node_answer> get(const std::string& target, duration patience);
  std::optional<node_answer> post(const std::string& target, const std::string& body,
                                  const char* content_type, duration patience);

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace skein::demo
