// What `dev`, `start` and `config` make of files, flags and the environment.
#include "nodes/cli/exit_codes.hpp"
#include "tests/nodes/cli/fixture.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace skein;
using namespace skein::cli;
using namespace skein::test;

namespace {

/// A configuration file of the test's own.
struct config_file {
  explicit config_file(std::string_view text) {
    std::string pattern = (std::filesystem::temp_directory_path() / "skein-cli-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    folder = pattern;
    path = folder + "/c.toml";
    std::ofstream{path, std::ios::binary} << text;
  }
  ~config_file() { std::filesystem::remove_all(folder); }
  config_file(const config_file&) = delete;
  config_file& operator=(const config_file&) = delete;

  std::string folder;
  std::string path;
};

constexpr std::string_view two_nodes = R"([cluster]
name = "shop"
store = ""
[[node]]
name = "n1"
data = "one"
loops = 2
[[node]]
name = "n2"
http = "127.0.0.1:7500"
data = "two"
[agent.bot]
kind = "exec"
command = ["true"]
environment = {TOKEN = "hunter2"}
[[route]]
agent = "bot"
[log]
level = "warn"
)";

} // namespace

TEST_CASE("dev without anything is a node with an echo agent that keeps its data") {
  command_line cli;
  cli.node_exit = 7;
  CHECK(cli({"dev"}) == 7);
  REQUIRE(cli.started.size() == 1);
  const node_options& options = cli.started[0];
  CHECK(options.dev);
  CHECK(options.http_port == 7411);
  CHECK(options.store_url() == "skein-data");
  CHECK(options.settings.agents.at(0).name == "echo");
  CHECK(options.log.level == log_level::info);
}

TEST_CASE("a node that cannot start says so once, what, why and what to do") {
  command_line cli;
  cli.node_fails = {errc::port_in_use, "Cannot listen on 127.0.0.1:7411: Address already in use."};
  CHECK(cli({"dev"}) == exit_code::failed);
  CHECK(cli.out.empty());
  CHECK(cli.err ==
        "error: node n1 cannot start\n"
        "  why: Another program listens on this address and port. Cannot listen on 127.0.0.1:7411: "
        "Address already in use.\n"
        "  try: stop what uses it, or choose another with --port; --port 0 lets the system choose\n"
        "  code: port-in-use\n");
  cli.node_fails = {errc::store_locked, "d is in use by process 17."};
  CHECK(cli({"dev", "-o", "json"}) == exit_code::failed);
  CHECK(cli.out.empty());
  CHECK(cli.err ==
        R"({"error":"node n1 cannot start","why":"Another process has the store open. )"
        R"(d is in use by process 17.","try":"stop that process first, or choose another folder )"
        R"(with --data","code":"store-locked","exit":1})"
        "\n");
}

TEST_CASE("flags of dev change its defaults") {
  command_line cli;
  CHECK(cli({"dev", "--ephemeral", "--port", "0", "--loops", "3", "--log-level", "debug",
             "--log-format=json"}) == 0);
  const node_options& options = cli.started.at(0);
  CHECK(options.ephemeral);
  CHECK(options.store_url() == "memory:");
  CHECK(options.http_port == 0);
  CHECK(options.settings.loops == 3);
  CHECK(options.log.level == log_level::debug);
  CHECK(options.log.json);

  CHECK(cli({"dev", "--data", "/tmp/somewhere"}) == 0);
  CHECK(cli.started.at(1).store_url() == "/tmp/somewhere");
}

TEST_CASE("a folder for data and none at all exclude each other") {
  command_line cli;
  CHECK(cli({"dev", "--data", "x", "--ephemeral"}) == exit_code::usage);
  CHECK(cli.started.empty());
  CHECK_THAT(cli.err, Catch::Contains("--data and --ephemeral are both given"));
}

TEST_CASE("dev with a file has the file's agents and routes") {
  const config_file file{"[agent.bot]\nkind = \"noop\"\n[[route]]\nagent = \"bot\"\n"};
  command_line cli;
  CHECK(cli({"dev", "--config", file.path}) == 0);
  const node_options& options = cli.started.at(0);
  CHECK(options.dev);
  CHECK(options.config_file == file.path);
  CHECK(options.settings.agents.at(0).name == "bot");
  CHECK(options.store_url() == "skein-data");
  CHECK(cli.err.empty());
}

TEST_CASE("dev is for this machine alone: it has no links to the file's other nodes") {
  const config_file file{R"([[node]]
name = "n1"
broker = "tcp://127.0.0.1:7412"
http = "127.0.0.1:7411"
data = "one"
[[node]]
name = "n2"
broker = "tcp://127.0.0.1:7512"
http = "127.0.0.1:7511"
data = "two"
)"};
  command_line cli;
  CHECK(cli({"start", "--config", file.path, "--node", "n1"}) == 0);
  CHECK_FALSE(cli.started.at(0).broker.empty());
  CHECK_FALSE(cli.started.at(0).peers.empty());
  CHECK(cli({"dev", "--config", file.path, "--node", "n1"}) == 0);
  CHECK(cli.started.at(1).broker.empty());
  CHECK(cli.started.at(1).peers.empty());
}

TEST_CASE("--data wins over a store in memory that a file names") {
  const config_file file{"[cluster]\nstore = \"memory:\"\n"};
  command_line cli;
  CHECK(cli({"dev", "--config", file.path, "--data", "here"}) == 0);
  CHECK_FALSE(cli.started.at(0).ephemeral);
  CHECK(cli.started.at(0).store_url() == "here");
}

TEST_CASE("start runs the named node of a file") {
  const config_file file{two_nodes};
  command_line cli;
  CHECK(cli({"start", "--config", file.path, "--node", "n2"}) == 0);
  const node_options& options = cli.started.at(0);
  CHECK_FALSE(options.dev);
  CHECK(options.settings.node == "n2");
  CHECK(options.http_port == 7500);
  CHECK(options.data_dir == "two");
  CHECK(options.cluster_name == "shop");
  CHECK(options.log.level == log_level::warn);

  CHECK(cli({"start", "--config", file.path}) == exit_code::usage);
  CHECK_THAT(cli.err, Catch::Contains("The file has 2 nodes; name one of n1, n2."));
  CHECK(cli({"start", "--config", file.path, "--node", "n3"}) == exit_code::usage);
  CHECK_THAT(cli.err, Catch::Contains("did you mean \"n1\"?"));
}

TEST_CASE("the log level comes from the flag, else the environment, else the file") {
  const config_file file{"[log]\nlevel = \"warn\"\n"};
  command_line cli;
  CHECK(cli({"dev", "--config", file.path}) == 0);
  CHECK(cli.started.at(0).log.level == log_level::warn);
  cli.environment["SKEIN_LOG_LEVEL"] = "trace";
  CHECK(cli({"dev", "--config", file.path}) == 0);
  CHECK(cli.started.at(1).log.level == log_level::trace);
  CHECK(cli({"dev", "--config", file.path, "--log-level", "error"}) == 0);
  CHECK(cli.started.at(2).log.level == log_level::error);
  cli.environment["SKEIN_LOG_LEVEL"] = "loud";
  CHECK(cli({"dev"}) == exit_code::usage);
  CHECK_THAT(cli.err, Catch::Contains("SKEIN_LOG_LEVEL is \"loud\""));
  cli.environment["SKEIN_LOG_LEVEL"] = "";
  CHECK(cli({"dev", "--config", file.path}) == 0);
  CHECK(cli.started.at(3).log.level == log_level::warn);
}

TEST_CASE("a wrong file starts nothing and shows all that is wrong") {
  const config_file file{"[cluster]\nshards = 0\n[log]\nlevel = \"loud\"\n"};
  command_line cli;
  CHECK(cli({"start", "--config", file.path}) == exit_code::failed);
  CHECK(cli.started.empty());
  CHECK_THAT(cli.err, Catch::StartsWith(file.path + ":2:10: error: [cluster] shards: read 0;"));
  CHECK_THAT(cli.err, Catch::Contains(file.path + ":4:9: error: [log] level: read \"loud\";"));
  CHECK_THAT(cli.err, Catch::Contains("has 2 errors"));
}

TEST_CASE("--dry-run says what would run and runs nothing") {
  command_line cli;
  CHECK(cli({"dev", "--dry-run", "--loops", "2", "--ephemeral"}) == 0);
  CHECK(cli.started.empty());
  CHECK(cli.out == "node n1 would serve http://127.0.0.1:7411; loops: 2, agents: 1, routes: 1, "
                   "data: in memory\n");
  CHECK(cli.err == "not checked: whether the port is free\n");
  CHECK(cli({"dev", "--dry-run", "--loops", "2", "--ephemeral", "-o", "jsonl"}) == 0);
  CHECK(cli.out == R"({"node":"n1","server":"http://127.0.0.1:7411","loops":2,"agents":1,)"
                   R"("routes":1,"data":null})"
                   "\n");
  CHECK(cli({"dev", "--dry-run"}) == 0);
  CHECK(cli.err == "not checked: whether the port is free and the data folder can be used\n");
  const config_file idle{"[agent.bot]\nkind = \"noop\"\n"};
  for (const char* form : {"table", "json", "jsonl"}) {
    CHECK(cli({"dev", "--dry-run", "--config", idle.path, "-o", form}) == 0);
    CHECK_THAT(cli.err, Catch::Contains("warning: [agent.bot]: no route names it"));
  }
  const config_file wrong{"[cluster]\nshards = 0\n"};
  CHECK(cli({"dev", "--dry-run", "--config", wrong.path}) == exit_code::failed);
  CHECK(cli.started.empty());
}

TEST_CASE("config check exits with 0 for a legal file and 1 for a wrong one") {
  const config_file fine{"[agent.bot]\nkind = \"noop\"\n"};
  command_line cli;
  CHECK(cli({"config", "check", fine.path}) == exit_code::done);
  CHECK(cli.out == fine.path + ": ok: 1 node, 1 agent, 0 routes, 0 jobs\n");
  CHECK_THAT(cli.err,
             Catch::StartsWith(fine.path + ":1:8: warning: [agent.bot]: no route names it"));

  const config_file wrong{"[cluster]\nshards = 0\nname = 7\n"};
  CHECK(cli({"config", "check", wrong.path}) == exit_code::failed);
  CHECK(cli.out.empty());
  CHECK(std::count(cli.err.begin(), cli.err.end(), '\n') ==
        5); // two errors, three lines of complaint
  CHECK(cli({"config", "check", wrong.path, "-o", "jsonl"}) == exit_code::failed);
  CHECK_THAT(cli.out, Catch::Contains(R"("line":2,"column":10,"where":"[cluster] shards")"));
  CHECK_THAT(cli.out, Catch::Contains(R"("ok":false)"));
}

TEST_CASE("config show tells where each value comes from and hides secrets") {
  const config_file file{two_nodes};
  command_line cli;
  CHECK(cli({"config", "show", file.path}) == exit_code::done);
  CHECK_THAT(cli.out, Catch::Contains("[cluster]\tname\t\"shop\"\t" + file.path + ":2\trestart\n"));
  CHECK_THAT(cli.out, Catch::Contains("[cluster]\tshards\t256\tdefault\trestart\n"));
  CHECK_THAT(cli.out,
             Catch::Contains("[agent.bot]\tenvironment\t(hidden)\t" + file.path + ":15\treload\n"));
  CHECK_THAT(cli.out, !Catch::Contains("hunter2"));
  CHECK(cli({"config", "show", file.path, "-o", "json"}) == exit_code::done);
  CHECK_THAT(cli.out, !Catch::Contains("hunter2"));
  const config_file typed{"[agent.bot]\nkind = \"exec\"\ncommand = [\"a\", \"b\"]\npure = false\n"
                          "retry_factor = 1.5\n"};
  CHECK(cli({"config", "show", typed.path, "-o", "jsonl"}) == exit_code::done);
  for (const char* each :
       {R"("key":"command","value":["a","b"])", R"("key":"pure","value":false)",
        R"("key":"retry_factor","value":1.5)", R"("key":"environment","value":{})",
        R"("key":"shards","value":256)", R"("key":"retention","value":"7d")",
        R"("key":"retention_bytes","value":"10GiB")", R"("key":"name","value":"skein")"})
    CHECK_THAT(cli.out, Catch::Contains(each));
}
