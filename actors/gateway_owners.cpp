// gateway_core: shards that are other nodes'. Members whose owner is not known are held back, and
// what other gateways send for shards of this node is taken in as if it had been offered here.
#include "actors/gateway_core.hpp"

#include <algorithm>
#include <utility>

namespace skein {

namespace {

/// Numbers of requests of other gateways: those that are offered here count from 1.
constexpr std::uint64_t first_peer_ticket = 1ull << 63;

} // namespace

void gateway_core::on(owners_in& input) {
  owners_ = std::move(input.all);
  take_back_of_gone_nodes();
  try_held();
}

void gateway_core::on(peer_up_in& input) {
  for (slice& frame : courier_.all_again(input.node, now_.boot))
    out_->push_back(send_effect{std::move(frame)});
}

/// What was sent before, and not answered, may be durable: then nobody can refuse it for certain.
publish_result gateway_core::what_is_certain(const publish_result& said,
                                             [[maybe_unused]] bool was_sent) {
#ifndef SKEIN_BUG_DOOR_FORGETS_WHAT_IT_SENT
  if (was_sent && said.code != errc::none && said.code != errc::identity_conflict)
    return {errc::unknown_outcome, false, {}};
#endif
  return said;
}

/// Sends what has an owner by now; refuses what has waited for one too long.
void gateway_core::try_held() {
  std::vector<held_member> still = std::exchange(held_, {});
  std::map<std::uint64_t, std::vector<held_member>> placed;
  for (held_member& each : still) {
    if (each.until > now_.boot)
      placed[each.ticket].push_back(std::move(each));
    else
      settle(each.ticket, each.member,
             what_is_certain({errc::not_owner, false, {}}, each.was_sent));
  }
  for (auto& [ticket, members] : placed)
    place(ticket, std::move(members));
}

/// Nobody there will answer. What was sent may be durable all the same: the next owner knows.
void gateway_core::take_back_of_gone_nodes() {
  for (auto at = parts_.begin(); at != parts_.end();) {
    const address& to = at->first.first;
    const auto& nodes = owners_->nodes;
    if (to.node == settings_.node ||
        std::find(nodes.begin(), nodes.end(), to.node) != nodes.end()) {
      ++at;
      continue;
    }
    courier_.acknowledged(to, at->first.second); // not sent again
    part& carried = at->second;
    for (std::size_t i = 0; i < carried.members.size(); ++i)
      held_.push_back({carried.ticket, carried.members[i], std::move(carried.events[i]), true,
                       now_.boot + settings_.hold_within});
    at = parts_.erase(at);
  }
}

/// Of another node's gateway. Nothing is handed on from here: what is not this node's is answered
/// so at once.
void gateway_core::on_peer_publish(const frame_header& header, publish& body) {
  if (!settings_.shared || header.from.node == settings_.node)
    return;
  if (!courier_.first_time(header) && (!courier_.is_current(header) || is_known_request(header)))
    return;
  const std::size_t count = body.events.size();
  const std::size_t bytes = bytes_of(body.events);
  counted_.offered += count;
  if (const error* why = refusal_now(count, bytes)) {
    counted_.refused += count;
    answer_peer(header, std::vector<publish_result>(count, {why->code, false, {}}));
    return;
  }
  open_request(first_peer_ticket + ++peer_requests_, std::move(body.events), bytes, header);
}

/// A request that came again is under way, or gets its answer again. One whose answer is forgotten
/// is taken in once more: its events have identities, so what became durable is found.
bool gateway_core::is_known_request(const frame_header& header) {
  for (const remembered_answer& each : answers_)
    if (each.request == header) {
      out_->push_back(send_effect{each.answer});
      return true;
    }
  return std::any_of(requests_.begin(), requests_.end(),
                     [&](const auto& each) { return each.second.asked == header; });
}

void gateway_core::answer_peer(const frame_header& asked, std::vector<publish_result> members) {
  slice answer = courier_.seal_answer(asked, publish_ack{asked.number, std::move(members)});
  answers_.push_back({asked, answer});
  if (answers_.size() > answers_kept)
    answers_.pop_front();
  out_->push_back(send_effect{std::move(answer)});
}

} // namespace skein
