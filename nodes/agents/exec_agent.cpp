#include "nodes/agents/exec_agent.hpp"

#include "nodes/agents/lines_agent.hpp"
#include "nodes/agents/oneshot_agent.hpp"
#include "nodes/agents/text.hpp"
#include "protocol/check.hpp"
#include "protocol/utf8.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace skein {

namespace {

// After SIGKILL, when the node stops: what still runs hangs in the kernel.
constexpr std::chrono::seconds abandon_grace{2};

// So many programs in a row that crash on turns, and none answers: the agent is failing.
constexpr std::uint32_t crashes_that_fail = 3;

} // namespace

std::unique_ptr<exec_agent> make_exec_agent(exec_reactor& reactor, agent_settings settings,
                                            runner_sink sink, exec_log log, wall_reader clock,
                                            exec_timing timing) {
  if (settings.exec.mode == exec_mode::oneshot)
    return std::make_unique<oneshot_agent>(reactor, std::move(settings), std::move(sink),
                                           std::move(log), std::move(clock), timing);
  return std::make_unique<lines_agent>(reactor, std::move(settings), std::move(sink),
                                       std::move(log), std::move(clock), timing);
}

exec_agent::exec_agent(exec_reactor& reactor, agent_settings settings, runner_sink sink,
                       exec_log log, wall_reader clock, exec_timing timing)
  : reactor_{reactor}, settings_{std::move(settings)}, sink_{std::move(sink)},
    clock_{std::move(clock)}, timing_{timing}, log_{std::move(log)},
    queue_timer_{reactor, [this] { touch(); }}, proven_timer_{reactor,
                                                              [this] {
                                                                program_answered();
                                                                touch();
                                                              }},
    end_timer_{reactor, [this] { hurry_end(); }} {}

exec_agent::~exec_agent() {
  SKEIN_CHECK(turns_.empty());
  reactor_.forget(*this);
}

void exec_agent::start(std::vector<turn_start> turns) {
  // Whoever starts turns holds a slot for each; the queue only has to bear the time without
  // programs.
  const std::size_t queue_max = std::max(settings_.concurrency, 1u);
  for (turn_start& each : turns) {
    const turn_id id = each.turn;
    auto [at, inserted] = turns_.try_emplace(id);
    if (!inserted) { // its one report answers both
      log_.write(exec_log_level::warning, "agent-turn-repeated", "started while it is here",
                 each.name);
      continue;
    }
    at->second = std::make_unique<live_turn>();
    live_turn& turn = *at->second;
    turn.start = std::move(each);
    turn.queued_at = reactor_.now();
    if (closing_)
      report_returned(turn, "the node is stopping");
    else if (queue_.size() >= queue_max)
      report_returned(turn, "more turns than the agent's concurrency");
    else
      queue_.push_back(&turn);
  }
  touch();
}

void exec_agent::stop(turn_id id, stop_stage stage) {
  const auto found = turns_.find(id);
  if (found == turns_.end())
    return; // its report is on its way
  live_turn& turn = *found->second;
  turn.told = true;
  if (turn.on != nullptr) {
    stop_running(turn, stage);
    return;
  }
  std::erase(queue_, &turn);
  report_returned(turn, "stopped before a program had it");
  touch();
}

void exec_agent::drain() {
  draining_ = true;
  touch();
}

void exec_agent::close(duration patience, std::function<void()> closed) {
  if (closed)
    closed_ = std::move(closed);
  touch();
  if (std::exchange(closing_, true))
    return;
  while (!queue_.empty()) {
    live_turn& turn = *queue_.front();
    queue_.pop_front();
    report_returned(turn, "the node is stopping");
  }
  end_programs(close_manner::orderly);
  end_timer_.arm(reactor_.now() +
                 std::min(patience, timing_.close_grace + timing_.terminate_grace));
}

void exec_agent::hurry_end() {
  if (std::exchange(killed_, true)) {
    abandon_programs();
    touch();
    return;
  }
  end_programs(close_manner::at_once);
  end_timer_.arm(reactor_.now() + abandon_grace);
}

void exec_agent::report_begun(const live_turn& turn) {
  news_.begun.push_back(turn.start.turn);
  touch();
}

void exec_agent::report(live_turn& turn, turn_report what) {
  const auto found = turns_.find(turn.start.turn);
  SKEIN_CHECK(found != turns_.end() && found->second.get() == &turn);
  what.turn = turn.start.turn;
  news_.ended.push_back(std::move(what));
  turns_.erase(found);
  touch();
}

void exec_agent::report_returned(live_turn& turn, std::string why) {
  turn_report what;
  what.verdict = turn_verdict::returned;
  what.error = std::move(why);
  what.hint = std::move(turn.hint);
  report(turn, std::move(what));
}

void exec_agent::start_refused(const error& problem) {
  gate_.failed(reactor_.now(), reactor_.now());
  note_trouble(trouble::refused, printable(problem.detail, limits::error_text_bytes_max));
  log_.write(exec_log_level::error, "agent-start-failed",
             health_.error + "; tried again in " +
                 format_duration(gate_.opens_at() - reactor_.now()) + " while turns wait");
}

void exec_agent::program_started() {
  if (trouble_ == trouble::refused)
    trouble_ = trouble::none;
  if (trouble_ == trouble::ends)
    proven_timer_.arm(reactor_.now() + limits::program_proven_after);
  health_changed_ = true;
  touch();
}

void exec_agent::program_answered() {
  gate_.proven();
  crashes_ = 0;
  proven_timer_.disarm();
  health_changed_ |= trouble_ != trouble::none;
  trouble_ = trouble::none;
}

void exec_agent::program_gone() {
  log_.flush();
  health_changed_ = true;
  touch();
}

void exec_agent::program_ended(const program& ended, shown by_then, const std::string& how) {
  std::string text = "program (pid " + std::to_string(ended.pid()) + ") ended: " + how;
  if (const std::string words = ended.last_words(); !words.empty())
    text += "; its last words: " + words;
  log_.write(exec_log_level::warning, "agent-program-ended",
             judge(ended, by_then, std::move(text)));
}

/// Whose fault it was, and when the next one may be started; returns the text for the log.
std::string exec_agent::judge(const program& ended, shown by_then, std::string text) {
  const boot_time now = reactor_.now();
  const bool lived = now - ended.started_at() >= limits::program_proven_after;
  if (lived)
    gate_.proven();
  if (lived || by_then == shown::has_answered) {
    note_trouble(trouble_, text);
    return text;
  }
  if (by_then == shown::has_read)
    gate_.crashed(now);
  else
    gate_.failed(ended.started_at(), now);
  // One poisonous turn does not make an agent fail; nothing but crashes does.
  const bool fails = by_then == shown::nothing || ++crashes_ >= crashes_that_fail;
  note_trouble(fails ? trouble::ends : trouble_,
               fails ? "the program keeps ending before it answers; " + text : text);
  text += "; it answered nothing";
  if (!gate_.open(now))
    text += ", the next start is at least " + format_duration(gate_.opens_at() - now) + " away";
  return text;
}

/// A program ended by itself, or could not be started.
void exec_agent::note_trouble(trouble what, std::string why) {
  trouble_ = what;
  proven_timer_.disarm();
  ++health_.restarts;
  health_.error = cut_utf8(why, limits::error_text_bytes_max);
  health_.error_at = clock_();
  health_changed_ = true;
  touch();
}

void exec_agent::on_end_of_pass() {
  const bool none_left = bury();
  if (!closing_) {
    place();
    give_up_waiting();
    watch_queue();
  }
  send_news();
  if (!closing_ || !none_left || !closed_)
    return;
  SKEIN_CHECK(turns_.empty());
  end_timer_.disarm();
  queue_timer_.disarm();
  proven_timer_.disarm();
  log_.flush();
  std::exchange(closed_, nullptr)();
}

// Turns wait for a program without being charged. Those that waited long are given back, so that
// what they hold (a slot for suspects, above all) goes to others in between; and all of them while
// the node drains, whose end they would only hold up.
void exec_agent::give_up_waiting() {
  if (any_running())
    return;
  const auto is_over = [this](const live_turn& turn) {
    return draining_ || reactor_.now() - turn.queued_at >= timing_.program_wait;
  };
  while (!queue_.empty() && is_over(*queue_.front())) {
    live_turn& turn = *queue_.front();
    queue_.pop_front();
    report_returned(turn, "no program to run it: " + health_.error);
  }
}

// Wakes when the gate opens, or when the oldest turn has waited long enough.
void exec_agent::watch_queue() {
  queue_timer_.disarm();
  if (queue_.empty())
    return;
  std::optional<boot_time> next;
  const auto consider = [&](boot_time at) {
    if (at > reactor_.now() && (!next || at < *next))
      next = at;
  };
  consider(gate_.opens_at());
  consider(queue_.front()->queued_at + timing_.program_wait);
  if (next)
    queue_timer_.arm(*next);
}

void exec_agent::send_news() {
  if (std::exchange(health_changed_, false)) {
    health_.programs = programs();
    health_.state = trouble_ != trouble::none && !any_proven() ? runner_state::failing
                    : health_.programs > 0                     ? runner_state::up
                                                               : runner_state::idle;
    if (health_ != told_health_)
      news_.health = told_health_ = health_;
  }
  if (news_.begun.empty() && news_.ended.empty() && !news_.health)
    return;
  sink_(std::exchange(news_, {}));
}

} // namespace skein
