#include "actors/arguments.hpp"
#include "actors/jobs/job_core.hpp"
#include "actors/jobs/job_explanation.hpp"
#include "protocol/raw_json.hpp"

#include <algorithm>
#include <cstdlib>

namespace skein {

using nlohmann::json;

namespace {

constexpr std::size_t instants_max = 1'000;

/// 0 for what is none.
std::uint64_t number_in(const json& words, const char* key) {
  const auto found = words.find(key);
  if (found != words.end() && found->is_number_unsigned())
    return found->get<std::uint64_t>();
  return found != words.end() && found->is_string()
             ? std::strtoull(found->get<std::string>().c_str(), nullptr, 10)
             : 0;
}

std::size_t count_in(const json& words, const char* key, std::size_t fallback, std::size_t most) {
  const std::size_t count = words.contains(key) ? number_in(words, key) : fallback;
  return std::clamp<std::size_t>(count, 1, most);
}

} // namespace

void job_core::question(const job_command_in& input, const json& words) {
  if (input.operation == "job.list")
    return list(input.ticket);
  if (input.operation == "job.graph")
    return draw_graph(input.ticket);
  if (flag_of(words, "dry_run"))
    return dry_run(input);
  const kept_job* const which = committed(said(words, "job"));
  if (which == nullptr)
    return fail(input.ticket, errc::not_found, "there is no job " + said(words, "job"));
  if (input.operation == "job.describe")
    return answer(input.ticket, job_page(*which, now_.wall));
  if (input.operation == "job.next")
    return answer(
        input.ticket,
        {{"job", which->name()},
         {"state", job_state(*which)},
         {"schedule", schedule_text(*which->definition)},
         {"zone", which->definition->zone},
         {"next", next_instants(*which, count_in(words, "limit", job_instants_shown, instants_max),
                                now_.wall)}});
  if (input.operation == "job.explain")
    return explain(input, *which, words);
  if (input.operation != "job.history")
    return fail(input.ticket, errc::invalid_argument, "there is no operation " + input.operation);
  const std::size_t limit = count_in(words, "limit", limits::page_rows_default, instants_max);
  const std::uint64_t after = number_in(words, "after");
  const std::uint64_t last = after > 0 ? std::min(after, which->next_record) : which->next_record;
  readings_[++reads_] = {input.ticket, which->name(), std::nullopt, limit,
                         after == 0,   last,          which->open};
  out_->push_back(read_records_effect{reads_, which->name(), which->first_record(), last,
                                      record_choice::newest(limit)});
}

/// As the journal has it: what a commit under way changes is told when it is answered.
const kept_job* job_core::committed(const std::string& name) const {
  if (sent_)
    if (const auto found = sent_->before.find(name); found != sent_->before.end())
      return found->second ? &*found->second : nullptr;
  return find(name);
}

void job_core::list(std::uint64_t ticket) {
  json rows = json::array();
  for (const auto& [name, each] : jobs_)
    if (const kept_job* const which = committed(name))
      rows.push_back(job_row(*which, now_.wall));
  answer(ticket, {{"jobs", std::move(rows)}, {"zone", settings_.around.default_zone}});
}

/// Checks what a create or an edit would do, and shows it.
void job_core::dry_run(const job_command_in& input) {
  if (input.operation != "job.create" && input.operation != "job.edit")
    return fail(input.ticket, errc::invalid_argument, "only create and edit have a dry run");
  const json exact = words_of(input);
  auto checked = checked_definition(input, exact);
  if (!checked)
    return fail(input.ticket, checked.error().code, checked.error().detail);
  kept_job shown{checked->name};
  shown.created = shown.through = now_.wall;
  if (const kept_job* const there = find(checked->name))
    shown = *there;
  shown.define(*std::move(checked), settings_.around);
  shown.unreadable.clear();
  shown.words.clear();
  ++shown.revision;
  json view = page_with_warnings(shown);
  view["dry_run"] = true;
  answer(input.ticket, view);
}

std::optional<instant> job_core::time_said(const std::string& text, const zone_rules& zone) const {
  return text.starts_with('-') ? parse_time(text, now_.wall) : parse_zone_time(text, zone);
}

void job_core::explain(const job_command_in& input, const kept_job& which, const json& words) {
  const std::string text = said(words, "at");
  const auto at = text.empty() ? std::optional{now_.wall} : time_said(text, zone_of(which));
  if (!at)
    return fail(input.ticket, errc::invalid_argument,
                "at must be a time, such as 2026-08-16T09:00:00Z, one of the job's zone, such as "
                "2026-08-16T09:00, or one counted back from now, such as -1h30m");
  readings_[++reads_] = {input.ticket, which.name(), at, 0, true, 0, which.open};
  const auto due = explained_instant(which, *at);
  out_->push_back(read_records_effect{reads_, which.name(), which.first_record(), which.next_record,
                                      record_choice::around(*at, due)});
}

void job_core::on(job_records_in& input) {
  const auto asked = readings_.extract(input.read);
  if (asked.empty())
    return;
  const reading& which = asked.mapped();
  const kept_job* const found = committed(which.job);
  if (found == nullptr)
    return fail(which.ticket, errc::not_found, "there is no job " + which.job);
  if (!input.records)
    return fail(which.ticket, input.records.error().code, input.records.error().detail);
  if (which.open && which.is_first_page)
    input.records->push_back(*which.open);
  if (which.explained)
    return answer(which.ticket,
                  explain_job({*found, zone_of(*found), *input.records, input.events, now_.wall},
                              *which.explained));
  json rows = json::array();
  for (auto each = input.records->rbegin();
       each != input.records->rend() && rows.size() < which.limit; ++each)
    rows.push_back(record_view(*found, *each, input.events, zone_of(*found)));
  json body{{"job", which.job}, {"zone", found->definition->zone}, {"records", rows}};
  const std::uint64_t of_open = which.open && which.is_first_page ? 1 : 0;
  const std::uint64_t shown = rows.size() - std::min<std::uint64_t>(of_open, rows.size());
  if (which.last - std::min(which.last, shown) > found->first_record())
    body["next"] = std::to_string(which.last - shown);
  answer(which.ticket, body);
}

void job_core::draw_graph(std::uint64_t ticket) {
  json edges = json::array(), jobs = json::array();
  for (const auto& [name, each] : jobs_) {
    jobs.push_back({{"job", name}, {"schedule", schedule_text(*each.definition)}});
    if (const auto* after = after_of(*each.definition))
      for (const auto& up : after->jobs)
        edges.push_back({{"from", up.job}, {"to", name}, {"wanted", to_text(up.wanted)}});
  }
  answer(ticket, {{"jobs", std::move(jobs)}, {"edges", std::move(edges)}});
}

/// For what is told of a job: UTC if its own has gone.
const zone_rules& job_core::zone_of(const kept_job& which) const {
  const zone_rules* const own = settings_.around.find_zone(which.definition->zone);
  return own != nullptr ? *own : *settings_.around.find_zone("UTC");
}

void job_core::answer(std::uint64_t ticket, const json& body) {
  out_->push_back(job_answer_effect{ticket, {errc::none, write_json(body)}});
}

void job_core::fail(std::uint64_t ticket, errc code, std::string why) {
  out_->push_back(job_answer_effect{ticket, {code, std::move(why)}});
}

} // namespace skein
