#include "journal/journal.hpp"

#include "journal/ledgers.hpp"

namespace skein::journal {

bool is_refusal(errc code) noexcept {
  return code == errc::disk_full || code == errc::store_locked || code == errc::dedupe_full ||
         code == errc::store_unreachable;
}

result<void> engine::adopt(std::span<const held_shard>,
                           const std::function<void(const pending_event&)>&) {
  return error{errc::internal, "this store is of one process, which owns all of it"};
}

void engine::release(std::span<const shard_id>) {}

delivery_state event_record::state() const {
  std::array<delivery_state, limits::deliveries_per_event_max> states{};
  SKEIN_CHECK(deliveries.size() <= states.size());
  for (std::size_t i = 0; i < deliveries.size(); ++i)
    states[i] = deliveries[i].state;
  return event_state(std::span{states}.first(deliveries.size()));
}

std::array<named_count, 8> counts_of(const ledger& totals) noexcept {
  return {{{"accepted", totals.accepted},
           {"done", totals.done},
           {"dead", totals.dead},
           {"cancelled", totals.cancelled},
           {"superseded", totals.superseded},
           {"expired", totals.expired},
           {"purged", totals.purged},
           {"pending", totals.pending}}};
}

namespace {

constexpr std::array ledger_counts{&ledger::accepted,  &ledger::done,       &ledger::dead,
                                   &ledger::cancelled, &ledger::superseded, &ledger::expired,
                                   &ledger::purged,    &ledger::pending};

} // namespace

void add(ledger& sum, const ledger& more) noexcept {
  for (const auto each : ledger_counts)
    sum.*each += more.*each;
}

void add(ledgers& sum, const ledgers& more) noexcept {
  add(sum.events, more.events);
  add(sum.deliveries, more.deliveries);
}

void subtract(ledgers& sum, const ledgers& less) noexcept {
  for (const auto each : ledger_counts) {
    sum.events.*each -= less.events.*each;
    sum.deliveries.*each -= less.deliveries.*each;
  }
}

void delivery_record::add(attempt_record next) {
  const bool has_slept = next.code == errc::none;
  if (!is_terminal(state))
    state = has_slept ? delivery_state::pending : delivery_state::retrying;
  if (has_slept)
    slept = std::move(next);
  else
    attempts.push_back(std::move(next));
}

std::uint32_t delivery_record::last_turn() const noexcept {
  return std::max(slept.attempt, attempts.empty() ? 0u : attempts.back().attempt);
}

std::uint32_t delivery_record::sleeps() const noexcept {
  const auto failed = static_cast<std::uint32_t>(attempts.size());
  return slept.attempt == 0 ? 0 : std::max(last_turn(), failed) - failed;
}

instant delivery_record::next_due() const noexcept {
  if (is_asleep())
    return slept.next_due;
  return attempts.empty() ? no_instant : attempts.back().next_due;
}

void count_terminal(ledger& totals, delivery_state state) {
  SKEIN_CHECK(is_terminal(state));
  switch (state) {
    case delivery_state::done:
      ++totals.done;
      return;
    case delivery_state::dead:
      ++totals.dead;
      return;
    case delivery_state::cancelled:
      ++totals.cancelled;
      return;
    case delivery_state::superseded:
      ++totals.superseded;
      return;
    case delivery_state::expired:
      ++totals.expired;
      return;
    case delivery_state::purged:
      ++totals.purged;
      return;
    case delivery_state::pending:
    case delivery_state::running:
    case delivery_state::retrying:
      return;
  }
}

shard_id shard_of_operation(const operation& op) noexcept {
  if (const auto* accept = std::get_if<accept_op>(&op))
    return accept->event.shard;
  if (const auto* finish = std::get_if<finish_op>(&op))
    return finish->delivery.event.shard;
  if (const auto* attempt = std::get_if<attempt_op>(&op))
    return attempt->delivery.event.shard;
  if (const auto* start = std::get_if<start_op>(&op))
    return start->delivery.event.shard;
  return std::get<keep_op>(op).shard;
}

std::span<const accept_op> emits_of(const operation& op) noexcept {
  if (const auto* finish = std::get_if<finish_op>(&op))
    return finish->emits;
  if (const auto* keep = std::get_if<keep_op>(&op))
    return keep->emits;
  return {};
}

} // namespace skein::journal
