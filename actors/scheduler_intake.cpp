// scheduler_core: events in, commits back.
#include "actors/scheduler_core.hpp"

#include "actors/jobs/job_record.hpp"
#include "protocol/check.hpp"

#include <algorithm>

namespace skein {

namespace {
constexpr std::size_t answers_kept = 512;
constexpr std::size_t spares_kept = 4;
constexpr std::size_t spare_operations_max = 4'096;
} // namespace

void scheduler_core::on(frame_in& input) {
  frame_header& header = input.value.header;
  if (auto* body = std::get_if<publish>(&input.value.body)) {
    on_publish(header, *body);
  } else if (auto* turns = std::get_if<outcomes>(&input.value.body)) {
    on_outcomes(header, *turns);
  } else if (auto* given = std::get_if<grant>(&input.value.body)) {
    on_grant(*given);
  } else if (auto* receipt = std::get_if<ack>(&input.value.body)) {
    courier_.acknowledged(header.from, receipt->frame);
  } else if (auto* question = std::get_if<query>(&input.value.body)) {
    on_query(header, *question);
  } else {
    log(log_severity::warning, "frame-unexpected",
        "a frame of a kind that loops do not take was dropped");
  }
}

void scheduler_core::on_publish(const frame_header& header, publish& body) {
  if (!courier_.first_time(header)) {
    // A repeat: answered again if its answer is kept. Else it is still with the journal, or so long
    // ago that whoever asked has been told "unknown".
    for (const remembered& each : answers_)
      if (each.request == header)
        out_->push_back(send_effect{each.answer});
    return;
  }
#ifdef SKEIN_BUG_ACK_BEFORE_SYNC
  publish_ack early{header.number, {}};
  early.results.resize(body.events.size());
  out_->push_back(send_effect{courier_.seal_answer(header, early)});
#endif
  publish_context request{header, body.events.size(), {}};
  for (std::size_t i = 0; i < body.events.size(); ++i) {
    if (!takes_events_of(body.events[i].shard)) {
      request.refused.emplace_back(i, errc::not_owner);
      continue;
    }
    auto deliveries = route(body.events[i]);
    if (deliveries)
      gather(journal::accept_op{epoch_of(body.events[i].shard), std::move(body.events[i]),
                                *deliveries});
    else
      request.refused.emplace_back(i, deliveries.error().code);
  }
  if (request.operations() > 0) {
    submit_contexts_.push_back(std::move(request));
    return;
  }
  publish_ack answer{header.number, {}}; // nothing of it for the journal
  for (const auto& [member, why] : request.refused)
    answer.results.push_back({why, false, {}});
  slice bytes = courier_.seal_answer(header, answer);
  remember_answer(header, bytes);
  out_->push_back(send_effect{std::move(bytes)});
}

/// Of a job's event that comes from its keeper's outbox: to the agent that the job names.
result<journal::delivery_list> scheduler_core::route(const offered_event& offered) {
  const event_head head = offered.head();
  if (!settings_.shared || !head.source.starts_with(job_sources))
    return routes_.match(head);
  const auto body = decode_event(offered.body.view());
  const std::string* const name = body ? body->text_extension(job_agent_attribute) : nullptr;
#ifdef SKEIN_BUG_JOB_EVENT_FOR_ANYBODY
  return routes_.match(head);
#endif
  if (name == nullptr || name->starts_with('!')) // which no job may name
    return routes_.match(head);
  for (std::size_t i = 0; i < settings_.agents.size(); ++i)
    if (settings_.agents[i].name == *name) {
      journal::delivery_list one;
      one.add(static_cast<agent_no>(i));
      return one;
    }
  return error{errc::agent_unknown, *name};
}

void scheduler_core::on(committed_in& input) {
  SKEIN_CHECK(!contexts_.empty());
  const auto [contexts, brings] = std::move(contexts_.front());
  contexts_.pop_front();
  bringing_ -= brings ? 1u : 0u;
  ++answered_;
  if (input.receipt)
    settle_submit(input, contexts);
  else
    settle_failed_submit(input, contexts);
  input.batch.clear();
  const std::size_t room = input.batch.capacity();
  if (room > 0 && room <= spare_operations_max && spares_.size() < spares_kept)
    spares_.push_back(std::move(input.batch));
  while (!ripening_.empty() && ripening_.front().submits <= answered_) {
    const std::uint64_t sequence = ripening_.front().at.sequence;
    ripening_.pop_front();
    ripen(sequence);
  }
}

void scheduler_core::settle_submit(committed_in& input, const std::vector<context>& contexts) {
  SKEIN_CHECK(input.receipt->results.size() == input.batch.size());
  if (input.receipt->wrote())
    taken_by_store();
  std::size_t at = 0;
  for (const context& each : contexts) {
    if (const auto* request = std::get_if<publish_context>(&each)) {
      settle_publish(*request, input, at);
      at += request->operations();
    } else {
      const std::uint32_t delivery = std::get<outcome_context>(each).delivery;
      settle_outcome(delivery, input.batch[at], input.receipt->results[at], input.receipt->at);
      ++at;
    }
  }
  SKEIN_CHECK(at == input.batch.size());
}

void scheduler_core::settle_publish(const publish_context& request, committed_in& input,
                                    std::size_t first) {
  publish_ack answer{request.request.number, {}};
  answer.results.reserve(request.members);
  auto refused = request.refused.begin();
  for (std::size_t member = 0; member < request.members; ++member) {
    if (refused != request.refused.end() && refused->first == member) {
      answer.results.push_back({refused->second, false, {}});
      ++refused;
      continue;
    }
    answer.results.push_back(settle_accept(std::get<journal::accept_op>(input.batch[first]),
                                           input.receipt->results[first], input.receipt->at));
    ++first;
  }
  slice bytes = courier_.seal_answer(request.request, std::move(answer));
  remember_answer(request.request, bytes);
  out_->push_back(send_effect{std::move(bytes)});
}

publish_result scheduler_core::settle_accept(const journal::accept_op& op,
                                             const journal::op_result& verdict, instant at) {
  publish_result member{errc::none, false, verdict.event};
  switch (verdict.status) {
    case journal::op_status::applied:
      ++counted_.accepted;
      take_in(verdict.event, op.event, op.deliveries, at);
      break;
    case journal::op_status::duplicate:
      member.duplicate = true;
      ++counted_.duplicates;
      break;
    case journal::op_status::conflict:
      member.code = errc::identity_conflict;
      break;
    case journal::op_status::fenced:
      member.code = errc::not_owner;
      is_fenced(op.event.shard, op.epoch);
      break;
    case journal::op_status::dedupe_full:
      member.code = errc::dedupe_full;
      tell_window_is_full();
      break;
    case journal::op_status::expired:
      member.code = errc::invalid_time;
      break;
    default:
      member.code = errc::internal;
      break;
  }
  return member;
}

void scheduler_core::tell_window_is_full() {
  if (const auto more = full_window_pace_.next(now_.boot))
    log(log_severity::warning, "dedupe-full",
        "new events are refused: the window that finds duplicates has as many identities as "
        "dedupe_identities allows within dedupe_window" +
            *more);
}

/// The whole submit failed. After an unknown outcome the process is about to stop (the store's
/// owner sees to it), so the only duties are to claim nothing and to start nothing: it may have
/// accepted what stands before. With a full disk it was a definite no.
void scheduler_core::settle_failed_submit(committed_in& input,
                                          const std::vector<context>& contexts) {
  const errc why = input.receipt.error().code;
  const bool definite = journal::is_refusal(why);
  const bool known = definite && store_refuses_; // that it refuses; the metrics count how often
#ifndef SKEIN_BUG_STARTS_IN_DOUBT
  starting_ = starting_ && definite;
#endif
  if (definite)
    refused_by_store();
  std::size_t at = 0;
  for (const context& each : contexts) {
    if (const auto* request = std::get_if<publish_context>(&each)) {
      publish_ack answer{request->request.number, {}};
      answer.results.assign(request->members, {definite ? why : errc::unknown_outcome, false, {}});
#ifdef SKEIN_BUG_ACK_ON_SYNC_ERROR
      if (!definite)
        answer.results.assign(request->members, {});
#endif
      slice bytes = courier_.seal_answer(request->request, answer);
      remember_answer(request->request, bytes);
      out_->push_back(send_effect{std::move(bytes)});
      at += request->operations();
    } else if (definite) {
      const std::uint32_t delivery = std::get<outcome_context>(each).delivery;
      defer(delivery, std::move(input.batch[at]));
      ++at;
    } else {
      ++at;
    }
  }
  if (!known)
    log(log_severity::error, "commit-failed", to_string(input.receipt.error()));
}

void scheduler_core::remember_answer(const frame_header& request, slice answer) {
  if (request.number == 0)
    return;
  answers_.push_back({request, std::move(answer)});
  if (answers_.size() > answers_kept)
    answers_.pop_front();
}

void scheduler_core::on(foreign_in& input) {
  ++foreign_told_;
  for (foreign_event& each : input.of.events) {
    ++counted_.accepted;
    take_in(each.event, each.offered, each.deliveries, input.of.at);
  }
}

/// A durable event becomes pending deliveries.
void scheduler_core::take_in(event_id id, const offered_event& offered,
                             const journal::delivery_list& deliveries, instant at) {
  if (!is_here(id.shard))
    return; // its shard was given up meanwhile: who has it finds the event in the store
  const event_head head = offered.head();
  tenure& of = tenure_of(id.shard);
  of.arrived_to = std::max(of.arrived_to, id.sequence);
  if (deliveries.empty()) {
    ++counted_.unrouted;
    if (const auto more = unrouted_pace_.next(now_.boot))
      out_->push_back(log_effect{
          log_severity::warning,
          "event-unrouted",
          "no route matches type '" + std::string{head.type} +
              "': the event is done without any work; add a [[route]] if that is not meant" + *more,
          to_string(id),
          {},
          std::string{head.key}});
    return;
  }
  ++pending_;
  ++shards_[raw(id.shard)].pending;
  const instant due = resolved(offered.due, at);
  const instant expires = resolved(offered.expires, at);
  const lane_place place{std::max(at, due), id.sequence};
  std::uint32_t event = no_slot;
  const bool far = is_far(of, due);
  for (std::size_t i = 0; i < deliveries.size() && !far; ++i) {
    away_list* list = due > now_.wall ? nullptr : list_for(of, deliveries[i], head.key, place);
    if (list != nullptr) {
      leave_to(*list, place, due > at);
      continue;
    }
    if (event == no_slot)
      event = lanes_.add_event(id, offered.priority, at, expires, body_to_keep(offered.body),
                               deliveries.size());
    const std::uint32_t slot =
        lanes_.add_delivery(event, static_cast<std::uint8_t>(i), deliveries[i]);
    lanes_.deliveries[slot].ready_at = place.ready_at;
    enter_or_sleep(event, slot, head.key, due);
  }
  if (due > at && due <= now_.wall)
    know_timer({due, id, false});
  if (expires != no_instant && event != no_slot)
    timers_.set(expires, {id.sequence, true});
  else if (expires != no_instant)
    leave_expiry(id, expires);
  if (far)
    leave_on_disk(of, due);
}

void scheduler_core::enter_or_sleep(std::uint32_t event, std::uint32_t delivery,
                                    std::string_view key, instant due) {
#ifdef SKEIN_BUG_EARLY_TIMER
  if (due - std::chrono::milliseconds{1500} > now_.wall) {
#else
  if (due > now_.wall) {
#endif
    put_to_sleep(event, key, due);
    return;
  }
  // One that became due while its commit was under way has its place only when all that was under
  // way with it is answered, as one that sleeps until then.
  live_event& owner = lanes_.events[event];
  const bool ripe = due <= owner.accepted;
  enter_lane(delivery, key, lanes_.deliveries[delivery].ready_at, ripe);
  if (!ripe)
    has_become_due({lanes_.deliveries[delivery].ready_at, owner.id.sequence});
}

/// One that has become due has its place among those that became so before and after.
void scheduler_core::leave_to(away_list& list, const lane_place& at, bool was_due) {
  if (!was_due)
    return put_away(list, at);
  put_late(list, at);
  has_become_due(at);
}

void scheduler_core::put_to_sleep(std::uint32_t event, std::string_view key, instant due) {
  live_event& owner = lanes_.events[event];
  if (!owner.sleeping_key.empty())
    return; // a sibling does
  owner.sleeping_key = key;
  timers_.set(due, {owner.id.sequence, false});
  ++sleeping_;
}

/// Bodies beyond the cache's limit stay on disk and are read back when their turn comes. What is
/// kept is a copy: a part of the frame that it came in would keep all of that.
slice scheduler_core::body_to_keep(const slice& body) {
  if (body_bytes_ + body.size() > limits::loop_body_cache_bytes)
    return {};
  body_bytes_ += body.size();
  return body.copy();
}

} // namespace skein
