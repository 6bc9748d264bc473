// POST /v1/tokens. The token is made here and told once, in the answer: the engine and the journal
// get its digest.
#include "nodes/http/handlers.hpp"
#include "nodes/http/routes.hpp"

#include "nodes/access/token_maker.hpp"
#include "protocol/json_reader.hpp"

#include <memory>

namespace skein {

namespace {

/// Of arguments that were checked.
std::optional<role> role_in(std::string_view arguments) {
  json_reader from{arguments};
  from.next();
  from.open_object();
  for (std::string_view name; from.member(name);) {
    const bool wanted = name == "role";
    std::string buffer;
    if (wanted && from.next() == json_reader::type::string)
      return parse_role(from.string(buffer));
    from.value();
  }
  return std::nullopt;
}

} // namespace

void create_token(exchange& ex) {
  const http_request& request = ex.request();
  auto words = read_command(request);
  if (!words)
    return ex.refuse(words.error());
  const auto may = role_in(words->arguments);
  if (!may)
    return ex.refuse({errc::invalid_argument, "role is missing: read, producer, worker or admin."});
  new_token made = make_token(*may);
  words->arguments.pop_back();
  words->arguments.append(",\"prefix\":\"").append(made.prefix);
  words->arguments.append("\",\"digest\":\"").append(to_hex(made.digest)).append("\"}");
  auto secret = std::make_shared<const secret_text>(std::move(made.text));
  ex.api().act(request.by, std::string{request.at->operation}, std::move(words->arguments),
               ex.back<api_answer>([secret = std::move(secret)](exchange& self, api_answer answer) {
                 if (answer.code != errc::none)
                   return self.refuse({answer.code, std::move(answer.body)});
                 http_response response;
                 response.status = 201;
                 response.body.append("{\"token\":\"").append(secret->reveal()).append("\",");
                 response.body.append(std::string_view{answer.body}.substr(1));
                 self.respond(std::move(response));
               }));
}

} // namespace skein
