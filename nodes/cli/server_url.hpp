// The node to talk to, and the targets of requests to it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skein::cli {

struct server_url {
  std::string host; // without brackets
  std::string port;
  std::string prefix;   // path that every target begins with; empty or "/x"
  bool secured = false; // https

  /// For the Host field: "127.0.0.1:7411", "[::1]:7411".
  std::string authority() const;
  friend bool operator==(const server_url&, const server_url&) = default;
};

/// Reads "http://HOST[:PORT][/PREFIX]", or with https; empty for anything else, user names and
/// queries included.
std::optional<server_url> parse_server_url(std::string_view text);

/// Every byte but letters, digits and "-._~" as %XX.
std::string percent_encode(std::string_view text);

/// "/v1/events?key=a%20b": the parameters that have a value.
using query_parameters = std::vector<std::pair<std::string_view, std::optional<std::string>>>;
std::string with_query(std::string path, const query_parameters& parameters);

} // namespace skein::cli
