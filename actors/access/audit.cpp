#include "actors/access/audit.hpp"

#include "actors/arguments.hpp"
#include "protocol/limits.hpp"
#include "protocol/raw_json.hpp"

#include <array>
#include <cstdio>

namespace skein {

using nlohmann::json;

namespace {

constexpr std::array<std::string_view, 5> targets{"job", "event", "name", "peer", "node"};

std::string cut(std::string text) {
  if (text.size() <= limits::audit_text_bytes_max)
    return text;
  text.resize(limits::audit_text_bytes_max);
  return text + " (cut)";
}

/// What a record has of an argument: neither secrets nor payloads.
json shown(std::string_view key, const json& value) {
  if (key == "data" || key == "digest")
    return "(not kept)";
  if (value.is_binary()) { // JSON as it was written
    const auto& bytes = value.get_binary();
    return cut({bytes.begin(), bytes.end()});
  }
  if (value.is_string())
    return cut(value.get<std::string>());
  if (!value.is_object())
    return value.dump().size() <= limits::audit_text_bytes_max ? value : json(cut(value.dump()));
  json members = json::object();
  for (const auto& [name, member] : value.items())
    members[name] = shown(name, member);
  return members;
}

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace

audit_record make_audit(const caller& by, std::string_view node, std::string_view operation,
                        const json& arguments, instant at) {
  audit_record record;
  record.at = at;
  record.node = node;
  record.who = by.who;
  record.from = by.from;
  record.what = operation;
  json rest = json::object();
  if (arguments.is_object())
    for (const auto& [key, value] : arguments.items()) {
      const bool is_target =
          std::find(targets.begin(), targets.end(), key) != targets.end() && value.is_string();
      if (is_target)
        record.target = cut(value.get<std::string>());
      else if (key != "digest")
        rest[key] = shown(key, value);
    }
  record.arguments = dump(rest);
  return record;
}

std::string audit_key_of(instant at) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "%016llx", ~static_cast<unsigned long long>(to_ns(at)));
  return text.data();
}

std::string audit_key(const audit_record& record, std::string_view number) {
  return audit_key_of(record.at) + "." + record.node + "." + std::string{number};
}

namespace {

json words_of(const audit_record& record) {
  return {{"at", to_ns(record.at)},        {"node", record.node},    {"who", record.who},
          {"from", record.from},           {"what", record.what},    {"target", record.target},
          {"arguments", record.arguments}, {"result", record.result}};
}

} // namespace

std::string audit_text(const audit_record& record) { return dump(words_of(record)); }

std::string audit_note(const audit_record& record, const std::string& number) {
  json words = words_of(record);
  words["number"] = number;
  return dump(words);
}

std::optional<audit_record> read_audit(std::string_view text) {
  const json words = json::parse(text, nullptr, false);
  if (!words.is_object() || !words.contains("at") || !words["at"].is_number_integer())
    return std::nullopt;
  return audit_record{from_ns(words["at"].get<std::int64_t>()),
                      said(words, "node"),
                      said(words, "who"),
                      said(words, "from"),
                      said(words, "what"),
                      said(words, "target"),
                      said(words, "arguments"),
                      said(words, "result")};
}

std::string audit_page(const audit_record& record) {
  json page{{"at", format_rfc3339(record.at)},
            {"who", record.who},
            {"from", record.from},
            {"what", record.what},
            {"target", record.target.empty() ? json{} : json(record.target)},
            {"result", record.result},
            {"node", record.node}};
  json arguments = json::parse(record.arguments, nullptr, false);
  page["arguments"] = arguments.is_discarded() ? json::object() : std::move(arguments);
  return dump(page);
}

} // namespace skein
