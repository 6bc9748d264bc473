// Construction, recovery, take and finish. The rest by subject: scheduler_intake.cpp
// (events in, commits back), scheduler_turns.cpp and scheduler_outcomes.cpp (turns and what becomes
// of them), scheduler_time.cpp (due and expired), scheduler_deferred.cpp (a store that refuses),
// scheduler_queries.cpp (look-ups, commands).
#include "actors/scheduler_core.hpp"

#include "journal/payload_bytes.hpp"
#include "protocol/check.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace skein {

namespace {

/// With so many operations gathered the journal has enough to begin with.
constexpr std::size_t burst_operations = 2'048;
/// Payload of a submit; one context may have more.
constexpr std::size_t submit_bytes_max = 4 << 20;

/// How often a due time is looked at while the wall clock does not move.
constexpr std::chrono::milliseconds clock_patience{50};

std::vector<lane_set::agent_traits> traits_of(const scheduler_settings& settings) {
  std::vector<lane_set::agent_traits> traits;
  for (const auto& each : settings.agents)
    traits.push_back({each.pure});
  return traits;
}

} // namespace

std::size_t scheduler_core::count_sharing(const scheduler_settings& settings) {
  const auto own = std::count_if(settings.agents.begin(), settings.agents.end(),
                                 [](const auto& each) { return is_own_agent(each.name); });
  return std::max<std::size_t>(1, settings.agents.size() - static_cast<std::size_t>(own));
}

scheduler_core::scheduler_core(scheduler_settings settings)
  : settings_{std::move(settings)}, routes_{settings_.routes}, lanes_{traits_of(settings_),
                                                                      settings_.shards},
    courier_{settings_.self, settings_.boot}, broker_at_{settings_.self.node, "broker"},
    slots_(settings_.agents.size()), sharing_agents_{count_sharing(settings_)} {
  shards_.resize(settings_.shards);
  if (settings_.shared) {
    serves_until_ = boot_time::min();
    return;
  }
  tenures_.emplace(0, tenure{settings_.opened_at, settings_.unclean, slots_.size()});
  for (std::uint32_t shard = 0; shard < settings_.shards; ++shard)
    shards_[shard] = {.epoch = settings_.epoch,
                      .tenure = is_of_loop(shard_id{shard}) ? 0 : no_tenure};
}

void scheduler_core::recover(const journal::pending_event& found) {
  tenure& of = tenure_of(found.event.shard);
  ++pending_;
  ++shards_[raw(found.event.shard)].pending;
  of.recovered_to = of.arrived_to = std::max(of.recovered_to, found.event.sequence);
  if (found.sleeps)
    return; // its timer tells of it
  for (std::size_t i = 0; i < found.deliveries.size(); ++i)
    if ((found.live >> i & 1) != 0)
      of.away[raw(found.deliveries[i])].waiting.push(found.event.sequence);
}

std::vector<read_rows_effect> scheduler_core::first_rows() {
  scheduler_effects asked;
  out_ = &asked;
  top_up();
  out_ = nullptr;
  std::vector<read_rows_effect> reads;
  for (scheduler_effect& each : asked)
    reads.push_back(std::move(std::get<read_rows_effect>(each)));
  return reads;
}

void scheduler_core::take_first(rows_in input, instant now) {
  now_.wall = now;
  on(input);
}

void scheduler_core::start(moment now, scheduler_effects& out) {
  now_ = now;
  started_ = now.boot;
  out_ = &out;
  before_ = now;
  end_crashed();
  end_unreadable();
  fire_due_timers();
  finish(out);
}

void scheduler_core::step(scheduler_input input, moment now, scheduler_effects& out) {
  take(std::move(input), now, out);
  finish(out);
}

void scheduler_core::take(scheduler_input input, moment now, scheduler_effects& out) {
  now_ = now;
  out_ = &out;
  // Boot time passes but the wall does not: engine time waits for a clock that was set back.
  if (now.boot > before_.boot)
    time_stands_still_ = now.wall == before_.wall;
  before_ = now;
  fire_due_timers();
  std::visit([this](auto& body) { on(body); }, input);
  out_ = nullptr;
}

/// Starts what may start, hands over what was gathered, and sets the clock.
void scheduler_core::finish(scheduler_effects& out) {
  out_ = &out;
  settle_places();
  if (reads_again_ && *reads_again_ <= now_.boot) {
    reads_again_.reset();
    ask_again();
  }
  if (starting_)
    top_up();
  look_ahead();
  ask_wanted();
  if (starting_)
    start_turns();
  for (std::uint32_t agent = 0; agent < slots_.size(); ++agent)
    tell_demand(static_cast<agent_no>(agent), false);
  if (!armed_retries_.empty())
    out_->push_back(arm_retry_effect{std::exchange(armed_retries_, {})});
  deciding_ += failed_.size();
  if (!failed_.empty())
    out_->push_back(ask_retry_effect{std::exchange(failed_, {})});
  submit_gathered();
  mark_barrier();
  if (!going_.empty())
    give_up_what_is_quiet();
  if (watched_) {
    const progress_effect progress = progress_now();
    if (!last_progress_ || progress.running != last_progress_->running ||
        progress.uncommitted != last_progress_->uncommitted) {
      last_progress_ = progress;
      out_->push_back(progress);
    }
  }
  arm_wake();
  out_ = nullptr;
}

void scheduler_core::gather(journal::operation op) {
  submit_bytes_ += journal::payload_bytes(op);
  if (!going_.empty())
    keep_until_answered(op);
  submit_.push_back(std::move(op));
}

bool scheduler_core::has_enough() const noexcept {
  return submit_.size() >= burst_operations || submit_bytes_ >= submit_bytes_max;
}

/// Hands the operations that were gathered to the journal, in submits of at most
/// limits::commit_operations_max operations and submit_bytes_max. What shares a context stays
/// together: a publish has far fewer members than that. A full disk refuses whole submits, so that
/// while the store refuses each context is one: nothing small fails with something large.
void scheduler_core::submit_gathered() {
  if (submit_.empty())
    return;
  auto operations = std::exchange(submit_, {});
  auto made_by = std::exchange(submit_contexts_, {});
  const std::size_t bytes_in_all = std::exchange(submit_bytes_, 0);
  if (!spares_.empty()) {
    submit_ = std::move(spares_.back());
    spares_.pop_back();
  }
  if (operations.size() <= limits::commit_operations_max && bytes_in_all <= submit_bytes_max &&
      !store_refuses_) {
    hand_over(std::move(operations), std::move(made_by));
    return;
  }
  std::vector<context> contexts;
  std::vector<journal::operation> batch;
  std::size_t bytes = 0;
  auto next = operations.begin();
  for (context& each : made_by) {
    const auto* request = std::get_if<publish_context>(&each);
    const std::size_t count = request == nullptr ? 1 : request->operations();
    SKEIN_CHECK(count <= limits::commit_operations_max);
    const auto last = next + static_cast<std::ptrdiff_t>(count);
    std::size_t weight = 0;
    for (auto at = next; at != last; ++at)
      weight += journal::payload_bytes(*at);
    if (!batch.empty() && (store_refuses_ || bytes + weight > submit_bytes_max ||
                           batch.size() + count > limits::commit_operations_max)) {
      hand_over(std::exchange(batch, {}), std::exchange(contexts, {}));
      bytes = 0;
    }
    bytes += weight;
    batch.insert(batch.end(), std::make_move_iterator(next), std::make_move_iterator(last));
    next = last;
    contexts.push_back(std::move(each));
  }
  hand_over(std::move(batch), std::move(contexts));
}

void scheduler_core::hand_over(std::vector<journal::operation> batch,
                               std::vector<context> contexts) {
  ++submitted_;
  const bool brings = std::any_of(batch.begin(), batch.end(), [](const journal::operation& each) {
    return std::holds_alternative<journal::accept_op>(each) || !journal::emits_of(each).empty();
  });
  bringing_ += brings ? 1u : 0u;
  contexts_.push_back({std::move(contexts), brings});
  out_->push_back(submit_effect{std::move(batch)});
}

void scheduler_core::arm_wake() {
  std::optional<boot_time> next = courier_.next_due();
  const auto sooner = [&next](boot_time at) { next = next ? std::min(*next, at) : at; };
  if (const auto due = timers_.next())
    sooner(now_.boot +
           std::max<duration>(*due - now_.wall, time_stands_still_ ? clock_patience : duration{0}));
  if (!watchers_.empty() || !deferred_.empty() || !stalled_.empty())
    sooner(now_.boot + limits::refused_again_after);
  if (reads_again_)
    sooner(*reads_again_);
  for (const auto& [number, of] : tenures_)
    if (!reads_again_ && !of.reading_ahead && of.sleepers_asked == 0 &&
        of.unknown_from != instant::max() && sleeping_ < settings_.window.deliveries)
      sooner(now_.boot + std::max<duration>(of.unknown_from - look_before() - now_.wall,
                                            time_stands_still_ ? clock_patience : duration{0}));
  bool wants = alone_.outstanding() > 0;
  for (std::size_t agent = 0; agent < slots_.size() && !wants; ++agent)
    wants = slots_[agent].slots.outstanding() > 0 && settings_.agents[agent].configured;
  if (wants)
    sooner(now_.boot + limits::resend_after);
  if (!next || (armed_ && *armed_ <= *next && *armed_ > now_.boot))
    return;
  armed_ = next;
  out_->push_back(wake_effect{*next});
}

void scheduler_core::on(tick_in&) {
  if (armed_ && *armed_ <= now_.boot)
    armed_.reset();
  for (slice& frame : courier_.due(now_.boot))
    out_->push_back(send_effect{std::move(frame)});
  for (auto at = watchers_.begin(); at != watchers_.end();) {
    std::erase_if(at->second, [this](const watcher& each) { return each.until <= now_.boot; });
    at = at->second.empty() ? watchers_.erase(at) : std::next(at);
  }
  submit_deferred();
  for (const auto& [agent, key] : std::exchange(stalled_, {}))
    if (const std::uint32_t lane_slot = lanes_.find_lane(agent, key); lane_slot != no_slot)
      unpark(lane_slot, false);
  if (demand_told_ + limits::resend_after <= now_.boot) {
    demand_told_ = now_.boot;
    for (std::uint32_t agent = 0; agent < slots_.size(); ++agent)
      if (slots_[agent].slots.outstanding() > 0)
        tell_demand(static_cast<agent_no>(agent), true);
    if (alone_.outstanding() > 0)
      tell_slots(alone_, alone_slot);
  }
}

void scheduler_core::on(stop_starting_in&) { starting_ = false; }

progress_effect scheduler_core::progress_now() const {
  return {running_ + deciding_, contexts_.size() + deferred_.size(), pending_events()};
}

void scheduler_core::describe(std::size_t& pending, std::size_t& running, std::size_t& lanes,
                              std::vector<std::size_t>& waiting) const {
  pending = pending_events();
  running = running_;
  lanes = lanes_.lane_count();
  waiting.resize(slots_.size());
  for (std::size_t agent = 0; agent < slots_.size(); ++agent)
    waiting[agent] = waiting_count(static_cast<agent_no>(agent));
}

/// Deliveries that are ready, in memory or on disk.
std::size_t scheduler_core::waiting_count(agent_no agent) const noexcept {
  std::size_t count = lanes_.waiting_count(agent);
  for (const auto& [number, of] : tenures_)
    count += of.away[raw(agent)].size();
  for (const std::uint32_t lane_slot : long_lanes_)
    if (const lane& each = lanes_.lanes[lane_slot]; each.agent == agent && each.away)
      count += each.away->size();
  return count;
}

void scheduler_core::on(watch_progress_in&) {
  watched_ = true;
  last_progress_.reset(); // finish() tells it, when all that was taken is counted
}

address scheduler_core::agent_at(agent_no agent) const {
  return {settings_.self.node, "agent/" + settings_.agents[raw(agent)].name};
}

void scheduler_core::send(const address& to, const message& body) {
  out_->push_back(send_effect{courier_.seal(to, body)});
}

void scheduler_core::send_reliable(const address& to, const message& body) {
  out_->push_back(send_effect{courier_.seal_reliable(to, body, now_.boot).first});
}

void scheduler_core::log(log_severity severity, std::string_view id, std::string text,
                         std::uint32_t delivery) {
  log_effect line{severity, id, std::move(text), {}, {}, {}};
  if (delivery != no_slot) {
    const live_delivery& which = lanes_.deliveries[delivery];
    line.event = to_string(lanes_.events[which.event].id);
    line.agent = settings_.agents[raw(which.agent)].name;
    if (which.lane != no_slot)
      line.key = lanes_.lanes[which.lane].key;
  }
  out_->push_back(std::move(line));
}

} // namespace skein
