#include "tests/sim/cluster/cluster_judge.hpp"

namespace skein::test {

void cluster_judge::offered(std::uint64_t request, std::vector<hash128> identities) {
  for (const hash128& each : identities)
    ++identities_[each].open;
  requests_[request] = std::move(identities);
}

void cluster_judge::answered(std::uint64_t request, const std::vector<publish_result>& said) {
  const auto asked = requests_.extract(request);
  if (asked.empty() || said.size() != asked.mapped().size())
    return break_rule("durable-ack", "an answer to nothing, or of another size");
  for (std::size_t i = 0; i < said.size(); ++i) {
    known_identity& of = identities_.at(asked.mapped()[i]);
    --of.open;
    if (said[i].code == errc::none) {
      of.durable = true;
      of.event = said[i].event;
    }
    if (said[i].code == errc::none || said[i].code == errc::unknown_outcome)
      of.certainly_not = false;
    ++seen["answer " + (said[i].code == errc::none ? (said[i].duplicate ? std::string{"duplicate"}
                                                                        : std::string{"durable"})
                                                   : std::string{slug(said[i].code)})];
  }
}

void cluster_judge::started(const std::string& owner, const turn_id& turn, instant store_now) {
  const std::scoped_lock hold{store_->mutex};
  const auto& lease = store_->leases.at(raw(turn.delivery.event.shard));
  if (lease.owner != owner || lease.until < store_now)
    break_rule("stale-start", owner + " began " + to_string(turn.delivery.event) + ", but " +
                                  lease.owner + " has the lease");
}

void cluster_judge::committed(const std::vector<journal::operation>& batch,
                              const journal::commit_receipt& receipt) {
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const journal::op_status status = receipt.results[i].status;
    if (status == journal::op_status::fenced)
      ++seen["fenced"];
    if (status != journal::op_status::applied)
      continue;
    const shard_id shard = journal::shard_of_operation(batch[i]);
    const epoch_no epoch = std::visit([](const auto& op) { return op.epoch; }, batch[i]);
    epoch_no& newest = epochs_[shard];
    if (epoch < newest)
      break_rule("stale-commit", "epoch " + std::to_string(raw(epoch)) + " of shard " +
                                     std::to_string(raw(shard)) + " after " +
                                     std::to_string(raw(newest)));
    newest = std::max(newest, epoch);
    if (const auto* accept = std::get_if<journal::accept_op>(&batch[i]);
        accept != nullptr && accept->event.due == no_instant)
      keys_[receipt.results[i].event] = accept->event.head().key;
    if (const auto* finish = std::get_if<journal::finish_op>(&batch[i]))
      ended(*finish, receipt.results[i]);
  }
}

void cluster_judge::ended(const journal::finish_op& op, const journal::op_result& verdict) {
  for (std::size_t i = 0; i < op.emits.size(); ++i) {
    const offered_event& emit = op.emits[i].event;
    if (emit.due == no_instant) // else it enters its lane by its time
      keys_[verdict.emits[i].event] = emit.head().key;
    emitted_.insert(emit.identity);
    const auto own = decode_event(emit.body.view());
    SKEIN_CHECK(own.ok());
    const hash128 identity = print_of(*own, store_->identity.hash).identity;
    emitted_.insert(identity);
    if (identity != emit.identity)
      ++seen["emit to another node"];
  }
  if (!ends_.emplace(op.delivery, op.state).second)
    break_rule("effects-once", to_string(op.delivery.event) + " ended twice");
  const auto known = keys_.find(op.delivery.event);
  if (known == keys_.end() || pure_.contains(op.agent))
    return;
  const std::string& key = known->second;
  std::uint64_t& last = lane_end_[{op.delivery.event.shard, raw(op.agent), key}];
  if (op.delivery.event.sequence <= last && op.state == delivery_state::done)
    break_rule("lane-order", to_string(op.delivery.event) + " of key " + key + " ended after " +
                                 std::to_string(last));
  last = std::max(last, op.delivery.event.sequence);
}

void cluster_judge::at_rest() {
  const std::scoped_lock hold{store_->mutex};
  for (const auto& [identity, known] : identities_) {
    const auto found = store_->identities.find(identity);
    const bool is_there = found != store_->identities.end();
    if (known.durable && !is_there)
      break_rule("durable-ack",
                 to_string(*known.event) + " is lost; " +
                     (store_->at(*known.event) != nullptr ? "that number is another event's"
                                                          : "nothing has that number"));
    if (is_there && known.open == 0 && known.certainly_not)
      break_rule("certain-no", to_string(found->second.event) + " was refused, and is there");
  }
  for (const auto& [identity, known] : store_->identities)
    if (!identities_.contains(identity) && !emitted_.contains(identity))
      break_rule("invention", to_string(known.event) + " was never offered");
  for (const hash128& identity : emitted_)
    if (!store_->identities.contains(identity))
      break_rule("emits-once", "what a turn emitted is lost");
  for (const auto& event : store_->events)
    if (!event.gone && event.pending())
      break_rule("terminal", to_string(event.record.event) + " is pending");
}

} // namespace skein::test
