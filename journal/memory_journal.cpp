#include "journal/memory_journal.hpp"

#include "journal/memory_store.hpp"
#include "journal/store_identity.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

namespace skein::journal {

namespace {

class memory_engine final : public engine {
 public:
  /// With an owner: one of several.
  memory_engine(std::shared_ptr<memory_store> store, const open_options& options,
                std::string owner = {})
    : store_{std::move(store)}, options_{options}, owner_{std::move(owner)}, last_at_{options.now} {
    identity_ = store_->identity;
    if (!store_->commits.empty())
      last_at_ = std::max(last_at_, store_->commits.back().at);
#ifdef SKEIN_BUG_DEDUPE_IN_CACHE_ONLY
    store_->identities.clear();
    store_->identities_by_time.clear();
#endif
  }
  ~memory_engine() override {
    const std::scoped_lock hold{store_->mutex};
    if (!is_shared())
      store_->open = false;
  }
  memory_engine(const memory_engine&) = delete;
  memory_engine& operator=(const memory_engine&) = delete;

  const store_identity& identity() const override { return identity_; }

  using engine::commit;
  result<commit_receipt> commit(batches all, instant now) override {
    const std::size_t count = count_operations(all);
    SKEIN_CHECK(!closed_);
    SKEIN_CHECK(count <= limits::commit_operations_max);
    const std::scoped_lock hold{store_->mutex};
    last_at_ = std::max(last_at_, now);
    if (!is_shared() && !store_->commits.empty()) // else it may be another's, of other shards
      last_at_ = std::max(last_at_, store_->commits.back().at);
    current_ = {commit_no{store_->commits.size() + 1}, last_at_, {}};
    outcomes_.clear();
    changed_ = store_->agents.size() != store_->agents_saved;
    commit_receipt receipt{.commit = {}, .at = last_at_, .results = {}};
    receipt.results.reserve(count);
    for (const auto& batch : all)
      for (const operation& each : batch)
        receipt.results.push_back(std::visit([this](const auto& op) { return judge(op); }, each));
    if (changed_) {
      store_->agents_saved = store_->agents.size();
      current_.items.insert(current_.items.end(), outcomes_.begin(), outcomes_.end());
      store_->commits.push_back(std::move(current_));
      ++commits_;
    }
    receipt.commit = commit_no{store_->commits.size()};
    return receipt;
  }

  result<void> recover(const std::function<void(const pending_event&)>& each) override {
    if (!is_shared())
      tell([](shard_id) { return true; }, each);
    return {};
  }

  result<void> adopt(std::span<const held_shard> shards,
                     const std::function<void(const pending_event&)>& each) override {
    if (!is_shared())
      return engine::adopt(shards, each);
    std::set<shard_id> adopted;
    {
      const std::scoped_lock hold{store_->mutex};
      for (const held_shard& one : shards)
        if (is_of_owner(one)) {
          held_[one.shard] = one.epoch;
          adopted.insert(one.shard);
        }
      for (const feed_commit& made :
           store_->commits) // who made the last one may be a little behind
        last_at_ = std::max(last_at_, made.at);
      store_->begin_block(options_.numbers_at_once);
    }
    tell([&](shard_id shard) { return adopted.contains(shard); }, each);
    return {};
  }
  void release(std::span<const shard_id> shards) override {
    const std::scoped_lock hold{store_->mutex};
    for (const shard_id each : shards)
      if (const auto held = held_.extract(each); held && is_of_owner({each, held.mapped()}))
        store_->clear_marks([each](shard_id of) { return of == each; });
  }

  result<agent_no> agent_number(std::string_view name) override {
    if (name.empty() || name.size() > limits::agent_name_bytes_max)
      return error{errc::invalid_argument, "an agent's name has 1 to 64 bytes"};
    const std::scoped_lock hold{store_->mutex};
    auto& names = store_->agents;
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end() && names.size() >= limits::agents_max)
      return error{errc::too_large, "a store knows 65,535 agents' names at most"};
    const auto number = static_cast<std::uint16_t>(found - names.begin());
    if (found == names.end())
      names.emplace_back(name);
    return agent_no{number};
  }
  std::vector<std::string> agent_names() const override {
    const std::scoped_lock hold{store_->mutex};
    return store_->agents;
  }
  result<std::vector<agent_no>> agents_with_state() override {
    const std::scoped_lock hold{store_->mutex};
    std::vector<agent_no> found;
    for (const auto& [key, value] : store_->states)
      if (found.empty() || found.back() != key.first)
        found.push_back(key.first);
    return found;
  }

  result<void> fence(shard_id shard, epoch_no epoch) override {
    SKEIN_CHECK(raw(shard) < identity_.hash.shards);
    const std::scoped_lock hold{store_->mutex};
    if (is_shared())
      return epoch_of(shard) == epoch ? result<void>{} : errc::fenced; // it comes with the lease
    if (epoch < epoch_of(shard))
      return error{errc::fenced, "the shard is at a higher epoch already"};
    store_->epochs[shard] = epoch;
    return {};
  }

  result<ledger> events_ledger() override {
    const std::scoped_lock hold{store_->mutex};
    ledger totals = totals_of(&ledgers::events);
    for (const memory_event& each : store_->events)
      totals.pending += is_mine(each) && each.pending() ? 1u : 0u;
    return totals;
  }
  result<ledger> deliveries_ledger() override {
    const std::scoped_lock hold{store_->mutex};
    ledger totals = totals_of(&ledgers::deliveries);
    for (const memory_event& event : store_->events)
      for (const delivery_record& each : event.record.deliveries)
#ifdef SKEIN_BUG_DEAD_STAYS_PENDING
        totals.pending +=
            is_mine(event) && (each.state == delivery_state::dead || !is_terminal(each.state)) ? 1u
                                                                                               : 0u;
#else
        totals.pending += is_mine(event) && !is_terminal(each.state) ? 1u : 0u;
#endif
    return totals;
  }
  instant last_commit_at() const override { return last_at_; }
  commit_no last_commit() const override {
    const std::scoped_lock hold{store_->mutex};
    return commit_no{store_->commits.size()};
  }

  result<std::unique_ptr<reader>> new_reader() override { return new_memory_reader(store_); }

  result<bool> upkeep(instant now) override {
    const std::scoped_lock hold{store_->mutex};
    last_at_ = std::max(last_at_, now);
    forget_old_identities();
    drop_old();
    return false;
  }

  result<void> close() override {
    const std::scoped_lock hold{store_->mutex};
    store_->clear_marks([this](shard_id shard) { return !is_shared() || holds(shard); });
    held_.clear();
    store_->identity.clean = true;
    closed_ = true;
    return {};
  }

  io_counters counters() const override {
    const std::scoped_lock hold{store_->mutex};
    io_counters all;
    all.commits = commits_;
    all.dedupe_entries = store_->identities.size();
    all.dedupe_entries_max = options_.dedupe_entries_max;
    return all;
  }
  retention_facts retention() const override {
    const std::scoped_lock hold{store_->mutex};
    retention_facts all;
    all.dropped_events = store_->kept.dropped_events;
    if (store_->kept.first_commit <= store_->commits.size()) {
      all.oldest = store_->commits[store_->kept.first_commit - 1].at;
      all.next = all.oldest + options_.retention;
    }
    return all;
  }

 private:
  using teller = std::function<void(const pending_event&)>;

  bool is_shared() const noexcept { return !owner_.empty(); }
  bool is_of_owner(const held_shard& which) const {
    const memory_lease& lease = store_->leases.at(raw(which.shard));
    return lease.owner == owner_ && lease.epoch == which.epoch;
  }
  /// Nobody has taken it meanwhile.
  bool holds(shard_id shard) const {
    const auto held = held_.find(shard);
    return held != held_.end() && is_of_owner({shard, held->second});
  }
  bool is_mine(const memory_event& event) const {
    return !is_shared() || held_.contains(event.record.event.shard);
  }
  ledger totals_of(ledger ledgers::*which) const {
    ledger sum;
    for (std::uint32_t shard = 0; shard < store_->totals.size(); ++shard)
      if (!is_shared() || held_.contains(shard_id{shard}))
        add(sum, store_->totals[shard].*which);
    return sum;
  }
  ledgers& totals_at(shard_id shard) { return store_->totals[raw(shard)]; }

  template <class IsOne>
  void tell(IsOne is_one, const teller& each);

  /// Nobody's if the engine does not hold the shard, or has lost it.
  epoch_no epoch_of(shard_id shard) const {
    if (is_shared())
      return holds(shard) ? held_.at(shard) : epoch_no{std::numeric_limits<std::uint64_t>::max()};
    const auto found = store_->epochs.find(shard);
    const epoch_no floor{identity_.boot};
    return found == store_->epochs.end() ? floor : std::max(floor, found->second);
  }

  void forget_old_identities() {
    auto& order = store_->identities_by_time;
    for (; !order.empty() && last_at_ - order.front().first >= options_.dedupe_window;
         order.pop_front()) {
      const auto found = store_->identities.find(order.front().second);
      if (found != store_->identities.end() && found->second.at == order.front().first)
        store_->identities.erase(found);
    }
  }

  /// What was over by then: the oldest commits, but for the last; and the events before the first
  /// that stays, as far as no outcome of a commit that stays is theirs.
  void drop_old() {
    memory_kept& kept = store_->kept;
    auto& commits = store_->commits;
    while (kept.first_commit < commits.size() &&
           commits[kept.first_commit - 1].at <= last_at_ - options_.retention) {
      auto& items = commits[kept.first_commit - 1].items;
      for (const feed_item& each : std::exchange(items, {}))
        if (each.kind == feed_item::what::accepted)
          kept.first_event = each.delivery.event.sequence + 1;
      ++kept.first_commit;
    }
    for (; kept.swept_to < kept.first_event; ++kept.swept_to)
      kept.survivors.insert(kept.swept_to);
    if (!kept.survivors.empty())
      std::erase_if(kept.survivors, [&](std::uint64_t each) {
        return drop(store_->events[each - 1], commits[kept.first_commit - 1].at);
      });
  }

  /// Whether the event was over before `oldest`, not dead, and so is gone now.
  bool drop(memory_event& event, instant oldest) {
    if (event.gone)
      return true;
    instant ended = no_instant;
    for (const delivery_record& each : event.record.deliveries) {
      if (!is_terminal(each.state) || each.state == delivery_state::dead)
        return false;
      ended = std::max(ended, each.committed);
    }
    if (ended >= oldest)
      return false;
    event = {};
    event.gone = true;
    ++store_->kept.dropped_events;
    return true;
  }

  const memory_identity* known(const hash128& identity) {
    forget_old_identities();
    const auto found = store_->identities.find(identity);
    return found == store_->identities.end() ? nullptr : &found->second;
  }

  op_result judge(const accept_op& op, bool is_emit = false) {
    op_result judged;
    SKEIN_CHECK(raw(op.event.shard) < identity_.hash.shards);
    if (op.epoch != epoch_of(op.event.shard)) {
      judged.status = op_status::fenced;
      return judged;
    }
    if (const memory_identity* same = known(op.event.identity)) {
      judged.event = same->event;
      judged.status =
          same->content == op.event.content ? op_status::duplicate : op_status::conflict;
      return judged;
    }
    if (!is_emit && op.event.expires != no_instant &&
        resolved(op.event.expires, last_at_) <= last_at_) {
      judged.status = op_status::expired;
      return judged;
    }
    if (store_->identities.size() >= options_.dedupe_entries_max) {
      judged.status = op_status::dedupe_full;
      return judged;
    }
    judged.event = {op.event.shard, store_->events.size() + 1};
    store_->identities[op.event.identity] = {op.event.content, judged.event, last_at_};
    store_->identities_by_time.emplace_back(last_at_, op.event.identity);
    keep(op, judged.event);
    return judged;
  }

  void keep(const accept_op& op, event_id id) {
    memory_event made;
    made.record = {.event = id,
                   .accepted = last_at_,
                   .due = resolved(op.event.due, last_at_),
                   .expires = resolved(op.event.expires, last_at_),
                   .priority = op.event.priority,
                   .body = op.event.body.copy(),
                   .deliveries = {}};
    for (const agent_no agent : op.deliveries) {
      SKEIN_CHECK(raw(agent) < store_->agents.size());
      made.record.deliveries.emplace_back().agent = agent;
    }
    made.starts.resize(op.deliveries.size());
    ledgers& totals = totals_at(id.shard);
    ++totals.events.accepted;
    totals.events.done += op.deliveries.empty() ? 1u : 0u;
    totals.deliveries.accepted += op.deliveries.size();
    current_.items.push_back({feed_item::what::accepted, {id, 0}});
    set_timers(made.record);
    store_->events.push_back(std::move(made));
    changed_ = true;
  }

  void set_timers(const event_record& of) {
    if (of.deliveries.empty())
      return;
    if (of.due > of.accepted)
      store_->timers.insert({of.due, of.event, false});
    if (of.expires != no_instant)
      store_->timers.insert({of.expires, of.event, true});
  }

  /// The delivery if it can still change; else why not, in `judged`.
  memory_event* live(epoch_no epoch, const delivery_id& id, op_result& judged) {
    SKEIN_CHECK(raw(id.event.shard) < identity_.hash.shards);
    memory_event* event = store_->at(id.event);
    if (epoch != epoch_of(id.event.shard)) {
      judged.status = op_status::fenced;
    } else if (event == nullptr || id.index >= event->record.deliveries.size()) {
      judged.status = op_status::not_found;
    } else if (is_terminal(event->record.deliveries[id.index].state)) {
      judged.status = op_status::already_terminal;
      judged.actual = event->record.deliveries[id.index].state;
    } else {
      return event;
    }
    return nullptr;
  }

  /// Undoes what the emits of a refused operation did: everything after `events_before`.
  void take_back(std::size_t events_before, std::size_t items_before) {
    while (store_->events.size() > events_before) {
      store_->identities.erase(store_->identities_by_time.back().second);
      store_->identities_by_time.pop_back();
      const event_record& gone = store_->events.back().record;
      ledgers& totals = totals_at(gone.event.shard);
      --totals.events.accepted;
      totals.events.done -= gone.deliveries.empty() ? 1u : 0u;
      totals.deliveries.accepted -= gone.deliveries.size();
      store_->timers.erase({gone.due, gone.event, false});
      store_->timers.erase({gone.expires, gone.event, true});
      store_->events.pop_back();
    }
    current_.items.resize(items_before);
  }

  /// Accepts all emits, or none and says why.
  bool accept_emits(std::span<const accept_op> emits, op_result& judged) {
    const bool changed_before = changed_;
    const auto events_before = store_->events.size();
    const auto items_before = current_.items.size();
    for (std::size_t i = 0; i < emits.size(); ++i) {
      const op_result one = judge(emits[i], true);
      if (one.status == op_status::applied || one.status == op_status::duplicate) {
        judged.emits.push_back({one.event, one.status == op_status::duplicate});
        continue;
      }
      take_back(events_before, items_before);
      changed_ = changed_before;
      judged = {};
      judged.status = as_of_emit(one.status);
      judged.event = one.event;
      judged.emit = static_cast<std::uint32_t>(i);
      return false;
    }
    return true;
  }

  op_result judge(const finish_op& op) {
    op_result judged;
    SKEIN_CHECK(is_terminal(op.state));
    if (live(op.epoch, op.delivery, judged) == nullptr || !accept_emits(op.emits, judged))
      return judged;
    memory_event* event = store_->at(op.delivery.event); // emits may have moved it
    delivery_record& record = event->record.deliveries[op.delivery.index];
    record.state = op.state;
    record.attempt = op.attempt;
    record.started = op.started;
    record.finished = op.finished;
    record.committed = last_at_;
    record.code = op.code;
    record.error = op.error;
    record.reply_kind = op.reply_kind;
    record.reply = op.reply.copy();
    record.emitted = static_cast<std::uint32_t>(op.emits.size());
    if (op.state_of_key)
      set_state(op.agent, *op.state_of_key);
    ledgers& totals = totals_at(op.delivery.event.shard);
    count_terminal(totals.deliveries, op.state);
    if (!event->pending()) {
      judged.event_end = is_terminal(op.event_state) ? op.event_state : event->record.state();
      count_terminal(totals.events, judged.event_end);
    }
    outcomes_.push_back({feed_item::what::outcome, op.delivery});
    changed_ = true;
    return judged;
  }

  void set_state(agent_no agent, const state_change& change) {
    if (change.erase)
      store_->states.erase({agent, change.key});
    else
      store_->states[{agent, change.key}] = change.value.copy();
  }

  op_result judge(const attempt_op& op) {
    op_result judged;
    memory_event* event = live(op.epoch, op.delivery, judged);
    if (event == nullptr)
      return judged;
    delivery_record& record = event->record.deliveries[op.delivery.index];
    if (op.attempt <= record.last_turn()) {
      judged.status = op_status::already_terminal;
      judged.actual = delivery_state::retrying;
      return judged;
    }
    SKEIN_CHECK(op.slept() || !op.state_of_key);
    record.add({op.attempt, op.started, op.finished, op.code, op.error, op.next_due});
    if (op.state_of_key)
      set_state(op.agent, *op.state_of_key);
    event->starts[op.delivery.index].mark = start_mark::none;
    changed_ = true;
    return judged;
  }

  op_result judge(const start_op& op) {
    op_result judged;
    if (memory_event* event = live(op.epoch, op.delivery, judged)) {
      event->starts[op.delivery.index].mark = op.alone ? start_mark::alone : start_mark::started;
      changed_ = true;
    }
    return judged;
  }

  op_result judge(const keep_op& op) {
    op_result judged;
    SKEIN_CHECK(raw(op.shard) < identity_.hash.shards);
    if (op.epoch != epoch_of(op.shard)) {
      judged.status = op_status::fenced;
      return judged;
    }
    if (!accept_emits(op.emits, judged))
      return judged;
    for (const keep_op::kept& each : op.states) {
      SKEIN_CHECK(raw(each.agent) < store_->agents.size());
      set_state(each.agent, each.state);
    }
    changed_ = changed_ || !op.states.empty();
    return judged;
  }

  std::shared_ptr<memory_store> store_;
  open_options options_;
  std::string owner_;                 // empty: it has the store alone
  std::map<shard_id, epoch_no> held_; // of several: what was adopted
  store_identity identity_;
  instant last_at_;
  feed_commit current_;             // the commit that is being made; first what it accepts
  std::vector<feed_item> outcomes_; // then what it ends
  bool changed_ = false;            // it changes something
  std::uint64_t commits_ = 0;
  bool closed_ = false;
};

/// Tells what is pending of these shards, once the crashes of starts alone are counted.
template <class IsOne>
void memory_engine::tell(IsOne is_one, const teller& each) {
  std::vector<std::pair<instant, pending_event>> all; // by when it was ready
  {
    const std::scoped_lock hold{store_->mutex};
    const bool any_alone = store_->any_ran_alone(is_one);
    for (memory_event& event : store_->events) {
      if (event.gone || !is_one(event.record.event.shard))
        continue;
      pending_event found{event.record.event, {}, 0, event.record.due > last_at_};
      for (std::size_t i = 0; i < event.record.deliveries.size(); ++i) {
        found.deliveries.add(event.record.deliveries[i].agent);
        if (is_terminal(event.record.deliveries[i].state))
          continue;
        found.live = static_cast<std::uint16_t>(found.live | 1u << i);
        memory_start& start = event.starts[i];
        if (start.mark == start_mark::alone) { // counted once
          ++start.crashes;
          start.mark = start_mark::started;
        } else if (!any_alone && start.mark == start_mark::started && start.crashes > 0) {
          --start.crashes; // it waited while the process died for something else
        }
      }
      if (found.live != 0)
        all.emplace_back(std::max(event.record.accepted, event.record.due), found);
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [ready, one] : all)
    each(one);
}

} // namespace

std::shared_ptr<memory_store> make_memory_store() { return std::make_shared<memory_store>(); }

namespace {

/// What both ways to open have in common; the mutex is held.
result<void> make_or_check(memory_store& store, const open_options& options) {
  if (!store.made)
    store.identity = new_store_identity(options);
  if (auto fits = check_identity(store.identity, options); !fits)
    return fits;
  store.made = true;
  store.totals.resize(store.identity.hash.shards);
  store.leases.resize(store.identity.hash.shards);
  ++store.identity.boot;
  return {};
}

} // namespace

result<std::unique_ptr<engine>> open_shared_memory(std::shared_ptr<memory_store> store,
                                                   const open_options& options,
                                                   const std::string& owner) {
  if (auto valid = check_options(options); !valid)
    return valid.error();
  if (owner.empty())
    return error{errc::invalid_argument, "an engine of several has an owner's name"};
  const std::scoped_lock hold{store->mutex};
  if (store->open)
    return error{errc::store_locked, "another engine has the store in memory for itself"};
  if (auto ready = make_or_check(*store, options); !ready)
    return ready.error();
  store->shared = true;
  auto opened = std::make_unique<memory_engine>(store, options, owner);
  store->identity.clean = false;
  return std::unique_ptr<engine>{std::move(opened)};
}

result<std::unique_ptr<engine>> open_memory(std::shared_ptr<memory_store> store,
                                            const open_options& options) {
  if (auto valid = check_options(options); !valid)
    return valid.error();
  const std::scoped_lock hold{store->mutex};
  if (store->open || store->shared)
    return error{errc::store_locked, "the store in memory is open already"};
  if (auto ready = make_or_check(*store, options); !ready)
    return ready.error();
  store->agents.resize(store->agents_saved);
  store->open = true;
  auto opened = std::make_unique<memory_engine>(store, options);
  store->identity.clean = false;
  return std::unique_ptr<engine>{std::move(opened)};
}

} // namespace skein::journal
