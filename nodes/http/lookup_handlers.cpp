// Look-ups and commands: the arguments become JSON, the engine answers with JSON.
#include "nodes/http/handlers.hpp"
#include "nodes/http/routes.hpp"

#include "protocol/cloudevents.hpp"
#include "protocol/ids.hpp"
#include "protocol/time.hpp"

namespace skein {

namespace {

void append_argument(std::string& json, const argument_rule& rule, std::string_view value) {
  json.append(json.size() > 1 ? ",\"" : "\"").append(rule.name).append("\":");
  if (rule.kind == argument_kind::count)                     // checked: digits, not all 0
    json.append(value.substr(value.find_first_not_of('0'))); // JSON: no leading zeros
  else
    append_json_string(json, value);
}

std::string arguments_of(const http_request& request) {
  std::string json = "{";
  if (!request.at->parameter.name.empty())
    append_argument(json, request.at->parameter, request.parameter);
  for (const auto& [name, value] : request.query)
    for (const argument_rule& rule : request.at->query)
      if (rule.name == name && rule.kind != argument_kind::wait) // that is not for the engine
        append_argument(json, rule, value);
  return json + "}";
}

/// A command takes no arguments yet: no body, or an empty object.
bool is_empty_object(std::string_view body) noexcept {
  std::string bare;
  for (const char c : body)
    if (std::string_view{" \t\r\n"}.find(c) == std::string_view::npos)
      bare.push_back(c);
    else if (bare.size() > 2)
      break;
  return bare.empty() || bare == "{}";
}

} // namespace

void look_up(exchange& ex) {
  const http_request& request = ex.request();
  if (request.at->body == body_kind::command && !is_empty_object(request.body))
    return ex.refuse({errc::invalid_argument,
                      "This command takes no arguments: send no body, or an empty JSON object."});
  auto answered = ex.back<api_answer>([](exchange& self, api_answer answer) {
    if (answer.code != errc::none)
      return self.refuse({answer.code, std::move(answer.body)},
                         {.instance = path_of(self.request().head->target)});
    http_response response;
    response.body = std::move(answer.body);
    self.respond(std::move(response));
  });
  if (request.at->body == body_kind::command) // changes something
    ex.api().act(request.by, std::string{request.at->operation}, arguments_of(request),
                 std::move(answered));
  else
    ex.api().ask(std::string{request.at->operation}, arguments_of(request), std::move(answered));
}

void look_up_event(exchange& ex) {
  const http_request& request = ex.request();
  const std::string* text = find_argument(request.query, "wait");
  const auto event = parse_event_id(request.parameter);
  if (text == nullptr || !event)
    return look_up(ex);
  // Ended or not, known or not: the look-up says so.
  ex.api().await_event(*event, parse_duration(*text).value_or(duration{0}),
                       ex.back<bool>([](exchange& self, bool) { look_up(self); }));
}

void open_stream(exchange& ex) {
  const http_request& request = ex.request();
  stream_filter filter;
  const auto set = [&](std::string& field, std::string_view name) {
    if (const std::string* value = find_argument(request.query, name); value != nullptr)
      field = *value;
  };
  set(filter.key, "key");
  set(filter.type, "type");
  set(filter.after, "after");
  // A client that connects again sends the newer of the two by itself.
  if (const std::string_view last = request.head->field("last-event-id"); !last.empty()) {
    if (auto checked = check_argument({"Last-Event-ID", argument_kind::cursor}, last); !checked)
      return ex.refuse(checked.error());
    filter.after = last;
  }
  ex.open_stream(std::move(filter));
}

void show_health(exchange& ex) {
  http_response response;
  response.content_type = content_type::text;
  response.body = "ok\n";
  ex.respond(std::move(response));
}

void show_ready(exchange& ex) {
  if (ex.draining())
    return ex.refuse({errc::draining, ""});
  if (const errc because = ex.api().readiness(); because != errc::none)
    return ex.refuse({because, ""});
  http_response response;
  response.content_type = content_type::text;
  response.body = "ready\n";
  ex.respond(std::move(response));
}

void show_metrics(exchange& ex) {
  ex.api().metrics(ex.back<std::string>([](exchange& self, std::string page) {
    http_response response;
    response.content_type = content_type::metrics;
    response.body = std::move(page);
    self.append_metrics(response.body);
    self.respond(std::move(response));
  }));
}

} // namespace skein
