#include "nodes/supervisor/heartbeat.hpp"

#include <algorithm>

namespace skein {

namespace {

/// A question and its answer take two periods; so one that is lost to a busy moment ends nothing.
constexpr int periods_of_patience = 4;

} // namespace

heartbeat::heartbeat(supervisor& to, question ask, log_function log, time_point now)
  : to_{to}, ask_{std::move(ask)}, log_{std::move(log)},
    period_{to.patience() / periods_of_patience}, next_{now}, answered_{now} {}

int heartbeat::wait_ms(time_point now) const {
  if (period_ <= duration{0})
    return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_ - now);
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

void heartbeat::beat(time_point now) {
  if (period_ <= duration{0} || now < next_)
    return;
  next_ = now + period_;
  const reply last = last_->load();
  if (last == reply::all) {
    answered_ = now;
    told_silent_ = false;
    to_.alive();
  } else if (last != reply::none_asked) {
    complain(now);
  }
  if (last == reply::awaited) // a second question would only stand behind it
    return;
  last_->store(reply::awaited);
  ask_(period_, [into = last_](bool all) { into->store(all ? reply::all : reply::not_all); });
}

void heartbeat::complain(time_point now) {
  if (std::exchange(told_silent_, true))
    return;
  const auto since = std::chrono::duration_cast<std::chrono::seconds>(now - answered_).count();
  log_(log_level::error, "node", "actors-silent",
       "the gateway, the broker or a loop has not answered for " + std::to_string(since) +
           " s; the supervisor is told nothing until all of them do, and may start the node anew",
       {});
}

} // namespace skein
