#include "nodes/node_door.hpp"

#include "nodes/broker/peer_office.hpp"

#include <nlohmann/json.hpp>

namespace skein {

void node_door::ask(std::string operation, std::string arguments_json,
                    std::function<void(api_answer)> done) {
  if (!peer_office::answers(operation))
    return engine_.ask(std::move(operation), std::move(arguments_json), std::move(done));
  if (peer_office* const peers = peers_.load())
    return peers->ask(std::move(operation), std::move(arguments_json), std::move(done));
  done({errc::not_ready, {}});
}

/// A change of the list of peers is in the record of what people changed, as any other.
void node_door::act(caller by, std::string operation, std::string arguments_json,
                    std::function<void(api_answer)> done) {
  if (!peer_office::answers(operation))
    return engine_.act(std::move(by), std::move(operation), std::move(arguments_json),
                       std::move(done));
  const auto given = nlohmann::json::parse(arguments_json, nullptr, false);
  const bool changes = !by.who.empty() && given.is_object() && !given.value("dry_run", false);
  if (changes)
    done = engine_.recorded(by, operation, arguments_json, std::move(done));
  ask(std::move(operation), std::move(arguments_json), std::move(done));
}

} // namespace skein
