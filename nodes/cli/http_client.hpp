// One HTTP request and its answer, with a time limit for the whole of it. Ctrl-C ends the wait.
#pragma once

#include "nodes/cli/server_url.hpp"
#include "protocol/time.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace skein::cli {

/// Whom to believe, and who one is, with https.
struct trust {
  std::string ca_file;     // PEM; empty: the system's authorities
  std::string client_cert; // PEM of a certificate and its key; empty: none
};

struct http_request {
  std::string method = "GET";
  std::string target; // after the server's prefix
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
};

struct http_answer {
  unsigned status = 0;
  std::string content_type;
  std::string retry_after;
  std::string body;
};

enum class failure_kind : std::uint8_t {
  unreachable, // no connection: nothing was sent
  untrusted,   // no TLS, or the server is not who it should be: nothing was sent
  timed_out,
  interrupted,
  broken,    // the connection ended before the whole answer came, or it is no HTTP
  too_large, // the answer is over limits::cli_answer_bytes_max
};

struct http_failure {
  failure_kind kind = failure_kind::unreachable;
  std::string why;
  bool sent = false; // the server may have got the request and acted on it
};

/// With https the server's certificate must be of an authority that is trusted, valid now, and of
/// the URL's host.
std::variant<http_answer, http_failure> exchange(const server_url& server, const trust& whom,
                                                 const http_request& request, duration patience);

} // namespace skein::cli
