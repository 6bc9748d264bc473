// What a node is started with, from a file and without one.
#include "nodes/config/load_config.hpp"
#include "nodes/config/node_options.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace std::chrono_literals;

namespace {

cluster_config config_of(std::string_view text) {
  const auto loaded = load_config(text, "c.toml", {});
  INFO(problem_lines(loaded));
  REQUIRE(loaded.ok());
  return loaded.config;
}

} // namespace

TEST_CASE("every value of a file reaches the node's options") {
  const auto config = config_of(R"([cluster]
name = "shop"
shards = 64
timezone = "Europe/Berlin"
dedupe_window = "48h"
retention = "3d"
retention_bytes = "2GiB"
[[node]]
name = "web"
loops = 3
http = "[::1]:0"
data = "/var/lib/skein"
[agent.bot]
kind = "exec"
command = ["cat", "-"]
directory = "/"
environment = {A = "1"}
mode = "oneshot"
output = "effects"
concurrency = 5
timeout = "5m"
attempts = 3
retry_initial = "250ms"
retry_factor = 1.5
retry_max = "10m"
retry_jitter = false
[[route]]
type = "order.*"
source = "shop/*"
key = "o-*"
agent = "bot"
[limits]
event_bytes = "64KiB"
drain_deadline = "55s"
dedupe_identities = 5000
disk_free_min = "5%"
disk_ballast = "32MiB"
[log]
level = "debug"
format = "json"
)");
  const auto options = options_for(config, "web");
  REQUIRE(options.ok());
  CHECK(options->cluster_name == "shop");
  CHECK(options->shards == 64);
  CHECK(options->settings.timezone == "Europe/Berlin");
  CHECK(options->dedupe_window == 48h);
  CHECK(options->retention == 72h);
  CHECK(options->retention_bytes == std::uint64_t{2} << 30);
  CHECK(options->dedupe_identities_max == 5'000);
  CHECK(options->disk.free_min == disk_share{disk_share::form::percent, 5});
  CHECK(options->disk.ballast == disk_share{disk_share::form::bytes, 32 << 20});
  CHECK(options->http_host == "::1");
  CHECK(options->http_port == 0);
  CHECK(options->data_dir == "/var/lib/skein");
  CHECK(options->store_url() == "/var/lib/skein");
  CHECK_FALSE(options->ephemeral);
  CHECK(options->log.level == log_level::debug);
  CHECK(options->log.json);
  CHECK_FALSE(options->dev);

  const engine_settings& engine = options->settings;
  CHECK(engine.node == "web");
  CHECK(engine.loops == 3);
  CHECK(engine.events.event_bytes == 65'536);
  CHECK(engine.drain_deadline == 55s);
  REQUIRE(engine.routes.size() == 1);
  CHECK(engine.routes[0].type == "order.*");
  CHECK(engine.routes[0].source == "shop/*");
  CHECK(engine.routes[0].key == "o-*");
  CHECK(engine.routes[0].agent == "bot");
  REQUIRE(engine.agents.size() == 1);
  const agent_settings& bot = engine.agents[0];
  CHECK(bot.kind == agent_kind::exec);
  CHECK(bot.concurrency == 5);
  CHECK(bot.timeout == 5min);
  CHECK(bot.retry.attempts == 3);
  CHECK(bot.retry.initial == 250ms);
  CHECK(bot.retry.factor == 1.5);
  CHECK(bot.retry.max == 10min);
  CHECK_FALSE(bot.retry.jitter);
  CHECK(bot.exec.command == std::vector<std::string>{"cat", "-"});
  CHECK(bot.exec.directory == "/");
  CHECK(bot.exec.environment == std::vector<std::pair<std::string, std::string>>{{"A", "1"}});
  CHECK(bot.exec.mode == exec_mode::oneshot);
  CHECK(bot.exec.output == exec_output::effects);
}

TEST_CASE("a fed program's numbers reach its settings") {
  const auto config = config_of("[agent.bot]\nkind = \"exec\"\ncommand = [\"cat\"]\nprocesses = 4\n"
                                "turns_per_process = 16\n");
  CHECK(config.agents[0].exec.mode == exec_mode::lines);
  CHECK(config.agents[0].exec.processes == 4);
  CHECK(config.agents[0].exec.turns_per_process == 16);
}

TEST_CASE("a store in memory makes a node that keeps nothing") {
  const auto options = options_for(config_of("[cluster]\nstore = \"memory:\"\n"), "");
  REQUIRE(options.ok());
  CHECK(options->ephemeral);
  CHECK(options->store_url() == "memory:");
}

TEST_CASE("a node is found by name, and without one if it is the only one") {
  const auto one = config_of("[[node]]\nname = \"alpha\"\n");
  CHECK(options_for(one, "")->settings.node == "alpha");
  CHECK(options_for(one, "alpha")->settings.node == "alpha");
  CHECK(options_for(one, "alhpa").error() ==
        error{errc::invalid_config, "The file has no node \"alhpa\"; did you mean \"alpha\"?"});
  CHECK(options_for(one, "zulu").error().detail == "The file has no node \"zulu\"; it has alpha.");

  const auto two = config_of("[[node]]\nname = \"n1\"\n[[node]]\nname = \"n2\"\n"
                             "http = \"127.0.0.1:0\"\ndata = \"d2\"\n");
  CHECK(options_for(two, "n2")->data_dir == "d2");
  CHECK(options_for(two, "").error().detail == "The file has 2 nodes; name one of n1, n2.");
}

TEST_CASE(
    "the other nodes that can be connected to are a node's peers, if it has a broker itself") {
  const auto config = config_of(R"([[node]]
name = "n1"
broker = "tcp://10.0.0.1:7412"
[[node]]
name = "n2"
http = "127.0.0.1:0"
data = "d2"
broker = "tcp://[::1]:7412"
[[node]]
name = "n3"
http = "127.0.0.1:0"
data = "d3"
broker = "tcp://127.0.0.1:0"
[[node]]
name = "n4"
http = "127.0.0.1:0"
data = "d4"
)");
  using peers = std::map<std::string, std::string>;
  const auto one = options_for(config, "n1");
  CHECK(one->broker == "tcp://10.0.0.1:7412");
  CHECK(one->peers == peers{{"n2", "tcp://[::1]:7412"}});
  CHECK(options_for(config, "n3")->peers ==
        peers{{"n1", "tcp://10.0.0.1:7412"}, {"n2", "tcp://[::1]:7412"}});
  CHECK(options_for(config, "n4")->broker.empty());
  CHECK(options_for(config, "n4")->peers.empty());
}

TEST_CASE("loops are one a core unless a number is given") {
  CHECK(resolve_loops(7) == 7);
  CHECK(resolve_loops(0) >= 1);
  CHECK(options_for(config_of(""), "")->settings.loops == resolve_loops(0));
}

TEST_CASE("the development node echoes every event and keeps its data") {
  const node_options options = dev_options();
  CHECK(options.dev);
  CHECK_FALSE(options.ephemeral);
  CHECK(options.store_url() == "skein-data");
  CHECK(options.http_host == "127.0.0.1");
  CHECK(options.http_port == 7411);
  REQUIRE(options.settings.agents.size() == 1);
  CHECK(options.settings.agents[0].kind == agent_kind::echo);
  CHECK(options.settings.agents[0].pure);
  REQUIRE(options.settings.routes.size() == 1);
  CHECK(options.settings.routes[0].type == "*");
  CHECK(options.settings.routes[0].agent == "echo");
}
