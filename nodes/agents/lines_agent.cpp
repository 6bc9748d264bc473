#include "nodes/agents/lines_agent.hpp"

#include "nodes/agents/text.hpp"
#include "protocol/check.hpp"
#include "protocol/utf8.hpp"

#include <algorithm>
#include <utility>

namespace skein {

namespace {

constexpr int rounds_max = 8; // of placing and writing in one pass

} // namespace

lines_agent::lines_agent(exec_reactor& reactor, agent_settings settings, runner_sink sink,
                         exec_log log, wall_reader clock, exec_timing timing)
  : exec_agent{reactor,        std::move(settings), std::move(sink),
               std::move(log), std::move(clock),    timing} {
  const auto& exec = this->settings().exec;
  workers_max_ = exec.processes != 0 ? exec.processes : std::max(this->settings().concurrency, 1u);
  turns_max_ = std::max(exec.turns_per_process, 1u);
  request_ = {exec.command, exec.directory, base_environment(exec.environment)};
}

lines_agent::~lines_agent() { SKEIN_CHECK(workers_.empty()); }

void lines_agent::open() {
  if (!closing() && workers_.empty())
    start_worker();
}

// Pending turns go to the least loaded program; an idle one is better than a new one, a new one
// better than a second turn beside another.
void lines_agent::place() {
  starts_left_ = limits::programs_started_at_once;
  // Writing makes room for more; a fast reader must not keep the thread for itself.
  bool more = true;
  for (int round = 0; more && round < rounds_max; ++round)
    more = place_some();
  replace_lost();
  if (more)
    touch();
}

// Who comes after a crash is not to wait for a program to start: there are as many as before, and
// one more than the crash would need.
void lines_agent::replace_lost() {
  const std::size_t lost = std::exchange(lost_, 0);
  if (lost == 0 || draining())
    return;
  const std::size_t aim = std::min(workers_max_, std::max<std::size_t>(workers_.size() + lost, 2));
  while (workers_.size() < aim && starts_left_ > 0 && may_start()) {
    --starts_left_;
    if (start_worker() == nullptr)
      return;
  }
}

// Whether another round may place more.
bool lines_agent::place_some() {
  bool gave = false;
  while (!queue().empty()) {
    lines_worker* worker = choose();
    if (worker == nullptr)
      break;
    live_turn& turn = *queue().front();
    queue().pop_front();
    give(turn, *worker);
    gave = true;
  }
  for (const auto& worker : workers_)
    if (worker->running())
      worker->flush(); // all that this round gave it, in one write
  return gave && !queue().empty();
}

lines_worker* lines_agent::choose() {
  lines_worker* best = nullptr;
  for (const auto& worker : workers_) {
    if (!worker->running() || worker->turns() >= turns_max_ || !worker->has_room())
      continue;
    if (best == nullptr || worker->turns() < best->turns())
      best = worker.get();
    if (best->turns() == 0)
      return best;
  }
  if (workers_.size() >= workers_max_ || !may_start())
    return best;
  if (starts_left_ == 0) {
    touch();
    return best;
  }
  --starts_left_;
  lines_worker* started = start_worker();
  return started != nullptr ? started : best;
}

lines_worker* lines_agent::start_worker() {
  auto worker = std::make_unique<lines_worker>(*this, reactor(), timing(), log());
  if (const auto started = worker->start(request_); !started) {
    start_refused(started.error());
    return nullptr;
  }
  workers_.push_back(std::move(worker));
  program_started();
  return workers_.back().get();
}

void lines_agent::give(live_turn& turn, lines_worker& worker) {
  const auto given = worker.give(turn, deadline());
  if (given)
    return;
  turn_report what;
  what.verdict = turn_verdict::rejected; // the same line would be refused again
  what.code = given.error().code;
  what.error = given.error().detail;
  report(turn, std::move(what));
}

bool lines_agent::any_running() const {
  return std::any_of(workers_.begin(), workers_.end(),
                     [](const auto& worker) { return worker->running(); });
}

bool lines_agent::any_proven() const {
  return std::any_of(workers_.begin(), workers_.end(),
                     [](const auto& worker) { return worker->running() && worker->answered(); });
}

void lines_agent::stop_running(live_turn& turn, stop_stage stage) {
  auto& worker = static_cast<lines_worker&>(*turn.on);
  if (stage == stop_stage::tell)
    worker.ask_to_stop(turn);
  else
    worker.stop_for_turn(stage);
}

void lines_agent::end_programs(close_manner how) {
  for (const auto& worker : workers_)
    how == close_manner::orderly ? worker->end() : worker->kill();
}

void lines_agent::abandon_programs() {
  for (const auto& worker : workers_) {
    if (worker->gone())
      continue;
    log().write(exec_log_level::error, "agent-program-abandoned",
                "program (pid " + std::to_string(worker->pid()) + ") does not end when killed");
    worker->abandon();
    worker->release_turns("abandoned", true);
  }
}

bool lines_agent::bury() {
  std::erase_if(workers_, [](const auto& worker) { return worker->gone(); });
  return workers_.empty();
}

void lines_agent::on_answer(lines_worker& worker, live_turn& turn, turn_report what) {
  if (!worker.answered())
    program_answered();
  turn_answered();
  report(turn, std::move(what));
}

void lines_agent::on_worker_gone(lines_worker& worker, exit_status status) {
  std::string how = to_string(status);
  program_gone();
  if (!closing() && !worker.stopped_for_turn()) {
    const bool has_read = worker.has_read();
    program_ended(worker,
                  worker.answered() ? shown::has_answered
                  : has_read        ? shown::has_read
                                    : shown::nothing,
                  how);
    if (has_read && worker.turns() > 0)
      ++lost_;
  }
  worker.release_turns(how, closing());
}

void lines_agent::take_back(live_turn& turn) {
  if (closing())
    return give_back(turn, "the node is stopping");
  turn.on = nullptr;
  queue().push_front(&turn);
}

void lines_agent::fail(live_turn& turn, errc code, std::string why) {
  turn_report what;
  what.verdict = turn_verdict::failed;
  what.code = code;
  what.error = cut_utf8(why, limits::error_text_bytes_max);
  report(turn, std::move(what));
}

} // namespace skein
