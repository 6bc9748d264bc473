// Commands with a body: its members are checked by name and form, and go to the engine as they were
// written, so that numbers in them keep their digits.
#include "nodes/http/handlers.hpp"
#include "nodes/http/routes.hpp"

#include "protocol/cloudevents.hpp"
#include "protocol/json_reader.hpp"

#include <algorithm>

namespace skein {

namespace {

error unknown_member(const route& at, std::string_view name) {
  std::string known;
  for (const argument_rule& each : at.members)
    known.append(known.empty() ? "" : ", ").append(each.name);
  return {errc::invalid_argument, "There is no member \"" + std::string{name} +
                                      "\" in the body of this command; known are " + known + "."};
}

} // namespace

result<command_words> read_command(const http_request& request) {
  command_words words{"{", false};
  const auto add = [&](std::string_view name) {
    words.arguments.append(words.arguments.size() > 1 ? ",\"" : "\"").append(name).append("\":");
  };
  if (!request.at->parameter.name.empty()) {
    add(request.at->parameter.name);
    append_json_string(words.arguments, request.parameter);
  }
  json_reader from{request.body.empty() ? "{}" : request.body};
  if (const auto what = from.next();
      what != json_reader::type::object && check_json(request.body).ok())
    return error{errc::invalid_argument, "The body of a command must be a JSON object."};
  from.open_object();
  for (std::string_view name; from.member(name);) {
    const auto rule = std::find_if(request.at->members.begin(), request.at->members.end(),
                                   [&](const argument_rule& each) { return each.name == name; });
    if (rule == request.at->members.end())
      return unknown_member(*request.at, name);
    const std::string_view value = from.value();
    if (from.failed())
      break;
    if (auto checked = check_member(*rule, value); !checked)
      return checked.error();
    add(rule->name);
    words.arguments.append(value);
    words.dry_run = words.dry_run || (rule->kind == argument_kind::flag && value == "true");
  }
  from.finish();
  if (from.failed())
    return from.problem();
  words.arguments += "}";
  return words;
}

void run_command(exchange& ex) {
  const http_request& request = ex.request();
  auto words = read_command(request);
  if (!words)
    return ex.refuse(words.error());
  constexpr int created = 201;
  const bool creates = request.at->operation == "job.create" && !words->dry_run;
  ex.api().act(request.by, std::string{request.at->operation}, std::move(words->arguments),
               ex.back<api_answer>([creates](exchange& self, api_answer answer) {
                 if (answer.code != errc::none)
                   return self.refuse({answer.code, std::move(answer.body)},
                                      {.instance = path_of(self.request().head->target)});
                 http_response response;
                 response.status = creates ? created : response.status;
                 response.body = std::move(answer.body);
                 self.respond(std::move(response));
               }));
}

} // namespace skein
