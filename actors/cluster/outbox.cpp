#include "actors/cluster/outbox.hpp"

#include <limits>
#include <memory>
#include <utility>

namespace skein {

namespace {

constexpr std::uint64_t identity_in_its_box = 0x6f757462'6f780001;

} // namespace

/// An owner that is away comes back, or another one takes its place: it is never given up.
agent_settings outbox_settings() {
  agent_settings made;
  made.name = outbox_agent;
  made.kind = agent_kind::exec;
  made.concurrency = limits::outbox_turns_max;
  made.timeout = std::chrono::hours{1}; // an offer is answered before
  made.retry.attempts = std::numeric_limits<std::uint32_t>::max();
  made.retry.initial = std::chrono::milliseconds{100};
  made.retry.max = std::chrono::seconds{5};
  return made;
}

offered_event boxed(offered_event emit, shard_id origin) {
  emit.shard = origin;
  emit.identity.high ^= identity_in_its_box;
  emit.due = no_instant;
  emit.expires = no_instant;
  return emit;
}

void outbox_runner::start(std::vector<turn_start> turns) {
  auto sent = std::make_shared<std::vector<turn_id>>();
  std::vector<offered_event> events;
  runner_news news;
  for (const turn_start& each : turns) {
    news.begun.push_back(each.turn);
    const auto emit = decode_event(each.body.view());
    auto offered = emit ? offer(*emit, ports_.hash, ports_.bounds, ports_.now(), late_event::keep)
                        : result<offered_event>{emit.error()};
    if (!offered) { // it was offered once before, so that this is damage
      turn_report report;
      report.turn = each.turn;
      report.verdict = turn_verdict::rejected;
      report.code = offered.error().code;
      report.error = offered.error().detail;
      news.ended.push_back(std::move(report));
      continue;
    }
    sent->push_back(each.turn);
    events.push_back(*std::move(offered));
  }
  ports_.report(std::move(news));
  if (events.empty())
    return;
  ports_.publish(std::move(events),
                 [sent, report = ports_.report](const std::vector<publish_result>& said) {
                   runner_news ended;
                   for (std::size_t i = 0; i < sent->size(); ++i)
                     ended.ended.push_back(outbox_report((*sent)[i], said.at(i)));
                   report(std::move(ended));
                 });
}

turn_report outbox_report(const turn_id& turn, const publish_result& said) {
  turn_report report;
  report.turn = turn;
  if (said.code == errc::none) {
    report.reply_kind = data_kind::text;
    report.reply = to_string(said.event);
    return report;
  }
  const bool is_final = said.code == errc::identity_conflict ||
                        said.code == errc::too_many_deliveries ||
                        said.code == errc::invalid_time; // it has expired on its way
  report.verdict = is_final ? turn_verdict::rejected : turn_verdict::failed;
  report.code = said.code;
  report.error = "the owner of its shard did not take the event";
  return report;
}

} // namespace skein
