// Talking to the node: a request in, JSON out, and every failure told in the same words.
#pragma once

#include "nodes/cli/context.hpp"
#include "nodes/cli/http_client.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <variant>

namespace skein::cli {

using json = nlohmann::ordered_json;

/// `exit` other than 0: the failure was told, the command is over.
struct remote_answer {
  int exit = 0;
  unsigned status = 0;
  json body;
  explicit operator bool() const { return exit == 0; }
};

/// Adds the token, checks the server's URL, sends. Empty when the options are wrong, which is told;
/// `exit` then says how to end.
std::optional<std::variant<http_answer, http_failure>>
send_request(context& at, http_request request, duration patience, int& exit);

/// send_request, and JSON of a 2xx answer; every other end is told.
remote_answer call(context& at, http_request request);

/// POST, JSON
remote_answer post(context& at, const std::string& target, const json& body);

/// GET
remote_answer look_up(context& at, const std::string& target);

/// What is told of a failure, and the exit status that goes with it.
struct explained {
  int exit = 0;
  complaint told;
};
/// `patience` is the time limit that the request had.
explained explain(const context& at, const http_failure& failure, duration patience);
/// Of an answer that is no 2xx.
explained explain(const context& at, const http_answer& answer);
/// Of a 2xx answer that was no JSON.
explained explain_text(const context& at);

/// A discarded value if `text` is no JSON.
json parse_json(const std::string& text);

} // namespace skein::cli
