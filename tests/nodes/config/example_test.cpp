// The table of keys against the example file and the engine's own defaults: none may drift.
#include "nodes/config/config_rules.hpp"
#include "nodes/config/load_config.hpp"
#include "nodes/config/read_value.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <set>
#include <sstream>

using namespace skein;

namespace {

std::string example_text() {
  std::ifstream file{SKEIN_EXAMPLE_CONFIG};
  REQUIRE(file);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string full_name(const config_key& key) {
  return std::string{key.section} + "." + std::string{key.name};
}

/// A file that is legal but for what a test adds: agents of each kind and mode, and a node.
struct sample {
  std::string file(const config_key& key, const std::string& line) const {
    const auto part = [&](std::string_view section, const std::string& head) {
      return head + "\n" + (key.section == section ? line + "\n" : "");
    };
    const bool oneshot = key.name == "output";
    std::string out = part("cluster", "[cluster]") + part("limits", "[limits]") +
                      part("log", "[log]") + part("reload", "[reload]");
    out += part("node", key.section == "node" && key.name == "name" ? "[[node]]"
                                                                    : "[[node]]\nname = \"n1\"");
    out +=
        part("agent", std::string{"[agent.bot]"} + (key.name == "kind" ? "" : "\nkind = \"exec\"") +
                          (key.name == "command" ? "" : "\ncommand = [\"true\"]") +
                          (oneshot ? "\nmode = \"oneshot\"" : ""));
    out +=
        part("route", key.section == "route" && key.name == "agent" ? "[[route]]"
                                                                    : "[[route]]\nagent = \"bot\"");
    return out + part("job", job_for(key.section == "job" ? key.name : ""));
  }

  /// A job that the key may stand in.
  static std::string job_for(std::string_view key) {
    const auto any_of = [&](std::initializer_list<std::string_view> names) {
      return std::find(names.begin(), names.end(), key) != names.end();
    };
    const std::string import = "[job.import]\nevery = \"1d\"\nagent = \"bot\"\n";
    std::string job = import + "[job.a]\n";
    if (key != "agent")
      job += "agent = \"bot\"\n";
    if (any_of({"gap", "repeat"}))
      return job + "cron = \"@daily\"";
    if (key == "catch_up_max")
      job += "misfire = \"all\"\n";
    return any_of({"at", "every", "cron", "heartbeat", "after"}) ? job : job + "every = \"2h\"";
  }
};

} // namespace

TEST_CASE("the example file is legal") {
  const loaded_config loaded = load_config_file(SKEIN_EXAMPLE_CONFIG);
  CHECK(problem_lines(loaded) == "");
  CHECK(loaded.config.agents.size() == 3);
  CHECK(loaded.config.routes.size() == 3);
  CHECK(loaded.config.jobs.size() == 5);
  CHECK(loaded.config.agents[2].exec.mode == exec_mode::lines);
}

TEST_CASE("the example file shows every key, with its default and a comment") {
  config_problems problems;
  const raw_config raw = read_raw_config(example_text(), problems);
  std::istringstream lines{example_text()};
  std::vector<std::string> text{""};
  for (std::string line; std::getline(lines, line);)
    text.push_back(line);

  for (const config_key& key : config_keys()) {
    INFO(full_name(key));
    bool shown = false;
    bool with_default = key.fallback.empty() || key.name == "command"; // those are required
    bool explained = false;
    for (const raw_section& section : raw.sections)
      for (const raw_member& member : section.members) {
        if (section.section != key.section || member.name != key.name)
          continue;
        shown = true;
        explained = explained || text[member.at.line].find(" # ") != std::string::npos;
        const auto value = read_value(key, member.value);
        REQUIRE(value.ok());
        if (!key.fallback.empty() && *value == *read_value(key, read_raw_value(key.fallback)))
          with_default = true;
      }
    CHECK(shown);
    CHECK((with_default || key.name == "mode")); // the example has an agent of each mode
    CHECK(explained);
  }
}

TEST_CASE("every key of the table is declared once, with a sentence and a legal example") {
  std::set<std::string> seen;
  for (const config_key& key : config_keys()) {
    INFO(full_name(key));
    CHECK(seen.insert(full_name(key)).second);
    CHECK(find_section(key.section) != nullptr);
    CHECK(find_key(key.section, key.name) == &key);
    CHECK(key.doc.ends_with("."));
    CHECK_FALSE(legal_values(key).empty());
    REQUIRE(read_value(key, read_raw_value(key.example)).ok());
    if (!key.fallback.empty())
      CHECK(read_value(key, read_raw_value(key.fallback)).ok());
  }
}

TEST_CASE("each key's example is accepted in a file and changes what is in force") {
  for (const config_key& key : config_keys()) {
    if (key.section == "tls")
      continue; // names files, which load_config_test has
    INFO(full_name(key));
    const auto loaded = load_config(
        sample{}.file(key, std::string{key.name} + " = " + std::string{key.example}), "f", {});
    INFO(problem_lines(loaded));
    CHECK(loaded.ok());
    const auto section =
        std::find_if(loaded.values.begin(), loaded.values.end(), [&](const configured_section& s) {
          return s.section->name == key.section && s.label != "import";
        });
    REQUIRE(section != loaded.values.end());
    const configured& value = (*section)[key.name];
    CHECK(value.given);
    CHECK(to_toml(value.value, key.kind) == key.example);
    if (!key.fallback.empty())
      CHECK(to_toml(value.value, key.kind) != key.fallback);
  }
}

TEST_CASE("the defaults of the table are the engine's own") {
  config_problems problems;
  config_values values{default_section("cluster"),     default_section("limits"),
                       default_section("log"),         default_section("node"),
                       default_section("tls"),         default_section("reload"),
                       default_section("agent", "bot")};
  const cluster_config built = check_rules(values, {}, problems);
  const cluster_config plain;
  CHECK(built.name == plain.name);
  CHECK(built.shards == plain.shards);
  CHECK(built.store == plain.store);
  CHECK(built.timezone == plain.timezone);
  CHECK(built.dedupe_window == plain.dedupe_window);
  CHECK(built.retention == plain.retention);
  CHECK(built.retention_bytes == plain.retention_bytes);
  CHECK(built.dedupe_identities_max == plain.dedupe_identities_max);
  CHECK(built.events.event_bytes == plain.events.event_bytes);
  CHECK(built.drain_deadline == plain.drain_deadline);
  CHECK(built.disk == plain.disk);
  CHECK(built.tls == plain.tls);
  CHECK(built.log.level == plain.log.level);
  CHECK(built.log.json == plain.log.json);
  CHECK(built.reload.watch == plain.reload.watch);
  CHECK(built.reload.settle == plain.reload.settle);

  const node_config node;
  REQUIRE(built.nodes.size() == 1);
  CHECK(built.nodes[0].loops == node.loops);
  CHECK(built.nodes[0].http_host == node.http_host);
  CHECK(built.nodes[0].http_port == node.http_port);
  CHECK(built.nodes[0].weight == node.weight);
  CHECK(built.nodes[0].data == node.data);

  const agent_settings agent;
  REQUIRE(built.agents.size() == 1);
  const agent_settings& bot = built.agents[0];
  CHECK(default_section("agent").get<bool>("pure") == agent.pure);
  CHECK(bot.concurrency == agent.concurrency);
  CHECK(bot.timeout == agent.timeout);
  CHECK(bot.retry.attempts == agent.retry.attempts);
  CHECK(bot.retry.initial == agent.retry.initial);
  CHECK(bot.retry.factor == agent.retry.factor);
  CHECK(bot.retry.max == agent.retry.max);
  CHECK(bot.retry.jitter == agent.retry.jitter);
  CHECK(bot.exec.mode == agent.exec.mode);
  CHECK(bot.exec.output == agent.exec.output);
  CHECK(bot.exec.processes == agent.exec.processes);
  CHECK(bot.exec.turns_per_process == agent.exec.turns_per_process);
}
