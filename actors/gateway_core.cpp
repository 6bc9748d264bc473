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

void gateway_core::on(publish_in& input) {
  const std::size_t count = input.events.size();
  counted_.offered += count;
  if (refusing_) {
    refuse(input.ticket, count, errc::draining, "this node is shutting down", drain_pause);
    return;
  }
#ifndef SKEIN_BUG_INTAKE_OPEN_WHEN_LOW
  if (closed_.code != errc::none) {
    refuse(input.ticket, count, closed_.code, closed_.detail, closed_pause);
    return;
  }
#endif
  std::size_t bytes = 0;
  for (const offered_event& each : input.events)
    bytes += each.body.size();
  if (events_ + count > settings_.events_max || bytes_ + bytes > settings_.bytes_max) {
    counted_.overloaded += count;
    refuse(input.ticket, count, errc::overloaded,
           std::to_string(events_) + " events wait for their commit; the limit is " +
               std::to_string(settings_.events_max),
           overload_pause);
    return;
  }
  events_ += count;
  bytes_ += bytes;
  request& entry = requests_[input.ticket];
  entry.members.assign(count, publish_result{errc::unknown_outcome, false, {}});
  entry.bytes = bytes;
  entry.until = now_.boot + settings_.answer_within;
  std::vector<publish> frames(settings_.loops);
  std::vector<part> carried(settings_.loops);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t loop = raw(input.events[i].shard) % settings_.loops;
    frames[loop].events.push_back(std::move(input.events[i]));
    carried[loop].members.push_back(static_cast<std::uint32_t>(i));
  }
  for (std::size_t loop = 0; loop < settings_.loops; ++loop) {
    if (carried[loop].members.empty())
      continue;
    auto [bytes_of_frame, number] =
        courier_.seal_reliable(loop_at(loop), std::move(frames[loop]), now_.boot);
    carried[loop].ticket = input.ticket;
    parts_.emplace(std::pair{loop_at(loop), number}, std::move(carried[loop]));
    ++entry.open_frames;
    out_->push_back(send_effect{std::move(bytes_of_frame)});
  }
  if (entry.open_frames == 0)
    complete(input.ticket, entry);
}

void gateway_core::on_publish_ack(const address& from, const publish_ack& body) {
  courier_.acknowledged(from, body.request);
  const auto found = parts_.find({from, body.request});
  if (found == parts_.end())
    return; // answered before, or given up on
  const part carried = std::move(found->second);
  parts_.erase(found);
  const auto entry = requests_.find(carried.ticket);
  if (entry == requests_.end() || body.results.size() != carried.members.size())
    return;
  for (std::size_t i = 0; i < carried.members.size(); ++i)
    entry->second.members[carried.members[i]] = body.results[i];
  if (--entry->second.open_frames == 0)
    complete(carried.ticket, entry->second);
}

void gateway_core::complete(std::uint64_t ticket, request& which) {
  publish_reply reply;
  reply.code = worst_of(which.members);
  if (journal::is_refusal(reply.code))
    reply.retry_after = full_pause;
  else if (reply.code == errc::not_owner)
    reply.retry_after = overload_pause;
  for (const publish_result& each : which.members) {
    counted_.accepted += each.code == errc::none && !each.duplicate ? 1 : 0;
    counted_.duplicates += each.duplicate ? 1 : 0;
    counted_.refused += each.code != errc::none ? 1 : 0;
  }
  events_ -= which.members.size();
  bytes_ -= which.bytes;
  reply.members = std::move(which.members);
  requests_.erase(ticket);
  out_->push_back(published_effect{ticket, std::move(reply)});
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
    complete(ticket, requests_.find(ticket)->second);
  }
}

// ---- questions --------------------------------------------------------------------------------

void gateway_core::on(ask_in& input) {
  if (released_) {
    const std::size_t loops = input.loop ? 1 : settings_.loops;
    out_->push_back(answered_effect{
        input.ticket, std::vector<answer>(loops, answer{input.ticket, errc::timed_out, {}})});
    return;
  }
  question& entry = questions_[input.ticket];
  entry.ticket = input.ticket;
  entry.until = now_.boot + input.timeout;
  first_end_ = std::min(first_end_, entry.until);
  entry.asked = now_.boot;
  for (std::size_t loop = 0; loop < settings_.loops; ++loop) {
    if (input.loop && raw(*input.loop) != loop)
      continue;
    slice bytes = courier_.seal(loop_at(loop), query{input.ticket, input.json});
    entry.frames.emplace_back(loop, bytes);
    out_->push_back(send_effect{std::move(bytes)});
  }
  entry.open = entry.frames.size();
  entry.answers.assign(entry.open, answer{input.ticket, errc::timed_out, {}});
  entry.answered.assign(entry.open, false);
}

void gateway_core::on_answer(const address& from, const answer& body) {
  const auto found = questions_.find(body.request);
  if (found == questions_.end())
    return;
  question& entry = found->second;
  for (std::size_t i = 0; i < entry.frames.size(); ++i) {
    if (loop_at(entry.frames[i].first) != from || entry.answered[i])
      continue;
    entry.answered[i] = true;
    entry.answers[i] = body;
    --entry.open;
  }
  if (entry.open > 0)
    return;
  out_->push_back(answered_effect{entry.ticket, std::move(entry.answers)});
  questions_.erase(found);
}

void gateway_core::ask_again() {
  first_end_ = boot_time::max();
  for (auto at = questions_.begin(); at != questions_.end();) {
    question& entry = at->second;
    if (entry.until <= now_.boot) {
      out_->push_back(answered_effect{entry.ticket, std::move(entry.answers)});
      at = questions_.erase(at);
      continue;
    }
    if (entry.asked + limits::resend_after <= now_.boot) {
      entry.asked = now_.boot;
      for (std::size_t i = 0; i < entry.frames.size(); ++i)
        if (!entry.answered[i])
          out_->push_back(send_effect{entry.frames[i].second});
    }
    first_end_ = std::min(first_end_, entry.until);
    ++at;
  }
}

// ---- the rest ---------------------------------------------------------------------------------

void gateway_core::on(frame_in& input) {
  const frame_header& header = input.value.header;
  if (const auto* acknowledged = std::get_if<publish_ack>(&input.value.body))
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
    out_->push_back(answered_effect{ticket, std::move(entry.answers)});
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
  ask_again();
}

} // namespace skein
