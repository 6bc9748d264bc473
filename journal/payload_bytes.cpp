#include "journal/payload_bytes.hpp"

namespace skein::journal {

std::size_t payload_bytes(const operation& op) {
  if (const auto* accept = std::get_if<accept_op>(&op))
    return accept->event.body.size();
  if (const auto* attempt = std::get_if<attempt_op>(&op))
    return attempt->state_of_key ? attempt->state_of_key->value.size() : 0;
  const auto* finish = std::get_if<finish_op>(&op);
  if (finish == nullptr)
    return 0;
  std::size_t bytes = finish->reply.size();
  if (finish->state_of_key)
    bytes += finish->state_of_key->value.size();
  for (const accept_op& each : finish->emits)
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
