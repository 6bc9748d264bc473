#include "actors/gateway_core.hpp"

#include "protocol/check.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace skein {

namespace {

constexpr std::chrono::seconds overload_pause{1};
constexpr std::chrono::seconds drain_pause{5};
constexpr std::chrono::seconds full_pause{10};
constexpr std::chrono::seconds closed_pause{30};

constexpr std::chrono::milliseconds held_again_after{50};

duration pause_after(errc code) {
  if (code == errc::draining)
    return drain_pause;
  if (code == errc::disk_low)
    return closed_pause;
  if (journal::is_refusal(code))
    return full_pause;
  return code == errc::not_owner || code == errc::overloaded ? overload_pause : duration{0};
}

/// The request's own code: what its worst member says, in the order unknown, conflict, refused.
errc worst_of(const std::vector<publish_result>& members) {
  errc worst = errc::none;
  for (const publish_result& each : members) {
    if (each.code == errc::unknown_outcome)
      return each.code;
    if (each.code == errc::identity_conflict || (each.code != errc::none && worst == errc::none))
      worst = each.code;
  }
  return worst;
}

} // namespace

gateway_core::gateway_core(gateway_settings settings)
  : settings_{std::move(settings)}, courier_{{settings_.node, "gateway"}, settings_.boot} {}

void gateway_core::step(gateway_input input, moment now, std::vector<gateway_effect>& out) {
  now_ = now;
  out_ = &out;
  std::visit([this](auto& body) { on(body); }, input);
  finish_step();
}

void gateway_core::finish_step() {
  if (watched_ && events_ != told_events_) {
    told_events_ = events_;
    out_->push_back(in_flight_effect{events_});
  }
  std::optional<boot_time> next = courier_.next_due();
  if (!questions_.empty() || !requests_.empty()) {
    const boot_time soon = now_.boot + limits::resend_after;
    next = next ? std::min(*next, soon) : soon;
  }
  if (!questions_.empty())
    next = std::min(*next, first_end_);
  if (!held_.empty())
    next = std::min(*next, now_.boot + held_again_after);
  if (next && (!armed_ || *next < *armed_ || *armed_ <= now_.boot)) {
    armed_ = next;
    out_->push_back(wake_effect{*next});
  }
  out_ = nullptr;
}

address gateway_core::loop_at(std::size_t loop) const {
  return {settings_.node, "loop/" + std::to_string(loop)};
}

// ---- publishing -------------------------------------------------------------------------------

std::size_t gateway_core::bytes_of(const std::vector<offered_event>& events) {
  std::size_t bytes = 0;
  for (const offered_event& each : events)
    bytes += each.body.size();
  return bytes;
}

/// Why nothing new is taken now; nullptr: it is.
const error* gateway_core::refusal_now(std::size_t events, std::size_t bytes) {
  if (refusing_) {
    refused_ = {errc::draining, "this node is shutting down"};
    return &refused_;
  }
#ifndef SKEIN_BUG_INTAKE_OPEN_WHEN_LOW
  if (closed_.code != errc::none)
    return &closed_;
#endif
  if (events_ + events > settings_.events_max || bytes_ + bytes > settings_.bytes_max) {
    counted_.overloaded += events;
    refused_ = {errc::overloaded, std::to_string(events_) +
                                      " events wait for their commit; the limit is " +
                                      std::to_string(settings_.events_max)};
    return &refused_;
  }
  return nullptr;
}

void gateway_core::on(publish_in& input) {
  const std::size_t count = input.events.size();
  counted_.offered += count;
  const std::size_t bytes = bytes_of(input.events);
  if (const error* why = refusal_now(count, bytes))
    return refuse(input.ticket, count, why->code, why->detail, pause_after(why->code));
  open_request(input.ticket, std::move(input.events), bytes, std::nullopt);
}

void gateway_core::open_request(std::uint64_t ticket, std::vector<offered_event> events,
                                std::size_t bytes, std::optional<frame_header> asked) {
  const std::size_t count = events.size();
  events_ += count;
  bytes_ += bytes;
  request& entry = requests_[ticket];
  entry.members.assign(count, publish_result{errc::unknown_outcome, false, {}});
  entry.open = count;
  entry.bytes = bytes;
  entry.until = now_.boot + settings_.answer_within;
  entry.asked = std::move(asked);
  std::vector<held_member> members;
  members.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    members.push_back({ticket, static_cast<std::uint32_t>(i), std::move(events[i]), false,
                       now_.boot + settings_.hold_within});
  place(ticket, std::move(members));
  if (const auto found = requests_.find(ticket); count == 0 && found != requests_.end())
    complete(ticket, found->second);
}

/// Whom a member goes to: a loop of this node, by number, or behind those another node; nobody as
/// long as that is not known.
std::optional<std::size_t> gateway_core::owner_of(shard_id shard) const {
  const std::size_t loop = raw(shard) % settings_.loops;
  if (!settings_.shared)
    return loop;
  if (!owners_ || raw(shard) >= owners_->owners.size())
    return std::nullopt;
  const std::uint32_t owner = owners_->owners[raw(shard)];
  if (owner == no_member)
    return std::nullopt;
  return owners_->nodes[owner] == settings_.node ? loop : settings_.loops + owner;
}

address gateway_core::address_of(std::size_t owner) const {
  return owner < settings_.loops ? loop_at(owner)
                                 : address{owners_->nodes[owner - settings_.loops], "gateway"};
}

/// Members of one request: a frame for each owner.
void gateway_core::place(std::uint64_t ticket, std::vector<held_member> members) {
  const auto entry = requests_.find(ticket);
  if (entry == requests_.end())
    return; // over
  const bool is_asked_by_peer = entry->second.asked.has_value();
  std::vector<std::vector<held_member>> of_owner(settings_.loops +
                                                 (owners_ ? owners_->nodes.size() : 0));
  for (held_member& each : members) {
    const auto owner = owner_of(each.event.shard);
    if (is_asked_by_peer && (!owner || *owner >= settings_.loops))
      settle(ticket, each.member, {errc::not_owner, false, {}}); // who asked looks again
    else if (owner)
      of_owner[*owner].push_back(std::move(each));
    else
      held_.push_back(std::move(each));
  }
  for (std::size_t owner = 0; owner < of_owner.size(); ++owner)
    if (!of_owner[owner].empty())
      send_part(address_of(owner), std::move(of_owner[owner]));
}

void gateway_core::send_part(const address& to, std::vector<held_member> members) {
  publish body;
  part carried{members.front().ticket, {}};
  for (held_member& each : members) {
    carried.members.push_back(each.member);
    if (settings_.shared) {
      carried.events.push_back(each.event);
      carried.was_sent.push_back(each.was_sent);
    }
    body.events.push_back(std::move(each.event));
  }
  auto [bytes, number] = courier_.seal_reliable(to, std::move(body), now_.boot);
  parts_.emplace(std::pair{to, number}, std::move(carried));
  out_->push_back(send_effect{std::move(bytes)});
}

void gateway_core::on_publish_ack(const address& from, const publish_ack& body) {
  const bool is_again = from.node != settings_.node && courier_.was_sent_again(from, body.request);
  courier_.acknowledged(from, body.request);
  const auto found = parts_.find({from, body.request});
  if (found == parts_.end())
    return; // answered before, or given up on
  part carried = std::move(found->second);
  parts_.erase(found);
  if (body.results.size() != carried.members.size())
    return;
  for (std::size_t i = 0; i < carried.members.size(); ++i) {
    const auto entry = requests_.find(carried.ticket);
    if (entry == requests_.end())
      return;
    const publish_result& said = body.results[i];
    const bool was_sent = settings_.shared && (is_again || carried.was_sent[i]);
    const bool moved = said.code == errc::not_owner ||
                       (said.code == errc::draining && from.node != settings_.node);
    if (moved && settings_.shared && !entry->second.asked)
      held_.push_back({carried.ticket, carried.members[i], std::move(carried.events[i]), was_sent,
                       now_.boot + settings_.hold_within});
    else
      settle(carried.ticket, carried.members[i], what_is_certain(said, was_sent));
  }
}

/// What is said of a member. Its request is over with the last one.
void gateway_core::settle(std::uint64_t ticket, std::uint32_t member, const publish_result& said) {
  const auto entry = requests_.find(ticket);
  if (entry == requests_.end())
    return;
  entry->second.members[member] = said;
  if (--entry->second.open == 0)
    complete(ticket, entry->second);
}

void gateway_core::complete(std::uint64_t ticket, request& which) {
  publish_reply reply;
  reply.code = worst_of(which.members);
  reply.retry_after = pause_after(reply.code);
  for (const publish_result& each : which.members) {
    counted_.accepted += each.code == errc::none && !each.duplicate ? 1 : 0;
    counted_.duplicates += each.duplicate ? 1 : 0;
    counted_.refused += each.code != errc::none ? 1 : 0;
  }
  events_ -= which.members.size();
  bytes_ -= which.bytes;
  reply.members = std::move(which.members);
  const auto asked = std::move(which.asked);
  requests_.erase(ticket);
  if (!asked) {
    out_->push_back(published_effect{ticket, std::move(reply)});
    return;
  }
  answer_peer(*asked, std::move(reply.members));
}

void gateway_core::refuse(std::uint64_t ticket, std::size_t members, errc code, std::string detail,
                          duration retry_after) {
  counted_.refused += members;
  publish_reply reply{code, std::move(detail), retry_after, {}};
  reply.members.assign(members, publish_result{code, false, {}});
  out_->push_back(published_effect{ticket, std::move(reply)});
}

void gateway_core::time_out_requests() {
  std::vector<std::uint64_t> late;
  for (const auto& [ticket, entry] : requests_)
    if (entry.until <= now_.boot)
      late.push_back(ticket);
  for (const std::uint64_t ticket : late) {
    for (auto at = parts_.begin(); at != parts_.end();) {
      if (at->second.ticket == ticket)
        courier_.acknowledged(at->first.first, at->first.second); // not sent again
      at = at->second.ticket == ticket ? parts_.erase(at) : std::next(at);
    }
    std::erase_if(held_, [ticket](const held_member& each) { return each.ticket == ticket; });
    complete(ticket, requests_.find(ticket)->second);
  }
}

// ---- questions --------------------------------------------------------------------------------

void gateway_core::on(ask_in& input) {
  const auto* loop = std::get_if<loop_no>(&input.of);
  const auto* shard = std::get_if<shard_id>(&input.of);
  const std::size_t first = loop != nullptr ? raw(*loop) : 0;
  const std::size_t count = loop != nullptr || shard != nullptr ? 1 : settings_.loops;
  if (released_) {
    out_->push_back(answered_effect{
        input.ticket, std::vector<answer>(count, answer{input.ticket, errc::timed_out, {}})});
    return;
  }
  question& entry = questions_[input.ticket];
  entry.ticket = input.ticket;
  entry.until = now_.boot + input.timeout;
  first_end_ = std::min(first_end_, entry.until);
  entry.asked = now_.boot;
  entry.open = count;
  entry.loops.resize(count);
  for (asked_loop& each : entry.loops)
    each.said = {input.ticket, errc::timed_out, {}};
  if (shard != nullptr) {
    entry.shard = *shard;
    entry.json = std::move(input.json);
    return ask_owner(entry);
  }
  for (std::size_t i = 0; i < count; ++i) {
    asked_loop& each = entry.loops[i];
    each.to = loop_at(first + i);
    each.frame = courier_.seal(each.to, query{input.ticket, input.json});
    out_->push_back(send_effect{each.frame});
  }
}

/// Whoever has the shard by now.
void gateway_core::ask_owner(question& which) {
  const auto owner = owner_of(*which.shard);
  if (!owner)
    return; // asked when it is known
  asked_loop& only = which.loops.front();
  only.to = address_of(*owner);
  if (*owner >= settings_.loops)
    only.to.name = "shard/" + std::to_string(raw(*which.shard));
  out_->push_back(send_effect{courier_.seal(only.to, query{which.ticket, which.json})});
}

void gateway_core::on_answer(const address& from, const answer& body) {
  const auto found = questions_.find(body.request);
  if (found == questions_.end())
    return;
  question& entry = found->second;
  for (asked_loop& each : entry.loops) {
    const bool is_it = entry.shard ? each.to.node == from.node : each.to == from;
    if (!is_it || each.answered)
      continue;
    each.said = body;
    if (entry.shard && settings_.shared && body.code == errc::not_owner)
      continue; // it goes, or is gone: asked again where it is then
    each.answered = true;
    --entry.open;
  }
  if (entry.open > 0)
    return;
  tell_answers(entry);
  questions_.erase(found);
}

void gateway_core::tell_answers(question& which) {
  std::vector<answer> all;
  for (asked_loop& each : which.loops)
    all.push_back(std::move(each.said));
  out_->push_back(answered_effect{which.ticket, std::move(all)});
}

void gateway_core::ask_again() {
  first_end_ = boot_time::max();
  for (auto at = questions_.begin(); at != questions_.end();) {
    question& entry = at->second;
    if (entry.until <= now_.boot) {
      tell_answers(entry);
      at = questions_.erase(at);
      continue;
    }
    if (entry.asked + limits::resend_after <= now_.boot) {
      entry.asked = now_.boot;
      if (entry.shard)
        ask_owner(entry);
      else
        for (const asked_loop& each : entry.loops)
          if (!each.answered)
            out_->push_back(send_effect{each.frame});
    }
    first_end_ = std::min(first_end_, entry.until);
    ++at;
  }
}

// ---- the rest ---------------------------------------------------------------------------------

void gateway_core::on(frame_in& input) {
  const frame_header& header = input.value.header;
  if (auto* offered = std::get_if<publish>(&input.value.body))
    on_peer_publish(header, *offered);
  else if (const auto* acknowledged = std::get_if<publish_ack>(&input.value.body))
    on_publish_ack(header.from, *acknowledged);
  else if (const auto* answered = std::get_if<answer>(&input.value.body))
    on_answer(header.from, *answered);
  else if (const auto* receipt = std::get_if<ack>(&input.value.body))
    courier_.acknowledged(header.from, receipt->frame);
}

void gateway_core::on(refuse_in&) { refusing_ = true; }

void gateway_core::on(intake_in& input) { closed_ = std::move(input.closed); }

void gateway_core::on(release_in&) {
  released_ = true;
  for (auto& [ticket, entry] : std::exchange(questions_, {}))
    tell_answers(entry);
}

void gateway_core::on(watch_progress_in&) {
  watched_ = true;
  told_events_ = events_;
  out_->push_back(in_flight_effect{events_});
}

void gateway_core::on(tick_in&) {
  if (armed_ && *armed_ <= now_.boot)
    armed_.reset();
  for (slice& frame : courier_.due(now_.boot))
    out_->push_back(send_effect{std::move(frame)});
  time_out_requests();
  try_held();
  ask_again();
}

} // namespace skein
