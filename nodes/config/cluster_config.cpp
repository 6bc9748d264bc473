#include "nodes/config/cluster_config.hpp"

#include "journal/journal.hpp"
#include "nodes/clock/time_zones.hpp"
#include "nodes/config/config_rules.hpp"

#include <algorithm>

namespace skein {

namespace {

void check_timezone(rule_context& context, cluster_config& out) {
  const auto& zone = context.section().get<std::string>("timezone");
  if (zone == "UTC" || find_zone(zone))
    return;
  out.timezone = "UTC"; // the jobs are judged all the same
  context.error("timezone", fmt::format("there is no time zone \"{}\"", zone),
                legal_zone_text(zone));
}

/// Never repeats the value: a store's URL may hold a password.
void check_store(rule_context& context) {
  const auto& store = context.section().get<std::string>("store");
  if (store.empty() || store == "memory:")
    return;
  if (!journal::is_postgres_url(store))
    context.error("store", "read a store that is not known",
                  R"(legal is "" (the node's data folder), "memory:" or "postgresql://...")");
}

bool check_durability(rule_context& context) {
  const auto& text = context.section().get<std::string>("durability");
  if (text != "replicated" && text != "single")
    context.error("durability", fmt::format("read \"{}\"", text),
                  R"(legal is "replicated" or "single")");
  return text == "single";
}

/// What nodes of one store do not do yet is refused, not left undone.
void check_shared(const config_values& values, const config_surroundings& around,
                  const cluster_config& out, config_problems& problems) {
  if (!journal::is_postgres_url(out.store))
    return;
  for (const configured_section& section : values) {
    rule_context context{section, around, problems};
    if (section.section->name == "node" && out.nodes.size() > 1 &&
        section.get<std::string>("broker").empty())
      context.error("broker", "the nodes of one store send each other what they own",
                    "give each node a broker, such as \"tcp://IP:7412\" (with keys: skein peer "
                    "create)");
  }
}

const configured_section& only(const config_values& values, std::string_view name) {
  const auto at = std::find_if(values.begin(), values.end(), [&](const configured_section& each) {
    return each.section->name == name;
  });
  SKEIN_CHECK(at != values.end());
  return *at;
}

bool is_node(const configured_section& section) { return section.section->name == "node"; }

/// The node of a file that names none.
configured_section implicit_node() {
  configured_section node = default_section("node");
  for (configured& each : node.values)
    if (each.key->name == "name")
      each.value = node_config{}.name;
  return node;
}

disk_share read_disk_share(rule_context& context, std::string_view key) {
  const auto& text = context.section().get<std::string>(key);
  const auto share = context.usable(key) ? parse_disk_share(text) : disk_share{};
  if (!share)
    context.error(key, fmt::format("read \"{}\"", text),
                  "legal is a size such as \"512MiB\", a part of the disk such as \"5%\" (90 at "
                  "most), or \"auto\"");
  return share.value_or(disk_share{});
}

void take_limits(rule_context context, cluster_config& out) {
  const configured_section& bounds = context.section();
  out.disk.free_min = read_disk_share(context, "disk_free_min");
  out.disk.ballast = read_disk_share(context, "disk_ballast");
  out.events.event_bytes = static_cast<std::size_t>(bounds.get<std::int64_t>("event_bytes"));
  out.drain_deadline = bounds.get<duration>("drain_deadline");
  out.dedupe_identities_max =
      static_cast<std::size_t>(bounds.get<std::int64_t>("dedupe_identities"));
}

void take_log(const config_values& values, cluster_config& out) {
  const configured_section& log = only(values, "log");
  out.log.level = parse_log_level(log.get<std::string>("level")).value_or(log_level::info);
  out.log.json = log.get<std::string>("format") == "json";
}

void take_reload(const config_values& values, cluster_config& out) {
  const configured_section& reload = only(values, "reload");
  out.reload.watch = reload.get<bool>("watch");
  out.reload.settle = reload.get<duration>("settle");
}

} // namespace

bool is_legal_name(std::string_view name) {
  const auto alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= limits::agent_name_bytes_max && alnum(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return alnum(c) || c == '-' || c == '_'; });
}

std::string_view legal_name_text() {
  return "legal is a letter or digit, then letters, digits, '-' or '_', 64 in all";
}

void check_cluster(rule_context context, cluster_config& out) {
  const configured_section& section = context.section();
  if (context.usable("name") && !is_legal_name(section.get<std::string>("name")))
    context.error("name", "read a name with other characters", std::string{legal_name_text()});
  if (context.usable("store"))
    check_store(context);
  if (context.usable("durability"))
    out.single_copy = check_durability(context);
  out.timezone = section.get<std::string>("timezone");
  if (context.usable("timezone"))
    check_timezone(context, out);
  out.name = section.get<std::string>("name");
  out.shards = static_cast<std::uint32_t>(section.get<std::int64_t>("shards"));
  out.store = section.get<std::string>("store");
  out.dedupe_window = section.get<duration>("dedupe_window");
  out.retention = section.get<duration>("retention");
  out.retention_bytes = static_cast<std::uint64_t>(section.get<std::int64_t>("retention_bytes"));
  if (context.usable("retention") && context.usable("dedupe_window") &&
      out.retention < out.dedupe_window)
    context.error(context.given("retention") ? "retention" : "dedupe_window",
                  "retention is shorter than dedupe_window",
                  "a repeat must find the event that it repeats");
}

cluster_config check_rules(config_values& values, const config_surroundings& around,
                           config_problems& problems) {
  cluster_config out;
  check_cluster({only(values, "cluster"), around, problems}, out);
  if (std::none_of(values.begin(), values.end(), is_node))
    values.push_back(implicit_node());
  check_tls({only(values, "tls"), around, problems}, out);
  check_nodes(values, around, out, problems);
  check_agents(values, around, out, problems);
  check_routes(values, around, out, problems);
  check_jobs(values, around, out, problems);
  check_shared(values, around, out, problems);
  take_limits({only(values, "limits"), around, problems}, out);
  take_log(values, out);
  take_reload(values, out);
  return out;
}

} // namespace skein
