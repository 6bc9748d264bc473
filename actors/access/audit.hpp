// What people changed: a record for each command that did something, in the journal for as long as
// events are kept.
#pragma once

#include "actors/api.hpp"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace skein {

struct audit_record {
  instant at = no_instant;
  std::string node;
  std::string who, from;
  std::string what;            // "job.create"
  std::string target;          // "report", "17-42"; empty if there is none
  std::string arguments;       // JSON: the others, without secrets and payloads
  std::string result = "done"; // or the code of an end that is not known
};

/// `arguments` as the operation was asked with.
audit_record make_audit(const caller& by, std::string_view node, std::string_view operation,
                        const nlohmann::json& arguments, instant at);

/// The key of a record's state. In their order the newest is first; `number` tells records of one
/// moment apart.
std::string audit_key(const audit_record& record, std::string_view number);
/// Behind the keys of all records that are newer than `at`, before those of others.
std::string audit_key_of(instant at);

std::string audit_text(const audit_record& record);
/// The same on its way to its keeper: with a number that tells it from others of its moment.
std::string audit_note(const audit_record& record, const std::string& number);
/// Empty for what is no record.
std::optional<audit_record> read_audit(std::string_view text);
/// As people are told: JSON.
std::string audit_page(const audit_record& record);

/// The agent whose states these are.
inline constexpr std::string_view audit_agent = "!audit";

} // namespace skein
