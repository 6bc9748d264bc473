#include "nodes/http/routes.hpp"

#include "nodes/http/handlers.hpp"
#include "protocol/delivery_state.hpp"
#include "protocol/ids.hpp"
#include "protocol/json_reader.hpp"
#include "protocol/limits.hpp"
#include "protocol/time.hpp"

#include <array>
#include <charconv>

namespace skein {

namespace {

using enum argument_kind;
using enum role;
constexpr auto reserved = route_class::reserved;
constexpr auto normal = route_class::normal;
constexpr auto bare = body_kind::none;

constexpr std::array wait_query{argument_rule{"wait", wait}};
constexpr std::array events_query{
    argument_rule{"source", text}, argument_rule{"id", text},     argument_rule{"key", text},
    argument_rule{"type", text},   argument_rule{"state", state}, argument_rule{"agent", text},
    argument_rule{"since", time},  argument_rule{"until", time},  argument_rule{"limit", count},
    argument_rule{"after", text},
};
constexpr std::array dead_query{
    argument_rule{"agent", text},  argument_rule{"key", text},   argument_rule{"type", text},
    argument_rule{"limit", count}, argument_rule{"after", text},
};
constexpr std::array lanes_query{argument_rule{"agent", text}, argument_rule{"limit", count},
                                 argument_rule{"after", text}};
constexpr std::array stream_query{argument_rule{"key", text}, argument_rule{"type", text},
                                  argument_rule{"after", cursor}};

constexpr std::array limit_query{argument_rule{"limit", count}};
constexpr std::array history_query{argument_rule{"limit", count}, argument_rule{"after", text}};
constexpr std::array at_query{argument_rule{"at", text}};

constexpr std::array create_members{argument_rule{"job", text}, argument_rule{"definition", object},
                                    argument_rule{"by", text}, argument_rule{"dry_run", flag}};
constexpr std::array edit_members{argument_rule{"definition", object},
                                  argument_rule{"revision", argument_kind::number},
                                  argument_rule{"by", text}, argument_rule{"dry_run", flag}};
constexpr std::array pause_members{argument_rule{"by", text}, argument_rule{"why", text},
                                   argument_rule{"dry_run", flag}};
constexpr std::array by_members{argument_rule{"by", text}, argument_rule{"dry_run", flag}};
constexpr std::array backfill_members{argument_rule{"from", text}, argument_rule{"to", text},
                                      argument_rule{"by", text}, argument_rule{"dry_run", flag}};

constexpr std::array allow_members{argument_rule{"peer", text}, argument_rule{"key", text},
                                   argument_rule{"role", text}, argument_rule{"dry_run", flag}};
constexpr std::array revoke_members{argument_rule{"dry_run", flag}};
constexpr std::array token_members{argument_rule{"role", role_name}, argument_rule{"name", text},
                                   argument_rule{"expires_in", life}};
constexpr std::array audit_query{argument_rule{"since", time}, argument_rule{"until", time},
                                 argument_rule{"by", text}, argument_rule{"limit", count},
                                 argument_rule{"after", text}};

constexpr std::array reload_members{argument_rule{"dry_run", flag}, argument_rule{"all", flag}};
constexpr std::array rollback_members{argument_rule{"dry_run", flag}};

constexpr std::array shards_query{argument_rule{"node", text}, argument_rule{"limit", count},
                                  argument_rule{"after", text}};
constexpr argument_rule no_parameter{};
constexpr argument_rule the_event{"event", event};
constexpr argument_rule the_agent{"agent", text};
constexpr argument_rule the_key{"key", text};
constexpr argument_rule the_job{"job", text};
constexpr argument_rule the_peer{"peer", text};
constexpr argument_rule the_token{"name", text};
constexpr argument_rule the_node{"node", text};

constexpr route job_question(std::string_view pattern, std::string_view operation,
                             std::span<const argument_rule> query = {}) {
  return {"GET", pattern, role::read, look_up, normal, bare, operation, the_job, query};
}
constexpr route job_command(std::string_view pattern, std::string_view operation,
                            std::span<const argument_rule> members) {
  return {"POST",    pattern, admin, run_command, reserved, body_kind::command,
          operation, the_job, {},    members};
}

constexpr std::array table{
    route{"POST", "/v1/events", producer, post_events, normal, body_kind::events, "", no_parameter,
          wait_query},
    route{"GET", "/v1/events", read, look_up, normal, bare, "event.list", no_parameter,
          events_query},
    route{"GET", "/v1/events/{event}", read, look_up_event, normal, bare, "event.describe",
          the_event, wait_query},
    route{"POST",
          "/v1/events/{event}/cancel",
          admin,
          look_up,
          reserved,
          body_kind::command,
          "event.cancel",
          the_event,
          {}},
    route{"GET", "/v1/dead", read, look_up, normal, bare, "dead.list", no_parameter, dead_query},
    route{"GET", "/v1/dead/{event}", read, look_up, normal, bare, "dead.show", the_event, {}},
    route{"GET", "/v1/agents", read, look_up, reserved, bare, "agent.list", no_parameter, {}},
    route{
        "GET", "/v1/agents/{name}", read, look_up, reserved, bare, "agent.describe", the_agent, {}},
    route{"GET", "/v1/keys/{key}", read, look_up, normal, bare, "key.describe", the_key, {}},
    route{"GET", "/v1/lanes", read, look_up, normal, bare, "lane.list", no_parameter, lanes_query},
    route{"GET", "/v1/jobs", read, look_up, normal, bare, "job.list", no_parameter, {}},
    route{"POST",
          "/v1/jobs",
          admin,
          run_command,
          normal,
          body_kind::document,
          "job.create",
          no_parameter,
          {},
          create_members},
    route{"GET", "/v1/job-graph", read, look_up, normal, bare, "job.graph", no_parameter, {}},
    job_question("/v1/jobs/{name}", "job.describe"),
    job_question("/v1/jobs/{name}/next", "job.next", limit_query),
    job_question("/v1/jobs/{name}/history", "job.history", history_query),
    job_question("/v1/jobs/{name}/explain", "job.explain", at_query),
    route{"POST",
          "/v1/jobs/{name}/edit",
          admin,
          run_command,
          normal,
          body_kind::document,
          "job.edit",
          the_job,
          {},
          edit_members},
    job_command("/v1/jobs/{name}/delete", "job.delete", by_members),
    job_command("/v1/jobs/{name}/pause", "job.pause", pause_members),
    job_command("/v1/jobs/{name}/resume", "job.resume", by_members),
    job_command("/v1/jobs/{name}/trigger", "job.trigger", by_members),
    job_command("/v1/jobs/{name}/backfill", "job.backfill", backfill_members),
    route{"GET", "/v1/tokens", admin, look_up, reserved, bare, "token.list", no_parameter, {}},
    route{"POST",
          "/v1/tokens",
          admin,
          create_token,
          reserved,
          body_kind::command,
          "token.create",
          no_parameter,
          {},
          token_members},
    route{"POST",
          "/v1/tokens/{name}/revoke",
          admin,
          look_up,
          reserved,
          body_kind::command,
          "token.revoke",
          the_token,
          {}},
    route{"GET", "/v1/audit", admin, look_up, reserved, bare, "audit.list", no_parameter,
          audit_query},
    route{"GET", "/v1/loops", read, look_up, reserved, bare, "loop.list", no_parameter, {}},
    route{"GET", "/v1/nodes", read, look_up, reserved, bare, "node.list", no_parameter, {}},
    route{"GET", "/v1/nodes/{name}", read, look_up, reserved, bare, "node.describe", the_node, {}},
    route{"POST",
          "/v1/nodes/{name}/drain",
          admin,
          look_up,
          reserved,
          body_kind::command,
          "node.drain",
          the_node,
          {}},
    route{"POST",
          "/v1/nodes/{name}/undrain",
          admin,
          look_up,
          reserved,
          body_kind::command,
          "node.undrain",
          the_node,
          {}},
    route{"GET", "/v1/shards", read, look_up, reserved, bare, "shard.list", no_parameter,
          shards_query},
    route{"GET", "/v1/config", read, look_up, reserved, bare, "config.describe", no_parameter, {}},
    route{"POST",
          "/v1/config/reload",
          admin,
          run_command,
          reserved,
          body_kind::command,
          "config.reload",
          no_parameter,
          {},
          reload_members},
    route{"POST",
          "/v1/config/rollback",
          admin,
          run_command,
          reserved,
          body_kind::command,
          "config.rollback",
          no_parameter,
          {},
          rollback_members},
    route{"GET", "/v1/peers", admin, look_up, reserved, bare, "peer.list", no_parameter, {}},
    route{"POST",
          "/v1/peers",
          admin,
          run_command,
          reserved,
          body_kind::command,
          "peer.allow",
          no_parameter,
          {},
          allow_members},
    route{"POST",
          "/v1/peers/{name}/revoke",
          admin,
          run_command,
          reserved,
          body_kind::command,
          "peer.revoke",
          the_peer,
          {},
          revoke_members},
    route{"GET", "/v1/status", read, look_up, reserved, bare, "status", no_parameter, {}},
    route{"GET", "/v1/stream", read, open_stream, normal, bare, "", no_parameter, stream_query},
    route{"GET", "/healthz", none, show_health, reserved, bare, "", no_parameter, {}},
    route{"GET", "/readyz", read, show_ready, reserved, bare, "", no_parameter, {}},
    route{"GET", "/metrics", read, show_metrics, reserved, bare, "", no_parameter, {}},
};

std::string_view take_segment(std::string_view& path) noexcept {
  path.remove_prefix(1); // the slash
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

bool matches(std::string_view pattern, std::string_view path,
             std::string_view& parameter) noexcept {
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view given = take_segment(path);
    if (wanted.starts_with('{')) {
      if (given.empty())
        return false;
      parameter = given;
    } else if (wanted != given) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

bool is_number(std::string_view text, std::uint64_t& value) noexcept {
  const auto [stopped, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  return problem == std::errc{} && stopped == text.data() + text.size();
}

/// "17.0", or with the store that it is of: "17.0.4f2a91c0".
bool is_cursor(std::string_view text) noexcept {
  constexpr std::string_view hex = "0123456789abcdef";
  constexpr std::size_t store_digits = 8;
  std::uint64_t number = 0;
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || !is_number(text.substr(0, dot), number))
    return false;
  text.remove_prefix(dot + 1);
  const std::size_t second = text.find('.');
  if (!is_number(text.substr(0, second), number))
    return false;
  if (second == std::string_view::npos)
    return true;
  text.remove_prefix(second + 1);
  return text.size() == store_digits && text.find_first_not_of(hex) == std::string_view::npos;
}

/// Empty: the value is right. Else what would be.
std::string expectation(argument_kind kind, std::string_view value) {
  std::uint64_t read = 0;
  std::optional<duration> wait_time;
  switch (kind) {
    case text:
      return value.empty() ? "must not be empty; leave it out instead" : "";
    case event:
      return parse_event_id(value) ? "" : "must be an event's number, such as 17-42";
    case state:
      return parse_delivery_state(value) ? ""
                                         : "must be one of pending, running, retrying, done, dead, "
                                           "cancelled, superseded, expired, purged";
    case count:
      return is_number(value, read) && read >= 1 && read <= limits::page_rows_max
                 ? ""
                 : "must be a number from 1 to " + std::to_string(limits::page_rows_max);
    case wait:
      wait_time = parse_duration(value);
      return wait_time && *wait_time <= limits::http_wait_max
                 ? ""
                 : "must be a duration of at most " + format_duration(limits::http_wait_max) +
                       ", such as 10s";
    case time:
      return parse_time(value, no_instant) ? ""
                                           : "must be a time, such as 2026-08-16T09:00:00Z, or one "
                                             "counted back from now, such as -1h30m";
    case cursor:
      return is_cursor(value) ? "" : "must be the id of a stream message, such as 17.0";
    case argument_kind::number:
      return is_number(value, read) ? "" : "must be a whole number";
    case flag:
      return value == "true" || value == "false" ? "" : "must be true or false";
    case role_name:
      return parse_role(value) ? "" : "must be one of read, producer, worker, admin";
    case life:
      wait_time = parse_duration(value);
      return wait_time && *wait_time > duration{0} && *wait_time <= limits::token_life_max
                 ? ""
                 : "must be a duration such as 90d, at most " +
                       format_duration(limits::token_life_max);
    case object:
      return value.starts_with('{') ? "" : "must be a JSON object";
  }
  return "is not known";
}

error unknown_parameter(const route& at, std::string_view name) {
  std::string detail = "There is no query parameter \"" + std::string{name} + "\" here; ";
  if (at.query.empty())
    detail += "none is known.";
  else
    detail += "known are";
  for (std::size_t i = 0; i < at.query.size(); ++i)
    detail.append(i == 0 ? " " : ", ").append(at.query[i].name);
  if (!at.query.empty())
    detail += ".";
  return {errc::invalid_argument, std::move(detail)};
}

} // namespace

std::span<const route> all_routes() noexcept { return table; }

route_match match_route(std::string_view method, std::string_view path) {
  route_match match;
  if (!path.starts_with('/'))
    return match;
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  for (const route& each : table) {
    std::string_view parameter;
    if (!matches(each.pattern, path, parameter))
      continue;
    if (each.method == wanted) {
      match.found = &each;
      match.parameter = parameter;
      return match;
    }
    match.allow.append(match.allow.empty() ? "" : ", ");
    match.allow.append(each.method == "GET" ? "GET, HEAD" : each.method);
  }
  return match;
}

result<void> check_argument(const argument_rule& rule, std::string_view value) {
  std::string wanted = expectation(rule.kind, value);
  if (wanted.empty())
    return {};
  return error{errc::invalid_argument, std::string{rule.name} + " " + wanted + "."};
}

result<void> check_member(const argument_rule& rule, std::string_view json) {
  if (rule.kind == flag || rule.kind == object || rule.kind == argument_kind::number)
    return check_argument(rule, json);
  json_reader from{json};
  if (from.next() != json_reader::type::string)
    return error{errc::invalid_argument, std::string{rule.name} + " must be a JSON string."};
  std::string buffer;
  return check_argument(rule, from.string(buffer));
}

result<void> check_query(const route& at, const query_list& query) {
  for (const auto& [name, value] : query) {
    const argument_rule* rule = nullptr;
    for (const argument_rule& each : at.query)
      if (each.name == name)
        rule = &each;
    if (rule == nullptr)
      return unknown_parameter(at, name);
    if (auto checked = check_argument(*rule, value); !checked)
      return checked;
  }
  return {};
}

} // namespace skein
