// The reading side of the memory journal.
#include "journal/memory_store.hpp"
#include "journal/payload_bytes.hpp"

#include <algorithm>

namespace skein::journal {

namespace {

bool is_in_state(const event_record& record, delivery_state wanted) {
  const delivery_state state = record.state();
  return state == wanted || (wanted == delivery_state::running && state == delivery_state::pending);
}

bool has_agent(const event_record& record, const event_filter& filter) {
  return !filter.agent ||
         std::any_of(record.deliveries.begin(), record.deliveries.end(),
                     [&](const delivery_record& each) { return each.agent == *filter.agent; });
}

bool matches(const event_record& record, const event_filter& filter) {
  const event_head head = read_head(record.body.view());
  return (!filter.source || head.source == *filter.source) &&
         (!filter.id || head.id == *filter.id) && (!filter.key || head.key == *filter.key) &&
         (!filter.type || head.type == *filter.type) &&
         (!filter.state || is_in_state(record, *filter.state)) && has_agent(record, filter);
}

bool matches(const event_record& record, const dead_filter& filter) {
  const event_head head = read_head(record.body.view());
  const auto is_dead = [&filter](const delivery_record& each) {
    return each.state == delivery_state::dead && (!filter.agent || each.agent == *filter.agent);
  };
  return (!filter.key || head.key == *filter.key) && (!filter.type || head.type == *filter.type) &&
         std::any_of(record.deliveries.begin(), record.deliveries.end(), is_dead);
}

bool has_dead(const memory_event& event) {
  return std::any_of(
      event.record.deliveries.begin(), event.record.deliveries.end(),
      [](const delivery_record& each) { return each.state == delivery_state::dead; });
}

bool has_pending(const memory_event& event) {
  return std::any_of(event.record.deliveries.begin(), event.record.deliveries.end(),
                     [](const delivery_record& each) { return !is_terminal(each.state); });
}

pending_delivery describe_pending(const memory_event& event, std::size_t index) {
  const delivery_record& mine = event.record.deliveries[index];
  pending_delivery found;
  found.delivery = {event.record.event, static_cast<std::uint8_t>(index)};
  found.agent = mine.agent;
  found.priority = event.record.priority;
  found.key = read_head(event.record.body.view()).key;
  found.accepted = event.record.accepted;
  found.due = event.record.due;
  found.expires = event.record.expires;
  found.attempts = mine.last_turn();
  found.sleeps = mine.sleeps();
  found.asleep = mine.is_asleep();
  found.next_due = mine.next_due();
  found.crashes = event.starts[index].crashes;
  found.mark = event.starts[index].mark;
  for (std::size_t i = 0; i < event.record.deliveries.size(); ++i) {
    const delivery_record& each = event.record.deliveries[i];
    found.siblings.add(each.agent);
    found.sibling_states[i] = is_terminal(each.state) ? each.state : delivery_state::pending;
  }
  found.body = event.record.body;
  return found;
}

/// What is looked at: as an engine with indexes finds it.
bool is_looked_at(const memory_event& event, const event_filter& filter) {
  const event_record& record = event.record;
  if (record.accepted < filter.since ||
      (filter.until != no_instant && record.accepted >= filter.until))
    return false;
  const bool must_live = filter.state && !is_terminal(*filter.state);
  if (must_live && (!has_pending(event) || !has_agent(record, filter)))
    return false;
  if (filter.id || filter.key) {
    const event_head head = read_head(record.body.view());
    return filter.id ? head.id == *filter.id : head.key == *filter.key;
  }
  return filter.state != delivery_state::dead || has_dead(event);
}

class memory_reader final : public reader {
 public:
  explicit memory_reader(std::shared_ptr<memory_store> store) : store_{std::move(store)} {}

  result<std::optional<event_record>> find(event_id event) override {
    const std::scoped_lock hold{store_->mutex};
    const memory_event* found = store_->at(event);
    return found == nullptr ? std::nullopt : std::optional{found->record};
  }

  result<std::vector<slice>> bodies(std::span<const event_id> events) override {
    const std::scoped_lock hold{store_->mutex};
    std::vector<slice> all;
    all.reserve(events.size());
    for (const event_id each : events) {
      const memory_event* found = store_->at(each);
      all.push_back(found == nullptr ? slice{} : found->record.body);
    }
    return all;
  }

  result<event_page> list(const event_filter& filter) override {
    const std::scoped_lock hold{store_->mutex};
    return page(filter,
                [&](const memory_event& each) { return !each.gone && is_looked_at(each, filter); });
  }
  result<event_page> list_dead(const dead_filter& filter) override {
    const std::scoped_lock hold{store_->mutex};
    return page(filter, has_dead);
  }

  result<std::vector<pending_delivery>> pending(std::span<const std::uint64_t> sequences) override {
    const std::scoped_lock hold{store_->mutex};
    std::vector<pending_delivery> all;
    for (const std::uint64_t sequence : sequences) {
      const memory_event* event = store_->at(sequence);
      if (event == nullptr)
        continue;
      for (std::size_t i = 0; i < event->record.deliveries.size(); ++i)
        if (!is_terminal(event->record.deliveries[i].state))
          all.push_back(describe_pending(*event, i));
    }
    return all;
  }

  result<timer_page> timers(const timer_query& which) override {
    const std::scoped_lock hold{store_->mutex};
    timer_page found;
    auto at = store_->timers.upper_bound(which.after);
    for (; at != store_->timers.end() && start_of_second(at->at) <= which.until; ++at) {
      if (raw(at->event.shard) % which.loops != raw(which.loop) ||
          (which.only_expiries && !at->expiry))
        continue;
      if (at->at > which.until) {
        found.next = std::min(found.next, at->at);
        continue;
      }
      found.more = found.timers.size() == which.limit;
      if (found.more)
        break;
      found.timers.push_back(*at);
    }
    if (!found.more && at != store_->timers.end())
      found.next = std::min(found.next, start_of_second(at->at));
    return found;
  }

  result<std::optional<slice>> state_of(agent_no agent, std::string_view key) override {
    const std::scoped_lock hold{store_->mutex};
    const auto found = store_->states.find({agent, std::string{key}});
    return found == store_->states.end() ? std::nullopt : std::optional{found->second};
  }

  result<state_page> states(agent_no agent, std::string_view after, std::string_view before,
                            std::size_t limit) override {
    const std::scoped_lock hold{store_->mutex};
    state_page page;
    std::size_t bytes = 0;
    auto at = store_->states.upper_bound({agent, std::string{after}});
    for (; at != store_->states.end() && at->first.first == agent; ++at) {
      const std::string& key = at->first.second;
      if (!before.empty() && key >= before)
        break;
      page.more = page.states.size() >= limit || bytes >= page_bytes_max;
      if (page.more)
        break;
      bytes += key.size() + at->second.size();
      page.states.emplace_back(key, at->second);
    }
    return page;
  }

  result<feed> commits_after(commit_no after, std::size_t limit) override {
    const std::scoped_lock hold{store_->mutex};
    feed found;
    found.reset = raw(after) > store_->commits.size() || raw(after) + 1 < store_->kept.first_commit;
    if (found.reset)
      return found;
    for (auto at = raw(after); at < store_->commits.size() && found.commits.size() < limit; ++at)
      found.commits.push_back(store_->commits[at]);
    return found;
  }

 private:
  /// The newest sequence below `sequence` whose event is a row of this list; 0 if there is none.
  template <class IsRow>
  std::uint64_t row_below(std::uint64_t sequence, IsRow is_row) const {
    while (sequence > 1)
      if (is_row(store_->events[--sequence - 1]))
        return sequence;
    return 0;
  }

  template <class Filter, class IsRow>
  event_page page(const Filter& filter, IsRow is_row) const {
    const auto limit = std::clamp<std::size_t>(filter.limit, 1, limits::page_rows_max);
    const std::uint64_t end = store_->events.size() + 1;
    event_page found;
    std::uint64_t at = row_below(filter.before == 0 ? end : std::min(filter.before, end), is_row);
    std::uint64_t last = 0;
    std::size_t bytes = 0;
    while (at != 0 && found.events.size() < limit && bytes < page_bytes_max &&
           found.scanned < limits::scan_budget_rows) {
      ++found.scanned;
      const event_record& record = store_->events[at - 1].record;
      if (matches(record, filter)) {
        bytes += payload_bytes(record);
        found.events.push_back(record);
      }
      last = at;
      at = row_below(at, is_row);
    }
    found.next = at == 0 ? 0 : last;
    found.budget_spent = at != 0 && found.scanned >= limits::scan_budget_rows;
    if (found.budget_spent)
      found.reached = store_->events[last - 1].record.accepted;
    return found;
  }

  std::shared_ptr<memory_store> store_;
};

} // namespace

std::unique_ptr<reader> new_memory_reader(std::shared_ptr<memory_store> store) {
  return std::make_unique<memory_reader>(std::move(store));
}

} // namespace skein::journal
