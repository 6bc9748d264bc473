#include "nodes/agents/oneshot_agent.hpp"

#include "actors/turn_slots.hpp"
#include "nodes/agents/text.hpp"
#include "nodes/agents/turn_variables.hpp"
#include "protocol/check.hpp"
#include "protocol/utf8.hpp"

#include <simdjson.h>

#include <algorithm>
#include <csignal>

namespace skein {

namespace {

constexpr int exit_later = 75; // EX_TEMPFAIL of sysexits.h

turn_report failed_report(errc code, std::string why) {
  turn_report what;
  what.verdict = turn_verdict::failed;
  what.code = code;
  what.error = cut_utf8(why, limits::error_text_bytes_max);
  return what;
}

} // namespace

oneshot_program::oneshot_program(oneshot_agent& agent, exec_reactor& reactor,
                                 const exec_timing& timing, agent_log& log, live_turn& turn,
                                 state_file state)
  : program{reactor, timing, log}, agent_{agent}, turn_{&turn}, name_{turn.start.name},
    state_{std::move(state)} {}

result<void> oneshot_program::run(const spawn_request& request, std::string_view data) {
  if (auto started = start(request); !started)
    return started;
  turn_->on = this;
  child().unsent_text() = data;
  child().end_input();
  return {};
}

void oneshot_program::ask_to_stop() {
  if (!gone())
    child().signal_group(SIGINT);
}

void oneshot_program::on_output(child_process&, std::string_view chunk) {
  if (too_much_output_)
    return;
  if (output_.size() + chunk.size() <= limits::reply_bytes_max) {
    output_ += chunk;
    return;
  }
  too_much_output_ = true;
  output_ = {};
  kill();
}

void oneshot_program::on_gone(exit_status status) { agent_.on_program_gone(*this, status); }

oneshot_agent::oneshot_agent(exec_reactor& reactor, agent_settings settings, runner_sink sink,
                             exec_log log, wall_reader clock, exec_timing timing)
  : exec_agent{reactor,        std::move(settings), std::move(sink),
               std::move(log), std::move(clock),    timing} {
  programs_max_ = turn_slots(this->settings());
  environment_ = base_environment(this->settings().exec.environment);
}

oneshot_agent::~oneshot_agent() { SKEIN_CHECK(programs_.empty()); }

void oneshot_agent::open() {
  const auto& exec = settings().exec;
  const std::string name = exec.command.empty() ? std::string{} : exec.command.front();
  if (const auto path = find_program(name, exec.directory, environment_); !path)
    start_refused(path.error());
}

void oneshot_agent::place() {
  for (std::uint32_t left = limits::programs_started_at_once;
       !queue().empty() && programs_.size() < programs_max_ && may_start(); --left) {
    if (left == 0) {
      touch(); // first the programs that run, then more
      return;
    }
    live_turn& turn = *queue().front();
    queue().pop_front();
    if (start_program(turn) == start_outcome::refused)
      queue().push_front(&turn);
  }
}

oneshot_agent::start_outcome oneshot_agent::start_program(live_turn& turn) {
  const turn_start& start = turn.start;
  result<event> value = decode_event(start.body.view());
  if (!value) {
    turn_report what = failed_report(value.error().code, value.error().detail);
    what.verdict = turn_verdict::rejected;
    report(turn, std::move(what));
    return start_outcome::turn_reported;
  }
  result<state_file> state = state_file::create(start.has_state ? start.state.view() : "");
  if (!state) {
    start_refused(state.error());
    return start_outcome::refused;
  }
  spawn_request request{settings().exec.command, settings().exec.directory, environment_};
  environment_list variables = turn_variables(start, *value, deadline(), state->path());
  std::move(variables.begin(), variables.end(), std::back_inserter(request.environment));
  auto program = std::make_unique<oneshot_program>(*this, reactor(), timing(), log(), turn,
                                                   std::move(state).value());
  if (const auto started = program->run(request, value->data); !started) {
    if (started.error().code == errc::too_large) { // this turn's variables; others may fit
      report(turn, failed_report(errc::agent_crashed, started.error().detail));
      return start_outcome::turn_reported;
    }
    start_refused(started.error());
    return start_outcome::refused;
  }
  report_begun(turn);
  program_started();
  program_answered(); // it can be started; how it ends is the turn's business
  programs_.push_back(std::move(program));
  return start_outcome::started;
}

bool oneshot_agent::any_running() const { return !programs_.empty(); }

void oneshot_agent::stop_running(live_turn& turn, stop_stage stage) {
  auto& running = static_cast<oneshot_program&>(*turn.on);
  switch (stage) {
    case stop_stage::tell:
      running.ask_to_stop();
      break;
    case stop_stage::terminate:
      running.terminate();
      break;
    case stop_stage::kill:
      running.kill();
      break;
  }
}

void oneshot_agent::end_programs(close_manner how) {
  for (const auto& running : programs_)
    how == close_manner::orderly ? running->end() : running->kill();
}

void oneshot_agent::abandon_programs() {
  for (const auto& running : programs_) {
    if (running->gone())
      continue;
    log().write(exec_log_level::error, "agent-program-abandoned",
                "program (pid " + std::to_string(running->pid()) + ") does not end when killed",
                running->turn().start.name);
    report_returned(running->turn(), "the node is stopping");
    running->abandon();
  }
}

bool oneshot_agent::bury() {
  std::erase_if(programs_, [](const auto& running) { return running->gone(); });
  return programs_.empty();
}

void oneshot_agent::on_program_gone(oneshot_program& ended, exit_status status) {
  live_turn& turn = ended.turn();
  const bool by_us = turn.told || (closing() && ended.step() >= program_step::terminating);
  if (by_us && !status.success())
    report_returned(turn, turn.told ? "stopped" : "the node is stopping");
  else
    report(turn, outcome(ended, status));
  log().flush();
}

turn_report oneshot_agent::outcome(oneshot_program& ended, exit_status status) {
  if (ended.too_much_output())
    return invalid_output("it printed more than " + std::to_string(limits::reply_bytes_max) +
                          " bytes");
  if (status.success())
    return read_output(ended);
  std::string why = to_string(status);
  if (status.code == exit_later)
    why += " (later)";
  if (const std::string words = ended.last_words(); !words.empty())
    why += ": " + words;
  return failed_report(status.signal != 0 ? errc::agent_crashed : errc::agent_failed,
                       std::move(why));
}

turn_report oneshot_agent::read_output(oneshot_program& ended) {
  turn_report what;
  const std::string& output = ended.output();
  if (settings().exec.output == exec_output::reply) {
    what.reply_kind = output.empty()    ? data_kind::none
                      : is_utf8(output) ? data_kind::text
                                        : data_kind::binary;
    what.reply = output;
  } else if (output.find_first_not_of(" \t\r\n") != std::string::npos) {
    std::string padded = output;
    padded.reserve(padded.size() + simdjson::SIMDJSON_PADDING);
    what = reader_.read_effects_of(padded);
    if (what.verdict != turn_verdict::done && what.verdict != turn_verdict::slept)
      return what; // effects are dropped with an error, the state file too
  }
  if (what.sets_state || what.deletes_state)
    return what;
  auto change = ended.state().read_change();
  if (!change)
    return change.error().code == errc::agent_output_invalid
               ? invalid_output(change.error().detail)
               : failed_report(change.error().code, change.error().detail);
  what.sets_state = change->what == state_file::change::kind::set;
  what.deletes_state = change->what == state_file::change::kind::deleted;
  what.state = std::move(change->state);
  return what;
}

} // namespace skein
