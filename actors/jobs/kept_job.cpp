#include "actors/jobs/kept_job.hpp"

#include "protocol/raw_json.hpp"

#include <algorithm>

namespace skein {

using nlohmann::json;

namespace {

constexpr std::size_t names_and_times = 128; // of one that waits

instant time_in(const json& words, const char* name) {
  return from_ns(words.value(name, std::int64_t{0}));
}

record_kind kind_in(const json& words) {
  return read_record_kind(words.value("kind", "")).value_or(record_kind::fired);
}

/// A job's own part of its jitter: the same at every start and on every node.
std::uint64_t hash_of_name(const std::string& name) {
  return siphash128(name, 0x736b65696e6a6f62ull, 0).low;
}

} // namespace

std::string_view to_text(job_owner owner) { return owner == job_owner::file ? "file" : "cli"; }

const after_schedule* after_of(const job_definition& definition) {
  return std::get_if<after_schedule>(&definition.schedule);
}

kept_job::kept_job(const std::string& name) {
  job_definition unknown;
  unknown.name = name;
  definition = std::make_shared<const job_definition>(std::move(unknown));
}

void kept_job::define(job_definition now, const job_surroundings& around) {
  definition = std::make_shared<const job_definition>(std::move(now));
  schedule = nullptr;
  if (after_of(*definition) == nullptr)
    schedule =
        std::make_shared<const job_schedule>(*definition, *around.find_zone(definition->zone));
}

duration kept_job::offset() const {
  const auto jitter = static_cast<std::uint64_t>(definition->jitter.count());
  if (jitter == 0)
    return duration{0};
  return duration{static_cast<std::int64_t>(hash_of_name(name()) % jitter)};
}

void kept_job::note(instant at, std::string by, std::string what) {
  changes.push_back({at, std::move(by), std::move(what)});
  if (changes.size() > limits::job_changes_max)
    changes.erase(changes.begin());
}

std::uint64_t kept_job::first_record() const noexcept {
  return next_record > limits::job_records_max ? next_record - limits::job_records_max : 1;
}

std::size_t waiting_run::bytes() const noexcept {
  return handed.size() + by.size() + names_and_times;
}

std::size_t kept_job::queue_bytes() const noexcept {
  std::size_t bytes = 0;
  for (const waiting_run& each : queue)
    bytes += each.bytes();
  return bytes;
}

std::size_t kept_job::waiting_bytes() const noexcept {
  std::size_t bytes = queue_bytes();
  for (const auto& [upstream, ends] : inputs)
    for (const upstream_end& each : ends)
      bytes += each.reply.size() + each.id.size() + names_and_times;
  return bytes;
}

bool kept_job::has_room_to_run() const noexcept {
  return definition->overlap == overlap_rule::allow ? running.size() < limits::job_running_max
                                                    : running.empty();
}

bool kept_job::may_begin(record_kind kind) const noexcept {
  return queue.empty() && has_room_to_run() && !(paused && kind == record_kind::backfilled);
}

std::size_t kept_job::room_for(record_kind kind, std::size_t by_bytes) const noexcept {
  std::size_t begin = 0;
  if (may_begin(kind))
    begin =
        definition->overlap == overlap_rule::allow ? limits::job_running_max - running.size() : 1;
  const std::size_t bytes = std::min(queue_bytes(), limits::job_waiting_bytes_max);
  const std::size_t fit = (limits::job_waiting_bytes_max - bytes) / (by_bytes + names_and_times);
  return begin +
         std::min(limits::job_queue_max - std::min(queue.size(), limits::job_queue_max), fit);
}

json kept_words(const kept_job& which) {
  return which.words.empty() ? job_words(*which.definition) : read_job_words(which.words)["job"];
}

std::string definition_text(const kept_job& which) {
  json words{
      {"job", kept_words(which)}, {"owner", to_text(which.owner)}, {"revision", which.revision}};
  for (const job_change& each : which.changes)
    words["changes"].push_back({{"at", to_ns(each.at)}, {"by", each.by}, {"what", each.what}});
  if (which.paused)
    words["paused"] = {
        {"at", to_ns(which.paused->at)}, {"by", which.paused->by}, {"why", which.paused->why}};
  return write_json(words);
}

void read_definition(kept_job& which, std::string_view text, const job_surroundings& around) {
  which.words = text;
  const json words = read_job_words(text);
  if (!words.is_object() || !words.contains("job")) {
    which.unreadable = "what the journal has of it is no definition";
    return;
  }
  which.owner = words.value("owner", "cli") == "file" ? job_owner::file : job_owner::people;
  which.revision = words.value("revision", std::uint64_t{0});
  for (const json& each : words.value("changes", json::array()))
    which.changes.push_back({time_in(each, "at"), each.value("by", ""), each.value("what", "")});
  if (const auto paused = words.find("paused"); paused != words.end())
    which.paused =
        job_pause{time_in(*paused, "at"), paused->value("by", ""), paused->value("why", "")};
  job_reading read = read_job(which.name(), without_former_keys(words["job"]), around);
  if (read.problems.empty()) {
    which.words.clear();
    return which.define(std::move(read.job), around);
  }
  which.unreadable = job_error(read.problems).detail;
  which.definition = std::make_shared<const job_definition>(std::move(read.job));
}

std::string state_text(const kept_job& which) {
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
                              {"again", each.is_again},
                              {"after", each.handed}});
  for (const running_run& each : which.running) {
    json run{{"due", to_ns(each.due)},
             {"id", each.id},
             {"kind", to_text(each.kind)},
             {"end", each.is_to_end}};
    if (each.event)
      run["event"] = to_string(*each.event);
    words["running"].push_back(std::move(run));
  }
  if (which.stood) {
    words["stood"] = {{"since", to_ns(which.stood->since)}, {"why", which.stood->why}};
    if (which.stood->until)
      words["stood"]["until"] = to_ns(*which.stood->until);
  }
  if (which.failures > 0)
    words["failures"] = which.failures;
  for (const auto& [name, from] : which.counts_from)
    words["counts_from"][name] = to_ns(from);
  for (const auto& [name, ends] : which.inputs)
    for (const upstream_end& each : ends)
      words["inputs"][name].push_back({{"due", to_ns(each.due)},
                                       {"ok", each.succeeded},
                                       {"id", each.id},
                                       {"reply", each.reply},
                                       {"omitted", each.reply_is_omitted},
                                       {"kind", to_text(each.kind)}});
  return words.dump();
}

void read_state(kept_job& which, std::string_view text) {
  const json words = json::parse(text, nullptr, false);
  if (!words.is_object())
    return;
  which.created = time_in(words, "created");
  which.through = time_in(words, "through");
  which.next_record = words.value("records", std::uint64_t{1});
  if (const auto open = words.find("open"); open != words.end())
    which.open = read_record(open->dump());
  for (const json& each : words.value("queue", json::array())) {
    which.queue.push_back({kind_in(each), time_in(each, "due"), each.value("by", ""),
                           each.value("again", false), each.value("after", "")});
  }
  for (const json& each : words.value("running", json::array()))
    which.running.push_back({time_in(each, "due"), each.value("id", ""),
                             parse_event_id(each.value("event", "")), kind_in(each),
                             each.value("end", false)});
  if (const auto stood = words.find("stood"); stood != words.end()) {
    which.stood = job_stand{time_in(*stood, "since"), std::nullopt, stood->value("why", "")};
    if (stood->contains("until"))
      which.stood->until = time_in(*stood, "until");
  }
  which.failures = words.value("failures", 0u);
  const json counts = words.value("counts_from", json::object());
  for (const auto& [name, from] : counts.items())
    which.counts_from[name] = from_ns(from.get<std::int64_t>());
  const json inputs = words.value("inputs", json::object());
  for (const auto& [name, ends] : inputs.items())
    for (const json& each : ends)
      which.inputs[name].push_back({time_in(each, "due"), each.value("ok", false),
                                    each.value("id", ""), each.value("reply", ""),
                                    each.value("omitted", false), kind_in(each)});
}

} // namespace skein
