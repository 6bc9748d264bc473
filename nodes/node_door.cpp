#include "nodes/node_door.hpp"

#include "nodes/broker/peer_office.hpp"

namespace skein {

void node_door::ask(std::string operation, std::string arguments_json,
                    std::function<void(api_answer)> done) {
  if (!peer_office::answers(operation))
    return engine_.ask(std::move(operation), std::move(arguments_json), std::move(done));
  if (peer_office* const peers = peers_.load())
    return peers->ask(std::move(operation), std::move(arguments_json), std::move(done));
  done({errc::not_ready, {}});
}

} // namespace skein
