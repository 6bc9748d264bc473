// What a turn emits to a shard of another node goes through the outbox: it is committed with the
// turn's end as an event of the turn's own shard, for an agent of ours that offers it to the owner
// until that has it. It counts as accepted and pending until then.
//
//   turn ends --one commit--> [emit] --> outbox turn --> the door --> its shard's owner: accepted,
//                                           ^---- again ----' or known already
//
// The owner knows the event by its identity, so that it comes once, whatever is sent again. In its
// box it has another one, as both may be known to one store.
#pragma once

#include "actors/ports.hpp"
#include "actors/settings.hpp"
#include "protocol/event.hpp"

#include <functional>
#include <map>
#include <string_view>
#include <vector>

namespace skein {

inline constexpr std::string_view outbox_agent = "!outbox";

/// The agent that empties it.
agent_settings outbox_settings();

/// The event as it waits in a shard of this node. Its due time and its end come with the owner's
/// acceptance.
offered_event boxed(offered_event emit, shard_id origin);

/// Its turns: each offers the event that it was given.
class outbox_runner final : public runner_port {
 public:
  using publisher = std::function<void(std::vector<offered_event>,
                                       std::function<void(std::vector<publish_result>)>)>;
  struct ports {
    hash_settings hash;
    event_limits bounds;
    std::function<instant()> now;
    publisher publish;
    runner_sink report;
  };
  explicit outbox_runner(ports given) : ports_{std::move(given)} {}

  void start(std::vector<turn_start> turns) override;
  /// An offer cannot be taken back: its answer ends the turn.
  void stop(turn_id, stop_stage) override {}

 private:
  ports ports_;
};

/// What an answer of the owner makes of a turn.
turn_report outbox_report(const turn_id& turn, const publish_result& said);

} // namespace skein
