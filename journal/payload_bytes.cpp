#include "journal/payload_bytes.hpp"

namespace skein::journal {

std::size_t payload_bytes(const operation& op) {
  std::size_t bytes = 0;
  if (const auto* accept = std::get_if<accept_op>(&op))
    bytes = accept->event.body.size();
  else if (const auto* finish = std::get_if<finish_op>(&op))
    bytes = finish->reply.size() +
            (finish->state_of_key ? finish->state_of_key->value.size() : std::size_t{0});
  else if (const auto* attempt = std::get_if<attempt_op>(&op))
    bytes = attempt->state_of_key ? attempt->state_of_key->value.size() : std::size_t{0};
  else if (const auto* keep = std::get_if<keep_op>(&op))
    for (const keep_op::kept& each : keep->states)
      bytes += each.state.key.size() + each.state.value.size();
  for (const accept_op& each : emits_of(op))
    bytes += each.event.body.size();
  return bytes;
}

std::size_t payload_bytes(const event_record& record) {
  std::size_t bytes = record.body.size();
  for (const delivery_record& each : record.deliveries) {
    bytes += each.reply.size() + each.error.size();
    for (const auto& attempt : each.attempts)
      bytes += attempt.error.size();
  }
  return bytes;
}

} // namespace skein::journal
