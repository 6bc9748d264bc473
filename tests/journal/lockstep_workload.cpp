#include "tests/journal/lockstep_workload.hpp"

namespace skein::test {

using namespace std::chrono_literals;

std::vector<std::string> workload_agents() { return {"bot", "log", "mail", "!own"}; }

duration random_workload::pause() {
  switch (number(8)) {
    case 0:
      return 20s;
    case 1:
      return -3s;
    case 2:
      return 0s;
    default:
      return 250ms;
  }
}

accept_op random_workload::make_accept(const hash_settings& hash, instant now) {
  event value;
  value.id = std::to_string(number(4) == 0 ? number(ids_ + 1) : ids_++); // sometimes an old one
  value.source = number(2) == 0 ? "/a" : "/b";
  value.type = number(3) == 0 ? "x" : "y";
  value.kind = data_kind::text;
  value.datacontenttype = "text/plain";
  value.data = number(20) == 0 ? "other" : "data";
  if (number(15) == 0)
    value.data += std::string(number(20'000), 'x');
  value.set_extension(std::string{attribute::partitionkey}, "key" + std::to_string(number(5)));
  if (number(5) == 0)
    value.set_extension(std::string{attribute::due}, std::string{"+10s"});
  accept_op op;
  op.event = must(offer(value, hash, {}, now));
  const std::uint64_t agents = number(6) == 0 ? 0 : 1 + number(3);
  for (std::uint64_t i = 0; i < agents; ++i)
    op.deliveries.add(agent_no{static_cast<std::uint16_t>(i)});
  return op;
}

/// Mostly one of the newest events; sometimes one that is not there.
delivery_id random_workload::some_delivery() {
  if (events_.empty() || number(30) == 0)
    return {{shard_id{static_cast<std::uint32_t>(number(256))}, 1 + number(events_.size() + 5)},
            static_cast<std::uint8_t>(number(3))};
  const std::size_t newest = std::min<std::size_t>(events_.size(), 40);
  const auto& [event, deliveries] = events_[events_.size() - 1 - number(newest)];
  return {event, static_cast<std::uint8_t>(number(std::max<std::size_t>(deliveries, 1)))};
}

finish_op random_workload::make_finish(const hash_settings& hash, instant now) {
  finish_op op;
  op.delivery = some_delivery();
  op.agent = agent_no{op.delivery.index};
  op.state = number(3) != 0 ? delivery_state::done
                            : static_cast<delivery_state>(
                                  static_cast<std::uint64_t>(delivery_state::done) + number(6));
  op.event_state = delivery_state::pending; // then the store finds out itself
  op.attempt = static_cast<std::uint32_t>(number(4));
  op.started = number(4) == 0 ? no_instant : now - 1s;
  op.finished = now;
  op.code = op.state == delivery_state::dead ? errc::agent_failed : errc::none;
  op.error = op.state == delivery_state::dead ? "died" : "";
  op.reply_kind = static_cast<data_kind>(number(4));
  if (op.reply_kind != data_kind::none)
    op.reply = slice{std::string(number(30), 'r')};
  if (number(3) == 0)
    op.state_of_key = make_state();
  for (std::uint64_t i = number(4) == 0 ? number(4) : 0; i > 0; --i)
    op.emits.push_back(make_accept(hash, now));
  return op;
}

state_change random_workload::make_state() {
  return {"key" + std::to_string(number(5)), number(3) == 0, slice{std::string(number(40), 's')}};
}

/// Of the agents of deliveries too, so that turns and this change the same states.
keep_op random_workload::make_keep(const hash_settings& hash, instant now) {
  keep_op op;
  op.shard = shard_id{static_cast<std::uint32_t>(number(256))};
  for (std::uint64_t i = number(5); i > 0; --i)
    op.states.push_back({agent_no{static_cast<std::uint16_t>(number(4))}, make_state()});
  for (std::uint64_t i = number(2) == 0 ? number(3) : 0; i > 0; --i)
    op.emits.push_back(make_accept(hash, now));
  return op;
}

std::vector<operation> random_workload::next(const hash_settings& hash, instant now) {
  std::vector<operation> batch;
  for (std::uint64_t i = 1 + number(12); i > 0; --i) {
    switch (number(11)) {
      case 0: {
        attempt_op op;
        op.delivery = some_delivery();
        op.agent = agent_no{op.delivery.index};
        op.attempt = number(8) == 0 ? attempts_ : ++attempts_;
        op.started = now - 1s;
        op.finished = now;
        op.code = errc::agent_timeout;
        op.error = "late";
        op.next_due = now + 5s;
        if (op.attempt % 3 == 0) { // it slept
          op.code = errc::none;
          op.error.clear();
          if (op.attempt % 2 == 0)
            op.state_of_key =
                state_change{"key" + std::to_string(op.attempt % 5), op.attempt % 4 == 0,
                             slice{"slept " + std::to_string(op.attempt)}};
        }
        batch.emplace_back(op);
        break;
      }
      case 1:
        batch.emplace_back(start_op{{}, some_delivery(), number(2) == 0});
        break;
      case 2:
      case 3:
      case 4:
        batch.emplace_back(make_finish(hash, now));
        break;
      case 5:
        batch.emplace_back(make_keep(hash, now));
        break;
      default:
        batch.emplace_back(make_accept(hash, now));
        break;
    }
  }
  return batch;
}

void random_workload::remember(const accept_op& op, event_id event) {
  events_.emplace_back(event, op.deliveries.size());
  accepts_.push_back(op);
}

void random_workload::committed(const std::vector<operation>& batch,
                                const commit_receipt& receipt) {
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const op_result& judged = receipt.results[i];
    if (judged.status != op_status::applied)
      continue;
    if (const auto* accepted = std::get_if<accept_op>(&batch[i]))
      remember(*accepted, judged.event);
    const auto emits = emits_of(batch[i]);
    for (std::size_t e = 0; e < emits.size(); ++e)
      if (!judged.emits[e].duplicate)
        remember(emits[e], judged.emits[e].event);
  }
}

void set_epoch(std::vector<operation>& batch, epoch_no epoch) {
  for (operation& each : batch)
    std::visit(
        [&](auto& op) {
          op.epoch = epoch;
          if constexpr (requires { op.emits; })
            for (accept_op& emit : op.emits)
              emit.epoch = epoch;
        },
        each);
}

} // namespace skein::test
