#include "nodes/node_door.hpp"

#include "actors/arguments.hpp"
#include "nodes/broker/peer_office.hpp"

#include <nlohmann/json.hpp>

namespace skein {

namespace {

/// An answer that says so itself: "changed": false.
bool changed_nothing(const api_answer& answer) {
  const auto body = nlohmann::json::parse(answer.body, nullptr, false);
  return answer.code == errc::none && body.is_object() && body.contains("changed") &&
         !flag_of(body, "changed");
}

} // namespace

void node_door::ask(std::string operation, std::string arguments_json,
                    std::function<void(api_answer)> done) {
  if (!peer_office::answers(operation))
    return engine_.ask(std::move(operation), std::move(arguments_json), std::move(done));
  if (peer_office* const peers = peers_.load())
    return peers->ask(std::move(operation), std::move(arguments_json), std::move(done));
  if (keeps_peers_)
    return done({errc::not_ready, {}});
  done({errc::state_conflict,
        "An ephemeral node has no folder, and so no list of peers: start it with --data."});
}

/// A change of the list of peers is in the record of what people changed, as any other.
void node_door::act(caller by, std::string operation, std::string arguments_json,
                    std::function<void(api_answer)> done) {
  if (!peer_office::answers(operation))
    return engine_.act(std::move(by), std::move(operation), std::move(arguments_json),
                       std::move(done));
  const auto given = nlohmann::json::parse(arguments_json, nullptr, false);
  if (!by.who.empty() && given.is_object() && !flag_of(given, "dry_run"))
    done = [plain = done,
            recorded = engine_.recorded(by, operation, arguments_json, done)](api_answer answer) {
      const auto& way = changed_nothing(answer) ? plain : recorded;
      way(std::move(answer));
    };
  ask(std::move(operation), std::move(arguments_json), std::move(done));
}

} // namespace skein
