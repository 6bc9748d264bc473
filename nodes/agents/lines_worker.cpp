#include "nodes/agents/lines_agent.hpp"

#include "nodes/agents/text.hpp"
#include "protocol/check.hpp"

#include <algorithm>

namespace skein {

namespace {

constexpr std::size_t shown_bytes_max = 200; // of output that is no answer

} // namespace

lines_worker::lines_worker(lines_agent& agent, exec_reactor& reactor, const exec_timing& timing,
                           agent_log& log)
  : program{reactor, timing, log}, agent_{agent} {}

result<void> lines_worker::give(live_turn& turn, instant deadline) {
  const std::uint64_t begin = child().appended_total();
  if (auto appended = append_turn_line(child().unsent_text(), turn.start, deadline); !appended)
    return appended;
  turn.on = this;
  turn.line_begin = begin;
  unbegun_.push_back(&turn);
  const bool inserted = turns_.emplace(turn.start.name, &turn).second;
  SKEIN_CHECK(inserted); // names are as unique as turn ids
  return {};
}

void lines_worker::ask_to_stop(const live_turn& turn) {
  if (!running())
    return;
  append_cancel_line(child().unsent_text(), turn.start.name);
  child().flush();
}

void lines_worker::stop_for_turn(stop_stage stage) {
  stopped_for_turn_ = true;
  if (stage == stop_stage::kill)
    kill();
  else
    terminate();
  // It gets nothing more to read: turns that it has not begun to read need not wait for its end.
  const auto turns = take_all();
  for (auto turn = turns.rbegin(); turn != turns.rend(); ++turn) {
    if ((*turn)->line_begin < child().sent_total())
      turns_.emplace((*turn)->start.name, *turn);
    else if ((*turn)->told)
      agent_.give_back(**turn, "stopped before the program had it");
    else
      agent_.take_back(**turn);
  }
}

void lines_worker::on_output(child_process&, std::string_view chunk) { lines_.feed(chunk, *this); }

void lines_worker::on_progress() {
  for (; !unbegun_.empty() && unbegun_.front()->line_begin < child().sent_total();
       unbegun_.pop_front())
    agent_.on_begun(*unbegun_.front());
}

void lines_worker::on_line(std::string_view line) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos)
    return;
  agent_answer answer = agent_.reader().read(line);
  if (answer.is != answer_kind::noise) {
    if (live_turn* turn = take(answer.turn)) {
      if (answer.is == answer_kind::mistake)
        log().rejected(reactor().now(), answer.report.error, answer.turn, pid());
      finish(*turn, std::move(answer.report));
      return;
    }
  }
  const std::string shown = printable(line, shown_bytes_max);
  if (const auto named = turns_.find(answer.turn);
      named != turns_.end() && answer.is == answer_kind::noise)
    named->second->hint = "it printed a line that is no answer (" + answer.report.error + ")";
  if (answer.is == answer_kind::noise)
    log().ignored(reactor().now(), "no answer (" + answer.report.error + "): " + shown,
                  answer.turn.empty() ? only_turn() : answer.turn, pid());
  else
    log().ignored(reactor().now(),
                  "answer to a turn that it does not have (answered twice or late): " + shown,
                  answer.turn, pid());
}

void lines_worker::on_giant_line(const std::string& name) {
  const std::string size = "over " + std::to_string(limits::agent_line_bytes_max) + " bytes";
  if (live_turn* turn = take(name)) {
    std::string why = "its answer is a line of " + size;
    log().rejected(reactor().now(), why, name, pid());
    finish(*turn, invalid_output(std::move(why)));
    return;
  }
  log().ignored(reactor().now(), "a line of " + size + " was skipped",
                name.empty() ? only_turn() : name, pid());
}

void lines_worker::on_endless_line() {
  log().write(exec_log_level::error, "agent-output-endless",
              "program (pid " + std::to_string(pid()) + ") printed " +
                  std::to_string(line_skipped_bytes_max) + " bytes without a newline and is ended",
              only_turn());
  endless_ = true;
  kill();
}

void lines_worker::finish(live_turn& turn, turn_report what) {
  agent_.on_answer(*this, turn, std::move(what));
  answered_ = true;
}

std::string_view lines_worker::only_turn() const {
  return turns_.size() == 1 ? turns_.begin()->first : std::string_view{};
}

void lines_worker::on_gone(exit_status status) { agent_.on_worker_gone(*this, status); }

void lines_worker::release_turns(const std::string& how, bool closing) {
  std::string crash = "the program ended (" + how + ") before it answered";
  if (step() == program_step::killed && !stopped_for_turn_ && !closing)
    crash = endless_ ? "the program printed without a newline, over every limit, and was ended"
                     : "the program closed its input or output and was ended";
  if (const std::string words = child().last_words(); !words.empty())
    crash += "; its last words: " + words;
  const auto turns = take_all();
  for (auto at = turns.rbegin(); at != turns.rend(); ++at) { // the first is put in front last
    live_turn& turn = **at;
    if (closing)
      agent_.give_back(turn, "the node is stopping");
    else if (stopped_for_turn_ || turn.told)
      agent_.give_back(turn, turn.told ? "stopped" : "its program was ended for another turn");
    else if (turn.line_begin < child().sent_total())
      agent_.fail(turn, errc::agent_crashed, crash);
    else
      agent_.take_back(turn);
  }
}

live_turn* lines_worker::take(std::string_view name) {
  const auto found = turns_.find(name);
  if (found == turns_.end() || found->second->line_begin >= child().sent_total())
    return nullptr; // not here, or not yet known to it: a guess is no answer
  live_turn* turn = found->second;
  turns_.erase(found);
  return turn;
}

std::vector<live_turn*> lines_worker::take_all() {
  std::vector<live_turn*> turns;
  turns.reserve(turns_.size());
  for (const auto& [name, turn] : turns_)
    turns.push_back(turn);
  turns_.clear();
  unbegun_.clear();
  std::sort(turns.begin(), turns.end(),
            [](const live_turn* a, const live_turn* b) { return a->line_begin < b->line_begin; });
  return turns;
}

} // namespace skein
