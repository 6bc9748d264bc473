#include "tests/sim/cluster/cluster_judge.hpp"

#include "actors/broadcast.hpp"

#include <nlohmann/json.hpp>

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
  const auto known = events_.find(turn.delivery.event);
  if (known != events_.end() && known->second.due > store_now)
    break_rule("early", to_string(turn.delivery.event) + " began " +
                            format_duration(known->second.due - store_now) + " before its time");
}

/// One that is due later enters its lane by its time.
void cluster_judge::accepted(event_id event, const journal::accept_op& op, instant at) {
  known_event& made = events_[event];
  made.key = op.event.head().key;
  made.due = resolved(op.event.due, at);
  made.expires = resolved(op.event.expires, at);
  made.place = {std::max(at, made.due), event.sequence};
  if (made.due > at)
    ++seen["due later"];
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
    if (const auto* accept = std::get_if<journal::accept_op>(&batch[i])) {
      accepted(receipt.results[i].event, *accept, receipt.at);
      for_whom(*accept);
    }
    const auto emits = journal::emits_of(batch[i]);
    for (std::size_t emit = 0; emit < emits.size(); ++emit)
      emitted(emits[emit], receipt.results[i].emits.at(emit), receipt.at);
    if (const auto* finish = std::get_if<journal::finish_op>(&batch[i])) {
      ended(*finish, receipt.at);
      broadcast_ended(*finish);
    } else if (const auto* keep = std::get_if<journal::keep_op>(&batch[i]))
      kept(*keep);
  }
}

/// A job's event is for the agent that the job names, and no other.
void cluster_judge::for_whom(const journal::accept_op& accept) {
  const event_head head = accept.event.head();
  if (!head.source.starts_with(job_sources))
    return;
  const auto known = jobs_.find(std::string{head.source.substr(job_sources.size())});
  if (known == jobs_.end() || accept.deliveries.size() != 1 ||
      store_->agents.at(raw(*accept.deliveries.begin())) != known->second.agent)
    break_rule("schedule", "the event " + std::string{head.id} + " goes to another agent");
}

void cluster_judge::broadcast_ended(const journal::finish_op& op) {
  if (store_->agents.at(raw(op.agent)) != broadcast_agent || op.state != delivery_state::done)
    return;
  std::set<std::string> keys;
  for (const journal::accept_op& each : op.emits)
    keys.emplace(each.event.head().key);
  ++seen["broadcast to " + std::to_string(keys.size()) + " nodes"];
  if (keys.empty() || keys.size() != op.emits.size())
    break_rule("broadcast", to_string(op.delivery.event) + " became " +
                                std::to_string(op.emits.size()) + " events for " +
                                std::to_string(keys.size()) + " nodes");
}

/// By a turn, or for a job.
void cluster_judge::emitted(const journal::accept_op& emit,
                            const journal::op_result::emitted& became, instant at) {
  if (!became.duplicate)
    accepted(became.event, emit, at);
  emitted_.insert(emit.event.identity);
  const auto own = decode_event(emit.event.body.view());
  SKEIN_CHECK(own.ok());
  const hash128 identity = print_of(*own, store_->identity.hash).identity;
  emitted_.insert(identity);
  if (identity != emit.event.identity)
    ++seen["emit to another node"];
  else
    for_whom(emit);
}

void cluster_judge::ended(const journal::finish_op& op, instant at) {
  if (!ends_.emplace(op.delivery, op.state).second)
    break_rule("effects-once", to_string(op.delivery.event) + " ended twice");
  const auto known = events_.find(op.delivery.event);
  if (known == events_.end())
    return;
  const known_event& of = known->second;
  if (op.state == delivery_state::expired) {
    ++seen["expired"];
    if (at < of.expires)
      break_rule("early", to_string(op.delivery.event) + " expired " +
                              format_duration(of.expires - at) + " before its time");
  }
  if (pure_.contains(op.agent) || op.state != delivery_state::done)
    return;
  const auto [last, is_first] =
      lane_end_.try_emplace({op.delivery.event.shard, raw(op.agent), of.key}, of.place);
  if (!is_first && of.place <= last->second)
    break_rule("lane-order", to_string(op.delivery.event) + " of key " + of.key +
                                 " is done after " + std::to_string(last->second.sequence));
  last->second = std::max(last->second, of.place);
}

// ---- jobs ---------------------------------------------------------------------------------------

void cluster_judge::kept(const journal::keep_op& op) {
  for (const auto& each : op.states) {
    if (each.state.erase || store_->agents.at(raw(each.agent)) != job_records_agent)
      continue;
    const auto record = read_record(each.state.value.view());
    SKEIN_CHECK(record);
    ++seen["job " + std::string{to_text(record->kind)}];
    if (is_due_record(record->kind))
      cover(each.state.key.substr(0, each.state.key.find('/')), *record);
    else
      ++wanted_[record->why.substr(0, record->why.find(','))].records;
  }
}

void cluster_judge::cover(const std::string& job, const job_record& record) {
  const auto label =
      "job " + job + ": " + format_rfc3339(record.from) + " to " + format_rfc3339(record.to);
  const auto known = jobs_.find(job);
  if (known == jobs_.end())
    return break_rule("schedule", label + ", and there is no such job");
  const duration period = known->second.period;
  if ((record.from - instant{}) % period != duration{0} ||
      record.to - record.from != period * static_cast<std::int64_t>(record.count - 1))
    break_rule("schedule", label + " has other instants than are due");
  auto& all = known->second.covered;
  const auto behind = all.lower_bound(record.from);
  const bool meets_behind = behind != all.end() && behind->first <= record.to;
  const bool meets_before = behind != all.begin() && std::prev(behind)->second.to >= record.from;
  if (meets_behind || meets_before)
    break_rule("schedule", label + " is in another record already");
  all.emplace(record.from, record);
}

bool cluster_judge::jobs_are_over() const {
  const std::scoped_lock hold{store_->mutex};
  return std::none_of(store_->states.begin(), store_->states.end(), [this](const auto& each) {
    if (store_->agents.at(raw(each.first.first)) != job_states_agent)
      return false;
    const auto words = nlohmann::json::parse(each.second.view());
    return words.contains("running") || words.contains("queue");
  });
}

/// As the store has them in the end.
void cluster_judge::judge_jobs() {
  std::set<std::string> kept;
  for (const auto& [key, value] : store_->states)
    if (store_->agents.at(raw(key.first)) == job_states_agent)
      kept.insert(key.second);
  for (const auto& [name, which] : jobs_)
    if (!kept.contains(name))
      break_rule("schedule", "job " + name + ": nobody has kept it");
  for (const auto& [key, value] : store_->states) {
    if (store_->agents.at(raw(key.first)) != job_states_agent || !jobs_.contains(key.second))
      continue;
    const auto& [agent, name] = key;
    const auto words = nlohmann::json::parse(value.view());
    if (words.contains("open"))
      cover(name, read_record(words["open"].dump()).value());
    if (words.contains("running") || words.contains("queue"))
      break_rule("schedule", "job " + name + ": a run has no end, or waits for nothing");
    const duration period = jobs_[name].period;
    const instant through = from_ns(words.at("through").get<std::int64_t>());
    instant next{(from_ns(words.at("created").get<std::int64_t>()) - instant{}) / period * period +
                 period};
    for (const auto& [from, record] : jobs_[name].covered) {
      if (from != next)
        break_rule("schedule", "job " + name + ": " + format_rfc3339(next) + " is in no record");
      next = record.to + period;
    }
    if (next <= through || next < jobs_[name].end)
      break_rule("schedule", "job " + name + ": " + format_rfc3339(next) + " is in no record");
  }
  for (const auto& [by, wish] : wanted_) {
    if (!wish.asked || wish.records > 1)
      break_rule("command-once", by + " was done " + std::to_string(wish.records) + " times");
    if (!wish.code) {
      ++seen["command without an answer"];
      continue;
    }
    ++seen["command " + std::string{slug(*wish.code)}];
    const bool is_open = *wish.code == errc::timed_out ||
                         *wish.code == errc::state_conflict; // of which the ledger may have one
    if (!is_open && wish.records != (*wish.code == errc::none ? 1u : 0u))
      break_rule("command-once", by + " was answered " + std::string{slug(*wish.code)} +
                                     ", and was done " + std::to_string(wish.records) + " times");
    if (wish.in_peace && *wish.code != errc::none && *wish.code != errc::state_conflict)
      break_rule("command-once", by + " was answered " + std::string{slug(*wish.code)} +
                                     ", and all nodes were well");
  }
}

void cluster_judge::at_rest() {
  const std::scoped_lock hold{store_->mutex};
  judge_jobs();
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
