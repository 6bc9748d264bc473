#include "nodes/agents/turn_variables.hpp"

#include "nodes/agents/text.hpp"
#include "protocol/limits.hpp"
#include "protocol/utf8.hpp"

namespace skein {

namespace {

std::string upper(std::string_view name) {
  std::string out{name};
  for (char& byte : out)
    if (byte >= 'a' && byte <= 'z')
      byte = static_cast<char>(byte - 'a' + 'A');
  return out;
}

std::string text_of(const extension_value& value) {
  if (const auto* text = std::get_if<std::string>(&value))
    return *text;
  if (const auto* flag = std::get_if<bool>(&value))
    return *flag ? "true" : "false";
  return std::to_string(std::get<std::int32_t>(value));
}

} // namespace

environment_list turn_variables(const turn_start& start, const event& value, instant deadline,
                                const std::string& state_path) {
  environment_list list;
  const auto add = [&list](std::string name, std::string_view text) {
    list.emplace_back(std::move(name),
                      environment_text(cut_utf8(text, limits::program_variable_bytes_max)));
  };
  add("SKEIN_ID", value.id);
  add("SKEIN_SOURCE", value.source);
  add("SKEIN_TYPE", value.type);
  add("SKEIN_KEY", value.key());
  if (value.subject)
    add("SKEIN_SUBJECT", *value.subject);
  if (value.time)
    add("SKEIN_TIME", *value.time);
  if (value.datacontenttype)
    add("SKEIN_CONTENTTYPE", *value.datacontenttype);
  for (const auto& [name, extension] : value.extensions)
    add("SKEIN_EXT_" + upper(name), text_of(extension));
  add("SKEIN_TURN", start.name);
  add("SKEIN_ATTEMPT", std::to_string(start.attempt));
  add("SKEIN_SLEEPS", std::to_string(start.sleeps));
  add("SKEIN_TOKEN", start.token);
  add("SKEIN_DEADLINE", format_rfc3339(deadline));
  add("SKEIN_STATE", state_path);
  return list;
}

} // namespace skein
