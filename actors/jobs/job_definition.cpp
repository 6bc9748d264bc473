#include "actors/jobs/job_definition.hpp"

#include "protocol/limits.hpp"
#include "protocol/raw_json.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace skein {

namespace {

using nlohmann::json;

template <class Enum>
struct word {
  Enum value;
  std::string_view text;
};
template <class Enum>
word(Enum, const char*) -> word<Enum>;

constexpr std::array misfire_words{word{misfire_rule::skip, "skip"},
                                   word{misfire_rule::once, "once"},
                                   word{misfire_rule::all, "all"}};
constexpr std::array overlap_words{
    word{overlap_rule::skip, "skip"}, word{overlap_rule::queue, "queue"},
    word{overlap_rule::cancel, "cancel"}, word{overlap_rule::allow, "allow"}};
constexpr std::array breaker_words{word{true, "on"}, word{false, "off"}};
constexpr std::array gap_words{word{gap_rule::behind, "behind"}, word{gap_rule::skip, "skip"}};
constexpr std::array repeat_words{word{repeat_rule::first, "first"},
                                  word{repeat_rule::second, "second"},
                                  word{repeat_rule::both, "both"}};
constexpr std::array result_words{word{after_schedule::result::success, "success"},
                                  word{after_schedule::result::failure, "failure"},
                                  word{after_schedule::result::any, "any"}};

template <class Words, class Enum>
std::string_view text_in(const Words& words, Enum value) {
  for (const auto& each : words)
    if (each.value == value)
      return each.text;
  return "?";
}

template <class Words>
std::string list_of(const Words& words) {
  std::string list;
  for (const auto& each : words)
    list += (list.empty() ? "" : ", ") + std::string{each.text};
  return list;
}

constexpr std::array schedule_keys{"at", "every", "cron", "heartbeat", "after"};
constexpr std::array other_keys{"anchor",   "zone",         "gap",         "repeat", "type",
                                "key",      "agent",        "priority",    "data",   "misfire",
                                "catch_up", "catch_up_max", "overlap",     "jitter", "start",
                                "end",      "timeout",      "pause_after", "breaker"};

/// What a job that comes after others cannot have.
constexpr std::array keys_of_instants{"misfire", "catch_up", "catch_up_max", "jitter",
                                      "start",   "end",      "breaker"};

/// Reads one definition and gathers what is wrong.
class job_reader {
 public:
  job_reader(std::string name, const json& words, const job_surroundings& around)
    : words_{words}, around_{around} {
    read_.job.name = std::move(name);
  }

  job_reading read() {
    if (!is_job_name(read_.job.name))
      wrong("", "the name of a job has 1 to 64 of a-z A-Z 0-9 . _ - and begins with a letter or a "
                "digit");
    if (!words_.is_object()) {
      wrong("", "a job is an object, such as {\"every\":\"1h\",\"agent\":\"bot\"}");
      return std::move(read_);
    }
    look_for_unknown();
    read_zone();
    read_schedule();
    read_event();
    read_policies();
    read_dates();
    return std::move(read_);
  }

 private:
  void wrong(std::string key, std::string text) {
    read_.problems.push_back({std::move(key), std::move(text)});
  }
  bool has(const char* key) const { return words_.contains(key); }

  void look_for_unknown() {
    for (const auto& each : words_.items()) {
      const auto is = [&](const char* known) { return each.key() == known; };
      if (std::none_of(schedule_keys.begin(), schedule_keys.end(), is) &&
          std::none_of(other_keys.begin(), other_keys.end(), is))
        wrong(each.key(), "there is no such key of a job");
    }
  }

  std::optional<std::string> text(const char* key) {
    const auto found = words_.find(key);
    if (found == words_.end())
      return std::nullopt;
    if (found->is_string() && !found->get_ref<const std::string&>().empty())
      return found->get<std::string>();
    wrong(key, "must be a text that is not empty");
    return std::nullopt;
  }
  std::optional<duration> span(const char* key, duration least, duration most) {
    const auto words = text(key);
    if (!words)
      return std::nullopt;
    const auto read = parse_duration(*words);
    if (read && *read >= least && *read <= most)
      return read;
    wrong(key, "must be a duration from " + format_duration(least) + " to " +
                   format_duration(most) + ", such as 90s or 1h30m");
    return std::nullopt;
  }
  std::optional<std::uint32_t> number(const char* key, std::uint32_t least, std::uint32_t most) {
    const auto found = words_.find(key);
    if (found == words_.end())
      return std::nullopt;
    if (found->is_number_integer() && *found >= least && *found <= most)
      return found->get<std::uint32_t>();
    wrong(key, "must be a number from " + std::to_string(least) + " to " + std::to_string(most));
    return std::nullopt;
  }
  template <class Words>
  auto choice(const char* key, const Words& words) -> std::optional<decltype(words[0].value)> {
    const auto read = text(key);
    if (!read)
      return std::nullopt;
    for (const auto& each : words)
      if (each.text == *read)
        return each.value;
    wrong(key, "must be one of " + list_of(words));
    return std::nullopt;
  }

  void read_zone() {
    read_.job.zone = text("zone").value_or(around_.default_zone);
    zone_ = around_.find_zone(read_.job.zone);
    if (zone_ == nullptr)
      wrong("zone", "there is no time zone \"" + read_.job.zone +
                        "\"; zones have IANA names, such as Europe/Berlin");
    read_.job.gap = choice("gap", gap_words);
    read_.job.repeat = choice("repeat", repeat_words);
  }

  void read_schedule() {
    std::vector<const char*> given;
    for (const char* key : schedule_keys)
      if (has(key))
        given.push_back(key);
    if (given.size() != 1)
      return wrong("", "a job has exactly one of at, every, cron, heartbeat and after");
    const std::string_view kind = given.front();
    if (kind == "at")
      read_at();
    else if (kind == "cron")
      read_cron();
    else if (kind == "after")
      read_after();
    else
      read_every(given.front());
    if (has("anchor") && kind != "every" && kind != "heartbeat")
      wrong("anchor", "belongs to `every`");
    if ((has("gap") || has("repeat")) && kind != "cron")
      wrong(has("gap") ? "gap" : "repeat", "belongs to `cron`");
  }

  void read_at() {
    const auto words = text("at");
    if (!words)
      return;
    read_.job.schedule = at_schedule{*words};
    check_time("at", *words);
  }

  void read_every(const char* key) {
    every_schedule every;
    every.period =
        span(key, limits::job_period_min, limits::job_period_max).value_or(limits::job_period_max);
    if (const auto anchor = text("anchor"))
      every.anchor = check_time("anchor", *anchor).value_or(no_instant);
    read_.job.schedule = every;
    read_.job.heartbeat = std::string_view{key} == "heartbeat";
  }

  void read_cron() {
    const auto words = text("cron");
    if (!words)
      return;
    read_.job.schedule = cron_schedule{*words};
    if (const auto expression = cron::parse(*words); !expression)
      wrong("cron", expression.error().detail);
  }

  void read_after() {
    after_schedule after;
    const json& list = words_.at("after");
    if (!list.is_array() || list.empty() || list.size() > limits::job_upstreams_max)
      return wrong("after", "must be a list of 1 to " + std::to_string(limits::job_upstreams_max) +
                                " jobs, such as [\"import:success\"]");
    for (const json& each : list) {
      const auto upstream = each.is_string() ? upstream_of(each.get<std::string>()) : std::nullopt;
      if (!upstream)
        return wrong("after", "each is the name of a job, and after a colon success (which stands "
                              "for none), failure or any");
      const auto is_same = [&](const auto& other) { return other.job == upstream->job; };
      if (std::any_of(after.jobs.begin(), after.jobs.end(), is_same))
        return wrong("after", upstream->job + " is there twice");
      after.jobs.push_back(*upstream);
    }
    read_.job.schedule = std::move(after);
  }

  static std::optional<after_schedule::upstream> upstream_of(const std::string& words) {
    after_schedule::upstream found;
    const auto colon = words.find(':');
    found.job = words.substr(0, colon);
    if (!is_job_name(found.job))
      return std::nullopt;
    if (colon == std::string::npos)
      return found;
    for (const auto& each : result_words)
      if (words.substr(colon + 1) == each.text) {
        found.wanted = each.value;
        return found;
      }
    return std::nullopt;
  }

  void read_event() {
    job_definition& job = read_.job;
    job.agent = text("agent").value_or("");
    if (!job.agent.empty() &&
        std::find(around_.agents.begin(), around_.agents.end(), job.agent) == around_.agents.end())
      wrong("agent", "there is no agent \"" + job.agent + "\" in the configuration");
    if (const auto type = text("type"))
      job.type = *type;
    else if (job.heartbeat)
      job.type = "skein.heartbeat";
    else
      job.type = "skein.job";
    if (!has("type") && job.agent.empty() && !job.heartbeat)
      wrong("", "a job needs `agent`, who gets its events, or `type`, which routes match");
    job.key = text("key").value_or(job.name);
    if (job.key.size() > limits::id_bytes_max)
      wrong("key", "may have " + std::to_string(limits::id_bytes_max) + " bytes");
    job.priority = job.heartbeat ? priority_class::background : priority_class::job;
    if (const auto priority = text("priority")) {
      if (const auto known = parse_priority(*priority))
        job.priority = *known;
      else
        wrong("priority", "must be one of people, hook, job, background, replay");
    }
    if (const auto data = words_.find("data"); data != words_.end()) {
      job.data_is_text = data->is_string();
      job.data = job.data_is_text ? data->get<std::string>() : write_json(*data);
      if (job.data.size() > limits::job_data_bytes_max)
        wrong("data", "may have " + std::to_string(limits::job_data_bytes_max) + " bytes");
    }
  }

  void read_policies() {
    job_definition& job = read_.job;
    job.misfire = choice("misfire", misfire_words)
                      .value_or(job.heartbeat ? misfire_rule::skip : misfire_rule::once);
    job.overlap =
        choice("overlap", overlap_words)
            .value_or(std::holds_alternative<after_schedule>(job.schedule) ? overlap_rule::queue
                                                                           : overlap_rule::skip);
    job.catch_up = span("catch_up", std::chrono::seconds{1}, limits::job_catch_up_max);
    job.catch_up_max = number("catch_up_max", 1, limits::job_catch_up_runs_max).value_or(100);
    job.jitter = span("jitter", duration{0}, limits::job_period_max).value_or(duration{0});
    job.timeout =
        span("timeout", std::chrono::seconds{1}, limits::job_period_max).value_or(duration{0});
    job.pause_after = number("pause_after", 0, 1'000'000).value_or(0);
    job.breaker = choice("breaker", breaker_words).value_or(true);
    if (job.misfire == misfire_rule::skip && job.catch_up)
      wrong("catch_up", "has no effect with misfire = skip");
    if (has("catch_up_max") && job.misfire != misfire_rule::all)
      wrong("catch_up_max", "belongs to misfire = all");
    const auto* every = std::get_if<every_schedule>(&job.schedule);
    if (every != nullptr && job.jitter >= every->period)
      wrong("jitter", "must be shorter than the period");
    if (job.heartbeat && job.timeout == duration{0} && every != nullptr)
      job.timeout = every->period; // an old one tells nothing
    if (std::holds_alternative<after_schedule>(job.schedule))
      for (const char* key : keys_of_instants)
        if (has(key))
          wrong(key, "a job that comes after others has no instants of its own, so this has no "
                     "effect");
  }

  void read_dates() {
    job_definition& job = read_.job;
    if (const auto start = text("start")) {
      job.start = *start;
      job.start_at = check_time("start", *start).value_or(instant::min());
    }
    if (const auto end = text("end")) {
      job.end = *end;
      job.end_at = check_time("end", *end).value_or(instant::max());
    }
    if (job.start_at >= job.end_at)
      wrong("end", "must be behind start");
  }

  std::optional<instant> check_time(const char* key, const std::string& words) {
    if (zone_ == nullptr)
      return std::nullopt;
    const auto at = parse_zone_time(words, *zone_);
    if (!at)
      wrong(key, "must be a time, such as 2026-08-16T09:00:00Z, or one of the job's zone, such as "
                 "2026-08-16T09:00, of the years 1700 to 2199");
    return at;
  }

  const json& words_;
  const job_surroundings& around_;
  const zone_rules* zone_ = nullptr;
  job_reading read_;
};

void put_schedule(json& words, const job_definition& job) {
  if (const auto* at = std::get_if<at_schedule>(&job.schedule))
    words["at"] = at->text;
  if (const auto* cron = std::get_if<cron_schedule>(&job.schedule))
    words["cron"] = cron->text;
  if (const auto* every = std::get_if<every_schedule>(&job.schedule)) {
    words[job.heartbeat ? "heartbeat" : "every"] = format_duration(every->period);
    if (every->anchor != no_instant)
      words["anchor"] = format_rfc3339(every->anchor);
  }
  if (const auto* after = std::get_if<after_schedule>(&job.schedule))
    for (const auto& each : after->jobs)
      words["after"].push_back(each.job + ":" + std::string{to_text(each.wanted)});
}

std::optional<instant> read_zone_time(std::string_view text, const zone_rules& zone) {
  if (const auto at = parse_rfc3339(text))
    return at;
  // As if it were UTC, then moved by the offset that the zone has there.
  std::string local{text};
  if (local.size() == sizeof "2026-12-01" - 1)
    local += "T00:00";
  if (local.size() == sizeof "2026-12-01T09:00" - 1)
    local += ":00";
  const auto read = parse_rfc3339(local + "Z");
  if (!read || local.size() != sizeof "2026-12-01T09:00:00" - 1)
    return std::nullopt;
  const local_seconds wanted{std::chrono::floor<std::chrono::seconds>(read->time_since_epoch())};
  // No offset is a day: the first span that has it, or begins behind it, tells.
  for (offset_span span = zone.at(*read - std::chrono::hours{36});; span = zone.at(span.end)) {
    const instant at = span.at(wanted);
    if (at < span.begin)
      return span.begin;
    if (at < span.end)
      return at;
  }
}

} // namespace

bool is_job_name(std::string_view name) noexcept {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= job_name_bytes_max && is_plain(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_plain(c) || c == '.' || c == '_' || c == '-'; });
}

json read_job_words(std::string_view text) {
  json_reader from{text};
  if (from.next() != json_reader::type::object)
    return read_json<json>(text);
  json words = json::object();
  from.open_object();
  for (std::string_view name; from.member(name);) {
    const bool is_text = from.next() == json_reader::type::string;
    const std::string_view value = from.value();
    if (from.failed())
      break;
    const bool has_definition = name == "definition" || name == "job";
    words[std::string{name}] = name == "data" && !is_text ? raw_json<json>(value)
                               : has_definition           ? read_job_words(value)
                                                          : read_json<json>(value);
  }
  from.finish();
  return from.failed() ? json(json::value_t::discarded) : words;
}

json without_former_keys(json words) {
  if (!words.is_object())
    return words;
  if (words.contains("after"))
    for (const char* key : keys_of_instants)
      words.erase(key);
  if (const auto most = words.find("catch_up_max");
      most != words.end() && most->is_number_integer() && *most > limits::job_catch_up_runs_max)
    *most = limits::job_catch_up_runs_max;
  return words;
}

job_reading read_job(std::string name, const json& words, const job_surroundings& around) {
  return job_reader{std::move(name), words, around}.read();
}

json job_words(const job_definition& job) {
  json words = json::object();
  put_schedule(words, job);
  words["zone"] = job.zone;
  words["type"] = job.type;
  words["key"] = job.key;
  words["priority"] = to_string(job.priority);
  if (!std::holds_alternative<after_schedule>(job.schedule))
    words["misfire"] = to_text(job.misfire);
  words["overlap"] = to_text(job.overlap);
  if (job.gap)
    words["gap"] = to_text(*job.gap);
  if (job.repeat)
    words["repeat"] = to_text(*job.repeat);
  if (!job.agent.empty())
    words["agent"] = job.agent;
  if (job.data_is_text)
    words["data"] = job.data;
  else if (!job.data.empty())
    words["data"] = raw_json<json>(job.data);
  if (job.catch_up)
    words["catch_up"] = format_duration(*job.catch_up);
  if (job.misfire == misfire_rule::all)
    words["catch_up_max"] = job.catch_up_max;
  if (job.jitter > duration{0})
    words["jitter"] = format_duration(job.jitter);
  if (!job.start.empty())
    words["start"] = job.start;
  if (!job.end.empty())
    words["end"] = job.end;
  if (job.timeout > duration{0})
    words["timeout"] = format_duration(job.timeout);
  if (job.pause_after > 0)
    words["pause_after"] = job.pause_after;
  if (!job.breaker)
    words["breaker"] = "off";
  return words;
}

error job_error(const std::vector<job_problem>& problems) {
  std::string text;
  for (const job_problem& each : problems)
    text += (text.empty() ? "" : "; ") + (each.key.empty() ? "" : each.key + ": ") + each.text;
  return {errc::invalid_argument, std::move(text)};
}

std::string schedule_text(const job_definition& job) {
  if (const auto* at = std::get_if<at_schedule>(&job.schedule))
    return "at " + at->text;
  if (const auto* cron = std::get_if<cron_schedule>(&job.schedule))
    return "cron " + cron->text;
  if (const auto* every = std::get_if<every_schedule>(&job.schedule))
    return (job.heartbeat ? "heartbeat " : "every ") + format_duration(every->period);
  std::string text;
  for (const auto& each : std::get<after_schedule>(job.schedule).jobs)
    text += (text.empty() ? "after " : ", ") + each.job + ":" + std::string{to_text(each.wanted)};
  return text;
}

std::string_view to_text(misfire_rule rule) { return text_in(misfire_words, rule); }
std::string_view to_text(overlap_rule rule) { return text_in(overlap_words, rule); }
std::string_view to_text(gap_rule rule) { return text_in(gap_words, rule); }
std::string_view to_text(repeat_rule rule) { return text_in(repeat_words, rule); }
std::string_view to_text(after_schedule::result wanted) { return text_in(result_words, wanted); }

std::optional<instant> parse_zone_time(std::string_view text, const zone_rules& zone) {
  const auto at = read_zone_time(text, zone);
  return at && *at >= job_times_begin && *at < job_times_end ? at : std::nullopt;
}

} // namespace skein
