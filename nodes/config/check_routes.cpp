#include "actors/route_table.hpp"
#include "nodes/config/config_rules.hpp"
#include "nodes/config/nearest.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

namespace skein {

namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

void check_glob(rule_context& context, std::string_view key) {
  if (!context.usable(key))
    return;
  const auto& glob = context.section().get<std::string>(key);
  if (glob.empty() && context.given(key))
    context.warning(key, "an empty glob matches everything",
                    "write \"*\" for that, or leave the key out");
  else if (glob.size() > limits::id_bytes_max)
    context.error(key, fmt::format("read a glob of {} bytes", glob.size()),
                  fmt::format("legal are {} bytes, as no {} is longer", limits::id_bytes_max, key));
  else if (std::any_of(glob.begin(), glob.end(), is_control))
    context.error(key, "read a glob with a control character",
                  "legal are \"*\" for any run, \"?\" for one character, and plain text");
  else if (glob.find("**") != std::string::npos)
    context.error(key, fmt::format("read \"{}\"", glob),
                  "legal is one \"*\", which matches any run already, '/' and '.' included");
}

void check_type(rule_context& context) {
  if (!context.usable("type"))
    return;
  const auto& type = context.section().get<std::string>("type");
  if (type.starts_with("skein.") && type.find_first_of("*?") != std::string::npos)
    context.error("type",
                  fmt::format("read \"{}\"; a wildcard never matches Skein's own types", type),
                  "legal is the type by name, such as \"skein.message\" or \"skein.reply\"");
}

void check_target(rule_context& context, const cluster_config& out) {
  if (!context.usable("agent"))
    return;
  const auto& name = context.section().get<std::string>("agent");
  std::vector<std::string_view> names;
  for (const agent_settings& agent : out.agents)
    names.push_back(agent.name);
  if (std::find(names.begin(), names.end(), name) != names.end())
    return;
  const auto near = nearest(name, names);
  context.error("agent", fmt::format("there is no agent \"{}\"", name),
                near            ? fmt::format("did you mean \"{}\"?", *near)
                : names.empty() ? std::string{"legal is the NAME of an [agent.NAME] section; the "
                                              "file has none"}
                                : fmt::format("the agents are {}", fmt::join(names, ", ")));
}

bool is_named_by_job(const config_values& values, const std::string& agent) {
  return std::any_of(values.begin(), values.end(), [&](const configured_section& each) {
    return each.section->name == "job" && each.get<std::string>("agent") == agent;
  });
}

void warn_of_idle_agents(const config_values& values, const cluster_config& out,
                         config_problems& problems) {
  for (const configured_section& section : values) {
    if (section.section->name != "agent" || is_named_by_job(values, section.label) ||
        std::any_of(out.routes.begin(), out.routes.end(),
                    [&](const route_settings& each) { return each.agent == section.label; }))
      continue;
    problems.push_back({problem_level::warning, section.at, section.title(), "no route names it",
                        out.routes.empty() ? "without a [[route]] every event ends as unrouted"
                                           : "only jobs made by commands give it events"});
  }
}

/// Its own texts are an event that the route matches, wildcards too: each stands for itself.
event_head matched_by(const route_settings& route) {
  const auto or_any = [](std::string_view text, std::string_view any) {
    return text.empty() || text == "*" ? any : text;
  };
  return {"1", or_any(route.source, "/any"), or_any(route.type, "skein.message"),
          or_any(route.key, "any")};
}

/// An event that goes to more agents than it may have deliveries is refused each time.
void check_counts(const config_values& values, const config_surroundings& around,
                  const cluster_config& out, config_problems& problems) {
  route_table table = table_of(out.routes);
  auto route = out.routes.begin();
  for (const configured_section& section : values) {
    if (section.section->name != "route" || table.match(matched_by(*route++)).ok())
      continue;
    rule_context{section, around, problems}.error(
        "agent",
        fmt::format("events that this route matches go to more than {} agents, and so are refused",
                    limits::deliveries_per_event_max),
        fmt::format("legal are {} agents an event; let fewer routes match the same, or let an "
                    "agent emit an event for the others",
                    limits::deliveries_per_event_max));
    return; // what mends it may mend the routes behind it, too
  }
}

} // namespace

route_table table_of(const std::vector<route_settings>& routes) {
  std::map<std::string_view, agent_no> numbers;
  std::vector<route_table::route> table;
  for (const route_settings& each : routes) {
    const agent_no next{static_cast<std::uint16_t>(numbers.size())};
    const agent_no agent = numbers.emplace(each.agent, next).first->second;
    table.push_back({each.type, each.source, each.key, agent});
  }
  return route_table{std::move(table)};
}

void check_routes(const config_values& values, const config_surroundings& around,
                  cluster_config& out, config_problems& problems) {
  std::map<std::array<std::string, 4>, std::uint32_t> lines;
  for (const configured_section& section : values) {
    if (section.section->name != "route")
      continue;
    rule_context context{section, around, problems};
    for (const std::string_view key : {"type", "source", "key"})
      check_glob(context, key);
    check_type(context);
    check_target(context, out);
    const route_settings route{section.get<std::string>("type"), section.get<std::string>("source"),
                               section.get<std::string>("key"), section.get<std::string>("agent")};
    const auto [first, fresh] = lines.emplace(
        std::array{route.type, route.source, route.key, route.agent}, section.at.line);
    if (!fresh)
      context.warning("agent", fmt::format("the route at line {} says the same", first->second),
                      "an agent gets an event once, however many routes match");
    out.routes.push_back(route);
  }
  if (has_errors(problems)) // what is wrong may be the reason of what is found below
    return;
  warn_of_idle_agents(values, out, problems);
  check_counts(values, around, out, problems);
}

} // namespace skein
