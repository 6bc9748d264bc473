#include "nodes/http/problem.hpp"

#include "protocol/cloudevents.hpp"

#include <algorithm>
#include <array>

namespace skein {

namespace {

constexpr std::string_view later = "Send the request again later.";
constexpr std::string_view correct = "Correct it and send it again; unchanged it will not succeed.";
constexpr std::string_view repeat =
    "Send it again with the same source and id: what was accepted is not accepted twice.";
constexpr std::string_view repair = "The node needs its operator: see its log.";

// In order of number.
constexpr std::array rules{
    problem_rule{errc::invalid_json, 400, 0, correct},
    problem_rule{errc::invalid_event, 400, 0, correct},
    problem_rule{errc::too_large, 413, 0, "Send less, or keep the data elsewhere and send a link."},
    problem_rule{errc::too_deep, 400, 0, correct},
    problem_rule{errc::invalid_time, 400, 0, correct},
    problem_rule{errc::unsupported_media_type, 415, 0, ""},
    problem_rule{errc::batch_too_large, 413, 0, "Send it as several smaller batches."},
    problem_rule{errc::invalid_argument, 400, 0, ""},
    problem_rule{errc::identity_conflict, 409, 0,
                 "Use a new id for new content, or look up the event that has this one."},
    problem_rule{errc::not_found, 404, 0, "Check the name."},
    problem_rule{errc::method_not_allowed, 405, 0, "Use one of the methods in Allow."},
    problem_rule{errc::unsupported_version, 505, 0, ""},
    problem_rule{errc::invalid_request, 400, 0, ""},
    problem_rule{errc::header_too_large, 431, 0, "Send fewer or shorter header fields."},
    problem_rule{errc::forbidden_origin, 403, 0, ""},
    problem_rule{errc::data_not_json, 400, 0, correct},
    problem_rule{errc::too_many_deliveries, 400, 0,
                 "Let fewer routes match it; one of the agents may emit an event for others."},
    problem_rule{errc::state_conflict, 409, 0, "Look up what is there."},
    problem_rule{errc::invalid_config, 422, 0, "Correct the file; the node works on as before."},
    problem_rule{errc::request_timeout, 408, 0, "Send the whole request without pauses."},
    problem_rule{errc::too_many_hops, 400, 0,
                 "Look for agents that answer each other in a circle."},
    problem_rule{errc::unauthorized, 401, 0,
                 "Show a valid token: Authorization: Bearer TOKEN; an admin makes one with skein "
                 "token create."},
    problem_rule{errc::forbidden, 403, 0, "Use a token of a role that may do it."},
    problem_rule{errc::needs_restart, 409, 0,
                 "Take those changes back, or restart the node with them."},
    problem_rule{errc::draining, 503, 5, later},
    problem_rule{errc::overloaded, 429, 1, later},
    problem_rule{errc::disk_full, 503, 30, later},
    problem_rule{errc::not_owner, 503, 1, later},
    problem_rule{errc::no_capacity, 503, 1, later},
    problem_rule{errc::dedupe_full, 503, 30,
                 "Send it again later; the operator may raise dedupe_identities, or shorten "
                 "dedupe_window."},
    problem_rule{errc::timed_out, 504, 1, later},
    problem_rule{errc::not_ready, 503, 1, later},
    problem_rule{errc::store_refuses, 503, 5, repair},
    problem_rule{errc::store_stuck, 503, 5, repair},
    problem_rule{errc::disk_low, 503, 30, "Nothing was stored; send it again later."},
    problem_rule{errc::unknown_outcome, 500, 1, repeat},
    problem_rule{errc::store_locked, 503, 5, later},
    problem_rule{errc::store_corrupt, 500, 0, repair},
    problem_rule{errc::io_error, 500, 0, repair},
    problem_rule{errc::fenced, 503, 1, later},
    problem_rule{errc::already_terminal, 409, 0, "Look it up to see its outcome."},
    problem_rule{errc::store_unreachable, 503, 1, "Nothing was stored; send it again later."},
    problem_rule{errc::agent_unknown, 404, 0, "See GET /v1/agents for the names there are."},
    problem_rule{errc::internal, 500, 0, repair},
};
static_assert(std::is_sorted(rules.begin(), rules.end(),
                             [](const auto& a, const auto& b) { return a.code < b.code; }));

/// What is wrong and what to do, as sentences.
std::string join(std::string detail, std::string_view advice) {
  if (!detail.empty() && !detail.ends_with('.'))
    detail.push_back('.');
  if (!detail.empty() && !advice.empty())
    detail.push_back(' ');
  return detail.append(advice);
}

std::chrono::seconds whole_seconds(duration wait) {
  return std::chrono::ceil<std::chrono::seconds>(wait);
}

} // namespace

const problem_rule* find_problem_rule(errc code) noexcept {
  const auto at =
      std::lower_bound(rules.begin(), rules.end(), code,
                       [](const auto& rule, errc wanted) { return rule.code < wanted; });
  return at != rules.end() && at->code == code ? &*at : nullptr;
}

int status_of(errc code) noexcept {
  const problem_rule* rule = find_problem_rule(code);
  return rule != nullptr ? rule->status : 500;
}

http_response make_problem(const error& problem, const problem_extras& extras) {
  const problem_rule* known = find_problem_rule(problem.code);
  const problem_rule& rule = known != nullptr ? *known : rules.back();
  http_response out;
  out.status = extras.status != 0 ? extras.status : rule.status;
  out.content_type = content_type::problem;
  out.retry_after = whole_seconds(extras.retry_after);
  if (out.retry_after.count() <= 0)
    out.retry_after = std::chrono::seconds{rule.retry_after_s};

  const auto append_member = [&](std::string_view name, std::string_view text) {
    if (text.empty())
      return;
    out.body.append(",\"").append(name).append("\":");
    append_json_string(out.body, text);
  };

  out.body.append("{\"type\":\"urn:skein:problem:").append(slug(rule.code)).append("\",\"title\":");
  append_json_string(out.body, sentence(rule.code));
  out.body.append(",\"status\":").append(std::to_string(out.status));
  out.body.append(",\"code\":\"").append(slug(rule.code)).append("\"");
  append_member("detail", join(problem.detail, rule.advice));
  append_member("try", rule.advice);
  append_member("instance", extras.instance);
  out.body.append(extras.members).append("}");
  return out;
}

} // namespace skein
