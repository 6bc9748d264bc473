// What two configurations differ in: found key by key, with what a running node can make of it.
#include "nodes/config/config_diff.hpp"
#include "nodes/config/load_config.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace skein;

namespace {

using lines = std::vector<std::string>;

const std::string bot = "[agent.bot]\nkind = \"echo\"\n[[route]]\nagent = \"bot\"\n";
const std::string two_nodes = "[[node]]\nname = \"n1\"\nhttp = \"127.0.0.1:7411\"\n"
                              "[[node]]\nname = \"n2\"\nhttp = \"127.0.0.1:7412\"\n"
                              "data = \"n2\"\n";

loaded_config load(const std::string& text) {
  loaded_config loaded = load_config(text, "c.toml", {});
  INFO(problem_lines(loaded));
  REQUIRE(loaded.ok());
  return loaded;
}

config_changes diff(const std::string& before, const std::string& after,
                    const std::string& node = "n1") {
  return diff_configs(load(before).values, load(after).values, node);
}

lines told(const config_changes& changes) {
  lines all;
  for (const config_change& each : changes)
    all.push_back(to_string(each) + " | " + std::string{to_string(each.effect)});
  return all;
}

} // namespace

TEST_CASE("what says the same differs in nothing, however it is written") {
  CHECK(told(diff(bot, "# a comment\n[[route]]\nagent = \"bot\"\ntype = \"*\"\n"
                       "[agent.bot]\nconcurrency = 64\nkind = \"echo\"\n")) == lines{});
}

TEST_CASE("agents that come, go and change are told key by key") {
  CHECK(told(diff(bot + "[agent.old]\nkind = \"noop\"\n",
                  "[agent.bot]\nkind = \"echo\"\ntimeout = \"5s\"\nconcurrency = 2\n"
                  "[[route]]\nagent = \"bot\"\n[agent.new]\nkind = \"noop\"\n")) ==
        lines{R"(~ [agent.bot] concurrency: 64 -> 2 | reload)",
              R"(~ [agent.bot] timeout: "1m" -> "5s" | reload)", "+ [agent.new] | reload",
              "- [agent.old] | reload"});
}

TEST_CASE("routes are told apart by all that they say, and their order is nothing") {
  const std::string head = "[agent.bot]\nkind = \"echo\"\n";
  const std::string a = "[[route]]\ntype = \"a\"\nagent = \"bot\"\n";
  const std::string b = "[[route]]\ntype = \"b\"\nagent = \"bot\"\n";
  CHECK(diff(head + a + b, head + b + a).empty());
  CHECK(told(diff(head + a, head + b)) ==
        lines{R"(+ [[route]] type = "b" agent = "bot" | reload)",
              R"(- [[route]] type = "a" agent = "bot" | reload)"});
}

TEST_CASE("a change knows its line in the new file; one that takes something away has none") {
  const auto changes = diff(bot + "[log]\nlevel = \"info\"\n",
                            "[log]\nlevel = \"debug\"\n[agent.bot]\nkind = \"noop\"\n");
  REQUIRE(changes.size() == 3);
  CHECK(changes[0].at.line == 2);
  CHECK(changes[1].at.line == 4);
  CHECK(changes[2].kind == change_kind::removed);
  CHECK(changes[2].at.line == 0);
}

TEST_CASE("what a running node cannot take over is told as such") {
  const auto changes = diff(bot + two_nodes, bot + two_nodes +
                                                 "[cluster]\nshards = 64\n"
                                                 "[limits]\ndrain_deadline = \"9s\"\n");
  CHECK(needs_restart(changes));
  CHECK(told(changes) == lines{"~ [cluster] shards: 256 -> 64 | restart",
                               R"(~ [limits] drain_deadline: "25s" -> "9s" | restart)"});
  CHECK_FALSE(needs_restart(diff(bot, bot + "[log]\nlevel = \"debug\"\n")));
}

TEST_CASE("of other nodes a node needs to know only how to reach them") {
  std::string moved = two_nodes;
  moved.replace(moved.find("7412"), 4, "7499");
  CHECK(told(diff(two_nodes, moved)) ==
        lines{R"(~ [[node]] n2 http: "127.0.0.1:7412" -> "127.0.0.1:7499" | other-node)"});
  CHECK(told(diff(two_nodes, moved, "n2")) ==
        lines{R"(~ [[node]] n2 http: "127.0.0.1:7412" -> "127.0.0.1:7499" | restart)"});
  const std::string with_brokers = "[[node]]\nname = \"n1\"\nbroker = \"tcp://127.0.0.1:1\"\n"
                                   "[[node]]\nname = \"n2\"\nhttp = \"127.0.0.1:7412\"\n"
                                   "data = \"n2\"\nbroker = \"tcp://127.0.0.1:2\"\n";
  std::string elsewhere = with_brokers;
  elsewhere.replace(elsewhere.find("127.0.0.1:2"), 11, "127.0.0.1:3");
  CHECK(needs_restart(diff(with_brokers, elsewhere)));
}

TEST_CASE("neither secrets nor variables of programs nor payloads are shown, but they are seen") {
  const std::string before = "[agent.p]\nkind = \"exec\"\ncommand = [\"cat\"]\n"
                             "environment = {TOKEN = \"abc\"}\n"
                             "[job.j]\nevery = \"1h\"\nagent = \"p\"\ndata = \"abc\"\n";
  std::string after = before;
  for (auto at = after.find("abc"); at != std::string::npos; at = after.find("abc"))
    after.replace(at, 3, "xyz");
  const auto changes = diff(before, after);
  CHECK(changes.size() == 2);
  for (const std::string& each : told(changes)) {
    INFO(each);
    CHECK(each.find("abc") == std::string::npos);
    CHECK(each.find("xyz") == std::string::npos);
  }
  const auto stores = diff("[cluster]\nstore = \"postgresql://a:secret@h/x\"\n",
                           "[cluster]\nstore = \"postgresql://a:other@h/x\"\n");
  CHECK(told(stores) == lines{"~ [cluster] store: (hidden) -> (hidden) | restart"});
}

TEST_CASE("the hash is of what a file says, not of how") {
  const std::string same =
      "[[route]]\nagent = \"bot\"\n\n# the bot\n[agent.bot]\nkind = \"echo\"\n";
  CHECK(config_hash(load(bot).values) == config_hash(load(same).values));
  CHECK(config_hash(load(bot).values).size() == 16);
  CHECK(config_hash(load(bot).values) !=
        config_hash(load(bot + "[log]\nlevel = \"debug\"\n").values));
}
