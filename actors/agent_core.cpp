#include "actors/agent_core.hpp"

#include "actors/jobs/job_record.hpp"
#include "actors/reply_event.hpp"
#include "actors/turn_slots.hpp"
#include "protocol/check.hpp"
#include "protocol/cloudevents.hpp"
#include "protocol/utf8.hpp"

#include <algorithm>
#include <utility>

namespace skein {

namespace {

/// How often the slots are told again although nothing changed, in case a frame was lost.
constexpr std::chrono::seconds credit_repeat{2};

/// More than a turn's outcome, or an emitted event, takes in a frame beside its effects.
constexpr std::size_t bytes_around_member = 256;

std::string error_text(std::string_view text) {
  return std::string{cut_utf8(text, limits::error_text_bytes_max)};
}

/// An error in words that stand beside a code: its own only where that is another one.
std::string text_beside(errc code, const error& problem) {
  if (problem.code != code)
    return to_string(problem);
  std::string text{sentence(code)};
  return problem.detail.empty() ? text : text + " " + problem.detail;
}

} // namespace

agent_core::agent_core(agent_core_settings settings)
  : settings_{std::move(settings)}, courier_{{settings_.node, "agent/" + settings_.agent.name},
                                             settings_.boot},
    broker_at_{settings_.node, "broker"}, serves_until_{settings_.shared ? boot_time::min()
                                                                         : boot_time::max()},
    opened_total_{turn_slots(settings_.agent)} {}

void agent_core::start(moment now, std::vector<agent_effect>& out) { finish(now, out); }

void agent_core::step(agent_input input, moment now, std::vector<agent_effect>& out) {
  take(std::move(input), now, out);
  finish(now, out);
}

void agent_core::take(agent_input input, moment now, std::vector<agent_effect>& out) {
  now_ = now;
  out_ = &out;
  std::visit([this](auto& body) { on(body); }, input);
  out_ = nullptr;
}

void agent_core::finish(moment now, std::vector<agent_effect>& out) {
  now_ = now;
  out_ = &out;
  begin_turns();
  for (auto& [loop, turns] : std::exchange(outcomes_, {}))
    send_outcomes(loop, std::move(turns));
  if (opened_total_ != told_total_ || told_at_ + credit_repeat <= now_.boot)
    tell_credit();
  std::optional<boot_time> next = told_at_ + credit_repeat;
  for (const auto& other : {courier_.next_due(), timers_.next()})
    if (other)
      next = std::min(*next, *other);
  if (!armed_ || *next < *armed_ || *armed_ <= now_.boot) {
    armed_ = next;
    out_->push_back(wake_effect{*next});
  }
  out_ = nullptr;
}

/// In frames that hold at most limits::outcomes_bytes_max of effects: one turn's always fit.
void agent_core::send_outcomes(const address& loop, std::vector<turn_outcome> turns) {
  outcomes body{settings_.agent.name, {}};
  std::size_t bytes = 0;
  const auto send = [&] {
    outcomes sent{settings_.agent.name, std::exchange(body.turns, {})};
    out_->push_back(send_effect{courier_.seal_reliable(loop, std::move(sent), now_.boot).first});
    bytes = 0;
  };
  for (turn_outcome& each : turns) {
    std::size_t of_turn =
        each.reply.size() + each.state.size() + each.error.size() + bytes_around_member;
    for (const offered_event& emit : each.emits)
      of_turn += emit.body.size() + bytes_around_member;
    if (!body.turns.empty() && bytes + of_turn > limits::outcomes_bytes_max)
      send();
    bytes += of_turn;
    body.turns.push_back(std::move(each));
  }
  send();
}

void agent_core::tell_credit() {
  told_total_ = opened_total_;
  told_at_ = now_.boot;
  out_->push_back(
      send_effect{courier_.seal(broker_at_, credit{settings_.agent.name, opened_total_})});
  if (settings_.serves_alone_slot)
    out_->push_back(send_effect{courier_.seal(broker_at_, credit{std::string{alone_slot}, 1})});
}

void agent_core::on(frame_in& input) {
  const frame_header& header = input.value.header;
  if (const auto* receipt = std::get_if<ack>(&input.value.body)) {
    courier_.acknowledged(header.from, receipt->frame);
    return;
  }
  if (header.number != 0)
    out_->push_back(send_effect{courier_.receipt(header)});
  if (!courier_.first_time(header))
    return;
  if (auto* turns = std::get_if<dispatch>(&input.value.body)) {
    on_dispatch(header, *turns);
  } else if (const auto* cancelled = std::get_if<cancel_turns>(&input.value.body)) {
    for (const turn_id& turn : cancelled->turns)
      if (const auto found = running_.find(turn);
          found != running_.end() && !give_back_unbegun(turn))
        stop(turn, found->second, ending::cancel);
  }
}

void agent_core::on_dispatch(const frame_header& header, dispatch& body) {
  counted_.turns += body.turns.size();
  if (settings_.agent.kind != agent_kind::exec) {
    answer_at_once(header.from, body);
    return;
  }
  starts_.reserve(starts_.size() + body.turns.size());
  for (dispatched_turn& turn : body.turns)
    run(header.from, turn);
}

void agent_core::begin_turns() {
  if (starts_.empty())
    return;
  // Enough for all, but for a while after the concurrency has become less.
  const std::size_t begun = running_.size() - starts_.size();
  const std::size_t slots = turn_slots(settings_.agent);
  const std::size_t room = slots - std::min(slots, begun);
  const auto rest = starts_.begin() + static_cast<std::ptrdiff_t>(std::min(room, starts_.size()));
  std::vector<turn_start> waiting{std::make_move_iterator(rest),
                                  std::make_move_iterator(starts_.end())};
  starts_.erase(rest, starts_.end());
  std::vector<turn_start> starts = std::exchange(starts_, std::move(waiting));
  std::erase_if(starts, [this](const turn_start& each) {
    const auto entry = running_.find(each.turn);
    if (!is_late(each.turn, entry->second.epoch))
      return false;
    give_back(entry->second.loop, each.turn, entry->second.epoch);
    running_.erase(entry);
    return true;
  });
  for (const turn_start& each : starts)
    running_.find(each.turn)->second.timeout = settings_.agent.timeout;
  if (!starts.empty())
    out_->push_back(start_effect{std::move(starts)});
}

void agent_core::on(lease_until_in& input) { serves_until_ = std::max(serves_until_, input.until); }

void agent_core::on(lose_in& input) {
  for (const journal::held_shard& each : input.shards)
    lost_[each.shard] = std::max(lost_[each.shard], each.epoch);
}

/// A runner of the new settings is attached by the shell before.
void agent_core::on(agent_change_in& input) {
  const std::uint64_t before = turn_slots(settings_.agent);
  const bool ran_programs = settings_.agent.kind == agent_kind::exec;
  settings_.agent = std::move(input.agent);
  settings_.replies_are_events = input.replies_are_events;
  if (ran_programs && settings_.agent.kind != agent_kind::exec)
    health_ = {};
  const std::uint64_t now = turn_slots(settings_.agent);
  if (now < before)
    opened_too_many_ += before - now;
  for (std::uint64_t slot = before; slot < now; ++slot)
    open_slot();
}

void agent_core::open_slot() {
#ifndef SKEIN_BUG_SLOTS_STAY_OPEN
  if (opened_too_many_ > 0) {
    --opened_too_many_;
    return;
  }
#endif
  ++opened_total_;
}

/// It was on its way when its shard went, or longer than the leases last: as after the process
/// stood still.
bool agent_core::is_late([[maybe_unused]] const turn_id& turn, epoch_no epoch) const {
  if (!settings_.shared)
    return false;
#if defined(SKEIN_BUG_STARTS_AFTER_THE_LEASE)
  return epoch == epoch_no{};
#elif defined(SKEIN_BUG_LATE_TURN_BEGUN)
  return now_.boot >= serves_until_ && epoch != epoch_no{};
#else
  const auto lost = lost_.find(turn.delivery.event.shard);
  return now_.boot >= serves_until_ || (lost != lost_.end() && epoch <= lost->second);
#endif
}

/// One that has not begun. It is not counted: it runs again, here or elsewhere.
void agent_core::give_back(const address& loop, const turn_id& turn, epoch_no epoch) {
  turn_outcome outcome;
  outcome.turn = turn;
  outcome.epoch = epoch;
  outcome.verdict = turn_verdict::returned;
  outcome.started = outcome.finished = now_.wall;
  outcomes_[loop].push_back(std::move(outcome));
  ++counted_.returned;
  open_slot();
}

/// False if it has begun, or does not run here.
bool agent_core::give_back_unbegun(const turn_id& turn) {
  const auto found = std::find_if(starts_.begin(), starts_.end(),
                                  [&](const turn_start& each) { return each.turn == turn; });
  if (found == starts_.end())
    return false;
  starts_.erase(found);
  const auto entry = running_.find(turn);
  give_back(entry->second.loop, turn, entry->second.epoch);
  running_.erase(entry);
  return true;
}

void agent_core::answer_at_once(const address& loop, dispatch& body) {
  auto& answers = outcomes_[loop];
  answers.reserve(answers.size() + body.turns.size());
  for (dispatched_turn& turn : body.turns) {
    if (is_late(turn.turn, turn.epoch)) {
      give_back(loop, turn.turn, turn.epoch);
      continue;
    }
    turn_outcome outcome;
    outcome.turn = turn.turn;
    outcome.epoch = turn.epoch;
    outcome.started = outcome.finished = now_.wall;
    if (settings_.agent.kind == agent_kind::echo) {
      if (auto cause = decode_event(turn.body.view())) {
        outcome.reply_kind = cause->kind;
        outcome.reply = slice{std::move(cause->data)};
      }
      if (settings_.replies_are_events && outcome.reply_kind != data_kind::none) {
        running_turn entry;
        entry.body = turn.body;
        turn_report report;
        report.turn = turn.turn;
        report.reply_kind = outcome.reply_kind;
        report.reply = std::string{outcome.reply.view()};
        complete_emits(entry, report, outcome);
      }
    }
    answers.push_back(std::move(outcome));
    ++counted_.done;
    open_slot();
  }
}

void agent_core::run(const address& loop, dispatched_turn& turn) {
  const auto [entry, fresh] = running_.try_emplace(turn.turn);
  if (!fresh)
    return; // the same attempt by another frame: it runs already
  entry->second.loop = loop;
  entry->second.epoch = turn.epoch;
  entry->second.sleeps = turn.sleeps;
  entry->second.started = now_.wall;
  entry->second.body = turn.body.copy(); // a long turn is not to keep its whole frame
  turn_start begin;
  begin.turn = turn.turn;
  begin.agent = settings_.agent.name;
  begin.name = name_of(turn.turn);
  begin.attempt = turn.turn.attempt - turn.sleeps;
  begin.sleeps = turn.sleeps;
  begin.token = settings_.store_id + "." +
                to_string(turn.turn.delivery.event, settings_.agent.name) + "." +
                std::to_string(turn.sleeps);
  begin.has_state = turn.has_state;
  begin.state = turn.state.copy();
  begin.body = entry->second.body;
  starts_.push_back(std::move(begin));
}

std::string agent_core::name_of(const turn_id& turn) const {
  return turn_name(turn.delivery.event, settings_.agent.name, turn.attempt);
}

// ---- the end of a turn ------------------------------------------------------------------------

void agent_core::on(news_in& input) {
  for (const turn_id& turn : input.news.begun)
    begun(turn);
  for (turn_report& report : input.news.ended)
    ended(report);
  if (input.news.health)
    health_ = *std::move(input.news.health);
}

void agent_core::begun(const turn_id& turn) {
  const auto found = running_.find(turn);
  if (found == running_.end())
    return;
  running_turn& entry = found->second;
  if (entry.next_step)
    return; // it is being stopped already
  entry.started = now_.wall;
  entry.next_step = now_.boot + entry.timeout;
  timers_.set(*entry.next_step, turn);
}

void agent_core::ended(turn_report& report) {
  const auto found = running_.find(report.turn);
  if (found == running_.end())
    return;
  turn_outcome outcome = outcome_of(found->second, report);
  switch (outcome.verdict) {
    case turn_verdict::done:
      ++counted_.done;
      break;
    case turn_verdict::failed:
      ++counted_.failed;
      break;
    case turn_verdict::rejected:
      ++counted_.failed;
      ++counted_.rejected;
      break;
    case turn_verdict::returned:
      ++counted_.returned;
      break;
    case turn_verdict::slept:
      ++counted_.slept;
      break;
  }
  outcomes_[found->second.loop].push_back(std::move(outcome));
  running_.erase(found);
#ifdef SKEIN_BUG_CREDIT_LEAK
  if (report.verdict == turn_verdict::returned)
    return;
#endif
  open_slot();
}

turn_outcome agent_core::outcome_of(const running_turn& entry, turn_report& report) const {
  turn_outcome outcome;
  outcome.turn = report.turn;
  outcome.epoch = entry.epoch;
  outcome.started = entry.started;
  outcome.finished = now_.wall;
  outcome.verdict = report.verdict;
  outcome.code = report.code;
  outcome.error = error_text(report.error);
  outcome.retry_after = report.retry_after;
  if (report.verdict == turn_verdict::returned && entry.why == ending::timeout) {
    outcome.verdict = turn_verdict::failed;
    outcome.code = errc::agent_timeout;
    outcome.error =
        "the turn took longer than " + format_duration(entry.timeout) + " and was stopped";
    if (!report.hint.empty())
      outcome.error = error_text(outcome.error + "; " + report.hint);
  }
  const bool sleeps = outcome.verdict == turn_verdict::slept;
  if (outcome.verdict != turn_verdict::done && !sleeps)
    return outcome;
  const auto refuse = [&outcome](errc code, std::string text) {
    outcome.verdict = turn_verdict::rejected;
    outcome.code = code;
    outcome.error = std::move(text);
  };
  if (report.reply.size() > limits::reply_bytes_max)
    refuse(errc::agent_output_invalid, "the reply has " + std::to_string(report.reply.size()) +
                                           " bytes; at most " +
                                           std::to_string(limits::reply_bytes_max) + " are kept");
  else if (report.state.size() > limits::state_bytes_max)
    refuse(errc::state_too_large, "the state has " + std::to_string(report.state.size()) +
                                      " bytes; at most " + std::to_string(limits::state_bytes_max) +
                                      " are kept");
  else if (sleeps && entry.sleeps >= limits::sleeps_max)
    refuse(errc::agent_output_invalid, "it has slept " + std::to_string(entry.sleeps) +
                                           " times; more than that is for an event that it emits "
                                           "with `due`");
  else if (report.emits.size() > limits::emits_per_turn_max)
    refuse(errc::too_many_emits, std::to_string(report.emits.size()) + " events; at most " +
                                     std::to_string(limits::emits_per_turn_max) + " a turn");
  else if (!sleeps) // one that sleeps neither emits nor replies
    complete_emits(entry, report, outcome);
  std::size_t bytes = report.reply.size() + report.state.size();
  for (const offered_event& emit : outcome.emits)
    bytes += emit.body.size();
  if (outcome.verdict == turn_verdict::done && bytes > limits::effects_bytes_max) {
    outcome.emits.clear();
    refuse(errc::agent_output_invalid, "reply, state and emitted events have " +
                                           std::to_string(bytes) + " bytes together; at most " +
                                           std::to_string(limits::effects_bytes_max) + " a turn");
  }
  if (outcome.verdict != turn_verdict::done && outcome.verdict != turn_verdict::slept)
    return outcome;
  if (!sleeps) {
    outcome.reply_kind = report.reply_kind;
    outcome.reply = slice{std::move(report.reply)};
  }
  outcome.sets_state = report.sets_state;
  outcome.deletes_state = report.deletes_state;
  outcome.state = slice{std::move(report.state)};
  return outcome;
}

/// What an agent leaves out of an emitted event is filled from its cause. The reply is one of them
/// if routes ask for it.
void agent_core::complete_emits(const running_turn& entry, turn_report& report,
                                turn_outcome& outcome) const {
  const bool tells_reply = settings_.replies_are_events && report.reply_kind != data_kind::none;
  if (report.emits.empty() && !tells_reply)
    return;
  const auto cause = decode_event(entry.body.view());
  std::int32_t hops = 1;
  if (cause)
    if (const std::string* before = cause->text_extension(attribute::hops))
      hops = std::atoi(before->c_str()) + 1;
  const std::string delivery = to_string(report.turn.delivery.event, settings_.agent.name);
  if (tells_reply && cause && cause->type != reply_event_type)
    report.emits.push_back(make_reply_event(delivery, report.reply_kind, report.reply));
  for (std::size_t i = 0; i < report.emits.size(); ++i) {
    event& each = report.emits[i];
    if (each.id.empty())
      each.id = delivery + "." + std::to_string(i);
    if (each.source.empty())
      each.source = "skein/agent/" + settings_.agent.name;
    if (cause && !each.has_extension(attribute::partitionkey))
      each.set_extension(std::string{attribute::partitionkey}, std::string{cause->key()});
    for (const std::string_view trace : {attribute::traceparent, attribute::tracestate})
      if (cause && !each.has_extension(trace))
        if (const std::string* carried = cause->text_extension(trace))
          each.set_extension(std::string{trace}, *carried);
    each.set_extension(std::string{attribute::hops}, std::to_string(hops));
    auto offered = each.source.starts_with(job_sources)
                       ? result<offered_event>{error{errc::invalid_event,
                                                     "source: " + each.source + " is a job's"}}
                       : offer(each, settings_.hash, settings_.events, now_.wall);
    if (!offered) {
      outcome.verdict = turn_verdict::rejected;
      outcome.code = offered.error().code == errc::too_many_hops ? errc::too_many_hops
                                                                 : errc::agent_output_invalid;
      outcome.error = error_text("emitted event " + std::to_string(i) + ": " +
                                 text_beside(outcome.code, offered.error()));
      outcome.emits.clear();
      return;
    }
    outcome.emits.push_back(*std::move(offered));
  }
}

// ---- stopping ---------------------------------------------------------------------------------

void agent_core::stop(const turn_id& turn, running_turn& entry, ending why) {
  if (entry.why != ending::none)
    return; // on its way already
  entry.why = why;
  entry.stage = why == ending::timeout ? stop_stage::terminate : stop_stage::tell;
  out_->push_back(stop_effect{turn, entry.stage});
  entry.next_step =
      now_.boot + (why == ending::timeout ? limits::terminate_grace : limits::cancel_grace);
  timers_.set(*entry.next_step, turn);
}

void agent_core::escalate(const turn_id& turn) {
  const auto found = running_.find(turn);
  if (found == running_.end())
    return; // over: a stale timer
  running_turn& entry = found->second;
  if (!entry.next_step || now_.boot < *entry.next_step)
    return;
  if (entry.why == ending::none) {
    ++counted_.timeouts;
    stop(turn, entry, ending::timeout);
    return;
  }
  if (entry.stage == stop_stage::kill)
    return; // the runner reports as soon as the process is gone
  entry.stage = entry.stage == stop_stage::tell ? stop_stage::terminate : stop_stage::kill;
  out_->push_back(stop_effect{turn, entry.stage});
  entry.next_step = now_.boot + limits::terminate_grace;
  timers_.set(*entry.next_step, turn);
}

void agent_core::on(hasten_in&) {
  while (!starts_.empty())
    give_back_unbegun(turn_id{starts_.back().turn});
  left_effect left;
  std::vector<turn_id> turns;
  for (const auto& [turn, entry] : running_)
    turns.push_back(turn);
  std::sort(turns.begin(), turns.end());
  for (const turn_id& turn : turns) {
    left.turns.push_back(name_of(turn));
    stop(turn, running_.find(turn)->second, ending::drain);
  }
  out_->push_back(std::move(left));
}

void agent_core::on(tick_in&) {
  if (armed_ && *armed_ <= now_.boot)
    armed_.reset();
  while (const auto turn = timers_.take_due(now_.boot))
    escalate(*turn);
  for (slice& frame : courier_.due(now_.boot))
    out_->push_back(send_effect{std::move(frame)});
}

} // namespace skein
