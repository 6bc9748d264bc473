#include "actors/jobs/job_record.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace skein {

using nlohmann::json;

namespace {

constexpr std::array<std::string_view, 6> kind_texts{"fired",   "caught-up", "merged",
                                                     "skipped", "triggered", "backfilled"};
constexpr std::size_t number_digits = 12;

} // namespace

std::string_view to_text(record_kind kind) { return kind_texts[static_cast<std::size_t>(kind)]; }

std::optional<record_kind> read_record_kind(std::string_view text) {
  const auto found = std::find(kind_texts.begin(), kind_texts.end(), text);
  if (found == kind_texts.end())
    return std::nullopt;
  return static_cast<record_kind>(found - kind_texts.begin());
}

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
  const auto kind = read_record_kind(words["kind"].get<std::string>());
  if (!kind)
    return std::nullopt;
  job_record record;
  record.kind = *kind;
  record.from = from_ns(words["from"].get<std::int64_t>());
  record.to = from_ns(words.value("to", to_ns(record.from)));
  record.count = words.value("count", std::uint64_t{1});
  record.decided = from_ns(words.value("decided", std::int64_t{0}));
  record.id = words.value("id", std::string{});
  record.why = words.value("why", std::string{});
  return record;
}

bool is_same_second(instant one, instant other) noexcept {
  return std::chrono::floor<std::chrono::seconds>(one) ==
         std::chrono::floor<std::chrono::seconds>(other);
}

record_choice record_choice::newest(std::size_t limit) {
  record_choice choice;
  choice.limit_ = limit;
  return choice;
}

record_choice record_choice::around(instant asked, std::optional<instant> due) {
  record_choice choice;
  choice.asked_ = asked;
  choice.due_ = due;
  return choice;
}

void record_choice::offer(job_record record) {
  const bool is_due = is_due_record(record.kind);
  if (limit_ || (due_ && record.from <= *due_ && *due_ <= record.to) ||
      (is_due && record.from <= asked_ && asked_ <= record.to) ||
      is_same_second(record.from, asked_))
    chosen_.push_back(std::move(record));
  else if (is_due && record.to < asked_ && (!before_ || before_->to < record.to))
    before_ = std::move(record);
}

std::vector<job_record> record_choice::take() {
  if (before_)
    chosen_.insert(chosen_.begin(), *std::exchange(before_, std::nullopt));
  return std::exchange(chosen_, {});
}

std::string record_key(const std::string& job, std::uint64_t number) {
  const std::string digits = std::to_string(number);
  SKEIN_CHECK(digits.size() <= number_digits);
  return job + "/" + std::string(number_digits - digits.size(), '0') + digits;
}

std::string job_source(const std::string& job) { return std::string{job_sources} + job; }

} // namespace skein
