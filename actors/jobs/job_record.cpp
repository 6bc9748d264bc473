#include "actors/jobs/job_record.hpp"

#include <nlohmann/json.hpp>

#include <array>

namespace skein {

using nlohmann::json;

namespace {

constexpr std::array<std::string_view, 6> kind_texts{"fired",   "caught-up", "merged",
                                                     "skipped", "triggered", "backfilled"};
constexpr std::size_t number_digits = 12;

} // namespace

std::string_view to_text(record_kind kind) { return kind_texts[static_cast<std::size_t>(kind)]; }

json record_words(const job_record& record) {
  json words{{"kind", to_text(record.kind)},
             {"from", to_ns(record.from)},
             {"decided", to_ns(record.decided)}};
  if (record.count > 1) {
    words["to"] = to_ns(record.to);
    words["count"] = record.count;
  }
  if (!record.id.empty())
    words["id"] = record.id;
  if (!record.why.empty())
    words["why"] = record.why;
  return words;
}

std::optional<job_record> read_record(std::string_view text) {
  const json words = json::parse(text, nullptr, false);
  if (!words.is_object() || !words.contains("from") || !words.contains("kind") ||
      !words["from"].is_number_integer() || !words["kind"].is_string())
    return std::nullopt;
  job_record record;
  const auto kind = words["kind"].get<std::string>();
  std::size_t known = 0;
  while (known < kind_texts.size() && kind_texts[known] != kind)
    ++known;
  if (known == kind_texts.size())
    return std::nullopt;
  record.kind = static_cast<record_kind>(known);
  record.from = from_ns(words["from"].get<std::int64_t>());
  record.to = from_ns(words.value("to", to_ns(record.from)));
  record.count = words.value("count", std::uint64_t{1});
  record.decided = from_ns(words.value("decided", std::int64_t{0}));
  record.id = words.value("id", std::string{});
  record.why = words.value("why", std::string{});
  return record;
}

std::string record_key(const std::string& job, std::uint64_t number) {
  const std::string digits = std::to_string(number);
  SKEIN_CHECK(digits.size() <= number_digits);
  return job + "/" + std::string(number_digits - digits.size(), '0') + digits;
}

std::string job_source(const std::string& job) { return "skein/job/" + job; }

} // namespace skein
