#include "actors/jobs/job_core.hpp"

#include "protocol/raw_json.hpp"

namespace skein {

using nlohmann::json;

namespace {

instant time_in(const json& words, const char* name) {
  return from_ns(words.value(name, std::int64_t{0}));
}

/// A job's own part of its jitter: the same at every start and on every node.
std::uint64_t hash_of_name(const std::string& name) {
  return siphash128(name, 0x736b65696e6a6f62ull, 0).low;
}

} // namespace

duration job_core::offset_of(const kept_job& which) const {
  const auto jitter = static_cast<std::uint64_t>(which.definition.jitter.count());
  if (jitter == 0)
    return duration{0};
  return duration{static_cast<std::int64_t>(hash_of_name(which.definition.name) % jitter)};
}

std::string job_core::definition_text(const kept_job& which) const {
  json words{{"job", which.unreadable.empty() ? job_words(which.definition)
                                              : read_job_words(which.words)["job"]},
             {"owner", which.of == owner::file ? "file" : "cli"},
             {"revision", which.revision}};
  for (const change& each : which.changes)
    words["changes"].push_back({{"at", to_ns(each.at)}, {"by", each.by}, {"what", each.what}});
  if (which.paused)
    words["paused"] = {
        {"at", to_ns(which.paused->at)}, {"by", which.paused->by}, {"why", which.paused->why}};
  return write_json(words);
}

/// From `words`.
void job_core::read_definition(kept_job& which) {
  const json words = read_job_words(which.words);
  if (!words.is_object() || !words.contains("job")) {
    which.unreadable = "what the journal has of it is no definition";
    return;
  }
  job_reading read = read_job(which.definition.name, words["job"], settings_.around);
  if (!read.problems.empty())
    which.unreadable = job_error(read.problems).detail;
  which.definition = std::move(read.job);
  which.of = words.value("owner", "cli") == "file" ? owner::file : owner::people;
  which.revision = words.value("revision", std::uint64_t{0});
  for (const json& each : words.value("changes", json::array()))
    which.changes.push_back({time_in(each, "at"), each.value("by", ""), each.value("what", "")});
  if (const auto paused = words.find("paused"); paused != words.end())
    which.paused = pause{time_in(*paused, "at"), paused->value("by", ""), paused->value("why", "")};
  if (which.unreadable.empty() &&
      !std::holds_alternative<after_schedule>(which.definition.schedule))
    which.schedule = std::make_shared<const job_schedule>(
        which.definition, *settings_.around.find_zone(which.definition.zone));
}

std::string job_core::state_text(const kept_job& which) const {
  json words{{"created", to_ns(which.created)},
#ifdef SKEIN_BUG_JOB_STANDS_STILL
             {"through", to_ns(which.created)},
#else
             {"through", to_ns(which.through)},
#endif
             {"records", which.next_record}};
  if (which.open)
    words["open"] = record_words(*which.open);
  for (const waiting_run& each : which.queue)
    words["queue"].push_back({{"kind", to_text(each.kind)},
                              {"due", to_ns(each.due)},
                              {"by", each.by},
                              {"data", each.data}});
  for (const running_run& each : which.running)
    words["running"].push_back({{"due", to_ns(each.due)}, {"id", each.id}});
  if (which.failures > 0)
    words["failures"] = which.failures;
  for (const auto& [name, ends] : which.inputs)
    for (const upstream_end& each : ends)
      words["inputs"][name].push_back({{"due", to_ns(each.due)},
                                       {"ok", each.succeeded},
                                       {"id", each.id},
                                       {"reply", each.reply}});
  std::string text = words.dump();
  if (text.size() <= limits::state_bytes_max - limits::job_output_bytes_max)
    return text;
  // Too much to be kept: after a crash what was handed on is missing, and said to be.
  for (auto& [name, ends] : words["inputs"].items())
    for (json& each : ends)
      each["reply"] = "";
  return words.dump();
}

void job_core::read_state(kept_job& which, std::string_view text) const {
  const json words = json::parse(text, nullptr, false);
  if (!words.is_object())
    return;
  which.created = time_in(words, "created");
  which.through = time_in(words, "through");
  which.next_record = words.value("records", std::uint64_t{1});
  if (const auto open = words.find("open"); open != words.end())
    which.open = read_record(open->dump());
  for (const json& each : words.value("queue", json::array())) {
    const auto kind = read_record(json{{"kind", each.value("kind", "")}, {"from", 0}}.dump());
    which.queue.push_back({kind ? kind->kind : record_kind::fired, time_in(each, "due"),
                           each.value("by", ""), each.value("data", "")});
  }
  for (const json& each : words.value("running", json::array()))
    which.running.push_back({time_in(each, "due"), each.value("id", ""), std::nullopt});
  which.failures = words.value("failures", 0u);
  const json inputs = words.value("inputs", json::object());
  for (const auto& [name, ends] : inputs.items())
    for (const json& each : ends)
      which.inputs[name].push_back({time_in(each, "due"), each.value("ok", false),
                                    each.value("id", ""), each.value("reply", "")});
}

void job_core::recover_starts(std::string_view state) {
  const json words = json::parse(state, nullptr, false);
  if (words.is_array())
    for (const json& each : words)
      if (each.is_number_integer())
        crashes_.push_back(from_ns(each.get<std::int64_t>()));
}

} // namespace skein
