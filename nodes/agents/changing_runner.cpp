#include "nodes/agents/changing_runner.hpp"

#include <algorithm>
#include <utility>

namespace skein {

changing_runner::changing_runner(maker make, runner_sink sink)
  : make_{std::move(make)}, sink_{std::move(sink)} {}

changing_runner::~changing_runner() = default;

void changing_runner::start(std::vector<turn_start> turns) {
  {
    const std::lock_guard lock{mutex_};
    if (has_newest_) {
      crew& newest = *crews_.back();
      for (const turn_start& each : turns)
        newest.turns.insert(each.turn);
      return newest.programs->start(std::move(turns));
    }
  }
  runner_news news;
  for (const turn_start& each : turns) {
    turn_report report;
    report.turn = each.turn;
    report.verdict = turn_verdict::returned;
    report.error = "the agent is no longer configured";
    news.ended.push_back(std::move(report));
  }
  sink_(std::move(news));
}

void changing_runner::stop(turn_id turn, stop_stage stage) {
  const std::lock_guard lock{mutex_};
  for (const auto& each : crews_)
    if (each->turns.contains(turn))
      each->programs->stop(turn, stage);
}

void changing_runner::change(const agent_settings& to) {
  auto made = std::make_shared<crew>();
  // The crew outlives its programs, and they what they report.
  made->programs =
      make_(to, [this, raw = made.get()](runner_news news) { take_news(*raw, std::move(news)); });
  const std::lock_guard lock{mutex_};
  part_with_newest();
  crews_.push_back(std::move(made));
  has_newest_ = true;
}

void changing_runner::retire() {
  const std::lock_guard lock{mutex_};
  part_with_newest();
}

/// Under the mutex.
void changing_runner::part_with_newest() {
  if (!std::exchange(has_newest_, false))
    return;
  crews_.back()->is_old = true;
#ifdef SKEIN_BUG_RELOAD_ENDS_TURNS
  crews_.back()->programs->close(duration{0});
#endif
  close_if_idle(*crews_.back());
}

/// Under the mutex, of an old one.
void changing_runner::close_if_idle(crew& which) {
  if (which.turns.empty() && !std::exchange(which.closed, true))
    which.programs->close();
}

/// On the thread of the programs. How older ones fare is of no interest to anybody.
void changing_runner::take_news(crew& from, runner_news news) {
  {
    const std::lock_guard lock{mutex_};
    for (const turn_report& each : news.ended)
      from.turns.erase(each.turn);
    if (from.is_old) {
      news.health.reset();
      close_if_idle(from);
    }
  }
  sink_(std::move(news));
}

std::vector<std::shared_ptr<void>> changing_runner::sweep() {
  std::vector<std::shared_ptr<void>> over;
  const std::lock_guard lock{mutex_};
  const auto is_over = [](const std::shared_ptr<crew>& each) { return each->was_closed; };
  std::copy_if(crews_.begin(), crews_.end(), std::back_inserter(over), is_over);
  std::erase_if(crews_, is_over);
  for (const auto& each : crews_)
    each->was_closed = each->closed;
  return over;
}

void changing_runner::drain() {
  const std::lock_guard lock{mutex_};
  for (const auto& each : crews_)
    each->programs->drain();
}

void changing_runner::close(duration patience) {
  const std::lock_guard lock{mutex_};
  for (const auto& each : crews_)
    each->programs->close(patience);
}

} // namespace skein
