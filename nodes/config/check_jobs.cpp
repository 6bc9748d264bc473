// Jobs of the file: each is read as the engine will read it, then the chains of all together.
#include "actors/jobs/job_definition.hpp"
#include "actors/jobs/job_record.hpp"
#include "actors/route_table.hpp"
#include "nodes/clock/time_zones.hpp"
#include "nodes/config/config_rules.hpp"
#include "nodes/config/nearest.hpp"
#include "protocol/raw_json.hpp"

#include <algorithm>
#include <array>

namespace skein {

namespace {

using nlohmann::json;

struct file_job {
  configured_section* section;
  job_definition read;
};

bool is_job(const configured_section& section) { return section.section->name == "job"; }

json json_of(const configured& value) {
  struct visitor {
    json operator()(const std::string& text) const { return text; }
    json operator()(bool flag) const { return flag; }
    json operator()(std::int64_t number) const { return static_cast<std::uint64_t>(number); }
    json operator()(double number) const { return number; }
    json operator()(duration span) const { return format_duration(span); }
    json operator()(const text_list& list) const { return list; }
    json operator()(const text_table& table) const { return json(table); }
    json operator()(const any_value& any) const { // as it is, but a text is one for the reader
      return any.json.starts_with('"') ? read_json<json>(any.json) : raw_json<json>(any.json);
    }
  };
  return std::visit(visitor{}, value.value);
}

/// What the file says of a job, as the API would get it.
json words_of(const configured_section& section) {
  json words = json::object();
  for (const configured& each : section.values)
    if (each.given)
      words[std::string{each.key->name}] = json_of(each);
  return words;
}

job_surroundings surroundings_of(const cluster_config& config) {
  job_surroundings around;
  around.find_zone = [](std::string_view name) -> const zone_rules* {
    const auto zone = find_zone(name);
    return zone ? *zone : nullptr;
  };
  around.default_zone = config.timezone;
  for (const agent_settings& each : config.agents)
    around.agents.push_back(each.name);
  return around;
}

std::string legal_agent_text(std::string_view read, const job_surroundings& around) {
  const std::vector<std::string_view> names{around.agents.begin(), around.agents.end()};
  if (const auto near = nearest(read, names))
    return fmt::format("did you mean \"{}\"?", *near);
  return names.empty() ? std::string{"legal is the NAME of an [agent.NAME] section; the file has "
                                     "none"}
                       : fmt::format("the agents are {}", fmt::join(names, ", "));
}

/// Says a problem of the reader as those of other sections are said.
void tell(rule_context& context, const job_problem& problem, const job_surroundings& around) {
  const configured_section& section = context.section();
  if (problem.key.empty())
    return context.error(problem.text, "");
  if (problem.key == "zone") {
    const std::string& zone = section.get<std::string>("zone");
    return context.error("zone", fmt::format("there is no time zone \"{}\"", zone),
                         legal_zone_text(zone));
  }
  if (problem.key == "agent") {
    const std::string& agent = section.get<std::string>("agent");
    return context.error("agent", fmt::format("there is no agent \"{}\"", agent),
                         legal_agent_text(agent, around));
  }
  context.error(problem.key, problem.text, "");
}

/// Where a key was refused already, others may only seem wrong for want of it.
bool may_be_told(const configured_section& section, const job_problem& problem) {
  const bool refused = std::any_of(section.values.begin(), section.values.end(),
                                   [](const configured& each) { return each.wrong; });
  constexpr std::array alone{"zone", "agent", "cron", "after", "at"};
  return !refused || std::find(alone.begin(), alone.end(), problem.key) != alone.end();
}

/// What is in force where the file says nothing.
void fill_in(configured_section& section, const job_definition& job) {
  const auto set = [&](std::string_view name, config_value value) {
    for (configured& each : section.values)
      if (each.key->name == name && !each.given && !each.wrong)
        each.value = std::move(value);
  };
  set("zone", job.zone);
  set("type", job.type);
  set("key", job.key);
  set("priority", std::string{to_string(job.priority)});
  set("overlap", std::string{to_text(job.overlap)});
  if (job.timeout > duration{0})
    set("timeout", job.timeout);
  if (std::holds_alternative<after_schedule>(job.schedule))
    return; // it has no instants of its own
  set("misfire", std::string{to_text(job.misfire)});
  if (job.misfire == misfire_rule::all)
    set("catch_up_max", std::int64_t{job.catch_up_max});
  set("jitter", job.jitter);
  set("breaker", std::string{job.breaker ? "on" : "off"});
}

void warn_of_no_route(rule_context& context, const job_definition& job, route_table& table) {
  if (!job.agent.empty())
    return;
  const auto matched = table.match({"1", job_source(job.name), job.type, job.key});
  if (matched.ok() && matched->empty())
    context.warning("type", fmt::format("no route matches its events, of type \"{}\"", job.type),
                    "they end as unrouted; name an `agent`, or add a [[route]] with this type");
}

class chain_check {
 public:
  chain_check(std::vector<file_job>& jobs, const config_surroundings& around,
              config_problems& problems)
    : jobs_{jobs}, around_{around}, problems_{problems} {}

  void check() {
    for (const file_job& each : jobs_)
      check_upstreams(each);
    for (const file_job& each : jobs_)
      if (walk(each.read.name))
        return; // what mends it may mend others
  }

 private:
  static const std::vector<after_schedule::upstream>& upstreams_of(const file_job& job) {
    static const std::vector<after_schedule::upstream> none;
    const auto* after = std::get_if<after_schedule>(&job.read.schedule);
    return after == nullptr ? none : after->jobs;
  }
  const file_job* find(std::string_view name) const {
    for (const file_job& each : jobs_)
      if (each.read.name == name)
        return &each;
    return nullptr;
  }

  void check_upstreams(const file_job& job) {
    for (const auto& up : upstreams_of(job)) {
      if (find(up.job) != nullptr)
        continue;
      std::vector<std::string_view> names;
      for (const file_job& each : jobs_)
        if (&each != &job)
          names.push_back(each.read.name);
      const auto near = nearest(up.job, names);
      rule_context{*job.section, around_, problems_}.error(
          "after", fmt::format("there is no job \"{}\"", up.job),
          near            ? fmt::format("did you mean \"{}\"?", *near)
          : names.empty() ? std::string{"legal is the NAME of another [job.NAME] section"}
                          : fmt::format("the other jobs are {}", fmt::join(names, ", ")));
    }
  }

  /// Depth first; true when it came back to a job that it is in. Found once, then done with.
  bool walk(const std::string& name) {
    if (const auto again = std::find(path_.begin(), path_.end(), name); again != path_.end()) {
      std::string circle = name; // as they would run: the path goes from each to those before it
      for (auto at = path_.end(); at != again; --at)
        circle.append(" -> ").append(*(at - 1));
      rule_context{*find(*again)->section, around_, problems_}.error(
          "after", fmt::format("the jobs wait for each other: {}", circle),
          "legal are chains that begin with a job that has times of its own");
      return true;
    }
    const file_job* const job = find(name);
    if (job == nullptr || std::find(done_.begin(), done_.end(), name) != done_.end())
      return false;
    path_.push_back(name);
    for (const auto& up : upstreams_of(*job))
      if (walk(up.job))
        return true;
    path_.pop_back();
    done_.push_back(name);
    return false;
  }

  std::vector<file_job>& jobs_;
  const config_surroundings& around_;
  config_problems& problems_;
  std::vector<std::string> path_, done_;
};

} // namespace

std::string legal_zone_text(std::string_view read) {
  const std::string otherwise = "legal is \"UTC\" or an IANA name, such as \"Europe/Berlin\"";
  const auto names = zone_names();
  if (!names)
    return otherwise + "; " + names.error().detail;
  const std::vector<std::string_view> known{names->begin(), names->end()};
  const auto near = nearest(read, known);
  return near ? fmt::format("did you mean \"{}\"?", *near) : otherwise;
}

void check_jobs(config_values& values, const config_surroundings& around, cluster_config& out,
                config_problems& problems) {
  const job_surroundings reads_against = surroundings_of(out);
  std::vector<file_job> jobs;
  for (configured_section& section : values) {
    if (!is_job(section))
      continue;
    rule_context context{section, around, problems};
    const json words = words_of(section);
    job_reading reading = read_job(section.label, words, reads_against);
    for (const job_problem& each : reading.problems)
      if (may_be_told(section, each))
        tell(context, each, reads_against);
    fill_in(section, reading.job);
    out.jobs.emplace(section.label, write_json(words));
    jobs.push_back({&section, std::move(reading.job)});
  }
  chain_check{jobs, around, problems}.check();
  if (has_errors(problems))
    return;
  route_table table = table_of(out.routes);
  for (const file_job& each : jobs) {
    rule_context context{*each.section, around, problems};
    warn_of_no_route(context, each.read, table);
  }
}

} // namespace skein
