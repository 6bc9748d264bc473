#include "nodes/http/event_mode.hpp"

#include "protocol/text.hpp"

namespace skein {

namespace {

error unsupported(std::string detail) { return {errc::unsupported_media_type, std::move(detail)}; }

std::string_view essence_of(std::string_view type) noexcept {
  return trimmed(type.substr(0, type.find(';')), blanks);
}

/// JSON is UTF-8; a charset that says otherwise is refused rather than ignored.
result<void> check_charset(std::string_view type) {
  std::size_t mark = type.find(';');
  while (mark != std::string_view::npos) {
    const std::size_t end = type.find(';', mark + 1);
    const std::string_view parameter = trimmed(type.substr(mark + 1, end - mark - 1), blanks);
    const std::size_t equals = parameter.find('=');
    mark = end;
    if (equals == std::string_view::npos ||
        !equal_ignoring_case(parameter.substr(0, equals), "charset"))
      continue;
    std::string_view value = parameter.substr(equals + 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    if (!equal_ignoring_case(value, "utf-8"))
      return unsupported("The only charset accepted here is utf-8.");
  }
  return {};
}

result<void> check_encoding(const request_head& head) {
  const std::string_view encoding = head.field("content-encoding");
  if (!encoding.empty() && !equal_ignoring_case(encoding, "identity"))
    return unsupported("Compressed bodies are not accepted; send it without Content-Encoding.");
  return {};
}

bool has_binary_attributes(const request_head& head) noexcept {
  for (const auto& [name, value] : head.fields)
    if (equal_ignoring_case(name, "ce-specversion") || equal_ignoring_case(name, "ce-id"))
      return true;
  return false;
}

} // namespace

result<event_mode> event_mode_of(const request_head& head) {
  if (auto encoding = check_encoding(head); !encoding)
    return encoding.error();
  const std::string_view type = head.field("content-type");
  const std::string_view essence = essence_of(type);
  const bool structured = equal_ignoring_case(essence, "application/cloudevents+json");
  const bool batch = equal_ignoring_case(essence, "application/cloudevents-batch+json");
  if (structured || batch) {
    if (auto charset = check_charset(type); !charset)
      return charset.error();
    return structured ? event_mode::structured : event_mode::batch;
  }
  constexpr std::string_view family = "application/cloudevents";
  if (equal_ignoring_case(essence.substr(0, family.size()), family))
    return unsupported("Of the CloudEvents formats, JSON is understood here: use "
                       "application/cloudevents+json or application/cloudevents-batch+json.");
  if (has_binary_attributes(head))
    return event_mode::binary;
  return unsupported("Send an event as application/cloudevents+json, a list of events as "
                     "application/cloudevents-batch+json, or any content with the headers "
                     "ce-specversion, ce-id, ce-source and ce-type.");
}

result<void> check_command_type(const request_head& head) {
  if (auto encoding = check_encoding(head); !encoding)
    return encoding;
  const std::string_view type = head.field("content-type");
  if (!equal_ignoring_case(essence_of(type), "application/json"))
    return unsupported("A command needs Content-Type: application/json, also without a body.");
  return check_charset(type);
}

} // namespace skein
