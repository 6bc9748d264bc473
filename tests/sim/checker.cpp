#include "tests/sim/checker_model.hpp"

#include <algorithm>

namespace skein::test {

namespace {

constexpr std::chrono::milliseconds signal_slack{100}; // from the signal to the gateway's refusal
constexpr std::chrono::seconds drain_max{30};          // the drain's deadline and some

std::string name(const delivery_id& id) {
  return skein::to_string(id.event) + "#" + std::to_string(id.index);
}

bool definite_no(errc code) {
  return code != errc::none && code != errc::unknown_outcome && code != errc::timed_out;
}

void count_end(journal::ledger& totals, delivery_state state) {
  switch (state) {
    case delivery_state::done:
      ++totals.done;
      break;
    case delivery_state::dead:
      ++totals.dead;
      break;
    case delivery_state::cancelled:
      ++totals.cancelled;
      break;
    case delivery_state::superseded:
      ++totals.superseded;
      break;
    case delivery_state::expired:
      ++totals.expired;
      break;
    default:
      ++totals.purged;
      break;
  }
  --totals.pending;
}

} // namespace

std::vector<violation> check(const history& of) { return checker{of}.run(); }

std::vector<violation> checker::run() {
  for (index_ = 0; index_ < of_.records.size(); ++index_) {
    now_ = of_.records[index_].at;
    std::visit([this](const auto& what) { on(what); }, of_.records[index_].what);
    if (alive_ && signalled_ && now_.boot > *signalled_ + drain_max)
      break_rule("drain", "the drain does not end");
  }
  judge_end();
  return std::move(found_);
}

void checker::break_rule(const std::string& rule, std::string text, breach kind) {
  if (broken_.insert(rule).second)
    found_.push_back({kind, rule, index_, std::move(text)});
}

bool checker::over(const event_id& event) const {
  const auto found = events_.find(event);
  if (found == events_.end())
    return false;
  for (std::uint8_t i = 0; i < found->second.as.agents.size(); ++i)
    if (!deliveries_.at({event, i}).end)
      return false;
  return true;
}

/// Retention drops what was over for its time, but no dead letters.
bool checker::may_be_gone(const event_id& event) const {
  const auto found = events_.find(event);
  if (found == events_.end() || kept_from_ == no_instant)
    return false;
  instant ended = found->second.as.at;
  for (std::uint8_t i = 0; i < found->second.as.agents.size(); ++i) {
    const auto& end = deliveries_.at({event, i}).end;
    if (!end || end->state == delivery_state::dead)
      return false;
    ended = std::max(ended, end->at);
  }
  return ended <= kept_from_;
}

// ---- the process ------------------------------------------------------------------------------

void checker::on(const booted& what) {
  ++life_;
  alive_ = true;
  unclean_ = what.unclean;
  signalled_.reset();
  for (auto& [id, each] : deliveries_)
    if (each.asleep && each.next_due > now_.wall) // as the store has it, it cannot have run
      each.open_start_in = 0;
}

void checker::on(const crashed&) { end_life(true); }

void checker::on(const drain_began&) { signalled_ = now_.boot; }

void checker::on(const drain_ended& what) {
  if (what.code == 0)
    for (const auto& [id, each] : deliveries_)
      for (const auto& [attempt, turn] : each.turns)
        if (turn.running && !each.end)
          break_rule("drain", "exit code 0 while turn " + name(id) + "/" + std::to_string(attempt) +
                                  " runs");
  end_life(false);
}

void checker::end_life(bool by_crash) {
  alive_ = false;
  running_.clear();
  in_lane_.clear();
  signalled_.reset();
  for (auto& [id, each] : deliveries_) {
    for (auto& [attempt, turn] : each.turns)
      turn.running = false;
    if (by_crash && !each.end && each.marked_in == life_ && each.marked_alone &&
        each.open_start_in != 0)
      ++each.crashes_alone;
    if (!by_crash) { // in order: what was given back is nobody's suspect
      each.open_start_in = 0;
      each.marked_alone = false;
    }
  }
}

// ---- clients ----------------------------------------------------------------------------------

void checker::on(const offered& what) {
  requests_[what.request] = {what.members, now_, life_,
                             signalled_ && now_.boot > *signalled_ + signal_slack, false};
  for (const offered_member& each : what.members)
    offered_.insert(each.identity);
}

void checker::on(const answered& what) {
  const auto found = requests_.find(what.request);
  if (found == requests_.end() || found->second.over)
    return break_rule("answer", "request " + std::to_string(what.request) +
                                    " is answered again or was never made");
  found->second.over = true;
  if (what.members.size() != found->second.members.size())
    return break_rule("answer", "another number of members than asked");
  for (std::size_t i = 0; i < what.members.size(); ++i)
    judge_member(found->second.members[i], what.members[i], found->second);
}

void checker::judge_member(const offered_member& member, const publish_result& said,
                           known_request& request) {
  known_identity& known = identities_[member.identity];
  if (said.code == errc::none) {
    if (request.after_signal)
      break_rule("drain", "taken in after the signal");
    const auto event = events_.find(said.event);
    if (event == events_.end() || event->second.as.what.identity != member.identity)
      return break_rule("durable-ack", "answered durable, but event " +
                                           skein::to_string(said.event) + " is not in the store");
    if (event->second.as.what.content != member.content)
      return break_rule("duplicates", "answered durable for other content than event " +
                                          skein::to_string(said.event) + " has");
    if (!said.duplicate && !answered_as_new_.insert(said.event).second)
      break_rule("duplicates", "two offers of one identity were both answered as new");
    known.excused = true;
  } else if (said.code == errc::identity_conflict) {
    const std::size_t same = known.contents.count(member.content);
    if (known.contents.size() == same)
      break_rule("duplicates", "answered conflict, but no other content is known");
  } else if (definite_no(said.code)) {
    known.refused = true;
    known.refused_at = index_;
  } else {
    known.excused = true;
  }
}

void checker::on(const cancel_asked& what) { cancels_[what.request] = what.event; }

void checker::on(const cancel_answered& what) {
  const auto found = cancels_.find(what.request);
  if (found == cancels_.end())
    return break_rule("cancel", "an answer without a question");
  const event_id event = found->second;
  const std::string of = "event " + skein::to_string(event);
  bool any_cancelled = false;
  for (std::uint8_t i = 0; events_.contains(event) && i < events_[event].as.agents.size(); ++i) {
    const auto& end = deliveries_[{event, i}].end;
    any_cancelled = any_cancelled || (end && end->state == delivery_state::cancelled);
  }
  if (what.code == errc::none && !any_cancelled)
    break_rule("cancel", "answered cancelled, but nothing of " + of + " is");
  if (what.code == errc::none && any_cancelled && !over(event))
    break_rule("cancel", "answered before " + of + " was over");
  if (what.code == errc::already_terminal && !over(event))
    break_rule("cancel", "answered too late to cancel, but " + of + " is pending");
  if (what.code == errc::not_found && events_.contains(event) && !may_be_gone(event))
    break_rule("cancel", of + " is in the store, but was not found");
}

// ---- the store --------------------------------------------------------------------------------

void checker::on(const accepted& what) {
  known_identity& known = identities_[what.what.identity];
  const bool is_in_window = what.at - known.at < of_.settings.dedupe_window &&
                            (forgotten_to_ == no_instant || known.at > forgotten_to_);
  if (known.event != event_id{} && is_in_window)
    return break_rule("duplicates", "events " + skein::to_string(known.event) + " and " +
                                        skein::to_string(what.event) + " have one identity");
  known.event = what.event;
  known.at = what.at;
  known.content = what.what.content;
  known.contents.insert(known.content);
  // Only where the history has its clients' side at all.
  if (!what.cause && !what.kept && !offered_.empty() && !offered_.contains(what.what.identity))
    break_rule("invention", "event " + skein::to_string(what.event) + " was offered by nobody");
  if (!events_.emplace(what.event, known_event{what, false}).second)
    return break_rule("duplicates",
                      "the number " + skein::to_string(what.event) + " is used twice");
  ++event_totals_.accepted;
  if (what.cause || what.kept)
    known.excused = true;
  if (what.cause) {
    const auto cause = deliveries_.find(*what.cause);
    if (cause == deliveries_.end() || cause->second.end)
      break_rule("effects-once", "event " + skein::to_string(what.event) +
                                     " was emitted by a delivery that was over");
  }
  ++(what.agents.empty() ? event_totals_.done : event_totals_.pending);
  for (std::uint8_t i = 0; i < what.agents.size(); ++i) {
    const delivery_id id{what.event, i};
    known_delivery& made = deliveries_[id];
    made.agent = what.agents[i];
    made.key = what.key;
    made.event = what.event;
    made.ready_at = std::max(what.at, what.due);
    made.slept = what.due > what.at;
    ++delivery_totals_.accepted;
    ++delivery_totals_.pending;
    lanes_[{made.agent, made.key}].insert(id);
  }
}

void checker::on(const finished& what) {
  const auto found = deliveries_.find(what.delivery);
  if (found == deliveries_.end())
    return break_rule("effects-once",
                      "an end of a delivery that never began: " + name(what.delivery));
  if (what.refused)
    return;
  known_delivery& which = found->second;
  if (which.end)
    return break_rule("effects-once", "delivery " + name(what.delivery) + " ended twice");
  const event_id event = what.delivery.event;
  if (what.state == delivery_state::done) {
    const std::uint32_t turn = what.attempt + which.sleeps;
    judge_kept(what.delivery, which, turn, what.kept);
    if (const auto asked = which.asked.find(turn);
        asked != which.asked.end() && asked->second.emits != what.emits.size())
      break_rule("effects-once", "turn " + name(what.delivery) + " emitted " +
                                     std::to_string(asked->second.emits) + " events, " +
                                     std::to_string(what.emits.size()) + " were committed");
    for (const event_id each : what.emits)
      if (!events_.contains(each))
        break_rule("effects-once", "an emitted event is not in the store");
  }
  if (what.code == errc::agent_crashed && what.attempt == which.failures && which.crashes_alone < 3)
    break_rule("crash-count", "delivery " + name(what.delivery) + " is dead after " +
                                  std::to_string(which.crashes_alone) + " crashes alone");
  which.end = what;
  which.open_start_in = 0;
  lanes_[{which.agent, which.key}].erase(what.delivery);
  count_end(delivery_totals_, what.state);
  if (over(event)) {
    std::vector<delivery_state> states;
    for (std::uint8_t i = 0; i < events_[event].as.agents.size(); ++i)
      states.push_back(deliveries_[{event, i}].end->state);
    count_end(event_totals_, event_state(states));
  }
}

void checker::on(const attempt_failed& what) {
  const auto found = deliveries_.find(what.delivery);
  if (found == deliveries_.end() || found->second.end)
    return break_rule("effects-once",
                      "a failure of a delivery that is over: " + name(what.delivery));
  known_delivery& which = found->second;
  if (what.attempt != which.next_turn())
    break_rule(what.slept ? "sleep" : "retry",
               "turn " + std::to_string(what.attempt) + " of " + name(what.delivery) +
                   (what.slept ? " slept" : " failed") + " after " +
                   std::to_string(which.failures) + " failures and " +
                   std::to_string(which.sleeps) + " sleeps");
  which.next_due = what.next_due;
  which.wake_from = what.slept ? judge_sleep(what, which) : earliest_wake(what);
  ++(what.slept ? which.sleeps : which.failures);
  which.asleep = what.slept;
  which.failed_in = life_;
  which.open_start_in = 0;
  which.marked_alone = false;
}

/// The state that a turn asked for, and it alone, is committed with its record.
void checker::judge_kept(const delivery_id& id, const known_delivery& which, std::uint32_t turn,
                         const kept_state& kept) {
  if (const auto asked = which.asked.find(turn);
      asked != which.asked.end() && asked->second.kept != kept)
    break_rule("state", "turn " + name(id) + "/" + std::to_string(turn) +
                            " kept another state than it asked for");
  if (kept)
    states_[{which.agent, which.key}] = *kept;
}

/// Its time counts from its end at the earliest, by both clocks. When it may go on.
boot_time checker::judge_sleep(const attempt_failed& what, const known_delivery& which) {
  judge_kept(what.delivery, which, what.attempt, what.kept);
  const auto asked = which.asked.find(what.attempt);
  if (asked == which.asked.end())
    return earliest_wake(what);
  if (asked->second.verdict != turn_verdict::slept)
    break_rule("sleep", name(what.delivery) + " sleeps, but did not ask for that");
  const auto is_its_end = [&](const record& each) {
    const auto* ended = std::get_if<turn_ended>(&each.what);
    return ended != nullptr && ended->turn == asked->second.turn;
  };
  const auto from =
      std::make_reverse_iterator(of_.records.begin() + static_cast<std::ptrdiff_t>(index_));
  const moment ended = std::find_if(from, of_.records.rend(), is_its_end)->at;
  if (what.next_due < ended.wall + asked->second.rest)
    break_rule("sleep", name(what.delivery) + " is to go on before its time");
  return ended.boot + asked->second.rest;
}

/// The decision was made between the turn's end and now, by a wall that may have been set
/// meanwhile.
boot_time checker::earliest_wake(const attempt_failed& what) const {
  boot_time earliest = boot_time::max();
  for (std::size_t i = index_ + 1; i-- > 0;) {
    const record& each = of_.records[i];
    earliest = std::min(earliest, each.at.boot + (what.next_due - each.at.wall));
    const auto* ended = std::get_if<turn_ended>(&each.what);
    const bool is_its_end = ended != nullptr && ended->turn.delivery == what.delivery &&
                            ended->turn.attempt == what.attempt;
    if (is_its_end || std::holds_alternative<booted>(each.what))
      break;
  }
  return earliest;
}

/// A process that found it waiting counts by its own clocks, of some time since it began.
bool checker::may_wake(const known_delivery& which) const {
  if (which.asleep && which.failed_in == life_) // the wall may be set while it sleeps
    return now_.boot >= which.wake_from;
  if (now_.wall >= which.next_due || now_.boot >= which.wake_from)
    return true;
  for (std::size_t i = index_ + 1; which.failed_in < life_ && i-- > 0;) {
    const record& each = of_.records[i];
    if (now_.boot >= each.at.boot + (which.next_due - each.at.wall))
      return true;
    if (std::holds_alternative<booted>(each.what))
      break;
  }
  return false;
}

void checker::on(const start_marked& what) {
  if (const auto found = deliveries_.find(what.delivery); found != deliveries_.end()) {
    found->second.marked_in = life_;
    found->second.marked_alone = what.alone;
    if (what.alone)
      found->second.open_start_in = life_;
    if (what.alone && !alive_) // the process died before it knew: the next one counts a crash
      ++found->second.crashes_alone;
  }
}

void checker::on(const commit_failed&) {}

void checker::on(const kept_up& what) {
  kept_from_ = std::max(kept_from_, what.at - of_.settings.retention);
  forgotten_to_ = std::max(forgotten_to_, what.at - of_.settings.dedupe_window);
}

void checker::judge_ledger(const journal::ledger& said, const journal::ledger& known,
                           const char* of_what) {
  if (!said.balanced())
    break_rule("ledger", std::string{"the ledger of "} + of_what + " does not balance");
  else if (said != known)
    break_rule("ledger", std::string{"the ledger of "} + of_what +
                             " differs from what was committed: " + std::to_string(said.pending) +
                             " pending, expected " + std::to_string(known.pending));
}

void checker::on(const ledgers_read& what) {
  judge_ledger(what.events, event_totals_, "events");
  judge_ledger(what.deliveries, delivery_totals_, "deliveries");
}

void checker::on(const found_event& what) {
  read_back_ = true;
  const auto known = events_.find(what.event);
  if (known == events_.end())
    return break_rule("ledger", "event " + skein::to_string(what.event) + " came from nowhere");
  known->second.found = true;
  if (known->second.as.body != what.body)
    break_rule("durable-ack",
               "event " + skein::to_string(what.event) + " has other content than was accepted");
  for (std::uint8_t i = 0; i < what.states.size() && i < known->second.as.agents.size(); ++i) {
    const auto& end = deliveries_[{what.event, i}].end;
    if (is_terminal(what.states[i]) != end.has_value() || (end && end->state != what.states[i]))
      break_rule("ledger", "delivery " + name({what.event, i}) + " is read back in another state");
  }
}

// ---- turns ------------------------------------------------------------------------------------

void checker::on(const turn_started& what) {
  const delivery_id id = what.turn.delivery;
  const auto found = deliveries_.find(id);
  if (found == deliveries_.end())
    return break_rule("effects-once", "a turn of a delivery that is not in the store: " + name(id));
  known_delivery& which = found->second;
  known_turn& turn = which.turns[what.turn.attempt];
  if (turn.life == life_)
    break_rule("effects-once",
               "turn " + name(id) + "/" + std::to_string(what.turn.attempt) + " was run twice");
  turn = {true, life_};
  const std::pair whose{id, what.sleeps};
  if (which.tokens.emplace(what.sleeps, what.token).first->second != what.token ||
      tokens_.emplace(what.token, whose).first->second != whose)
    break_rule("effects-once", "the token of " + name(id) + " is not its own");
  if (const std::size_t slots = of_.settings.concurrency[raw(what.agent)];
      ++running_[what.agent] > slots)
    break_rule("bounded", std::to_string(running_[what.agent]) +
                              " turns of an agent at once; at most " + std::to_string(slots));
  if (!of_.settings.pure[raw(what.agent)]) {
    auto& running = in_lane_[{which.agent, which.key}];
    if (!running.empty())
      break_rule("lane-overlap",
                 name(id) + " began while " + name(running.begin()->delivery) + " ran");
    running.insert(what.turn);
  }
  judge_time(what, which);
  if (!which.end && !of_.settings.pure[raw(what.agent)]) {
    judge_state(what, which);
    judge_lane(id, which);
  }
  if (which.end && which.end->state != delivery_state::cancelled &&
      which.end->state != delivery_state::expired)
    break_rule("effects-once", "a turn of " + name(id) + " began after its end");
  // What a pure agent does again harms nobody: it is never suspected.
  if (unclean_ && !of_.settings.pure[raw(what.agent)] && !which.end && which.open_start_in != 0 &&
      which.open_start_in < life_ && which.marked_in != life_)
    break_rule("crash-count", "suspect " + name(id) + " was run without a durable start");
  which.open_start_in = life_;
}

void checker::judge_time(const turn_started& what, const known_delivery& which) {
  const std::string of = name(what.turn.delivery) + "/" + std::to_string(what.turn.attempt);
  if (which.slept && now_.wall < which.ready_at)
    break_rule("early", of + " ran before it was due");
  if (which.end)
    return;
  if (what.turn.attempt != which.next_turn())
    break_rule(which.asleep ? "sleep" : "retry",
               of + " ran after " + std::to_string(which.failures) + " failures and " +
                   std::to_string(which.sleeps) + " sleeps");
  if (what.sleeps != which.sleeps || what.attempt != which.failures + 1)
    break_rule("sleep", of + " is told of " + std::to_string(what.sleeps) + " sleeps and attempt " +
                            std::to_string(what.attempt));
  // Waited for by the wall or, if that was set back, by the time that passed.
  if (which.failures + which.sleeps > 0 && !may_wake(which))
    break_rule(which.asleep ? "sleep" : "retry", of + " ran before its time");
}

void checker::judge_state(const turn_started& what, const known_delivery& which) {
  const auto known = states_.find({which.agent, which.key});
  if (what.state != (known == states_.end() ? std::string{} : known->second))
    break_rule("state", name(what.turn.delivery) + " is not given what was kept last");
}

void checker::judge_lane(const delivery_id& id, known_delivery& which) {
  bool ran_in_this_life = false;
  for (const auto& [attempt, turn] : which.turns)
    ran_in_this_life =
        ran_in_this_life || (turn.life == life_ && attempt != which.turns.rbegin()->first);
  for (const delivery_id& other_id : lanes_[{which.agent, which.key}]) {
    known_delivery& other = deliveries_[other_id];
    if (other_id == id)
      continue;
    if (std::pair{other.ready_at, other_id.event.sequence} >
        std::pair{which.ready_at, id.event.sequence})
      continue;
    if (other.slept && other.ready_at > now_.wall)
      continue;
    if (!ran_in_this_life)
      break_rule("lane-order", name(id) + " began before " + name(other_id) + " had ended");
  }
}

void checker::on(const turn_ended& what) {
  const auto found = deliveries_.find(what.turn.delivery);
  if (found == deliveries_.end())
    return;
  known_turn& turn = found->second.turns[what.turn.attempt];
  if (!std::exchange(turn.running, false))
    return break_rule("effects-once", "a turn ended that did not run: " + name(what.turn.delivery));
  --running_[what.agent];
  in_lane_[{found->second.agent, found->second.key}].erase(what.turn);
  if (what.verdict == turn_verdict::done || what.verdict == turn_verdict::slept)
    found->second.asked.insert_or_assign(what.turn.attempt, what);
}

// ---- the end ----------------------------------------------------------------------------------

void checker::on(const settled&) {
  for (const auto& [id, each] : deliveries_)
    if (!each.end)
      break_rule("terminal", "delivery " + name(id) + " of lane " + each.key + " does not end",
                 breach::liveness);
  for (const auto& [number, each] : requests_)
    if (!each.over && each.life == life_)
      break_rule("answer", "request " + std::to_string(number) + " is never answered",
                 breach::liveness);
}

void checker::judge_end() {
  for (const auto& [number, each] : requests_)
    if (!each.over)
      for (const offered_member& member : each.members)
        identities_[member.identity].excused = true;
  for (const auto& [identity, each] : identities_)
    if (each.refused && !each.excused && each.event) {
      index_ = each.refused_at;
      break_rule("unknown", "answered a definite no, but event " + skein::to_string(each.event) +
                                " is in the store");
    }
  if (read_back_)
    for (const auto& [event, each] : events_)
      if (!each.found && !may_be_gone(event))
        break_rule("durable-ack",
                   "event " + skein::to_string(event) + " is not in the store any more");
}

} // namespace skein::test
