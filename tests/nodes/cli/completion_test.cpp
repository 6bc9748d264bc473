// What is offered at the end of a line that is being typed. Names that a node knows come from a
// list of the test's own here; from a node in stories/completion.txt.
#include "nodes/cli/command.hpp"
#include "nodes/cli/completion_engine.hpp"
#include "nodes/cli/completion_script.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/options.hpp"
#include "tests/nodes/cli/fixture.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>

using namespace skein;
using namespace skein::cli;
using namespace skein::test;

using words = std::vector<std::string>;

namespace {

/// Names of each list: "NOUN-1" and "NOUN-2".
std::vector<candidate> two_names(const live_list& list) {
  const std::string noun{list.noun};
  return {{noun + "-1", "one"}, {noun + "-2", ""}};
}

words offered(const words& typed) {
  words out;
  for (const candidate& each : complete(typed, two_names).candidates)
    out.push_back(each.word);
  return out;
}

bool has(const words& all, const std::string& word) {
  return std::find(all.begin(), all.end(), word) != all.end();
}

completion_kind kind_of(const words& typed) { return complete(typed, two_names).kind; }

} // namespace

TEST_CASE("commands are offered, but for hidden ones, and behind a noun its verbs") {
  const auto first = offered({""});
  CHECK(first.size() == all_nouns().size());
  CHECK(has(first, "completion"));
  CHECK_FALSE(has(first, "complete"));
  CHECK(offered({"ev"}) == words{"event"});
  CHECK(offered({"event", ""}) == words{"list", "describe", "cancel"});
  CHECK(offered({"event", "d"}) == words{"describe"});
  CHECK(offered({"-o", "json", "event", "c"}) == words{"cancel"});
  CHECK(offered({}).size() == first.size());
}

TEST_CASE("behind what is no command nothing is offered") {
  CHECK(offered({"evnt", ""}).empty());
  CHECK(offered({"event", "lsit", ""}).empty());
}

TEST_CASE("every command offers all of its options") {
  for (const command& each : all_commands()) {
    handler owner;
    const auto rows = option_rows_of([&](CLI::App& app) { owner = each.define(app); });
    words typed{std::string{each.noun}};
    if (!each.verb.empty())
      typed.emplace_back(each.verb);
    typed.emplace_back("--");
    const auto options = offered(typed);
    INFO(full_name(each));
    for (const option_row& row : rows)
      if (!row.is_position())
        CHECK(has(options, row.names.back()));
    for (const char* of_all : {"--server", "--output", "--timeout", "--help", "--version"})
      CHECK(has(options, of_all));
  }
}

TEST_CASE("an option that was given is not offered again") {
  const auto options = offered({"event", "list", "--key", "k", "--state=done", "-o", "json", "--"});
  for (const char* given : {"--key", "--state", "--output"})
    CHECK_FALSE(has(options, given));
  CHECK(has(options, "--agent"));
}

TEST_CASE("options come too where no word is wanted, and no more behind two dashes") {
  CHECK(has(offered({"node", "list", ""}), "--no-headers"));
  CHECK(offered({"node", "list", "--", ""}).empty());
  CHECK(offered({"agent", "describe", "--", ""}) == words{"agent-1", "agent-2"});
}

TEST_CASE("words to choose from are offered as the option has them") {
  CHECK(offered({"-o", ""}) == words{"table", "json", "jsonl"});
  CHECK(offered({"event", "list", "--output", "j"}) == words{"json", "jsonl"});
  CHECK(offered({"event", "list", "--state=re"}) == words{"--state=retrying"});
  CHECK(offered({"send", "x", "--priority", ""}) ==
        words{"people", "hook", "job", "background", "replay"});
  CHECK(offered({"peer", "allow", "n2", "KEY", "--role", ""}) == words{"node"});
  CHECK(offered({"completion", ""}) == words{"bash", "zsh", "fish"});
}

TEST_CASE("a value that may be left out does not take the next word") {
  CHECK(has(offered({"send", "--wait", "--"}), "--key"));
  CHECK(offered({"event", "describe", "--nonsense", ""}) == words{"event-1", "event-2"});
}

TEST_CASE("names that a node knows are offered where they are wanted") {
  const std::vector<std::pair<words, std::string>> cases{
      {{"agent", "describe", ""}, "agent"},
      {{"event", "list", "--agent", ""}, "agent"},
      {{"job", "create", "x", "--agent", ""}, "agent"},
      {{"event", "describe", ""}, "event"},
      {{"event", "cancel", "17-42", ""}, "event"},
      {{"journal", "dump", "--event", ""}, "event"},
      {{"dead", "show", ""}, "dead"},
      {{"key", "describe", ""}, "key"},
      {{"send", "x", "--key", ""}, "key"},
      {{"job", "pause", ""}, "job"},
      {{"job", "describe", "--timeout", "5s", ""}, "job"},
      {{"node", "drain", ""}, "node"},
      {{"shard", "list", "--node", ""}, "node"},
      {{"peer", "revoke", ""}, "peer"},
      {{"token", "revoke", ""}, "token"},
  };
  for (const auto& [typed, noun] : cases) {
    INFO(noun);
    CHECK(offered(typed) == words{noun + "-1", noun + "-2"});
  }
  CHECK(offered({"job", "pause", "job-2"}) == words{"job-2"});
  CHECK(offered({"event", "cancel", "event-1", ""}) == words{"event-2"});
  CHECK(offered({"job", "create", "x", "--after=job-1:any,j"}) ==
        words{"--after=job-1:any,job-1", "--after=job-1:any,job-2"});
}

TEST_CASE("no known name is offered for what is to be new, and none for a public key") {
  CHECK_FALSE(has(offered({"job", "create", ""}), "job-1"));
  CHECK(offered({"token", "create", "--name", ""}).empty());
  CHECK(offered({"peer", "allow", "n2", ""}).empty());
  CHECK(offered({"event", "list", "--id", ""}).empty());
}

TEST_CASE("paths are left to the shell") {
  CHECK(kind_of({"start", "--config", ""}) == completion_kind::files);
  CHECK(kind_of({"start", "--config=clu"}) == completion_kind::files);
  CHECK(kind_of({"config", "check", ""}) == completion_kind::files);
  CHECK(kind_of({"status", "--token-file", ""}) == completion_kind::files);
  CHECK(kind_of({"dev", "--data", ""}) == completion_kind::folders);
  CHECK(kind_of({"dev", ""}) == completion_kind::words);
}

TEST_CASE("help offers commands and topics, and behind a noun its verbs") {
  const auto topics = offered({"help", ""});
  for (const char* each : {"exit-codes", "errors", "event", "send"})
    CHECK(has(topics, each));
  CHECK(offered({"help", "event", ""}) == words{"list", "describe", "cancel"});
  CHECK(offered({"help", "event", "list", ""}).empty());
}

TEST_CASE("a line is split as a shell does it") {
  CHECK(words_of_line("skein ") == words{"skein", ""});
  CHECK(words_of_line("skein  event\tli") == words{"skein", "event", "li"});
  CHECK(words_of_line("skein key describe 'a b") == words{"skein", "key", "describe", "a b"});
  CHECK(words_of_line("skein key describe a\\ b") == words{"skein", "key", "describe", "a b"});
  CHECK(words_of_line("skein send \"it's \\\"\" ") == words{"skein", "send", "it's \"", ""});
  CHECK(words_of_line("skein send '' ") == words{"skein", "send", "", ""});
  CHECK(words_of_line("") == words{""});
}

TEST_CASE("a node that does not answer is not waited for, and nobody is told of it") {
  command_line cli;
  fake_node node;
  node.serve("GET /v1/agents", {1}); // never
  const auto begun = std::chrono::steady_clock::now();
  CHECK(cli({"complete", "--", "--server", node.url(), "agent", "describe", ""}) ==
        exit_code::done);
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds{10});
  CHECK(cli.out == "words\n");
  CHECK(cli.err.empty());
  CHECK(node.take_requests().size() == 1);
}

TEST_CASE("each shell has a script that asks the program, and lists no command itself") {
  command_line cli;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    INFO(shell);
    CHECK(cli({"completion", shell}) == exit_code::done);
    CHECK(cli.out == completion_script(shell));
    CHECK_THAT(cli.out, Catch::Contains(" complete --"));
    CHECK_THAT(cli.out, !Catch::Contains("event") && !Catch::Contains("drain"));
  }
  CHECK(cli({"completion", "tcsh"}) == exit_code::usage);
  CHECK_THAT(cli.err, Catch::Contains("bash|zsh|fish"));
}
