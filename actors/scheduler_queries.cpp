// scheduler_core: look-ups of what is live, waiting for an event's end, cancelling. Questions and
// answers are JSON, between the gateway and this loop only:
//   live {"events":[...]}            what is live of these events
//   await {"event","timeout_ms"}     answered when the event is not (or no longer) pending here
//   cancel {"event"}                 answered when the journal has decided
//   loop                             counters of this loop
//   lanes {"from","limit","agent"?}, key {"key"}   lanes; "next" of the answer is the next "from"
#include "actors/live_view.hpp"
#include "actors/scheduler_core.hpp"

#include <algorithm>

namespace skein {

namespace {

using nlohmann::json;

std::optional<event_id> event_of(const json& question) {
  const auto found = question.find("event");
  if (found == question.end() || !found->is_string())
    return std::nullopt;
  return parse_event_id(found->get_ref<const std::string&>());
}

/// Looked at for one answer; a step takes well under a millisecond so.
constexpr std::uint32_t lane_slots_a_page = 10'000;

constexpr std::string_view no_such_event = "no event of this number is pending";
constexpr std::string_view not_here = "the event's shard is not this loop's";

} // namespace

void scheduler_core::on_query(const frame_header& header, const query& body) {
  try {
    answer_question(header, body.request, json::parse(body.json));
  } catch (const json::exception&) { // a member is missing or of another type
    answer_to(header, body.request, errc::invalid_argument, "the question is malformed");
  }
}

void scheduler_core::answer_question(const frame_header& asker, std::uint64_t request,
                                     const json& question) {
  const std::string op = question.value("op", "");
  const auto reply = [&](const json& view) {
    answer_to(asker, request, errc::none,
              view.dump(-1, ' ', false, json::error_handler_t::replace));
  };
  if (op == "live") {
    json view = json::object();
    for (const auto& each : question.value("events", json::array()))
      if (const auto id = parse_event_id(each.get<std::string>()))
        if (const std::uint32_t event = lanes_.find_event(id->sequence); event != no_slot)
          view[to_string(*id)] = view_live_event(lanes_, event);
    reply(view);
  } else if (op == "await" || op == "cancel") {
    const auto id = event_of(question);
    if (!id)
      answer_to(asker, request, errc::invalid_argument, "an event's number is needed");
    else if (raw(id->shard) < shards_.size() && !is_here(id->shard))
      answer_to(asker, request, errc::not_owner, std::string{not_here});
    else if (op == "cancel")
      on_cancel(asker, request, *id);
    else
      watch(asker, request, *id, std::chrono::milliseconds{question.value("timeout_ms", 0)});
  } else if (op == "loop") {
    json view{{"loop", raw(settings_.loop)},
              {"pending", pending_events()},
              {"running", running_},
              {"lanes", lanes_.lane_count()},
              {"turns", counted_.turns},
              {"done", counted_.done},
              {"failed", counted_.failed},
              {"dead", counted_.dead},
              {"retried", counted_.retried},
              {"slept", counted_.slept},
              {"uncommitted", contexts_.size()},
              {"accepted", counted_.accepted},
              {"duplicates", counted_.duplicates},
              {"unrouted", counted_.unrouted}};
    auto agents = json::object();
    for (std::size_t i = 0; i < settings_.agents.size(); ++i)
      agents[settings_.agents[i].name] = waiting_count(static_cast<agent_no>(i));
    view["waiting"] = std::move(agents);
    reply(view);
  } else if (op == "lanes") {
    reply(lanes_view(question));
  } else if (op == "key") {
    auto rows = json::array();
    lanes_.for_each_lane_of(question.value("key", ""), [&](std::uint32_t slot) {
      rows.push_back(view_lane(lanes_, slot, settings_.agents[raw(lanes_.lanes[slot].agent)].name));
    });
    reply({{"lanes", std::move(rows)}});
  } else {
    answer_to(asker, request, errc::invalid_argument, "unknown question");
  }
}

/// A page of lanes in the order of their slots, which costs the same however many lanes there are.
nlohmann::json scheduler_core::lanes_view(const json& question) const {
  const auto limit =
      std::min(question.value("limit", limits::page_rows_default), limits::page_rows_max);
  const std::string agent = question.value("agent", "");
  const std::uint32_t from = std::min(question.value("from", 0u), lanes_.lanes.slots());
  const std::uint32_t end = from + std::min(lanes_.lanes.slots() - from, lane_slots_a_page);
  auto rows = json::array();
  std::uint32_t slot = from;
  for (; slot < end && rows.size() < limit; ++slot) {
    const lane& each = lanes_.lanes[slot];
    const std::string& name = settings_.agents[raw(each.agent)].name;
    if (each.size > 0 && (agent.empty() || agent == name))
      rows.push_back(view_lane(lanes_, slot, name));
  }
  json view{{"lanes", std::move(rows)}, {"total", lanes_.lane_count()}};
  if (slot < lanes_.lanes.slots())
    view["next"] = slot;
  return view;
}

void scheduler_core::answer_to(const frame_header& asker, std::uint64_t request, errc code,
                               std::string text) {
  out_->push_back(send_effect{courier_.seal_answer(asker, answer{request, code, std::move(text)})});
}

void scheduler_core::watch(const frame_header& asker, std::uint64_t request, event_id event,
                           duration timeout) {
  const std::uint32_t slot = lanes_.find_event(event.sequence);
  if (slot == no_slot ? is_all_here() : lanes_.events[slot].id != event) {
    answer_to(asker, request, errc::none, "{}");
    return;
  }
  auto& of_event = watchers_[event.sequence];
  for (const watcher& each : of_event)
    if (each.asker == asker && each.request == request)
      return; // asked again
  of_event.push_back({event, asker, request, now_.boot + timeout});
  if (slot == no_slot)
    want(event.sequence); // it may be over
}

void scheduler_core::on_cancel(const frame_header& asker, std::uint64_t request, event_id event) {
  const std::uint32_t slot = lanes_.find_event(event.sequence);
  if (slot == no_slot ? is_all_here() : lanes_.events[slot].id != event) {
    answer_to(asker, request, errc::not_found, std::string{no_such_event});
    return;
  }
  auto& asked = cancels_[event.sequence];
  for (const cancel_context& each : asked)
    if (each.asker == asker && each.request == request)
      return; // asked again
  asked.push_back({event, asker, request, 0});
  if (slot == no_slot || lanes_.events[slot].away > 0)
    want(event.sequence);
  if (slot == no_slot)
    return;
#ifdef SKEIN_BUG_CANCEL_IS_A_HINT
  answer_to(asker, request, errc::none, "{}");
  for (const std::uint32_t each : deliveries_of(slot))
    if (lanes_.deliveries[each].at == stage::running)
      return;
#endif
  for (const std::uint32_t each : deliveries_of(slot))
    end_by_word(each, delivery_state::cancelled, "cancelled");
}

/// The event has left this loop: whoever waits for its end, or asked for its cancellation, is told.
void scheduler_core::event_ended(event_id event, delivery_state state) {
  if (const auto found = watchers_.find(event.sequence); found != watchers_.end()) {
    for (const watcher& each : found->second)
      answer_to(each.asker, each.request, errc::none, "{}");
    watchers_.erase(found);
  }
  if (const auto found = cancels_.find(event.sequence); found != cancels_.end()) {
    for (const cancel_context& each : found->second) {
      const json view{
          {"event", to_string(event)}, {"state", to_string(state)}, {"cancelled", each.cancelled}};
      answer_to(each.asker, each.request, each.cancelled > 0 ? errc::none : errc::already_terminal,
                each.cancelled > 0 ? view.dump(-1, ' ', false, json::error_handler_t::replace)
                                   : "event " + to_string(event) + " was " +
                                         std::string{to_string(state)} + " first");
    }
    cancels_.erase(found);
  }
}

/// Its events are another's: whoever waits for them asks there.
void scheduler_core::forget_askers_of(const shard_set& shards) {
  const auto let_go = [&](auto& by_event) {
    for (auto next = by_event.begin(); next != by_event.end();) {
      auto& askers = next->second;
      for (const auto& each : askers)
        if (shards[raw(each.event.shard)])
          answer_to(each.asker, each.request, errc::not_owner, std::string{not_here});
      std::erase_if(askers, [&](const auto& each) { return shards[raw(each.event.shard)]; });
      next = askers.empty() ? by_event.erase(next) : std::next(next);
    }
  };
  let_go(watchers_);
  let_go(cancels_);
}

/// No event of this number but, perhaps, `but` is pending: whoever waits for another one is told.
void scheduler_core::resolve_absent(std::uint64_t sequence, event_id but) {
  if (const auto found = watchers_.find(sequence); found != watchers_.end()) {
    for (const watcher& each : found->second)
      if (each.event != but)
        answer_to(each.asker, each.request, errc::none, "{}");
    std::erase_if(found->second, [&](const watcher& each) { return each.event != but; });
    if (found->second.empty())
      watchers_.erase(found);
  }
  if (const auto found = cancels_.find(sequence); found != cancels_.end()) {
    for (const cancel_context& each : found->second)
      if (each.event != but)
        answer_to(each.asker, each.request, errc::not_found, std::string{no_such_event});
    std::erase_if(found->second, [&](const cancel_context& each) { return each.event != but; });
    if (found->second.empty())
      cancels_.erase(found);
  }
}

} // namespace skein
