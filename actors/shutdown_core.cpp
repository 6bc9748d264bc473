#include "actors/shutdown_core.hpp"

#include <algorithm>

namespace skein {

namespace {

/// What stopping a turn that does not end by itself may take.
constexpr duration stop_takes =
    limits::cancel_grace + limits::terminate_grace + std::chrono::seconds{1};

std::string count_of(std::size_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string{count == 1 ? one : many};
}

} // namespace

shutdown_core::shutdown_core(shutdown_settings settings)
  : settings_{settings}, loops_(settings.loops) {}

void shutdown_core::step(shutdown_input input, moment now, std::vector<shutdown_effect>& out) {
  if (phase_ == phase::finished)
    return;
  if (std::holds_alternative<signal_in>(input)) {
    if (phase_ == phase::serving)
      begin(now, out);
    else if (phase_ == phase::finishing || phase_ == phase::leaving)
      hasten(now, out, "a second signal came");
  } else if (std::holds_alternative<emptied_in>(input)) {
    emptied_ = true;
    if (phase_ == phase::leaving)
      refuse(out);
  } else if (const auto* loop = std::get_if<loop_progress_in>(&input)) {
    loops_[loop->loop] = loop->progress;
  } else if (const auto* gateway = std::get_if<gateway_progress_in>(&input)) {
    gateway_events_ = gateway->events;
  } else if (auto* left = std::get_if<left_in>(&input)) {
    left_.insert(left_.end(), std::make_move_iterator(left->turns.begin()),
                 std::make_move_iterator(left->turns.end()));
  }
  if (phase_ == phase::serving || phase_ == phase::finished)
    return;
  if (quiet()) {
    finish(overrun_ ? exit_overrun : 0, now, out);
  } else if (now.boot >= began_ + settings_.deadline) {
    out.push_back(log_effect{log_severity::error,
                             "drain-overrun",
                             "the drain took longer than " + format_duration(settings_.deadline),
                             {},
                             {},
                             {}});
    finish(exit_overrun, now, out);
  } else if ((phase_ == phase::finishing || phase_ == phase::leaving) &&
             now.boot >= began_ + settings_.deadline - stop_reserve()) {
    overrun_ = true;
    hasten(now, out, "the time for running turns is over");
  }
}

void shutdown_core::begin(moment now, std::vector<shutdown_effect>& out) {
  began_ = now.boot;
  out.push_back(
      log_effect{log_severity::info,
                 "drain-began",
                 std::string{settings_.shared ? "giving up shards" : "refusing new work"} +
                     "; running turns have " + format_duration(settings_.deadline - stop_reserve()),
                 {},
                 {},
                 {}});
  out.push_back(wake_effect{began_ + settings_.deadline - stop_reserve()});
  out.push_back(wake_effect{began_ + settings_.deadline});
  phase_ = phase::leaving;
  emptied_ = false; // it was drained before, perhaps, and has taken part again since
  if (settings_.shared)
    out.push_back(give_up_effect{});
  else
    refuse(out);
}

void shutdown_core::refuse(std::vector<shutdown_effect>& out) {
  phase_ = phase::finishing;
  gateway_events_.reset(); // told anew once nothing more comes in
  loops_.assign(loops_.size(), std::nullopt);
  out.push_back(refuse_effect{});
  out.push_back(stop_starting_effect{});
}

void shutdown_core::hasten(moment, std::vector<shutdown_effect>& out, std::string why) {
  if (phase_ == phase::leaving)
    refuse(out);
  phase_ = phase::hastened;
  out.push_back(log_effect{log_severity::warning,
                           "drain-hastened",
                           why + ": turns that still run are stopped and given back",
                           {},
                           {},
                           {}});
  out.push_back(hasten_effect{});
}

/// The end of the drain's time that is kept for stopping what does not end by itself. A short drain
/// gives running turns half of it: it is an overrun only when something did run that long.
duration shutdown_core::stop_reserve() const {
  return std::min(stop_takes, settings_.deadline / 2);
}

bool shutdown_core::quiet() const {
  const auto done = [](const std::optional<progress_effect>& each) {
    return each && each->running == 0 && each->uncommitted == 0;
  };
  return gateway_events_ == 0u && (emptied_ || !settings_.shared) &&
         std::all_of(loops_.begin(), loops_.end(), done);
}

void shutdown_core::finish(int code, moment now, std::vector<shutdown_effect>& out) {
  phase_ = phase::finished;
  std::size_t pending = 0;
  std::size_t running = 0;
  for (const auto& each : loops_)
    if (each) {
      pending += each->pending;
      running += each->running;
    }
  // Turns that were stopped have left the loops by now; those that could not be still count there.
  out.push_back(log_effect{
      log_severity::info,
      "drain-ended",
      count_of(pending, "event waits", "events wait") + " for the next start, " +
          count_of(std::max(left_.size(), running), "turn was", "turns were") + " told to stop",
      {},
      {},
      {}});
  out.push_back(release_effect{});
  const duration time_left = began_ + settings_.deadline - now.boot;
  out.push_back(finish_effect{code, std::move(left_), pending, std::max(time_left, duration{0})});
}

} // namespace skein
