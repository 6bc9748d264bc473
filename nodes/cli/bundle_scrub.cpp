#include "nodes/cli/bundle_scrub.hpp"

#include "nodes/cli/output.hpp"
#include "nodes/config/config_values.hpp"
#include "protocol/raw_json.hpp"
#include "protocol/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <regex>

namespace skein::cli {

namespace {

constexpr std::string_view hidden = "(hidden)";
/// Of a text no more is looked at and given: what comes behind may be anything.
constexpr std::size_t text_bytes_max = 4'096;

constexpr std::array<std::string_view, 12> private_members{
    "data",   "key",      "reply",       "error",   "payload", "token",
    "secret", "password", "environment", "command", "prefix",  "digest"};

bool is_private(std::string_view member) {
  return std::find(private_members.begin(), private_members.end(), member) != private_members.end();
}

std::string shown_value(const configured& value) {
  const config_key& key = *value.key;
  const bool is_data = key.section == "job" && key.name == "data";
  if ((key.secret || is_data) && value.given)
    return std::string{hidden};
  if (const auto* words = std::get_if<text_list>(&value.value);
      words != nullptr && key.section == "agent" && key.name == "command" && words->size() > 1)
    return fmt::format("[{}, {} more {}]", toml_string(words->front()), words->size() - 1, hidden);
  return mask_secrets(to_toml(value.value, key.kind));
}

// ---- the log ------------------------------------------------------------------------------------

/// "2026-08-16T09:00:00.123Z info http listening: Serving ... url=..."
const std::regex& text_form() {
  static const std::regex form{R"((\d{4}-\d\d-\d\dT[0-9:.]+Z?) +(\w+) +([\w/.-]+) ([\w-]+): (.*))"};
  return form;
}

bool is_about_somebody(std::string_view component, std::string_view rest) {
  static const std::regex fields{R"((^| )(event|turn|key|agent)=)"};
  return component.starts_with("agent") || std::regex_search(rest.begin(), rest.end(), fields);
}

/// The number of the event, which is no secret.
std::string event_in(const std::string& rest) {
  static const std::regex number{R"((^| )(event=\d+-\d+))"};
  std::smatch found;
  return std::regex_search(rest, found, number) ? " " + found[2].str() : std::string{};
}

void add_text_line(const std::smatch& parts, scrubbed_log& into) {
  const std::string rest = parts[5];
  const bool is_short = is_about_somebody(parts[3].str(), rest);
  into.shortened += is_short ? 1 : 0;
  into.text += fmt::format("{} {} {} {}:{}\n", parts[1].str(), parts[2].str(), parts[3].str(),
                           parts[4].str(), is_short ? event_in(rest) : " " + mask_secrets(rest));
}

void add_json_line(const json& line, scrubbed_log& into) {
  const auto text = [&](const char* name) { return cell_of(line, name); };
  bool is_short = text("component").starts_with("agent");
  for (const char* name : {"event", "turn", "key", "agent"})
    is_short = is_short || line.contains(name);
  into.shortened += is_short ? 1 : 0;
  json kept = json::object();
  for (const auto& [name, value] : line.items())
    if (!is_short || name == "time" || name == "level" || name == "component" || name == "id" ||
        name == "event")
      kept[name] = value;
  into.text += mask_secrets(write_json(kept)) + "\n";
}

void add_line(const std::string& line, scrubbed_log& into) {
  std::smatch parts;
  if (std::regex_search(line, parts, text_form()))
    return add_text_line(parts, into);
  const auto brace = line.find('{');
  const json object = brace == std::string::npos ? json{} : parse_json(line.substr(brace));
  if (object.is_object() && object.contains("component"))
    add_json_line(object, into);
  else if (!line.empty())
    ++into.left_out;
}

} // namespace

std::string mask_secrets(std::string_view text) {
  static const std::regex url{R"(([a-z][a-z0-9+.-]*://)[^/@\s"]*@)"};
  static const std::regex token{R"(skn_[a-z]+_[A-Za-z0-9_-]+|[Bb]earer +[^\s"]+)"};
  const std::string_view kept = cut_utf8(text, text_bytes_max);
  std::string out = std::regex_replace(std::string{kept}, url, "$1(hidden)@");
  return std::regex_replace(out, token, std::string{hidden});
}

json scrub_answer(const json& answer) {
  if (answer.is_string())
    return mask_secrets(answer.get<std::string>());
  json out = answer;
  if (answer.is_object()) {
    out = json::object();
    for (const auto& [name, value] : answer.items())
      if (!is_private(name))
        out[name] = scrub_answer(value);
  } else if (answer.is_array()) {
    for (json& each : out)
      each = scrub_answer(each);
  }
  return out;
}

json scrub_config(const loaded_config& loaded) {
  json values = json::array();
  for (const configured_section& section : loaded.values)
    for (const configured& each : section.values)
      if (each.given)
        values.push_back({{"section", section.title()},
                          {"key", each.key->name},
                          {"value", shown_value(each)},
                          {"line", each.at.line}});
  json mistakes = json::array();
  for (const config_problem& each : loaded.problems)
    mistakes.push_back({{"line", each.at.line}, {"column", each.at.column}, {"where", each.where}});
  return {{"given", values}, {"mistakes", mistakes}};
}

scrubbed_log scrub_log(std::string_view log) {
  scrubbed_log out;
  while (!log.empty()) {
    const auto end = std::min(log.find('\n'), log.size());
    add_line(std::string{cut_utf8(log.substr(0, end), text_bytes_max)}, out);
    log.remove_prefix(std::min(end + 1, log.size()));
  }
  return out;
}

} // namespace skein::cli
