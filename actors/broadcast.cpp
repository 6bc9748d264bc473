#include "actors/broadcast.hpp"

#include "actors/arguments.hpp"
#include "actors/jobs/job_record.hpp"
#include "protocol/limits.hpp"
#include "protocol/raw_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace skein {

using nlohmann::json;

namespace {

constexpr const char* lives_for = "+1h";

error wrong(std::string text) { return {errc::invalid_argument, std::move(text)}; }

/// Type and data of each derived event.
result<event> sample_of(const event& cause, const json& words) {
  event made;
  made.type = said(words, "type");
  // The sources of jobs are theirs alone.
  made.source = cause.source.starts_with(job_sources) ? "skein/broadcast" : cause.source;
  if (made.type.empty())
    return wrong("a broadcast needs a type: what its events are to be");
  if (made.type.starts_with("skein.") && made.type != "skein.message")
    return wrong("a broadcast may not be of the type " + made.type + ", which is Skein's own");
  const auto data = words.find("data");
  const auto text = words.find("text");
  if (data != words.end() && text != words.end())
    return wrong("a broadcast has data, which is JSON, or text, and not both");
  if (data != words.end()) {
    made.kind = data_kind::json;
    made.datacontenttype = "application/json";
    made.data = write_json(*data); // numbers keep their digits
  } else if (text != words.end()) {
    if (!text->is_string())
      return wrong("the text of a broadcast must be a string");
    made.kind = data_kind::text;
    made.datacontenttype = "text/plain; charset=utf-8";
    made.data = text->get<std::string>();
  }
  made.set_extension(std::string{attribute::expires}, lives_for);
  return made;
}

/// Node by node, loop by loop: the same at every try.
result<std::vector<std::string>> keys_of(std::vector<broadcast_member> members, bool each_loop) {
  std::sort(members.begin(), members.end(),
            [](const auto& a, const auto& b) { return a.node < b.node; });
  std::vector<std::string> keys;
  for (const broadcast_member& each : members) {
    if (!each_loop) {
      keys.push_back("node:" + each.node);
      continue;
    }
    if (keys.size() > limits::emits_per_turn_max)
      break; // too many in any case
    if (each.loops == 0)
      return error{errc::not_ready, "how many loops node " + each.node + " has is not known yet"};
    for (std::uint32_t loop = 0; loop < each.loops; ++loop)
      keys.push_back("node:" + each.node + "/loop:" + std::to_string(loop));
  }
  return keys;
}

} // namespace

agent_settings broadcast_settings() {
  agent_settings made;
  made.name = broadcast_agent;
  made.kind = agent_kind::exec;
  made.concurrency = 4;
  made.timeout = std::chrono::minutes{1}; // it ends at once
  return made;
}

result<std::vector<event>> broadcast_events(const event& cause,
                                            std::vector<broadcast_member> members) {
  const json words = cause.kind == data_kind::json ? read_json<json>(cause.data) : json{};
  if (!words.is_object())
    return wrong("the data of a broadcast must be a JSON object: {\"to\":\"nodes\",\"type\":...}");
  for (const auto& [name, value] : words.items())
    if (name != "to" && name != "type" && name != "data" && name != "text")
      return wrong("a broadcast has no member \"" + name + "\"; known are to, type, data and text");
  const std::string to = words.contains("to") ? said(words, "to") : "nodes";
  if (to != "nodes" && to != "loops")
    return wrong("a broadcast goes to nodes or loops");
  auto sample = sample_of(cause, words);
  if (!sample)
    return sample.error();
  if (members.empty())
    return error{errc::not_ready, "which nodes take part is not known yet"};
  const auto keys = keys_of(std::move(members), to == "loops");
  if (!keys)
    return keys.error();
  if (keys->size() > limits::emits_per_turn_max)
    return error{errc::too_many_emits, "it would become " + std::to_string(keys->size()) +
                                           " events; at most " +
                                           std::to_string(limits::emits_per_turn_max)};
  std::vector<event> made;
  for (const std::string& each : *keys) {
    made.push_back(*sample);
    made.back().set_extension(std::string{attribute::partitionkey}, each);
  }
#ifdef SKEIN_BUG_BROADCAST_LEAVES_ONE_OUT
  made.pop_back();
#endif
  return made;
}

void broadcast_runner::start(std::vector<turn_start> turns) {
  runner_news news;
  for (const turn_start& each : turns) {
    news.begun.push_back(each.turn);
    news.ended.push_back(run(each));
  }
  ports_.report(std::move(news));
}

turn_report broadcast_runner::run(const turn_start& turn) const {
  turn_report report;
  report.turn = turn.turn;
  const auto cause = decode_event(turn.body.view());
  auto made = cause ? broadcast_events(*cause, ports_.members())
                    : result<std::vector<event>>{cause.error()};
  if (!made) {
    report.verdict =
        made.error().code == errc::not_ready ? turn_verdict::failed : turn_verdict::rejected;
    report.code = made.error().code;
    report.error = made.error().detail;
    return report;
  }
  json keys = json::array();
  for (const event& each : *made)
    keys.push_back(each.key());
  report.reply_kind = data_kind::json;
  report.reply = json{{"events", made->size()}, {"keys", std::move(keys)}}.dump();
  report.emits = *std::move(made);
  return report;
}

} // namespace skein
