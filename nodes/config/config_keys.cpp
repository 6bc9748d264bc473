#include "nodes/config/config_keys.hpp"

#include <algorithm>
#include <array>

namespace skein {

namespace {

using enum section_form;

constexpr std::array sections{
    config_section{"cluster", "[cluster]", once, "What all nodes agree on."},
    config_section{"node", "[[node]]", many, "One process."},
    config_section{"agent", "[agent.NAME]", named, "Who handles events."},
    config_section{"route", "[[route]]", many, "Which events go to which agent."},
    config_section{"limits", "[limits]", once, "Bounds that may be changed."},
    config_section{"log", "[log]", once, "What is written to standard error."},
};

using enum value_kind;

constexpr std::array cluster_keys{
    config_key{.section = "cluster",
               .name = "name",
               .fallback = R"("skein")",
               .example = R"("shop")",
               .doc = "Name of the cluster."},
    config_key{.section = "cluster",
               .name = "shards",
               .kind = integer,
               .fallback = "256",
               .least = "1",
               .most = "65536",
               .example = "64",
               .doc = "Parts that keys are spread over; fixed when the store is created."},
    config_key{.section = "cluster",
               .name = "store",
               .fallback = R"("")",
               .example = R"("memory:")",
               .doc =
                   "Where events last: \"\" is the node's data folder, \"memory:\" keeps nothing.",
               .secret = true},
    config_key{.section = "cluster",
               .name = "timezone",
               .fallback = R"("UTC")",
               .example = R"("Europe/Berlin")",
               .doc = "Zone of schedules, by its IANA name; no effect in this version."},
    config_key{.section = "cluster",
               .name = "dedupe_window",
               .kind = span,
               .fallback = R"("24h")",
               .least = "1s",
               .most = "30d",
               .example = R"("2d")",
               .doc = "How long a repeat of an event is recognised and not run again."},
    config_key{.section = "cluster",
               .name = "retention",
               .kind = span,
               .fallback = R"("7d")",
               .least = "1s",
               .most = "3650d",
               .example = R"("30d")",
               .doc = "How long events stay once they are over; at least dedupe_window."},
    config_key{.section = "cluster",
               .name = "retention_bytes",
               .kind = bytes,
               .fallback = R"("10GiB")",
               .least = "1MiB",
               .most = "1000000GiB",
               .example = R"("100GiB")",
               .doc = "Size from which on the oldest go earlier, but for those of dedupe_window."},
};

constexpr std::array node_keys{
    config_key{.section = "node",
               .name = "name",
               .example = R"("n1")",
               .doc = "Name of the node: letters, digits, '-' and '_'."},
    config_key{.section = "node",
               .name = "loops",
               .kind = integer,
               .fallback = "0",
               .least = "0",
               .most = "256",
               .example = "2",
               .doc = "Event loops; 0 is one a processor core."},
    config_key{.section = "node",
               .name = "http",
               .fallback = R"("127.0.0.1:7411")",
               .example = R"("127.0.0.1:0")",
               .doc = "Address of the HTTP API, loopback only; port 0 lets the system choose."},
    config_key{.section = "node",
               .name = "broker",
               .fallback = R"("")",
               .example = R"("")",
               .doc = "Address of the links to other nodes; must be empty in this version."},
    config_key{.section = "node",
               .name = "weight",
               .kind = integer,
               .fallback = "1",
               .least = "1",
               .most = "1000",
               .example = "3",
               .doc =
                   "Share of the shards, relative to the other nodes; no effect in this version."},
    config_key{.section = "node",
               .name = "data",
               .fallback = R"("skein-data")",
               .example = R"("/var/lib/skein")",
               .doc = "Folder of the node's store."},
};

constexpr std::array agent_keys{
    config_key{.section = "agent",
               .name = "kind",
               .kind = choice,
               .choices = "echo|exec|noop",
               .example = R"("exec")",
               .doc =
                   "echo answers with the event's data, noop with nothing, exec runs a program."},
    config_key{
        .section = "agent",
        .name = "pure",
        .kind = boolean,
        .fallback = "false",
        .example = "true",
        .doc = "Its turns of one key may overlap their commits; echo and noop are pure unless this "
               "says false."},
    config_key{.section = "agent",
               .name = "concurrency",
               .kind = integer,
               .fallback = "64",
               .least = "1",
               .most = "65536",
               .example = "8",
               .doc = "Turns at once on a node."},
    config_key{.section = "agent",
               .name = "timeout",
               .kind = span,
               .fallback = R"("60s")",
               .least = "1ms",
               .most = "24h",
               .example = R"("5m")",
               .doc = "How long a turn may take."},
    config_key{.section = "agent",
               .name = "attempts",
               .kind = integer,
               .fallback = "12",
               .least = "1",
               .most = "10000",
               .example = "3",
               .doc = "Attempts before a delivery becomes a dead letter."},
    config_key{.section = "agent",
               .name = "retry_initial",
               .kind = span,
               .fallback = R"("1s")",
               .least = "1ms",
               .most = "24h",
               .example = R"("250ms")",
               .doc = "Delay before the second attempt."},
    config_key{.section = "agent",
               .name = "retry_factor",
               .kind = number,
               .fallback = "2.0",
               .least = "1",
               .most = "100",
               .example = "1.5",
               .doc = "What each further delay is multiplied by."},
    config_key{.section = "agent",
               .name = "retry_max",
               .kind = span,
               .fallback = R"("60s")",
               .least = "1ms",
               .most = "7d",
               .example = R"("10m")",
               .doc = "The longest delay between two attempts."},
    config_key{.section = "agent",
               .name = "retry_jitter",
               .kind = boolean,
               .fallback = "true",
               .example = "false",
               .doc = "Wait a random part of the delay, so that failures do not retry in step."},
    config_key{.section = "agent",
               .name = "command",
               .kind = text_list,
               .fallback = "[]",
               .example = R"(["python3", "bot.py"])",
               .doc = "exec: the program and its arguments; no shell is involved."},
    config_key{.section = "agent",
               .name = "directory",
               .fallback = R"("")",
               .example = R"("/srv/bot")",
               .doc = "exec: working directory; \"\" is the one the node runs in."},
    config_key{.section = "agent",
               .name = "environment",
               .kind = text_table,
               .fallback = "{}",
               .example = R"({TOKEN_FILE = "/run/secrets/bot"})",
               .doc = "exec: variables added to a clean environment.",
               .secret = true},
    config_key{.section = "agent",
               .name = "mode",
               .kind = choice,
               .fallback = R"("lines")",
               .choices = "lines|oneshot",
               .example = R"("oneshot")",
               .doc = "exec: lines feeds long-lived programs, oneshot starts one a turn."},
    config_key{.section = "agent",
               .name = "output",
               .kind = choice,
               .fallback = R"("reply")",
               .choices = "reply|effects",
               .example = R"("effects")",
               .doc = "exec, oneshot: whether standard output is the reply or a JSON answer."},
    config_key{.section = "agent",
               .name = "processes",
               .kind = integer,
               .fallback = "0",
               .least = "0",
               .most = "1024",
               .example = "4",
               .doc = "exec, lines: programs to keep; 0 is as many as concurrency."},
    config_key{.section = "agent",
               .name = "turns_per_process",
               .kind = integer,
               .fallback = "1",
               .least = "1",
               .most = "1024",
               .example = "16",
               .doc = "exec, lines: turns a program has in hand at once."},
};

constexpr std::array route_keys{
    config_key{
        .section = "route",
        .name = "type",
        .fallback = R"("*")",
        .example = R"("order.*")",
        .doc = "Glob over the event's type; a wildcard never matches skein.* but skein.message."},
    config_key{.section = "route",
               .name = "source",
               .fallback = R"("*")",
               .example = R"("shop/*")",
               .doc = "Glob over the event's source."},
    config_key{.section = "route",
               .name = "key",
               .fallback = R"("*")",
               .example = R"("order-*")",
               .doc = "Glob over the event's key."},
    config_key{.section = "route",
               .name = "agent",
               .example = R"("bot")",
               .doc = "The agent that gets events which all three globs match."},
};

constexpr std::array other_keys{
    config_key{.section = "limits",
               .name = "event_bytes",
               .kind = bytes,
               .fallback = R"("1MiB")",
               .least = "1KiB",
               .most = "1MiB",
               .example = R"("64KiB")",
               .doc = "Largest event; agents' lines and replies have the same bound of 1 MiB."},
    config_key{.section = "limits",
               .name = "drain_deadline",
               .kind = span,
               .fallback = R"("25s")",
               .least = "1s",
               .most = "1h",
               .example = R"("55s")",
               .doc = "Time to stop in; keep it below your supervisor's limit."},
    config_key{.section = "limits",
               .name = "dedupe_identities",
               .kind = integer,
               .fallback = "64000000",
               .least = "1000",
               .most = "400000000",
               .example = "1000000",
               .doc = "Events of the dedupe window, 39 B on disk each; beyond, intake says 503."},
    config_key{.section = "limits",
               .name = "disk_free_min",
               .fallback = R"("auto")",
               .example = R"("5%")",
               .doc = "Free disk space below which no new events are taken: a size, a part of the "
                      "disk, or auto (5 %, 16 MiB to 1 GiB)."},
    config_key{.section = "limits",
               .name = "disk_ballast",
               .fallback = R"("auto")",
               .example = R"("256MiB")",
               .doc = "Space kept in a file and given up when the disk is full: a size, 0, a part "
                      "of the disk, or auto (1 %, 8 to 64 MiB)."},
    config_key{.section = "log",
               .name = "level",
               .kind = choice,
               .fallback = R"("info")",
               .choices = "trace|debug|info|warn|error|off",
               .example = R"("debug")",
               .doc = "The least important lines that are written."},
    config_key{.section = "log",
               .name = "format",
               .kind = choice,
               .fallback = R"("text")",
               .choices = "text|json",
               .example = R"("json")",
               .doc = "text for people, json for machines: one object a line."},
};

constexpr auto join_keys() {
  std::array<config_key, cluster_keys.size() + node_keys.size() + agent_keys.size() +
                             route_keys.size() + other_keys.size()>
      all{};
  auto at = all.begin();
  at = std::copy(cluster_keys.begin(), cluster_keys.end(), at);
  at = std::copy(node_keys.begin(), node_keys.end(), at);
  at = std::copy(agent_keys.begin(), agent_keys.end(), at);
  at = std::copy(route_keys.begin(), route_keys.end(), at);
  std::copy(other_keys.begin(), other_keys.end(), at);
  return all;
}

constexpr auto keys = join_keys();

} // namespace

std::span<const config_section> config_sections() { return sections; }

const config_section* find_section(std::string_view name) {
  const auto at = std::find_if(sections.begin(), sections.end(),
                               [&](const config_section& each) { return each.name == name; });
  return at == sections.end() ? nullptr : &*at;
}

std::span<const config_key> config_keys() { return keys; }

const config_key* find_key(std::string_view section, std::string_view name) {
  const auto at = std::find_if(keys.begin(), keys.end(), [&](const config_key& each) {
    return each.section == section && each.name == name;
  });
  return at == keys.end() ? nullptr : &*at;
}

std::vector<std::string_view> key_names(std::string_view section) {
  std::vector<std::string_view> names;
  for (const config_key& each : keys)
    if (each.section == section)
      names.push_back(each.name);
  return names;
}

std::string_view to_string(takes_effect effect) {
  return effect == takes_effect::at_reload ? "reload" : "restart";
}

} // namespace skein
