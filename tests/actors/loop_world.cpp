#include "loop_world.hpp"

#include <catch2/catch.hpp>

#include <utility>

namespace skein::test {

namespace {

const address gateway{"n1", "gateway"};
const address loop_at{"n1", "loop/0"};
const address broker_at{"n1", "broker"};

template <class T>
T must(result<T> got) {
  INFO((got ? std::string{} : to_string(got.error())));
  REQUIRE(got.ok());
  return std::move(*got);
}

std::string text(const publish_result& member) {
  if (member.code != errc::none)
    return std::string{slug(member.code)};
  return (member.duplicate ? "duplicate " : "durable ") + to_string(member.event);
}

std::string text(journal::op_status status) {
  switch (status) {
    case journal::op_status::applied:
      return "applied";
    case journal::op_status::duplicate:
      return "duplicate";
    case journal::op_status::conflict:
      return "conflict";
    case journal::op_status::already_terminal:
      return "already terminal";
    case journal::op_status::not_found:
      return "not found";
    case journal::op_status::fenced:
      return "fenced";
    case journal::op_status::emit_conflict:
      return "emit conflict";
    case journal::op_status::emit_fenced:
      return "emit fenced";
    case journal::op_status::dedupe_full:
      return "dedupe full";
    case journal::op_status::expired:
      return "expired";
  }
  return "?";
}

} // namespace

loop_world::loop_world(world_settings settings)
  : settings_{std::move(settings)}, disk_{journal::make_memory_store()} {
  open();
}

void loop_world::open() {
  journal::open_options options;
  options.shards = settings_.shards;
  options.now = now().wall;
  options.seed = 1;
  options.dedupe_entries_max = settings_.dedupe_entries_max;
  engine_ = must(journal::open_memory(disk_, options));
  reader_ = must(engine_->new_reader());
  scheduler_settings loop;
  loop.self = loop_at;
  loop.loops = settings_.loops;
  loop.shards = settings_.shards;
  loop.epoch = static_cast<epoch_no>(engine_->identity().boot);
  loop.unclean = !engine_->identity().clean;
  loop.window = settings_.window;
  loop.opened_at = engine_->last_commit_at();
  loop.tell_turns = settings_.tell_turns;
  const std::vector<agent_no> with_state = must(engine_->agents_with_state());
  std::vector<retry_settings> policies;
  for (const agent_words& each : settings_.agents) {
    const agent_no number = must(engine_->agent_number(each.name));
    REQUIRE(raw(number) == loop.agents.size());
    const bool has_state =
        std::find(with_state.begin(), with_state.end(), number) != with_state.end();
    loop.agents.push_back({each.name, true, each.pure, has_state});
    retry_settings policy;
    policy.attempts = each.attempts;
    policy.jitter = false;
    policies.push_back(policy);
  }
  for (const auto& [type, agent] : settings_.routes)
    loop.routes.push_back({type, "", "", must(engine_->agent_number(agent))});
  core_ = std::make_unique<scheduler_core>(loop);
  retry_ = std::make_unique<retry_core>(policies, 1);
  book_ = {};
  opened_.clear();
  for (const agent_words& each : settings_.agents) {
    opened_[each.name] = each.slots;
    hand_out(book_.on_credit({each.name, each.slots}));
  }
  hand_out(book_.on_credit({std::string{alone_slot}, 1}));
  const auto recovered =
      engine_->recover([this](const journal::pending_event& each) { core_->recover(each); });
  REQUIRE(recovered.ok());
  for (auto asked = core_->first_rows(); !asked.empty(); asked = core_->first_rows())
    for (const read_rows_effect& each : asked)
      core_->take_first({each.number, rows_of(each.sequences)}, now().wall);
  scheduler_effects effects;
  core_->start(now(), effects);
  for (scheduler_effect& each : effects)
    std::visit([this](auto& effect) { perform(effect); }, each);
  pump();
}

void loop_world::restart(bool clean) {
  tell(clean ? "-- stopped and started" : "-- killed and started");
  reader_.reset();
  if (clean)
    REQUIRE(engine_->close().ok());
  engine_.reset();
  inputs_.clear();
  submits_.clear();
  answers_.clear();
  reads_.clear();
  rows_.clear();
  running_.clear();
  wakes_.clear();
  foreign_announced = foreign_told_ = 0;
  retry_wakes_.clear();
  said_.reset();
  open();
}

// ---- in ---------------------------------------------------------------------------------------

offered_event loop_world::offered(const event_words& words) const {
  event value;
  value.id = words.id;
  value.source = "/s";
  value.type = words.type;
  value.data = words.data;
  value.kind = words.data.empty() ? data_kind::none : data_kind::text;
  if (!words.data.empty())
    value.datacontenttype = "text/plain";
  value.set_extension("partitionkey", words.key);
  if (!words.due.empty())
    value.set_extension("due", words.due);
  if (!words.expires.empty())
    value.set_extension("expires", words.expires);
  if (!words.priority.empty())
    value.set_extension("priority", words.priority);
  return must(offer(value, engine_->identity().hash, {}, now().wall));
}

turn_outcome loop_world::emitting(const std::vector<event_words>& events) const {
  turn_outcome outcome;
  for (const event_words& each : events)
    outcome.emits.push_back(offered(each));
  return outcome;
}

void loop_world::frame_to_loop(const address& from, const message& body, std::uint64_t number) {
  // Through the bytes, as it comes from a link.
  const slice bytes = encode_frame({from, loop_at, number}, body);
  frames_in_.emplace_back(bytes.owner());
  inputs_.push_back(frame_in{must(decode_frame(bytes))});
}

std::size_t loop_world::frames_kept() const {
  return static_cast<std::size_t>(std::count_if(frames_in_.begin(), frames_in_.end(),
                                                [](const auto& each) { return !each.expired(); }));
}

std::uint64_t loop_world::publish_all(const std::vector<event_words>& events) {
  skein::publish body;
  for (const event_words& each : events)
    body.events.push_back(offered(each));
  published_[++gateway_number_] = body;
  publish_again(gateway_number_);
  return gateway_number_;
}

void loop_world::publish_again(std::uint64_t number) {
  frame_to_loop(gateway, published_.at(number), number);
  pump();
}

std::uint64_t loop_world::ask(const std::string& json) {
  frame_to_loop(gateway, query{++requests_, json});
  pump();
  return requests_;
}

void loop_world::foreign(const std::vector<event_words>& events, duration ago) {
  foreign_events told;
  told.at = now().wall - ago;
  foreign_announced = std::max(foreign_announced, ++foreign_told_);
  for (const event_words& each : events) {
    journal::delivery_list deliveries;
    deliveries.add(agent_no{0});
    told.events.push_back({{shard_id{0}, ++foreign_}, offered(each), deliveries});
  }
  inputs_.push_back(foreign_in{std::move(told)});
  pump();
}

void loop_world::done(const std::string& turn, turn_outcome what) {
  what.verdict = turn_verdict::done;
  outcome(turn, std::move(what));
}

void loop_world::fail(const std::string& turn, turn_verdict verdict, duration after) {
  turn_outcome what;
  what.verdict = verdict;
  what.retry_after = after;
  if (verdict != turn_verdict::returned) {
    what.code = verdict == turn_verdict::failed ? errc::agent_failed : errc::agent_rejected;
    what.error = "it said so";
  }
  outcome(turn, std::move(what));
}

void loop_world::fall_asleep(const std::string& turn, duration time, const std::string& state) {
  turn_outcome what;
  what.verdict = turn_verdict::slept;
  what.retry_after = time;
  what.deletes_state = state == "none";
  what.sets_state = !state.empty() && !what.deletes_state;
  if (what.sets_state)
    what.state = slice{state};
  outcome(turn, std::move(what));
}

void loop_world::outcome(const std::string& turn, turn_outcome what) {
  INFO("turn " << turn);
  const auto found = running_.find(turn);
  REQUIRE(found != running_.end());
  const turn_at at = found->second;
  running_.erase(found);
  what.turn = at.turn;
  what.epoch = at.epoch;
  what.started = what.finished = now().wall;
  said_ = frame{{{"n1", "agent/" + at.agent}, loop_at, ++agent_number_},
                outcomes{at.agent, {std::move(what)}}};
  frame_to_loop(said_->header.from, said_->body, said_->header.number);
  pump();
  hand_out(book_.on_credit({at.agent, ++opened_[at.agent]}));
  pump();
}

void loop_world::say_again() {
  REQUIRE(said_);
  frame_to_loop(said_->header.from, said_->body, said_->header.number);
  pump();
}

void loop_world::stop_starting() { step(stop_starting_in{}); }
void loop_world::watch_progress() { step(watch_progress_in{}); }

void loop_world::wait(duration time) {
  const duration until = elapsed_ + time;
  while (true) {
    const auto next = [](const std::multiset<boot_time>& from) {
      return from.empty() ? boot_time::max() : *from.begin();
    };
    const boot_time at = std::min(next(wakes_), next(retry_wakes_));
    if (at > boot_time{until})
      break;
    elapsed_ = std::max(elapsed_, at.time_since_epoch());
    if (next(wakes_) == at) {
      wakes_.erase(wakes_.begin());
      step(tick_in{});
    } else {
      retry_wakes_.erase(retry_wakes_.begin());
      ask_retry(tick_in{});
      pump();
    }
  }
  elapsed_ = until;
}

void loop_world::step(scheduler_input input) {
  inputs_.push_back(std::move(input));
  pump();
}

void loop_world::together(const std::function<void()>& happen) {
  together_ = gathering_ = true;
  happen();
  gathering_ = false;
  pump();
  together_ = false;
}

void loop_world::pump() {
  while (!gathering_) {
    if (!inputs_.empty()) {
      scheduler_effects effects;
      ++steps;
      do {
        core_->know_announced(foreign_announced);
        core_->take(std::exchange(inputs_.front(), {}), now(), effects);
        inputs_.pop_front();
      } while (together_ && !inputs_.empty());
      core_->finish(effects);
      for (scheduler_effect& each : effects)
        std::visit([this](auto& effect) { perform(effect); }, each);
    } else if (!submits_.empty() && !hold_commits) {
      commit();
    } else if (!rows_.empty() && !hold_rows) {
      give_rows();
    } else if (!reads_.empty() && !hold_reads) {
      read();
    } else {
      return;
    }
  }
}

// ---- out --------------------------------------------------------------------------------------

void loop_world::perform(submit_effect& effect) {
  largest_submit = std::max(largest_submit, effect.batch.size());
  submits_.push_back(std::move(effect.batch));
}

void loop_world::commit_all() {
  while (!submits_.empty())
    commit();
}

void loop_world::commit() {
  REQUIRE_FALSE(submits_.empty());
  auto batch = std::move(submits_.front());
  submits_.pop_front();
  result<journal::commit_receipt> receipt = fail_commits;
  if (fail_commits == errc::none) {
    receipt = engine_->commit(batch, now().wall);
    REQUIRE(receipt.ok());
    for (std::size_t i = 0; i < batch.size(); ++i)
      tell_disk(batch[i], receipt->results[i]);
  } else {
    tell("disk: " + std::string{slug(fail_commits)});
  }
  answers_.push_back({std::move(receipt), std::move(batch)});
  if (!hold_answers)
    tell_answers();
}

void loop_world::tell_answers() {
  while (!answers_.empty()) {
    committed_in told = std::move(answers_.front());
    answers_.pop_front();
    step(std::move(told));
  }
}

void loop_world::tell_disk(const journal::operation& op, const journal::op_result& verdict) {
  const std::string refused =
      verdict.status == journal::op_status::applied ? "" : " refused: " + text(verdict.status);
  if (const auto* accept = std::get_if<journal::accept_op>(&op)) {
    tell("disk: " + (refused.empty() ? "accepted " + to_string(verdict.event)
                                     : std::string{accept->event.head().id} + refused));
  } else if (const auto* finish = std::get_if<journal::finish_op>(&op)) {
    std::string line = "disk: " + std::string{to_string(finish->state)} + " " +
                       name(finish->delivery, finish->agent) + "/" +
                       std::to_string(finish->attempt) + refused;
    if (finish->code != errc::none)
      line += " " + std::string{slug(finish->code)};
    if (finish->state_of_key)
      line += finish->state_of_key->erase
                  ? " no state"
                  : " state=" + std::string{finish->state_of_key->value.view()};
    for (const auto& each : verdict.emits)
      line += (each.duplicate ? " emits again " : " emits ") + to_string(each.event);
    if (finish->event_state == delivery_state::pending)
      line += ", event goes on";
    tell(line);
  } else if (const auto* attempt = std::get_if<journal::attempt_op>(&op)) {
    std::string line = attempt->slept() ? "disk: slept " : "disk: failed ";
    line += name(attempt->delivery, attempt->agent) + "/" + std::to_string(attempt->attempt);
    line += refused + ", again at " + offset(attempt->next_due);
    if (attempt->state_of_key)
      line += attempt->state_of_key->erase
                  ? " no state"
                  : " state=" + std::string{attempt->state_of_key->value.view()};
    tell(line);
  } else {
    const auto& start = std::get<journal::start_op>(op);
    tell("disk: starting " + to_string(start.delivery.event) + (start.alone ? " alone" : "") +
         refused);
  }
}

void loop_world::perform(send_effect& effect) {
  const frame sent = must(decode_frame(effect.bytes));
  CHECK(sent.header.from == loop_at);
  ++frames;
  took(sent.header, sent.body);
}

void loop_world::took(const frame_header& header, const message& body) {
  if (const auto* answers = std::get_if<publish_ack>(&body)) {
    std::string line = "answer to publish " + std::to_string(answers->request) + ":";
    for (const publish_result& each : answers->results)
      line += " " + text(each) + (&each == &answers->results.back() ? "" : ",");
    tell(line);
  } else if (const auto* reply = std::get_if<answer>(&body)) {
    tell("answer " + std::to_string(reply->request) + ": " +
         (reply->code == errc::none ? "" : std::string{slug(reply->code)} + " ") + reply->json);
  } else if (const auto* wanted = std::get_if<demand>(&body)) {
    if (lose_demands)
      return;
    if (header.number != 0)
      frame_to_loop(broker_at, ack{header.number});
    if (grants)
      hand_out(book_.on_demand(loop_at, *wanted));
  } else if (const auto* turns = std::get_if<dispatch>(&body)) {
    for (const dispatched_turn& each : turns->turns) {
      const std::string turn = turn_name(each.turn.delivery.event, turns->agent, each.turn.attempt);
      CHECK_FALSE(running_.contains(turn));
      CHECK_FALSE(each.body.empty());
      tell("start " + turn + (each.sleeps > 0 ? " sleeps=" + std::to_string(each.sleeps) : "") +
           (each.has_state ? " state=" + std::string{each.state.view()} : ""));
      running_[turn] = {turns->agent, each.turn, each.epoch};
    }
    frame_to_loop(header.to, ack{header.number});
  } else if (const auto* stopped = std::get_if<cancel_turns>(&body)) {
    for (const turn_id& each : stopped->turns)
      tell("stop " + turn_name(each.delivery.event, stopped->agent, each.attempt));
    frame_to_loop(header.to, ack{header.number});
  }
}

void loop_world::hand_out(const credit_book::grants& given) {
  for (const auto& [to, each] : given)
    if (to == loop_at)
      frame_to_loop(broker_at, each);
}

void loop_world::perform(read_state_effect& effect) { reads_.push_back(effect); }
void loop_world::perform(read_bodies_effect& effect) { reads_.push_back(effect); }

void loop_world::perform(read_rows_effect& effect) {
  rows_asked += effect.sequences.size();
  if (reads_early)
    rows_.emplace_back(rows_in{effect.number, rows_of(effect.sequences)});
  else
    rows_.emplace_back(std::move(effect));
}
void loop_world::perform(read_timers_effect& effect) {
  ++timers_asked;
  rows_.emplace_back(std::move(effect));
}

result<std::vector<journal::pending_delivery>>
loop_world::rows_of(const std::vector<std::uint64_t>& sequences) {
  auto rows = reader_->pending(sequences);
  for (journal::pending_delivery& each : *rows)
    if (!settings_.bodies_in_rows)
      each.body = {};
  for (journal::pending_delivery& each : *rows)
    if (unreadable.contains(each.delivery.event.sequence)) {
      journal::pending_delivery damaged;
      damaged.delivery = each.delivery;
      damaged.agent = each.agent;
      damaged.siblings = each.siblings;
      damaged.sibling_states = each.sibling_states;
      damaged.damage = {errc::store_corrupt, "its row is damaged"};
      each = std::move(damaged);
    } else if (const auto page = on_bad_page.find(each.delivery.event.sequence);
               page != on_bad_page.end()) {
      if (!page->second)
        each.accepted = each.due = each.expires = no_instant, each.key.clear();
      each.damage = {errc::io_error, "its page cannot be read"};
    }
  return rows;
}

void loop_world::give_rows() {
  for (auto& each : std::exchange(rows_, {})) {
    if (const auto* asked = std::get_if<read_rows_effect>(&each)) {
      rows_in got{asked->number, errc::io_error};
      if (!fail_reads)
        got.rows = rows_of(asked->sequences);
      inputs_.push_back(std::move(got));
    } else if (auto* early = std::get_if<rows_in>(&each)) {
      inputs_.push_back(std::move(*early));
    } else {
      const auto& timers = std::get<read_timers_effect>(each);
      timers_in got{timers.tenure, timers.past, errc::io_error};
      if (!fail_reads)
        got.page = reader_->timers(timers.which);
      inputs_.push_back(std::move(got));
    }
  }
  pump();
}

void loop_world::read() {
  REQUIRE_FALSE(reads_.empty());
  const auto next = std::move(reads_.front());
  reads_.pop_front();
  if (const auto* state = std::get_if<read_state_effect>(&next)) {
    tell("read state of " + settings_.agents[raw(state->agent)].name + " " + state->key);
    result<std::optional<slice>> got = errc::io_error;
    if (!fail_reads)
      got = reader_->state_of(state->agent, state->key);
    step(state_in{state->agent, state->key, state->number, std::move(got)});
    return;
  }
  const auto& events = std::get<read_bodies_effect>(next).events;
  std::string line = "read";
  for (const event_id& each : events)
    line += " " + to_string(each);
  tell(line);
  result<std::vector<slice>> got = errc::io_error;
  if (!fail_reads)
    got = reader_->bodies(events);
  step(bodies_in{events, std::move(got)});
}

void loop_world::perform(ask_retry_effect& effect) {
  ask_retry(ask_retry_in{std::move(effect.attempts)});
}
void loop_world::perform(arm_retry_effect& effect) {
  ask_retry(arm_retry_in{std::move(effect.retries)});
}

void loop_world::ask_retry(retry_input input) {
  std::vector<retry_effect> out;
  retry_->step(std::move(input), now(), out);
  for (retry_effect& each : out) {
    if (auto* decided = std::get_if<decided_in>(&each))
      inputs_.push_back(std::move(*decided));
    else if (auto* due = std::get_if<retry_due_in>(&each))
      inputs_.push_back(std::move(*due));
    else
      retry_wakes_.insert(std::get<wake_effect>(each).at);
  }
}

void loop_world::perform(progress_effect& effect) {
  tell("progress: running " + std::to_string(effect.running) + ", uncommitted " +
       std::to_string(effect.uncommitted) + ", pending " + std::to_string(effect.pending));
}

void loop_world::perform(log_effect& effect) {
  const bool of_turn = settings_.tell_turns && effect.severity == log_severity::debug;
  if (effect.severity >= log_severity::warning || of_turn)
    tell("log " + std::string{effect.id} + (effect.event.empty() ? "" : " " + effect.event) +
         (effect.agent.empty() ? "" : "." + effect.agent));
}

// ---- words ------------------------------------------------------------------------------------

std::string loop_world::name(const delivery_id& delivery, agent_no agent) const {
  return to_string(delivery.event, settings_.agents[raw(agent)].name);
}

std::string loop_world::offset(instant at) const {
  const duration since = at - start_;
  return since < duration{0} ? "the past" : "+" + format_duration(since);
}

std::vector<std::string> loop_world::take() { return std::exchange(trace_, {}); }

std::set<std::string> loop_world::running() const {
  std::set<std::string> names;
  for (const auto& [name, turn] : running_)
    names.insert(name);
  return names;
}

} // namespace skein::test
