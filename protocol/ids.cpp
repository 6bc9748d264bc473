#include "protocol/ids.hpp"

#include <charconv>

namespace skein {

namespace {

/// All of `text` as a decimal number in its only spelling: digits, no leading zero.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  if (text.empty() || text[0] < '0' || text[0] > '9' || (text[0] == '0' && text.size() > 1))
    return std::nullopt;
  Number value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, problem] = std::from_chars(text.data(), end, value);
  if (problem != std::errc{} || stopped != end)
    return std::nullopt;
  return value;
}

} // namespace

std::string to_string(event_id id) {
  return std::to_string(raw(id.shard)).append("-").append(std::to_string(id.sequence));
}

std::string to_string(event_id id, std::string_view agent) {
  return to_string(id).append(".").append(agent);
}

std::string turn_name(event_id id, std::string_view agent, std::uint32_t attempt) {
  return to_string(id, agent).append("/").append(std::to_string(attempt));
}

std::optional<event_id> parse_event_id(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos)
    return std::nullopt;
  const auto shard = parse_number<std::uint32_t>(text.substr(0, dash));
  const auto sequence = parse_number<std::uint64_t>(text.substr(dash + 1));
  if (!shard || !sequence || *sequence == 0)
    return std::nullopt;
  return event_id{shard_id{*shard}, *sequence};
}

} // namespace skein
