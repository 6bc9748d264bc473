#include "tests/support/sim_runner.hpp"

namespace skein::test {

namespace {

bool is_work(const event& cause) { return cause.type.starts_with("work"); }
bool is_pure(const event& cause) { return cause.type.starts_with("pure"); }
/// Whatever may fail: what agents emit themselves ("leaf") just ends.
bool is_hard(const event& cause) { return is_work(cause) || is_pure(cause); }

} // namespace

void sim_runner::start(std::vector<turn_start> turns) {
  for (const turn_start& each : turns) {
    auto cause = decode_event(each.body.view());
    SKEIN_CHECK(cause.ok());
    call_.started(each);
    if (cause->type.starts_with("poison")) {
      call_.process_dies();
      continue;
    }
    running entry;
    entry.hangs = is_hard(*cause) && dice_.chance(faults_.hang);
    entry.yields_to = static_cast<stop_stage>(dice_.below(3));
    entry.report = play(each, *cause);
    running_[each.turn] = std::move(entry);
    if (!running_[each.turn].hangs)
      timeline_.after(dice_.skewed(std::chrono::microseconds{200}, faults_.turn_max),
                      [this, turn = each.turn, alive = std::weak_ptr<int>{alive_}] {
                        if (alive.lock())
                          end(turn);
                      });
  }
}

turn_report sim_runner::play(const turn_start& turn, const event& cause) {
  turn_report report;
  report.turn = turn.turn;
  if (is_hard(cause) && dice_.chance(faults_.fail)) {
    report.verdict = turn_verdict::failed;
    report.code = errc::agent_failed;
    report.error = "not today";
    if (dice_.chance(0.3))
      report.retry_after = dice_.between(std::chrono::milliseconds{1}, std::chrono::seconds{3});
  } else if (is_hard(cause) && dice_.chance(faults_.reject)) {
    report.verdict = turn_verdict::rejected;
    report.code = errc::agent_rejected;
    report.error = "never";
  } else if (is_hard(cause) && faults_.rest > 0 && dice_.chance(faults_.rest)) {
    report.verdict = turn_verdict::slept;
    report.retry_after = dice_.skewed(std::chrono::milliseconds{1}, std::chrono::seconds{4});
    choose_state(turn, cause, report);
  } else {
    report.reply_kind = data_kind::text;
    report.reply = turn.name;
    choose_state(turn, cause, report);
    if (is_work(cause) && dice_.chance(faults_.emit))
      report.emits = emits_of(turn, cause);
  }
  return report;
}

void sim_runner::choose_state(const turn_start& turn, const event& cause, turn_report& report) {
  if (dice_.chance(is_pure(cause) ? 0.01 : 0.3)) { // of a pure agent it is refused
    report.sets_state = true;
    report.state = "{\"last\":\"" + turn.name + "\"}";
  } else if (!is_pure(cause) && dice_.chance(0.05)) {
    report.deletes_state = true;
  }
}

std::vector<event> sim_runner::emits_of(const turn_start& turn, const event& cause) {
  std::vector<event> made(1 + dice_.below(3));
  for (std::size_t i = 0; i < made.size(); ++i) {
    made[i].type = "leaf.emitted";
    made[i].kind = data_kind::text;
    made[i].data = "from " + turn.name;
    if (dice_.chance(0.5))
      made[i].set_extension(std::string{attribute::partitionkey},
                            "k" + std::to_string(dice_.below(8)));
    if (dice_.chance(0.3))
      made[i].set_extension(std::string{attribute::due},
                            "+" + std::to_string(1 + dice_.below(5)) + "s");
    if (dice_.chance(faults_.clash)) {
      made[i].id = "taken";
      made[i].source = "clash";
      made[i].set_extension(std::string{attribute::partitionkey}, std::string{cause.key()});
    }
  }
  return made;
}

void sim_runner::end(const turn_id& turn) {
  auto ended = running_.extract(turn);
  if (!ended)
    return;
  call_.ended(ended.mapped().report);
  call_.report(std::move(ended.mapped().report));
}

void sim_runner::stop(turn_id turn, stop_stage stage) {
  const auto found = running_.find(turn);
  if (found == running_.end() || stage < found->second.yields_to)
    return;
  if (found->second.hangs || dice_.chance(0.5)) {
    found->second.report = {};
    found->second.report.turn = turn;
    found->second.report.verdict = turn_verdict::returned;
  }
  timeline_.after(dice_.skewed(std::chrono::microseconds{50}, std::chrono::milliseconds{200}),
                  [this, turn, alive = std::weak_ptr<int>{alive_}] {
                    if (alive.lock())
                      end(turn);
                  });
}

} // namespace skein::test
