// Who is let in: the decisions of the ZeroMQ authentication protocol (ZAP 1.0). Pure; without a
// handler, or with one that does not look at keys, CURVE lets everybody in.
#pragma once

#include "nodes/broker/peer_list.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace skein {

/// The domain that the handler answers for.
inline constexpr std::string_view zap_domain = "skein";
/// The property of a connection that has its key: its peer's name may get another key.
inline constexpr const char* key_property = "Skein-Key";

struct zap_request {
  std::string id;
  std::string domain;
  std::string address;
  std::string mechanism;
  std::vector<std::string> credentials;
};

/// Empty: not a request of version 1.0.
std::optional<zap_request> read_zap_request(const std::vector<std::string>& parts);

struct zap_verdict {
  bool let_in = false;
  std::string peer; // let in
  std::string key;  // what it came with, if it was a key
  std::string text; // why not
};

zap_verdict judge(const zap_request& request, const peer_list& allowed);

/// What the handler answers.
std::vector<std::string> write_zap_reply(const std::string& id, const zap_verdict& verdict);

} // namespace skein
