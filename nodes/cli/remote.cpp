#include "nodes/cli/remote.hpp"

#include "nodes/cli/exit_codes.hpp"
#include "nodes/config/http_address.hpp"
#include "protocol/raw_json.hpp"

#include <fmt/format.h>

#include <fstream>

namespace skein::cli {

namespace {

constexpr std::size_t token_bytes_max = 4'096;

/// The token alone, without the line's end. Empty when it cannot be read, which is told.
std::optional<std::string> read_token(context& at) {
  std::ifstream file{at.global.token_file, std::ios::binary};
  const bool readable = file.is_open();
  std::string token(token_bytes_max + 1, '\0');
  file.read(token.data(), static_cast<std::streamsize>(token.size()));
  token.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' '))
    token.pop_back();
  const bool one_line =
      token.find_first_of("\r\n") == std::string::npos && token.find('\0') == std::string::npos;
  if (!token.empty() && token.size() <= token_bytes_max && one_line)
    return token;
  complain(at, exit_code::usage,
           {fmt::format("the token file {} cannot be used", at.global.token_file),
            readable ? "it must hold the token on one line" : "it cannot be opened", "",
            "invalid-argument"});
  return std::nullopt;
}

void warn_of_open_road(context& at, const server_url& server) {
  if (!server.secured && server.host != "localhost" && !is_loopback(server.host))
    say(at, fmt::format("warning: the token goes to {} without encryption", server.host));
}

std::string text_of(const json& body, const char* name) {
  const auto found = body.find(name);
  return found != body.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

/// By the path of what is not there.
std::string where_names_are(std::string_view path) {
  for (const auto& [before, list] :
       {std::pair{"/v1/jobs/", "job list"}, std::pair{"/v1/events/", "event list"},
        std::pair{"/v1/dead/", "dead list"}, std::pair{"/v1/keys/", "event list"},
        std::pair{"/v1/agents/", "agent list"}, std::pair{"/v1/peers/", "peer list"},
        std::pair{"/v1/tokens/", "token list"}})
    if (path.starts_with(before))
      return fmt::format("skein {}", list);
  return "check the name";
}

/// Of a conflict: the event that has the identity.
void name_the_event(const json& problem, complaint& told) {
  const auto refused = problem.find("refused");
  if (refused == problem.end() || !refused->is_array() || refused->empty())
    return;
  told.event = text_of(refused->front(), "event");
  if (told.event.empty())
    return;
  told.why = fmt::format("event {} has them", told.event);
  told.todo = fmt::format("another --id for new content, or: skein event describe {}", told.event);
}

int complain_of(context& at, const explained& failure) {
  return complain(at, failure.exit, failure.told);
}

} // namespace

json parse_json(const std::string& text) { return read_json<json>(text); }

std::optional<std::variant<http_answer, http_failure>>
send_request(context& at, http_request request, duration patience, int& exit) {
  const auto server = parse_server_url(at.global.server);
  if (!server) {
    exit = complain(at, exit_code::usage,
                    {fmt::format("\"{}\" is no server's URL", at.global.server),
                     at.world.environment("SKEIN_SERVER") == at.global.server
                         ? "the variable SKEIN_SERVER names it"
                         : "",
                     "http://HOST:PORT or https://HOST:PORT, such as http://127.0.0.1:7411",
                     "invalid-argument"});
    return std::nullopt;
  }
  if (!at.global.token_file.empty()) {
    const auto token = read_token(at);
    if (!token) {
      exit = exit_code::usage;
      return std::nullopt;
    }
    warn_of_open_road(at, *server);
    request.fields.emplace_back("Authorization", "Bearer " + *token);
  }
  return exchange(*server, {at.global.ca_file, at.global.client_cert}, request, patience);
}

remote_answer call(context& at, http_request request) {
  remote_answer out;
  auto end = send_request(at, std::move(request), at.global.timeout, out.exit);
  if (!end)
    return out;
  if (const auto* failure = std::get_if<http_failure>(&*end)) {
    out.exit = complain_of(at, explain(at, *failure, at.global.timeout));
    return out;
  }
  const auto& answer = std::get<http_answer>(*end);
  out.status = answer.status;
  if (exit_code_of_status(answer.status) != exit_code::done) {
    out.exit = complain_of(at, explain(at, answer));
    return out;
  }
  out.body = parse_json(answer.body);
  if (!out.body.is_object())
    out.exit = complain_of(at, explain_text(at));
  return out;
}

remote_answer post(context& at, const std::string& target, const json& body) {
  return call(at, {"POST", target, {{"Content-Type", "application/json"}}, write_json(body)});
}

remote_answer look_up(context& at, const std::string& target) {
  return call(at, {"GET", target, {}, {}});
}

explained explain(const context& at, const http_failure& failure, duration patience) {
  const std::string& server = at.global.server;
  switch (failure.kind) {
    case failure_kind::interrupted:
      return {exit_code::interrupted, {"interrupted", "", "", "interrupted"}};
    case failure_kind::timed_out:
      return {exit_code::timed_out,
              {fmt::format("{} did not answer within {}", server, format_duration(patience)), "",
               "wait longer with --timeout, or see the log of the node", "timed-out"}};
    case failure_kind::broken:
      return {exit_code::unreachable,
              {fmt::format("the connection to {} ended before the answer", server), failure.why,
               "see the node's log", "connection-lost"}};
    case failure_kind::too_large:
      return {exit_code::failed,
              {fmt::format("the answer of {} is too large", server), "",
               "ask for fewer rows with --limit", "too-large"}};
    case failure_kind::untrusted:
      if (failure.why.find("wrong version number") != std::string::npos) // of OpenSSL
        return {exit_code::unreachable,
                {fmt::format("{} does not speak TLS, and nothing was sent", server), "",
                 "--server http://" + server.substr(server.find("://") + 3), "untrusted"}};
      return {exit_code::unreachable,
              {fmt::format("{} is not to be trusted, and nothing was sent", server), failure.why,
               "name its authority with --ca-file, or the host as its certificate does",
               "untrusted"}};
    case failure_kind::unreachable:
      break;
  }
  return {exit_code::unreachable,
          {fmt::format("no node answers at {}", server), failure.why,
           "start one with: skein dev\nor name another with --server or SKEIN_SERVER",
           "unreachable"}};
}

explained explain(const context& at, const http_answer& answer) {
  const int exit = exit_code_of_status(answer.status);
  const json problem = parse_json(answer.body);
  if (!problem.is_object() || !problem.contains("title"))
    return {exit == exit_code::done ? exit_code::failed : exit,
            {fmt::format("{} answered with status {}", at.global.server, answer.status),
             "the answer does not look like one of Skein", "check --server", ""}};
  complaint told{text_of(problem, "title"), text_of(problem, "detail"), text_of(problem, "try"),
                 text_of(problem, "code")};
  if (told.why.ends_with(told.todo)) // the end of the detail by itself
    told.why.resize(told.why.size() - told.todo.size());
  while (told.why.ends_with(' '))
    told.why.pop_back();
  if (told.code == slug(errc::not_found))
    told.todo = where_names_are(text_of(problem, "instance"));
  if (told.code == slug(errc::identity_conflict))
    name_the_event(problem, told);
  if (told.code == slug(errc::agent_unknown))
    told.todo = "skein agent list";
  if (exit == exit_code::busy)
    told.todo = answer.retry_after.empty()
                    ? "the same again later"
                    : fmt::format("the same again in {} s", answer.retry_after);
  return {exit, std::move(told)};
}

explained explain_text(const context& at) {
  return {exit_code::failed,
          {fmt::format("the answer of {} is no JSON", at.global.server),
           "it does not look like one of Skein", "check --server", ""}};
}

} // namespace skein::cli
