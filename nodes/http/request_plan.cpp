#include "nodes/http/request_plan.hpp"

#include "nodes/http/event_mode.hpp"

namespace skein {

namespace {

http_response closing(http_response response) {
  response.close = true;
  return response;
}

http_response refuse_path(const request_head& head, const route_match& match) {
  if (match.allow.empty())
    return make_problem({errc::not_found, "There is no such path."},
                        {.instance = path_of(head.target)});
  http_response response =
      make_problem({errc::method_not_allowed, ""}, {.instance = path_of(head.target)});
  response.allow = match.allow;
  return response;
}

constexpr std::string_view wants_token = R"(Bearer realm="skein")";
constexpr std::string_view wants_valid_token = R"(Bearer realm="skein", error="invalid_token")";

http_response refuse_access(const error& why, bool shown) {
  http_response response = make_problem(why);
  if (why.code == errc::unauthorized)
    response.authenticate = shown ? wants_valid_token : wants_token;
  return response;
}

/// Whether the connection and the node are in a state to take it.
std::optional<http_response> check_state(const route& at, const plan_context& context) {
  if (context.reserved_only && at.audience != route_class::reserved)
    return closing(
        make_problem({errc::no_capacity, "The server has as many connections as it may."}));
  if (context.draining && at.body != body_kind::none)
    return closing(make_problem({errc::draining, ""}));
  return std::nullopt;
}

/// The content type, and how much of a body there may be.
result<std::size_t> check_body(const request_head& head, const route& at,
                               const plan_context& context) {
  if (at.body == body_kind::command || at.body == body_kind::document) {
    if (auto type = check_command_type(head); !type)
      return type.error();
    return at.body == body_kind::command ? limits::http_action_bytes_max
                                         : limits::http_document_bytes_max;
  }
  if (at.body == body_kind::none)
    return std::size_t{0};
  const auto mode = event_mode_of(head);
  if (!mode)
    return mode.error();
  return *mode == event_mode::batch ? context.batch_bytes_max : context.event_bytes_max;
}

result<http_request> normalise(const request_head& head, const route_match& match) {
  http_request request;
  request.at = match.found;
  request.head = &head;
  if (!match.found->parameter.name.empty()) {
    auto parameter = decode_segment(match.parameter);
    if (!parameter)
      return parameter.error();
    if (auto checked = check_argument(match.found->parameter, *parameter); !checked)
      return checked.error();
    request.parameter = std::move(*parameter);
  }
  auto query = read_query(head.target);
  if (!query)
    return query.error();
  if (auto checked = check_query(*match.found, *query); !checked)
    return checked.error();
  request.query = std::move(*query);
  return request;
}

std::optional<http_response> make_plan(const request_head& head, const plan_context& context,
                                       request_plan& plan) {
  if (auto host = check_host(head, context.hosts); !host)
    return make_problem(host.error());
  auto who = identify(head, context.access);
  if (!who)
    return refuse_access(who.error(), true);
  const route_match match = match_route(head.method, path_of(head.target));
  if (match.found == nullptr)
    return context.reserved_only ? closing(refuse_path(head, match)) : refuse_path(head, match);
  plan.request.at = match.found;
  if (auto may = check_role(*who, match.found->needs); !may) {
    plan.refused_role = true;
    return refuse_access(may.error(), false);
  }
  if (auto refusal = check_state(*match.found, context))
    return refusal;
  if (match.found->body == body_kind::none && head.has_body())
    return closing(make_problem({errc::invalid_request, "A GET or HEAD must have no body."}));
  const auto limit = check_body(head, *match.found, context);
  if (!limit)
    return make_problem(limit.error());
  plan.body_limit = *limit;
  auto request = normalise(head, match);
  if (!request)
    return make_problem(request.error(), {.instance = path_of(head.target)});
  plan.request = std::move(*request);
  plan.request.by.who = std::move(who->name);
  plan.token = who->digest;
  return std::nullopt;
}

} // namespace

request_plan plan_request(const request_head& head, const plan_context& context) {
  request_plan plan;
  plan.refusal = make_plan(head, context, plan);
  if (plan.refusal)
    plan.body_limit = limits::http_action_bytes_max;
  return plan;
}

} // namespace skein
