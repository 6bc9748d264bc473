#include "actors/foreign_events.hpp"

#include "protocol/check.hpp"

#include <utility>

namespace skein {

std::map<loop_no, foreign_events> foreign_events_of(loop_no by, std::uint32_t loops,
                                                    std::span<const journal::operation> operations,
                                                    const journal::commit_receipt& receipt) {
  SKEIN_CHECK(receipt.results.size() == operations.size());
  std::map<loop_no, foreign_events> told;
  const auto tell = [&](event_id event, const journal::accept_op& op) {
    const auto owner = static_cast<loop_no>(raw(event.shard) % loops);
    if (owner == by)
      return;
    foreign_events& of = told[owner];
    of.at = receipt.at;
    of.events.push_back({event, op.event, op.deliveries});
  };
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const journal::op_result& result = receipt.results[i];
    const auto* accept = std::get_if<journal::accept_op>(&operations[i]);
    // What a loop accepts is its own.
    if (accept != nullptr && raw(by) >= loops && result.status == journal::op_status::applied)
      tell(result.event, *accept);
    const auto emits = journal::emits_of(operations[i]);
    for (std::size_t emit = 0; emit < result.emits.size(); ++emit)
      if (!result.emits[emit].duplicate)
        tell(result.emits[emit].event, emits[emit]);
  }
  return told;
}

void foreign_announcer::announce(loop_no by, std::span<const journal::operation> operations) {
  const std::size_t loops = announced_.size();
  std::vector<bool> brings(loops);
  const auto bring = [&](const journal::accept_op& op) {
    brings[raw(op.event.shard) % loops] = true;
  };
  for (const journal::operation& each : operations) {
    const auto* accept = std::get_if<journal::accept_op>(&each);
    if (accept != nullptr && raw(by) >= loops)
      bring(*accept);
    for (const journal::accept_op& emit : journal::emits_of(each))
      bring(emit);
  }
  for (std::uint32_t loop = 0; loop < loops; ++loop)
    if (brings[loop] && loop != raw(by)) {
#ifndef SKEIN_BUG_FOREIGN_ANNOUNCED_LATE
      ++open_[loop];
      ++announced_[loop];
#endif
    }
}

void foreign_announcer::told(loop_no owner) {
#ifdef SKEIN_BUG_FOREIGN_ANNOUNCED_LATE
  ++announced_[raw(owner)];
#else
  SKEIN_CHECK(open_[raw(owner)] > 0);
  --open_[raw(owner)];
#endif
}

void foreign_announcer::over() {
  for (std::size_t loop = 0; loop < open_.size(); ++loop)
    announced_[loop] -= std::exchange(open_[loop], 0);
}

result<void> adopt_shards(journal::engine& engine, const std::vector<journal::held_shard>& shards,
                          bool in_order, std::uint32_t loops,
                          const std::map<loop_no, loop_feed>& feeds,
                          const std::function<void(instant)>& not_before) {
  std::vector<std::vector<journal::pending_event>> pending(loops);
  auto adopted = engine.adopt(shards, [&](const journal::pending_event& each) {
    pending[raw(each.event.shard) % loops].push_back(each);
  });
  if (!adopted)
    return adopted;
  auto with_state = engine.agents_with_state();
  if (!with_state)
    return with_state.error();
  if (not_before)
    not_before(engine.last_commit_at());
  for (std::uint32_t loop = 0; loop < loops; ++loop)
    feeds.at(static_cast<loop_no>(loop))
        .adopted({shards, engine.last_commit_at(), !in_order, std::move(pending[loop]), *with_state,
                  engine.agent_names()});
  return {};
}

result<std::vector<std::string>> number_agents(journal::engine& engine,
                                               const std::vector<std::string>& names) {
  for (const std::string& each : names)
    if (const auto number = engine.agent_number(each); !number)
      return number.error();
  return engine.agent_names();
}

} // namespace skein
