// What is done with a request, decided from its head alone, before a byte of its body is taken.
#pragma once

#include "nodes/http/access_check.hpp"
#include "nodes/http/host_check.hpp"
#include "nodes/http/routes.hpp"

#include <cstddef>
#include <optional>

namespace skein {

struct plan_context {
  const host_rules& hosts;
  access_rules access;
  bool draining = false;
  bool reserved_only = false; // a connection beyond the caps
  std::size_t event_bytes_max = limits::event_bytes_max;
  std::size_t batch_bytes_max = limits::batch_bytes_max;
};

struct request_plan {
  http_request request;              // with a refusal: only the route, if one was found
  std::optional<token_digest> token; // that was shown
  std::size_t body_limit = 0;
  std::optional<http_response> refusal; // instead of running the handler
  bool refused_role = false;            // that is why
};

/// `head` must outlive the plan's request. A refusal whose body is small may still read that body
/// away, so that the connection can be kept: body_limit then says how much.
request_plan plan_request(const request_head& head, const plan_context& context);

} // namespace skein
