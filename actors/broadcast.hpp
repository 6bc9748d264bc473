// A broadcast: one event that becomes one for each node, or for each loop, of all that take part
// when its turn ends. The derived events are effects of that turn, so that they come into being
// together, each once, and wherever their shards are.
//
//   skein.broadcast --> turn of an agent of ours --one commit--> [node:n1] [node:n2] [node:n3]
//
// They are of the type, and with the data, that it names; their keys say whose they are, and what
// has not run within an hour is over.
#pragma once

#include "actors/ports.hpp"
#include "actors/settings.hpp"
#include "protocol/event.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace skein {

inline constexpr std::string_view broadcast_agent = "!broadcast";
inline constexpr std::string_view broadcast_type = "skein.broadcast";

/// The agent that carries them out.
agent_settings broadcast_settings();

/// Who takes part.
struct broadcast_member {
  std::string node;
  std::uint32_t loops = 0; // 0: not known yet
};

/// The events that a broadcast becomes, for these members. Errors: invalid_argument, if it does not
/// say what it is to become; too_many_emits; not_ready, if somebody's loops are not known.
result<std::vector<event>> broadcast_events(const event& cause,
                                            std::vector<broadcast_member> members);

/// Its turns.
class broadcast_runner final : public runner_port {
 public:
  struct ports {
    std::function<std::vector<broadcast_member>()> members; // none: nobody is known yet
    runner_sink report;
  };
  explicit broadcast_runner(ports given) : ports_{std::move(given)} {}

  void start(std::vector<turn_start> turns) override;
  /// A turn is over before anybody could stop it.
  void stop(turn_id, stop_stage) override {}

 private:
  turn_report run(const turn_start& turn) const;

  ports ports_;
};

} // namespace skein
