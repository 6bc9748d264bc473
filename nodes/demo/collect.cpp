#include "nodes/demo/collect.hpp"

#include "nodes/demo/config_text.hpp"

#include <fmt/format.h>

#include <array>
#include <set>
#include <sstream>

namespace skein::demo {

namespace {

constexpr std::chrono::seconds answer_within{2};

error nobody_answers(const std::string& target) {
  return {errc::store_unreachable,
          "no node answers GET " + target + "; see `status`, and `heal` what is cut or killed"};
}

/// Page after page.
result<std::vector<json>> rows_of(stage& from, const std::string& target, const char* member) {
  std::vector<json> rows;
  std::string next;
  do {
    const std::string page = target + (next.empty() ? "" : "&after=" + next);
    auto answer = from.ask_any(page);
    if (!answer)
      return nobody_answers(page);
    for (json& each : (*answer)[member])
      rows.push_back(std::move(each));
    next = answer->value("next", "");
  } while (!next.empty());
  return rows;
}

stored_event event_from(const json& row) {
  stored_event made{row.value("event", ""), row.value("id", ""), row.value("key", ""),
                    row.value("state", "")};
  if (const auto reply = row.find("reply"); reply != row.end() && reply->is_number_integer())
    made.count = reply->get<std::int64_t>();
  return made;
}

result<void> collect_states(stage& from, evidence& into) {
  std::set<std::string> keys;
  for (const auto* list : {&into.steps, &into.emitted})
    for (const stored_event& each : *list)
      keys.insert(each.key);
  for (const std::string& key : keys) {
    const std::string target = "/v1/keys/" + key;
    const auto answer = from.ask_any(target);
    if (!answer)
      return nobody_answers(target);
    for (const json& each : answer->value("states", json::array()))
      if (each.value("agent", "") == agent_name && each["state"].is_object())
        into.states[key] = each["state"].value("count", std::int64_t{0});
  }
  return {};
}

instant time_of(const json& row, const char* member) {
  return parse_rfc3339(row.value(member, "")).value_or(no_instant);
}

result<void> collect_job(stage& from, evidence& into) {
  const auto rows =
      rows_of(from, fmt::format("/v1/jobs/{}/history?limit=200", job_name), "records");
  if (!rows)
    return rows.error();
  for (const json& each : *rows)
    into.records.push_back({each.value("verdict", ""), each.value("id", ""), time_of(each, "from"),
                            time_of(each, "to")});
  auto events = events_of(from, fmt::format("skein/job/{}", job_name));
  if (!events)
    return events.error();
  into.job_events = *std::move(events);
  return {};
}

void collect_runs(const stage& from, evidence& into) {
  for (const auto& [name, each] : from.nodes()) {
    std::istringstream lines{read_file(from.folders().history(name))};
    for (std::string line; std::getline(lines, line);)
      if (auto run = read_run(line))
        into.runs.push_back(*std::move(run));
  }
}

void collect_ledgers(stage& from, evidence& into) {
  for (const auto& [name, each] : from.nodes()) {
    if (!each.process || each.paused)
      continue;
    const auto answer = from.ask(name, "/v1/status", answer_within);
    if (!answer || !answer->ok() || answer->body.value("stale", true))
      continue;
    const json& ledger = answer->body["ledger"];
    node_ledger made{name, ledger.value("accepted", std::uint64_t{0}), 0};
    for (const auto& [outcome, count] : ledger.items())
      made.accounted += outcome == "accepted" ? 0 : count.get<std::uint64_t>();
    into.ledgers.push_back(std::move(made));
  }
}

} // namespace

result<std::vector<stored_event>> events_of(stage& from, const std::string& source,
                                            duration since) {
  // Of the agent's alone: what is emitted to another node's shard is on its way there an event of
  // the outbox, of the same source.
  std::string target = fmt::format("/v1/events?limit=1000&agent={}&source={}", agent_name, source);
  if (since > duration{0})
    target += fmt::format("&since=-{}", format_duration(since));
  const auto rows = rows_of(from, target, "events");
  if (!rows)
    return rows.error();
  std::vector<stored_event> found;
  for (const json& each : *rows)
    found.push_back(event_from(each));
  return found;
}

std::optional<std::uint64_t> pending(stage& from) {
  const auto view = from.look();
  if (!view || view->unowned != 0)
    return std::nullopt;
  std::uint64_t sum = 0;
  for (const auto& [name, each] : view->nodes) {
    if (each.shards == 0)
      continue;
    const auto answer =
        from.nodes().contains(name) ? from.ask(name, "/v1/status", answer_within) : std::nullopt;
    if (!answer || !answer->ok() || answer->body.value("stale", true))
      return std::nullopt;
    sum += answer->body["ledger"].value("pending", std::uint64_t{0});
  }
  return sum;
}

result<evidence> collect(stage& from, const load& sent) {
  evidence made;
  made.acknowledged = sent.acknowledged();
  auto steps = events_of(from, sent.source());
  if (!steps)
    return steps.error();
  made.steps = *std::move(steps);
  auto emitted = events_of(from, sent.source() + "/sum");
  if (!emitted)
    return emitted.error();
  made.emitted = *std::move(emitted);
  if (auto done = collect_states(from, made); !done)
    return done.error();
  if (auto done = collect_job(from, made); !done)
    return done.error();
  collect_runs(from, made);
  collect_ledgers(from, made);
  return made;
}

std::optional<program_run> read_run(const std::string& line) {
  const json read = json::parse(line, nullptr, false);
  if (!read.is_object())
    return std::nullopt;
  return program_run{event_of(read.value("turn", "")), read.value("token", ""),
                     read.value("before", std::int64_t{0})};
}

} // namespace skein::demo
