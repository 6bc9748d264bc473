// Every kind of mistake in a configuration file: found, at its line and column, with what would be
// legal; and all of a file's mistakes at once.
#include "nodes/config/load_config.hpp"
#include "protocol/limits.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace skein;

namespace {

std::string problems_of(std::string_view text, const config_surroundings& around = {}) {
  return problem_lines(load_config(text, "c.toml", around));
}

/// A folder of the test's own.
struct temporary_folder {
  temporary_folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "skein-config-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~temporary_folder() { std::filesystem::remove_all(path); }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  std::string write(const std::string& name, std::string_view text) const {
    const std::string file = path + "/" + name;
    std::ofstream{file, std::ios::binary} << text;
    return file;
  }

  std::string path;
};

const std::string echo_and_route = "[agent.bot]\nkind = \"echo\"\n[[route]]\nagent = \"bot\"\n";

} // namespace

TEST_CASE("an empty file is a legal configuration of one node") {
  const auto loaded = load_config("", "c.toml", {});
  CHECK(problem_lines(loaded) == "");
  REQUIRE(loaded.config.nodes.size() == 1);
  CHECK(loaded.config.nodes[0].name == "n1");
  CHECK(loaded.config.nodes[0].http_port == 7411);
}

TEST_CASE("all mistakes of a file are reported at once, in its order") {
  CHECK(problems_of(R"([cluster]
shards = 0
timzone = "UTC"
[agent.bot]
kind = "exce"
concurrency = "many"
[[route]]
agent = "bto"
[lgo]
level = "info"
)") == R"(c.toml:2:10: error: [cluster] shards: read 0; legal is a whole number from 1 to 65536
c.toml:3:1: error: [cluster] timzone: there is no such key; did you mean timezone?
c.toml:5:8: error: [agent.bot] kind: read "exce"; legal is one of "echo", "exec", "noop"
c.toml:6:15: error: [agent.bot] concurrency: read "many"; legal is a whole number from 1 to 65536
c.toml:8:9: error: [[route]] agent: there is no agent "bto"; did you mean "bot"?
c.toml:9:2: error: there is no section [lgo]; did you mean [log]?
)");
}

TEST_CASE("a syntax error is reported at its place and says that the rest waits") {
  const std::string lines = problems_of("[cluster]\nname = \"skein\nshards = 0\n");
  CHECK_THAT(lines, Catch::StartsWith("c.toml:2:"));
  CHECK_THAT(lines, Catch::Contains("error: not valid TOML: "));
  CHECK_THAT(lines, Catch::EndsWith("; the rest of the file is checked once this is right\n"));
}

TEST_CASE("a section or key given twice is found") {
  CHECK_THAT(problems_of("[agent.bot]\nkind = \"echo\"\n[agent.bot]\nkind = \"echo\"\n"),
             Catch::StartsWith("c.toml:3:") && Catch::Contains("agent.bot"));
  CHECK_THAT(problems_of("[cluster]\nname = \"a\"\nname = \"b\"\n"),
             Catch::StartsWith("c.toml:3:"));
}

TEST_CASE("a section in another form is refused with the right one") {
  CHECK(problems_of("[node]\nname = \"n1\"\n") ==
        "c.toml:1:1: error: [[node]]: read a table; legal is a section that begins [[node]]\n");
  CHECK(problems_of("[[cluster]]\nname = \"a\"\n") ==
        "c.toml:1:1: error: [cluster]: read a list; legal is a section that begins [cluster]\n");
  CHECK(problems_of("route = [1]\n") ==
        "c.toml:1:10: error: [[route]]: read 1; legal is a section that begins [[route]]\n");
  CHECK(problems_of("agent = 3\n") ==
        "c.toml:1:9: error: [agent.NAME]: read 3; legal is a section that begins [agent.NAME]\n");
  CHECK(problems_of("[agent]\nkind = \"echo\"\n") ==
        "c.toml:2:1: error: [agent]: key \"kind\" stands outside of a named section; legal is a "
        "section that begins [agent.NAME]\n");
}

TEST_CASE("a key outside of any section is refused with the list of sections") {
  CHECK(problems_of("shards = 12\n") ==
        "c.toml:1:1: error: key \"shards\" stands outside of any section; the sections are "
        "[cluster], [[node]], [tls], [agent.NAME], [[route]], [job.NAME], [limits], [reload], "
        "[log]\n");
}

TEST_CASE("an unknown key that is near to none comes with all that there are") {
  CHECK(problems_of("[log]\nbanana = 1\n") ==
        "c.toml:2:1: error: [log] banana: there is no such key; the keys are level, format\n");
}

TEST_CASE("a retention time below the dedupe window is refused, whichever of the two was given") {
  const std::string both = problems_of("[cluster]\ndedupe_window = \"2d\"\nretention = \"1d\"\n");
  CHECK(both.find("c.toml:3:13: error: [cluster] retention: ") == 0);
  CHECK(both.find("shorter than dedupe_window") != std::string::npos);
  CHECK(problems_of("[cluster]\ndedupe_window = \"8d\"\n").find("[cluster] dedupe_window: ") !=
        std::string::npos);
  CHECK(problems_of("[cluster]\ndedupe_window = \"7d\"\n").empty());
}

TEST_CASE("every kind of value is checked for its type and bounds") {
  const auto one = [](std::string_view section, std::string_view line) {
    const std::string text = problems_of(std::string{section} + "\n" + std::string{line} + "\n");
    return text.substr(0, text.find('\n'));
  };
  CHECK(one("[cluster]", "name = 7") ==
        "c.toml:2:8: error: [cluster] name: read 7; legal is a text in quotes, such as \"shop\"");
  CHECK(one("[cluster]", "name = \"a\\u0000b\"") ==
        R"(c.toml:2:8: error: [cluster] name: read "a\x00b"; legal is a text in quotes, )"
        R"(such as "shop")");
  CHECK(
      one("[cluster]", "shards = 65537") ==
      "c.toml:2:10: error: [cluster] shards: read 65537; legal is a whole number from 1 to 65536");
  CHECK(one("[cluster]", "shards = 2.5") ==
        "c.toml:2:10: error: [cluster] shards: read 2.5; legal is a whole number from 1 to 65536");
  CHECK(one("[cluster]", "shards = 3.0") ==
        "c.toml:2:10: error: [cluster] shards: read 3.0; legal is a whole number from 1 to 65536");
  CHECK_THAT(
      one("[agent.a]\nkind = \"exec\"\ncommand = [\"sh\"]", "environment = {A = \"1\", X = 1}"),
      Catch::StartsWith("c.toml:4:29: error: [agent.a] environment: read a value that is "
                        "not shown as X; legal is a table of texts"));
  CHECK(one("[cluster]", "dedupe_window = 24") ==
        "c.toml:2:17: error: [cluster] dedupe_window: read 24; legal is a duration from 1s to 30d, "
        "such as \"2d\"");
  CHECK(one("[cluster]", "dedupe_window = \"31d\"") ==
        "c.toml:2:17: error: [cluster] dedupe_window: read \"31d\"; legal is a duration from 1s to "
        "30d, such as \"2d\"");
  CHECK(
      one("[cluster]", "dedupe_window = 2026-01-01") ==
      "c.toml:2:17: error: [cluster] dedupe_window: read a date or time; legal is a duration from "
      "1s to 30d, such as \"2d\"");
  CHECK(
      one("[limits]", "event_bytes = \"2MiB\"") ==
      "c.toml:2:15: error: [limits] event_bytes: read \"2MiB\"; legal is a size from 1KiB to 1MiB, "
      "such as \"64KiB\"");
  CHECK(
      one("[limits]", "event_bytes = \"lots\"") ==
      "c.toml:2:15: error: [limits] event_bytes: read \"lots\"; legal is a size from 1KiB to 1MiB, "
      "such as \"64KiB\"");
  CHECK(one("[log]", "level = \"info|warn\"") ==
        "c.toml:2:9: error: [log] level: read \"info|warn\"; legal is one of \"trace\", \"debug\", "
        "\"info\", \"warn\", \"error\", \"off\"");
  CHECK(one("[agent.a]\nkind = \"echo\"", "pure = 1") ==
        "c.toml:3:8: error: [agent.a] pure: read 1; legal is true or false");
  CHECK(one("[agent.a]\nkind = \"echo\"", "retry_factor = nan") ==
        "c.toml:3:16: error: [agent.a] retry_factor: read nan; legal is a number from 1 to 100");
  CHECK(one("[agent.a]\nkind = \"exec\"", "command = \"bot.py\"") ==
        "c.toml:3:11: error: [agent.a] command: read \"bot.py\"; legal is a list of texts, such as "
        "[\"python3\", \"bot.py\"]");
  CHECK(
      one("[agent.a]\nkind = \"exec\"", "command = [\"a\", 1]") ==
      "c.toml:3:17: error: [agent.a] command: read 1 as item 2; legal is a list of texts, such as "
      "[\"python3\", \"bot.py\"]");
}

TEST_CASE("a whole number is accepted where a fraction may stand") {
  const auto loaded = load_config("[agent.bot]\nkind = \"noop\"\nretry_factor = 3\n" +
                                      echo_and_route.substr(echo_and_route.find("[[")),
                                  "c.toml", {});
  CHECK(problem_lines(loaded) == "");
  CHECK(loaded.config.agents[0].retry.factor == 3.0);
}

TEST_CASE("a required key that is missing is reported at its section") {
  CHECK(problems_of("\n[agent.bot]\n[[route]]\n[[node]]\n") ==
        "c.toml:2:8: error: [agent.bot] kind: it is missing; legal is one of \"echo\", \"exec\", "
        "\"noop\"\n"
        "c.toml:3:1: error: [[route]] agent: it is missing; legal is a text in quotes, such as "
        "\"bot\"\n"
        "c.toml:4:1: error: [[node]] name: it is missing; legal is a text in quotes, such as "
        "\"n1\"\n");
}

TEST_CASE("names with other characters are refused") {
  CHECK_THAT(problems_of("[cluster]\nname = \"a b\"\n"),
             Catch::StartsWith("c.toml:2:8: error: [cluster] name: read a name with other"));
  CHECK_THAT(
      problems_of("[[node]]\nname = \"n/1\"\n"),
      Catch::StartsWith("c.toml:2:8: error: [[node]] name: read \"n/1\"; legal is a letter"));
  CHECK_THAT(problems_of("[agent.\"a b\"]\nkind = \"echo\"\n[[route]]\nagent = \"a b\"\n"),
             Catch::StartsWith("c.toml:1:8: error: [agent.a b]: the agent's name has other"));
}

TEST_CASE("an address that other machines can reach is refused without TLS, with what to do") {
  CHECK(
      problems_of("[[node]]\nname = \"n1\"\nhttp = \"0.0.0.0:7411\"\n") ==
      "c.toml:3:8: error: [[node]] http: read \"0.0.0.0:7411\", which other machines can reach; "
      "that needs TLS and a token; give certificate and key in [tls], and make a token before the "
      "start: skein token create --role admin --config FILE; or legal is \"127.0.0.1:PORT\"\n");
  CHECK(problems_of("[[node]]\nname = \"n1\"\nhttp = \"7411\"\n") ==
        "c.toml:3:8: error: [[node]] http: read \"7411\"; legal is an address: "
        "\"127.0.0.1:PORT\", \"[::1]:PORT\", \"localhost:PORT\" or, with [tls], another one of "
        "this machine\n");
}

TEST_CASE("a certificate without its key, and files that are none, are told with their line") {
  CHECK(problems_of("[tls]\ncertificate = \"a.pem\"\n") ==
        "c.toml:1:2: error: [tls] key: is missing; certificate and key are given together\n");
  CHECK(
      problems_of("[tls]\nkey = \"a.key\"\n") ==
      "c.toml:1:2: error: [tls] certificate: is missing; certificate and key are given together\n");
  CHECK_THAT(problems_of("[tls]\ncertificate = \"/nowhere/a.pem\"\nkey = \"/nowhere/a.key\"\n"),
             Catch::StartsWith("c.toml:2:15: error: [tls] certificate: The certificate "
                               "/nowhere/a.pem cannot be used: No such file or directory."));
}

TEST_CASE("an empty folder is refused") {
  CHECK(
      problems_of("[[node]]\nname = \"n1\"\ndata = \"\"\n") ==
      "c.toml:3:8: error: [[node]] data: read \"\"; legal is the path of a folder; for a node that "
      "keeps nothing say store = \"memory:\" in [cluster]\n");
}

TEST_CASE("a broker's address that others cannot connect to is refused") {
  const auto problems_with = [](const std::string& broker) {
    return problems_of("[[node]]\nname = \"n1\"\nbroker = \"" + broker + "\"\n");
  };
  for (const char* const good : {"", "tcp://10.0.0.2:7412", "tcp://[::1]:7412", "tcp://127.0.0.1:0",
                                 "tcp://localhost:7412", "ipc:///run/skein/n1.sock"})
    CHECK(problems_with(good).empty());
  for (const char* const bad :
       {"10.0.0.2:7412", "tcp://node2:7412", "tcp://10.0.0.2", "tcp://0.0.0.0:7412",
        "tcp://[::]:7412", "tcp://10.0.0.2:70000", "tcp://*:7412", "ipc://n1.sock", "ipc:///run/",
        "inproc://n1", "udp://10.0.0.2:7412"})
    CHECK(problems_with(bad) ==
          "c.toml:3:10: error: [[node]] broker: read \"" + std::string{bad} +
              "\"; legal is \"tcp://IP:PORT\" with an address that the other nodes can connect to "
              "(port 0 lets the system choose), \"ipc:///PATH\", or \"\" for none\n");
}

TEST_CASE("two nodes may not have the same broker, unless the system chooses its port") {
  const auto problems_with = [](const std::string& broker) {
    return problems_of(
        "[[node]]\nname = \"n1\"\nhttp = \"127.0.0.1:0\"\ndata = \"a\"\nbroker = \"" + broker +
        "\"\n[[node]]\nname = \"n2\"\nhttp = \"127.0.0.1:0\"\ndata = \"b\"\n"
        "broker = \"" +
        broker + "\"\n");
  };
  CHECK(problems_with("tcp://10.0.0.2:7412").find("is taken by the node at line 5") !=
        std::string::npos);
  CHECK(problems_with("tcp://127.0.0.1:0").find("error") == std::string::npos);
}

TEST_CASE("two nodes may not share a name, an address or a folder") {
  const std::string lines = problems_of("[[node]]\nname = \"n1\"\n[[node]]\nname = \"n1\"\n");
  CHECK(
      lines ==
      "c.toml:3:1: error: [[node]] http: \"127.0.0.1:7411\" is taken by the node at line 1; legal "
      "is "
      "an address of its own, or port 0\n"
      "c.toml:3:1: error: [[node]] data: \"skein-data\" is taken by the node at line 1; legal is a "
      "folder of its own\n"
      "c.toml:4:8: error: [[node]] name: \"n1\" is taken by the node at line 2; legal is a name of "
      "its own\n"
      "c.toml:4:8: warning: [[node]] name: nodes work together on a PostgreSQL store alone in this "
      "version; each has "
      "its "
      "own store and runs what is sent to it\n");
}

TEST_CASE("nodes that share nothing are legal, with a warning") {
  const auto loaded = load_config("[[node]]\nname = \"n1\"\nhttp = \"127.0.0.1:0\"\n[[node]]\n"
                                  "name = \"n2\"\nhttp = \"127.0.0.1:0\"\ndata = \"two\"\n",
                                  "c.toml", {});
  CHECK(loaded.ok());
  CHECK(count_of(loaded.problems, problem_level::warning) == 1);
}

TEST_CASE("stores that are not known are refused without being shown") {
  CHECK(problems_of("[cluster]\nstore = \"redis://:hunter2@db\"\n") ==
        "c.toml:2:9: error: [cluster] store: read a store that is not known; legal is \"\" (the "
        "node's data folder), \"memory:\" or \"postgresql://...\"\n");
}

TEST_CASE("nodes of one store on PostgreSQL") {
  const std::string store = "[cluster]\nstore = \"postgresql://skein:hunter2@db/skein\"\n";
  CHECK(problems_of(store).empty());
  CHECK(problems_of(store + "durability = \"single\"\n").empty());
  const auto problem = [&](const std::string& more) {
    const std::string lines = problems_of(store + more);
    CHECK(lines.find("hunter2") == std::string::npos);
    return lines.substr(0, lines.find(';'));
  };
  CHECK(problem("durability = \"maybe\"\n") ==
        "c.toml:3:14: error: [cluster] durability: read \"maybe\"");
  SECTION("they may have jobs") {
    CHECK(problem("[job.j]\nevery = \"1m\"\nagent = \"a\"\n[agent.a]\nkind = \"echo\"\n").empty());
  }
  SECTION("several of them need brokers") {
    CHECK(problem("[[node]]\nname = \"n1\"\nhttp = \"127.0.0.1:0\"\n"
                  "[[node]]\nname = \"n2\"\nhttp = \"127.0.0.1:0\"\ndata = \"two\"\n")
              .find("the nodes of one store send each other what they own") != std::string::npos);
    CHECK(problem("[[node]]\nname = \"n1\"\nhttp = \"127.0.0.1:0\"\nbroker = \"ipc:///a\"\n"
                  "[[node]]\nname = \"n2\"\nhttp = \"127.0.0.1:0\"\ndata = \"two\"\n"
                  "broker = \"ipc:///b\"\n")
              .empty());
  }
}

TEST_CASE("a secret is never repeated in an error") {
  for (const char* text :
       {"[cluster]\nstore = [\"hunter2\"]\n", "[cluster]\nstore = \"hunter2\\u0000\"\n",
        "[agent.a]\nkind = \"exec\"\ncommand = [\"true\"]\nenvironment = \"hunter2\"\n",
        "[agent.a]\nkind = \"exec\"\ncommand = [\"true\"]\nenvironment = {TOKEN = "
        "[\"hunter2\"]}\n"}) {
    const std::string lines = problems_of(text);
    CHECK_THAT(lines, Catch::Contains("read a value that is not shown"));
    CHECK_THAT(lines, !Catch::Contains("hunter2"));
  }
}

TEST_CASE("a time zone must be one of the system's") {
  CHECK(load_config("[cluster]\ntimezone = \"Europe/Berlin\"\n", "c.toml", {}).config.timezone ==
        "Europe/Berlin");
  for (const char* zone : {"Europe/Berlim", "tzdata.zi", "../../etc/passwd", "", "/etc/localtime"})
    CHECK_THAT(problems_of("[cluster]\ntimezone = \"" + std::string{zone} + "\"\n"),
               Catch::StartsWith("c.toml:2:12: error: [cluster] timezone: there is no time zone"));
}

TEST_CASE("routes to unknown agents name the agents that there are") {
  CHECK(problems_of(echo_and_route + "[[route]]\nagent = \"zebra\"\n") ==
        "c.toml:6:9: error: [[route]] agent: there is no agent \"zebra\"; the agents are bot\n");
  CHECK(problems_of("[[route]]\nagent = \"bot\"\n") ==
        "c.toml:2:9: error: [[route]] agent: there is no agent \"bot\"; legal is the NAME of an "
        "[agent.NAME] section; the file has none\n");
}

TEST_CASE("globs that cannot be meant are refused") {
  const auto with = [](std::string_view line) {
    return problems_of(echo_and_route + std::string{line} + "\n");
  };
  CHECK_THAT(with("type = \"a.**\""),
             Catch::StartsWith("c.toml:5:8: error: [[route]] type: read \"a.**\""));
  CHECK_THAT(with("key = \"a\\nb\""),
             Catch::StartsWith("c.toml:5:7: error: [[route]] key: read a glob with a control"));
  CHECK_THAT(with("source = \"" + std::string(limits::id_bytes_max + 1, 'x') + "\""),
             Catch::StartsWith("c.toml:5:10: error: [[route]] source: read a glob of 513 bytes"));
  CHECK(with("type = \"skein.*\"") ==
        "c.toml:5:8: error: [[route]] type: read \"skein.*\"; a wildcard never matches Skein's own "
        "types; legal is the type by name, such as \"skein.message\" or \"skein.reply\"\n");
  CHECK(with("type = \"skein.reply\"") == "");
  CHECK(with("type = \"\"") ==
        "c.toml:5:8: warning: [[route]] type: an empty glob matches everything; write \"*\" for "
        "that, or leave the key out\n");
}

TEST_CASE("routes that do nothing are warned of") {
  CHECK(problems_of(echo_and_route + "[[route]]\ntype = \"*\"\nagent = \"bot\"\n") ==
        "c.toml:7:9: warning: [[route]] agent: the route at line 3 says the same; an agent gets an "
        "event once, however many routes match\n");
  CHECK(problems_of("[agent.bot]\nkind = \"echo\"\n") ==
        "c.toml:1:8: warning: [agent.bot]: no route names it; without a [[route]] every event ends "
        "as "
        "unrouted\n");
  CHECK(problems_of(echo_and_route + "[agent.idle]\nkind = \"noop\"\n") ==
        "c.toml:5:8: warning: [agent.idle]: no route names it; only jobs made by commands give it "
        "events\n");
}

TEST_CASE("routes that give one event to more agents than it may have are refused") {
  const auto routes = [](std::size_t count, std::string_view first, std::string_view others) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i)
      text += fmt::format("[agent.a{0}]\nkind = \"echo\"\n[[route]]\nagent = \"a{0}\"\n{1}\n", i,
                          i == 0 ? first : others);
    return problems_of(text);
  };
  const std::size_t most = limits::deliveries_per_event_max;
  CHECK(routes(most, "", "") == "");
  CHECK(routes(most + 1, "", "") ==
        "c.toml:4:9: error: [[route]] agent: events that this route matches go to more than 16 "
        "agents, and so are refused; legal are 16 agents an event; let fewer routes match the "
        "same, or let an agent emit an event for the others\n");
  CHECK_THAT(routes(most + 1, "type = \"order.paid\"", "type = \"order.*\""),
             Catch::StartsWith("c.toml:4:9: error: [[route]] agent: events that this route"));
  CHECK(routes(most + 1, "type = \"order.paid\"", "type = \"bill.*\"") == "");
  CHECK(routes(most + 1, "type = \"skein.reply\"", "") == ""); // wildcards never match it
  CHECK_THAT(routes(most + 1, "source = \"/shop/?\"\nkey = \"order-*\"", "source = \"/shop*\""),
             Catch::StartsWith("c.toml:4:9: error: [[route]] agent: events that this route"));
}

TEST_CASE("keys of programs are refused for agents that run none") {
  CHECK(problems_of(echo_and_route + "[agent.x]\nkind = \"noop\"\ncommand = [\"true\"]\n"
                                     "[[route]]\nagent = \"x\"\n") ==
        "c.toml:7:11: error: [agent.x] command: an agent of kind \"noop\" runs no program; legal "
        "only "
        "with kind = \"exec\"\n");
}

TEST_CASE("keys of one mode are refused in the other") {
  const std::string route = "[[route]]\nagent = \"x\"\n";
  CHECK(problems_of("[agent.x]\nkind = \"exec\"\ncommand = [\"true\"]\nmode = \"oneshot\"\n"
                    "processes = 2\nturns_per_process = 1\n" +
                    route) ==
        "c.toml:5:13: error: [agent.x] processes: a oneshot agent starts a program a turn; legal "
        "only "
        "with mode = \"lines\"; concurrency bounds the programs\n"
        "c.toml:6:21: error: [agent.x] turns_per_process: a oneshot agent starts a program a turn; "
        "legal only with mode = \"lines\"; concurrency bounds the programs\n");
  CHECK(problems_of("[agent.x]\nkind = \"exec\"\ncommand = [\"true\"]\noutput = \"reply\"\n" +
                    route) ==
        "c.toml:4:10: error: [agent.x] output: an agent that is fed lines always answers in JSON; "
        "legal only with mode = \"oneshot\"\n");
}

TEST_CASE("an exec agent names its program") {
  const std::string rest = "[[route]]\nagent = \"x\"\n";
  for (const char* command : {"", "command = []\n", "command = [\"\"]\n"})
    CHECK_THAT(problems_of("[agent.x]\nkind = \"exec\"\n" + std::string{command} + rest),
               Catch::Contains("error: [agent.x] command: no program is named; legal is a list"));
}

TEST_CASE("variables with impossible or reserved names are refused") {
  const std::string lines =
      problems_of("[agent.x]\nkind = \"exec\"\ncommand = [\"true\"]\n"
                  "environment = {\"A=B\" = \"1\", SKEIN_TURN = \"2\", FINE = \"3\"}\n"
                  "[[route]]\nagent = \"x\"\n");
  CHECK(lines == "c.toml:4:15: error: [agent.x] environment: read a variable with an impossible "
                 "name; legal is a "
                 "name without '=', not empty, that does not begin SKEIN_\n"
                 "c.toml:4:15: error: [agent.x] environment: \"SKEIN_TURN\" would be overwritten; "
                 "legal is a name "
                 "without '=', not empty, that does not begin SKEIN_\n");
}

TEST_CASE("the longest retry delay is at least the first") {
  CHECK(problems_of("[agent.bot]\nkind = \"echo\"\nretry_initial = \"2m\"\n" +
                    echo_and_route.substr(echo_and_route.find("[["))) ==
        "c.toml:3:17: error: [agent.bot] retry_initial: the longest delay, 1m, is below the first, "
        "2m; "
        "legal is retry_max of at least retry_initial\n");
}

TEST_CASE("commands and folders that are not there are warned of") {
  const temporary_folder folder;
  config_surroundings around;
  around.folder = folder.path;
  around.path = folder.path + "/none:" + folder.path;
  const auto with = [&](const std::string& lines) {
    return problems_of("[agent.x]\nkind = \"exec\"\n" + lines + "\n[[route]]\nagent = \"x\"\n",
                       around);
  };
  CHECK(with("command = [\"./bot.sh\"]") ==
        "c.toml:3:11: warning: [agent.x] command: " + folder.path +
            "/bot.sh is not there or not executable; turns wait until it is; relative paths start "
            "at the agent's `directory`, else where Skein was started: set `directory`, or start "
            "it in the file's folder\n");
  CHECK(
      with("command = [\"bot.sh\"]") ==
      "c.toml:3:11: warning: [agent.x] command: there is no program \"bot.sh\" in PATH; turns wait "
      "until there is one\n");
  const std::string script = folder.write("bot.sh", "#!/bin/sh\n");
  CHECK_THAT(with("command = [\"./bot.sh\"]"), Catch::Contains("not executable"));
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  CHECK(with("command = [\"./bot.sh\"]") == "");
  CHECK(with("command = [\"bot.sh\"]") == "");
  CHECK(with("command = [\"" + script + "\"]\ndirectory = \"/\"") == "");
  CHECK(with("command = [\"bot.sh\"]\ndirectory = \"away\"") ==
        "c.toml:4:13: warning: [agent.x] directory: there is no folder " + folder.path +
            "/away; turns wait until there is one\n");
}

TEST_CASE("warnings alone leave a configuration legal") {
  const auto loaded = load_config("[agent.bot]\nkind = \"echo\"\n", "c.toml", {});
  CHECK(loaded.ok());
  CHECK(loaded.problems.size() == 1);
}

TEST_CASE("echo and noop are pure unless the file says otherwise") {
  const auto loaded =
      load_config("[agent.a]\nkind = \"echo\"\n[agent.b]\nkind = \"noop\"\npure = false\n"
                  "[agent.c]\nkind = \"exec\"\ncommand = [\"true\"]\n[agent.d]\nkind = \"exec\"\n"
                  "command = [\"true\"]\npure = true\n",
                  "c.toml", {});
  REQUIRE(loaded.config.agents.size() == 4);
  CHECK(loaded.config.agents[0].pure);
  CHECK_FALSE(loaded.config.agents[1].pure);
  CHECK_FALSE(loaded.config.agents[2].pure);
  CHECK(loaded.config.agents[3].pure);
}

TEST_CASE("agents and routes keep the order of the file") {
  const auto loaded = load_config("[agent.zoe]\nkind = \"echo\"\n[agent.al]\nkind = \"noop\"\n"
                                  "[[route]]\ntype = \"b\"\nagent = \"zoe\"\n"
                                  "[[route]]\ntype = \"a\"\nagent = \"al\"\n",
                                  "c.toml", {});
  CHECK(loaded.config.agents[0].name == "zoe");
  CHECK(loaded.config.agents[1].name == "al");
  CHECK(loaded.config.routes[0].type == "b");
}

TEST_CASE("control characters of a file do not reach the terminal") {
  const std::string lines = problems_of("[log]\nlevel = \"\\u001b[2J\"\n");
  CHECK(lines.find('\x1b') == std::string::npos);
  CHECK_THAT(lines, Catch::Contains(R"(read "\x1b[2J")"));
}

TEST_CASE("a file that cannot be read is a problem like any other") {
  const temporary_folder folder;
  const auto missing = load_config_file(folder.path + "/none.toml");
  CHECK_FALSE(missing.ok());
  CHECK(problem_lines(missing) ==
        folder.path + "/none.toml: error: cannot be read: No such file or directory; "
                      "name a TOML file such as cluster.toml\n");
  CHECK_THAT(problem_lines(load_config_file(folder.path)), Catch::Contains("error: is not a file"));
  const std::string large =
      folder.write("large.toml", std::string(limits::config_file_bytes_max + 1, '#'));
  CHECK_THAT(problem_lines(load_config_file(large)), Catch::Contains("error: is larger than"));
  const std::string fine = folder.write("fine.toml", echo_and_route);
  CHECK(load_config_file(fine).ok());
}
