#include "journal/store_state.hpp"

#include "journal/sqlite_codec.hpp"

#include <algorithm>

namespace skein::journal {

namespace {

/// How many old records an accepted event sweeps out: more than one, so that the window shrinks.
constexpr std::size_t sweep_per_event = 4;
/// How far ahead of the judgement an operation's places in memory are asked for.
constexpr std::size_t prefetch_ahead = 8;

op_result refused(op_status status) {
  op_result judged;
  judged.status = status;
  return judged;
}

op_result ended_as(delivery_state actual) {
  op_result judged = refused(op_status::already_terminal);
  judged.actual = actual;
  return judged;
}

pending_set::mask all_of(const delivery_list& deliveries) {
  return static_cast<pending_set::mask>((1u << deliveries.size()) - 1);
}

} // namespace

store_state::store_state(std::uint32_t shards, epoch_no least,
                         std::unique_ptr<identity_window> window, std::uint64_t range_events)
  : epochs_(shards, least), window_{std::move(window)}, pending_{range_events} {}

void store_state::resume(std::uint64_t next_sequence, const ledgers& totals) {
  next_ = next_sequence;
  totals_ = totals;
}

std::optional<start_row> store_state::start_of(const delivery_id& delivery) const {
  const auto found = starts_.find(delivery);
  return found == starts_.end() ? std::nullopt : std::optional{found->second};
}

void store_state::set_epoch(shard_id shard, epoch_no epoch) {
  SKEIN_CHECK(raw(shard) < epochs_.size());
  epochs_[raw(shard)] = std::max(epochs_[raw(shard)], epoch);
}

epoch_no store_state::epoch_of(shard_id shard) const {
  SKEIN_CHECK(raw(shard) < epochs_.size());
  return epochs_[raw(shard)];
}

void store_state::begin(instant at, std::size_t agents) {
  SKEIN_CHECK(staged_.empty());
  staged_.at = at;
  agents_ = agents;
  totals_before_ = totals_;
  next_before_ = next_;
}

result<op_result> store_state::judge(const operation& op, past& disk) {
  if (const auto* accepted = std::get_if<accept_op>(&op))
    return judge(*accepted, false);
  if (const auto* finished = std::get_if<finish_op>(&op))
    return judge(*finished, disk);
  if (const auto* failed = std::get_if<attempt_op>(&op))
    return judge(*failed, disk);
  if (const auto* kept = std::get_if<keep_op>(&op))
    return judge(*kept);
  return judge(std::get<start_op>(op), disk);
}

result<void> store_state::judge(batches all, past& disk, std::vector<op_result>& results) {
  results.clear();
  results.reserve(count_operations(all));
  for (const auto& batch : all)
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (i + prefetch_ahead < batch.size())
        prefetch(batch[i + prefetch_ahead]);
      auto judged = judge(batch[i], disk);
      if (!judged)
        return judged.error();
      results.push_back(std::move(*judged));
    }
  return {};
}

void store_state::hold(const held_shard& which) {
  SKEIN_CHECK(raw(which.shard) < epochs_.size());
  epochs_[raw(which.shard)] = which.epoch;
}

void store_state::let_go(std::span<const shard_id> shards) {
  SKEIN_CHECK(staged_.empty());
  std::vector<bool> goes(epochs_.size());
  for (const shard_id each : shards) {
    SKEIN_CHECK(raw(each) < epochs_.size());
    epochs_[raw(each)] = not_held;
    goes[raw(each)] = true;
  }
  for (const std::uint64_t range : pending_.ranges()) {
    placed_marks marks = pending_.marks_of(range);
    if (std::erase_if(marks, [&](const placed_mark& each) { return goes[each.mark.shard]; }) > 0)
      pending_.put(range, marks);
  }
  std::erase_if(starts_, [&](const auto& each) { return goes[raw(each.first.event.shard)]; });
}

result<void> store_state::look_ahead(batches all) {
  ahead_.clear();
  for (const auto& batch : all)
    for (const operation& op : batch)
      if (const auto* accepted = std::get_if<accept_op>(&op))
        ahead_.push_back({accepted->event.shard, accepted->event.identity});
      else
        for (const accept_op& emit : emits_of(op))
          ahead_.push_back({emit.event.shard, emit.event.identity});
  return window_->look_ahead(ahead_);
}

/// Asks the memory for what judge() will look at next.
void store_state::prefetch(const operation& op) const noexcept {
  if (const auto* accepted = std::get_if<accept_op>(&op))
    window_->prefetch({accepted->event.shard, accepted->event.identity});
}

/// An emit is not refused for its age: it is taken in, and expires.
result<op_result> store_state::judge(const accept_op& op, bool is_emit) {
  if (op.epoch != epoch_of(op.event.shard))
    return refused(op_status::fenced);
  op_result judged;
  const placed_identity which{op.event.shard, op.event.identity};
  const auto known = window_->find(which, staged_.at);
  if (!known)
    return known.error();
  if (const auto& same = *known) {
    judged.event = {op.event.shard, same->sequence};
    judged.status = same->content == op.event.content ? op_status::duplicate : op_status::conflict;
#ifdef SKEIN_BUG_CONTENT_NOT_COMPARED
    judged.status = op_status::duplicate;
#endif
    return judged;
  }
  if (!is_emit && op.event.expires != no_instant &&
      resolved(op.event.expires, staged_.at) <= staged_.at)
    return refused(op_status::expired);
  const auto inserted = window_->insert(which, op.event.content, next_, staged_.at);
  if (!inserted)
    return inserted.error();
  if (!*inserted)
    return refused(op_status::dedupe_full);
  judged.event = {op.event.shard, next_++};
  accept(op, judged.event);
  return judged;
}

void store_state::accept(const accept_op& op, event_id event) {
  for (const agent_no agent : op.deliveries)
    SKEIN_CHECK(raw(agent) < agents_);
  staged_.events.push_back({event, &op});
  ++totals_.events.accepted;
  totals_.deliveries.accepted += op.deliveries.size();
  if (op.deliveries.empty())
    ++totals_.events.done;
  else
    pending_.add(event, all_of(op.deliveries),
                 pending_mark::tag_of(routes_.code_of(op.deliveries),
                                      is_delayed(resolved(op.event.due, staged_.at), staged_.at),
                                      resolved(op.event.expires, staged_.at) != no_instant));
}

result<std::optional<op_result>> store_state::refusal(epoch_no epoch, const delivery_id& delivery,
                                                      past& disk) {
  if (epoch != epoch_of(delivery.event.shard))
    return std::optional{refused(op_status::fenced)};
  if (pending_.contains(delivery))
    return std::optional<op_result>{};
  if (const finish_op* here = staged_end(delivery))
    return std::optional{ended_as(here->state)};
  const auto ended = disk.ended(delivery);
  if (!ended)
    return ended.error();
  return std::optional{*ended ? ended_as(**ended) : refused(op_status::not_found)};
}

/// Takes the events from this position of the batch on back, as if they had not been judged.
void store_state::take_back(std::size_t events_before, const ledgers& totals_before) {
  auto& events = staged_.events;
  for (std::size_t i = events_before; i < events.size(); ++i)
    if (!events[i].op->deliveries.empty())
      pending_.drop(events[i].event);
  if (events_before < events.size()) {
    next_ = events[events_before].event.sequence;
    window_->take_back(next_);
    events.resize(events_before);
  }
  totals_ = totals_before;
}

/// All emits, or none: then `judged` says why.
result<bool> store_state::accept_emits(std::span<const accept_op> emits, op_result& judged) {
  const std::size_t events_before = staged_.events.size();
  const ledgers totals_before = totals_;
  judged.emits.reserve(emits.size());
  for (std::size_t i = 0; i < emits.size(); ++i) {
    const auto emitted = judge(emits[i], true);
    if (!emitted)
      return emitted.error();
    const op_result& one = *emitted;
    if (one.status == op_status::applied || one.status == op_status::duplicate) {
      judged.emits.push_back({one.event, one.status == op_status::duplicate});
      continue;
    }
    take_back(events_before, totals_before);
    judged = refused(as_of_emit(one.status));
    judged.event = one.event;
    judged.emit = static_cast<std::uint32_t>(i);
    return false;
  }
  return true;
}

/// The caller knows how its event ended. Only if it took the event to go on although this was its
/// last delivery (another operation of the batch was refused) its other deliveries are looked at.
result<delivery_state> store_state::event_end(const finish_op& op, past& disk) const {
  if (is_terminal(op.event_state))
    return op.event_state;
  std::vector<delivery_state> states;
  delivery_id each = op.delivery;
  for (each.index = 0; each.index < limits::deliveries_per_event_max; ++each.index) {
    if (const finish_op* here = staged_end(each)) {
      states.push_back(here->state);
      continue;
    }
    const auto ended = disk.ended(each);
    if (!ended)
      return ended.error();
    if (*ended)
      states.push_back(**ended);
  }
  return skein::event_state(states);
}

const finish_op* store_state::staged_end(const delivery_id& delivery) const {
  const auto is_same = [&](const finish_op* each) { return each->delivery == delivery; };
  const auto at = std::find_if(staged_.outcomes.begin(), staged_.outcomes.end(), is_same);
  return at == staged_.outcomes.end() ? nullptr : *at;
}

result<op_result> store_state::judge(const finish_op& op, past& disk) {
  SKEIN_CHECK(is_terminal(op.state));
  const auto no = refusal(op.epoch, op.delivery, disk);
  if (!no)
    return no.error();
  if (*no)
    return **no;
  op_result judged;
  const auto accepted = accept_emits(op.emits, judged);
  if (!accepted)
    return accepted.error();
  if (!*accepted)
    return judged;
  staged_.outcomes.push_back(&op);
  if (op.state_of_key)
    staged_.states.push_back({op.agent, &*op.state_of_key});
  count_terminal(totals_.deliveries, op.state);
  const pending_mark left = pending_.remove(op.delivery);
  tags_before_.push_back(left.tag);
  if (left.live == 0) {
    const auto end = event_end(op, disk);
    if (!end)
      return end.error(); // the whole batch is undone
    judged.event_end = *end;
    count_terminal(totals_.events, *end);
    staged_.ends.emplace_back(op.delivery.event, *end);
    if (op.delivery.event.sequence < swept_to_ && *end != delivery_state::dead)
      staged_.late.push_back(op.delivery.event.sequence);
  }
  if (starts_.contains(op.delivery))
    stage_start(op.delivery, std::nullopt);
  return judged;
}

result<op_result> store_state::judge(const attempt_op& op, past& disk) {
  const auto no = refusal(op.epoch, op.delivery, disk);
  if (!no)
    return no.error();
  if (*no)
    return **no;
  auto newest = attempts_.find(op.delivery);
  if (newest == attempts_.end()) {
    const auto before = disk.last_attempt(op.delivery);
    if (!before)
      return before.error();
    newest = attempts_.emplace(op.delivery, *before).first;
  }
  if (op.attempt <= newest->second)
    return ended_as(delivery_state::retrying);
  newest->second = op.attempt;
  SKEIN_CHECK(op.slept() || !op.state_of_key);
  staged_.attempts.push_back(&op);
  if (op.state_of_key)
    staged_.states.push_back({op.agent, &*op.state_of_key});
  if (const auto start = start_of(op.delivery))
    stage_start(op.delivery, start_row{start_mark::none, start->crashes});
  return op_result{};
}

result<op_result> store_state::judge(const start_op& op, past& disk) {
  const auto no = refusal(op.epoch, op.delivery, disk);
  if (!no)
    return no.error();
  if (*no)
    return **no;
  const auto before = start_of(op.delivery);
  stage_start(op.delivery, start_row{op.alone ? start_mark::alone : start_mark::started,
                                     before ? before->crashes : 0});
  return op_result{};
}

result<op_result> store_state::judge(const keep_op& op) {
  if (op.epoch != epoch_of(op.shard))
    return refused(op_status::fenced);
  op_result judged;
  const auto accepted = accept_emits(op.emits, judged);
  if (!accepted)
    return accepted.error();
  if (!*accepted)
    return judged;
  staged_.kept.push_back(op.shard);
  for (const keep_op::kept& each : op.states) {
    SKEIN_CHECK(raw(each.agent) < agents_);
    staged_.states.push_back({each.agent, &each.state});
  }
  return judged;
}

void store_state::stage_start(const delivery_id& delivery, std::optional<start_row> row) {
  starts_before_.emplace_back(delivery, start_of(delivery));
  staged_.starts.emplace_back(delivery, row);
  if (row)
    starts_[delivery] = *row;
  else
    starts_.erase(delivery);
}

void store_state::keep() {
  window_->sweep(staged_.at, staged_.events.size() * sweep_per_event);
  forget_batch();
}

/// Of the batch that is over; its room is used again.
void store_state::forget_batch() {
  staged_.events.clear();
  staged_.outcomes.clear();
  staged_.attempts.clear();
  staged_.starts.clear();
  staged_.ends.clear();
  staged_.late.clear();
  staged_.states.clear();
  staged_.kept.clear();
  attempts_.clear();
  starts_before_.clear();
  tags_before_.clear();
}

void store_state::undo() {
  for (auto each = starts_before_.rbegin(); each != starts_before_.rend(); ++each) {
    if (each->second)
      starts_[each->first] = *each->second;
    else
      starts_.erase(each->first);
  }
  for (std::size_t i = 0; i < tags_before_.size(); ++i)
    pending_.restore(staged_.outcomes[i]->delivery, tags_before_[i]);
  take_back(0, totals_before_);
  SKEIN_CHECK(next_ == next_before_);
  forget_batch();
}

ledgers store_state::counted() const {
  ledgers all = totals_;
  const pending_set::counts now = pending_.count();
  all.events.pending = now.events;
  all.deliveries.pending = now.deliveries;
  return all;
}

} // namespace skein::journal
