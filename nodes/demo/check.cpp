#include "nodes/demo/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace skein::demo {

namespace {

constexpr std::size_t broken_told_max = 3;

class judgement {
 public:
  explicit judgement(std::string name) { made_.name = std::move(name); }
  void breaks(std::string sentence) {
    if (made_.broken.size() < broken_told_max)
      made_.broken.push_back(std::move(sentence));
    ++made_.breaks;
  }
  promise with(std::string counts) && {
    made_.counts = std::move(counts);
    return std::move(made_);
  }

 private:
  promise made_;
};

bool is_done(const stored_event& each) { return each.state == "done"; }

/// 42 of "k17-42"; 0 if there is none.
std::uint64_t step_of(const std::string& id) {
  const auto at = id.rfind('-');
  std::uint64_t step = 0;
  if (at != id.npos)
    std::from_chars(id.data() + at + 1, id.data() + id.size(), step);
  return step;
}

promise nothing_is_lost(const evidence& seen) {
  judgement made{"nothing acknowledged is lost"};
  const auto missing = lost(seen.acknowledged, seen.steps);
  for (const std::string& each : missing)
    made.breaks(each);
  return std::move(made).with(fmt::format("{} acknowledged, {} of them lost",
                                          grouped(seen.acknowledged.size()),
                                          grouped(missing.size())));
}

promise all_ended(const evidence& seen) {
  judgement made{"each of them has ended"};
  if (!seen.all_ended)
    made.breaks("something waits, or a node that knows did not answer");
  std::uint64_t done = 0;
  for (const auto* list : {&seen.steps, &seen.emitted})
    for (const stored_event& each : *list)
      if (is_done(each))
        ++done;
      else
        made.breaks(fmt::format("{} ({}) is {}", each.event, each.id, each.state));
  return std::move(made).with(fmt::format("{} done, of {}", grouped(done),
                                          grouped(seen.steps.size() + seen.emitted.size())));
}

promise once_in_the_store(const evidence& seen) {
  judgement made{"an event that was sent again is there once"};
  std::unordered_map<std::string, std::string> numbers;
  for (const stored_event& each : seen.steps)
    if (const auto [at, fresh] = numbers.emplace(each.id, each.event);
        !fresh && at->second != each.event)
      made.breaks(fmt::format("{} is there as {} and as {}", each.id, at->second, each.event));
  return std::move(made).with(fmt::format("{} identities", grouped(numbers.size())));
}

promise effects_once(const evidence& seen) {
  judgement made{"effects commit once"};
  std::map<std::string, std::int64_t> done;
  for (const auto* list : {&seen.steps, &seen.emitted})
    for (const stored_event& each : *list)
      done[each.key] += is_done(each) ? 1 : 0;
  std::int64_t sum = 0;
  for (const auto& [key, events] : done) {
    const auto state = seen.states.find(key);
    const std::int64_t counted = state == seen.states.end() ? 0 : state->second;
    sum += counted;
    if (counted != events)
      made.breaks(
          fmt::format("key {}: {} events are done, its state counted {}", key, events, counted));
  }
  return std::move(made).with(fmt::format("{} counted in the states of {} keys",
                                          grouped(static_cast<std::uint64_t>(sum)),
                                          grouped(done.size())));
}

promise in_order(const evidence& seen) {
  judgement made{"events of a key run in their order"};
  std::map<std::string, std::vector<const stored_event*>> by_key;
  for (const stored_event& each : seen.steps)
    if (is_done(each))
      by_key[each.key].push_back(&each);
  for (auto& [key, events] : by_key) {
    std::sort(events.begin(), events.end(),
              [](const auto* a, const auto* b) { return step_of(a->id) < step_of(b->id); });
    for (std::size_t i = 0; i < events.size(); ++i)
      if (events[i]->count != static_cast<std::int64_t>(i) + 1)
        made.breaks(fmt::format("{} ran as number {} of its key, not as number {}", events[i]->id,
                                events[i]->count, i + 1));
  }
  return std::move(made).with(fmt::format("{} keys", grouped(by_key.size())));
}

promise emitted_once(const evidence& seen) {
  judgement made{"what a turn emits comes once"};
  std::map<std::string, int> causes;
  for (const stored_event& each : seen.emitted)
    ++causes[event_of(each.id)];
  for (const auto& [cause, times] : causes)
    if (times != 1)
      made.breaks(fmt::format("event {} emitted {} events instead of one", cause, times));
  for (const stored_event& each : seen.steps) {
    const bool emits = is_done(each) && each.count % steps_per_emit == 0;
    if (const bool did = causes.contains(each.event); did ? !emits : emits && seen.all_ended)
      made.breaks(fmt::format("event {} emitted {}", each.event,
                              did ? "what it should not" : "nothing that came"));
  }
  return std::move(made).with(fmt::format("{} emitted", grouped(seen.emitted.size())));
}

promise runs_agree(const evidence& seen) {
  judgement made{"a turn that runs again is known by its token and finds the state it had"};
  std::unordered_map<std::string, const program_run*> first;
  std::uint64_t again = 0;
  for (const program_run& each : seen.runs) {
    const auto [at, fresh] = first.emplace(each.event, &each);
    if (fresh)
      continue;
    ++again;
    if (at->second->token != each.token)
      made.breaks(fmt::format("event {} ran with two tokens", each.event));
    if (at->second->before != each.before)
      made.breaks(fmt::format("event {} found {} in its state, and {} when it ran again",
                              each.event, at->second->before, each.before));
  }
  for (const auto* list : {&seen.steps, &seen.emitted})
    for (const stored_event& each : *list)
      if (is_done(each) && !first.contains(each.event))
        made.breaks(fmt::format("event {} is done, and no program ran it", each.event));
  return std::move(made).with(
      fmt::format("{} runs, {} of them again", grouped(seen.runs.size()), grouped(again)));
}

/// "2026-08-17T07:00:00Z" of "tick@2026-08-17T07:00:00Z".
std::optional<instant> instant_of(const std::string& id) {
  return parse_rfc3339(std::string_view{id}.substr(std::min(id.find('@') + 1, id.size())));
}

promise instants_once(const evidence& seen) {
  judgement made{"each instant of the job is in one record, and runs once"};
  std::map<instant, int> told;
  std::set<std::string> ids;
  for (const instant_record& each : seen.records) {
    for (instant at = each.from; at <= each.to; at += seen.period)
      if (++told[at] == 2)
        made.breaks(fmt::format("{} is in two records", format_rfc3339(at)));
    if (!each.id.empty())
      ids.insert(each.id);
  }
  const instant first = told.empty() ? instant{} : told.begin()->first;
  const instant last = told.empty() ? instant{} : told.rbegin()->first;
  if (!told.empty())
    for (instant at = first; at <= last; at += seen.period)
      if (!told.contains(at))
        made.breaks(fmt::format("{} is in no record", format_rfc3339(at)));
  std::unordered_set<std::string> there;
  for (const stored_event& each : seen.job_events) {
    const auto at = instant_of(each.id);
    if (!at || *at < first || *at > last) // before or after what the records were asked for
      continue;
    if (!there.insert(each.id).second)
      made.breaks(fmt::format("{} has two events", each.id));
    if (!ids.contains(each.id))
      made.breaks(fmt::format("{} ran, and is in no record", each.id));
  }
  for (const std::string& each : ids)
    if (!there.contains(each) && seen.all_ended)
      made.breaks(fmt::format("{} is recorded as run, and has no event", each));
  return std::move(made).with(
      fmt::format("{} instants, {} runs", grouped(told.size()), grouped(there.size())));
}

promise counts_agree(const evidence& seen) {
  judgement made{"accepted = done + dead + cancelled + expired + pending"};
  std::uint64_t accepted = 0;
  for (const node_ledger& each : seen.ledgers) {
    accepted += each.accepted;
    if (each.accepted != each.accounted)
      made.breaks(fmt::format("{} accepted {}, and accounts for {}", each.node, each.accepted,
                              each.accounted));
  }
  return std::move(made).with(
      fmt::format("{} accepted, at {} nodes", grouped(accepted), seen.ledgers.size()));
}

} // namespace

std::vector<promise> check(const evidence& seen) {
  return {nothing_is_lost(seen), all_ended(seen),     once_in_the_store(seen),
          effects_once(seen),    in_order(seen),      emitted_once(seen),
          runs_agree(seen),      instants_once(seen), counts_agree(seen)};
}

std::vector<std::string> lost(const std::vector<acknowledgement>& acknowledged,
                              const std::vector<stored_event>& stored) {
  std::unordered_map<std::string_view, std::string_view> there;
  for (const stored_event& each : stored)
    there.emplace(each.event, each.id);
  std::vector<std::string> missing;
  for (const acknowledgement& each : acknowledged) {
    const auto found = there.find(each.event);
    if (found == there.end())
      missing.push_back(
          fmt::format("{} was acknowledged as {}, which is not there", each.id, each.event));
    else if (found->second != each.id)
      missing.push_back(fmt::format("{} was acknowledged as {}, which is {}", each.id, each.event,
                                    found->second));
  }
  return missing;
}

std::string event_of(const std::string& longer) { return longer.substr(0, longer.find('.')); }

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

} // namespace skein::demo
