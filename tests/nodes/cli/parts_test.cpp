// The parts of the command line by themselves: words, URLs, quoting, tables, the table of commands.
#include "nodes/cli/arguments.hpp"
#include "nodes/cli/command.hpp"
#include "nodes/cli/event_page.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/help.hpp"
#include "nodes/cli/new_event.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"
#include "nodes/cli/server_url.hpp"
#include "tests/nodes/cli/fixture.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <regex>
#include <set>

using namespace skein;
using namespace skein::cli;
using namespace skein::test;

using words = std::vector<std::string>;

namespace {

std::vector<option_row> options_of_all() {
  global_options ignored;
  return option_rows_of([&](CLI::App& app) { add_globals(app, ignored); });
}

} // namespace

TEST_CASE("a command's words are found behind options of every command") {
  const auto split = split_words({"-o", "json", "--yes", "event", "--server=http://x", "list",
                                  "--key", "k", "--timeout", "5s"});
  CHECK(split.noun == "event");
  CHECK(split.verb == "list");
  CHECK(split.rest ==
        words{"-o", "json", "--yes", "--server=http://x", "--key", "k", "--timeout", "5s"});
  CHECK(split.early_option.empty());
}

TEST_CASE("a command of one word leaves the next word to its arguments") {
  const auto split = split_words({"send", "status", "--key", "k"});
  CHECK(split.noun == "send");
  CHECK(split.verb.empty());
  CHECK(split.rest == words{"status", "--key", "k"});
}

TEST_CASE("everything behind two dashes is left alone") {
  const auto split = split_words({"send", "--key", "k", "--", "--help", "-x"});
  CHECK_FALSE(split.help);
  CHECK(split.rest == words{"--key", "k", "--", "--help", "-x"});
}

TEST_CASE("a command's own option before its words is noticed") {
  CHECK(split_words({"--key", "k", "send"}).early_option == "--key");
  CHECK(split_words({"event", "--limit", "5", "list"}).early_option == "--limit");
  CHECK(split_words({"event", "list", "--limit", "5"}).early_option.empty());
}

TEST_CASE("help and version are seen wherever they stand") {
  CHECK(split_words({"event", "list", "-h"}).help);
  CHECK(split_words({"--help"}).help);
  CHECK(split_words({"--version"}).version);
}

TEST_CASE("with -o json every error is one line of JSON, whatever it is about") {
  command_line cli;
  cli.environment["SKEIN_SERVER"] = "http://127.0.0.1:" + std::to_string(closed_port());
  for (const words& each : std::vector<words>{{"evnt", "list"},
                                              {"event", "lsit"},
                                              {"event"},
                                              {"--key", "k", "event", "list"},
                                              {"event", "list", "--limit", "0"},
                                              {"event", "list", "--keys", "k"},
                                              {"event", "list", "--timeout", "never"},
                                              {"event", "list", "extra"},
                                              {"event", "list"},
                                              {"help", "banana"},
                                              {"config", "show", "/nowhere.toml"},
                                              {"config", "check", "/nowhere.toml"},
                                              {"dev", "--config", "/nowhere.toml"},
                                              {"send"}}) {
    for (const words& form :
         std::vector<words>{{"-o", "json"}, {"-ojsonl"}, {"--output=json"}, {"--output", "jsonl"}})
      for (const bool first : {false, true}) {
        words arguments = each;
        arguments.insert(first ? arguments.begin() : arguments.end(), form.begin(), form.end());
        INFO(fmt::format("{}", fmt::join(arguments, " ")));
        CHECK(cli(arguments) != exit_code::done);
        CHECK(std::count(cli.err.begin(), cli.err.end(), '\n') == 1);
        const json told = parse_json(cli.err);
        REQUIRE(told.is_object());
        CHECK(told.contains("error"));
        CHECK(told.contains("exit"));
      }
  }
  CHECK(cli({"event", "list", "-o", "xml"}) == exit_code::usage);
  CHECK_THAT(cli.err, Catch::StartsWith("error: --output: \"xml\" is none of"));
}

TEST_CASE("--version anywhere prints the version and does nothing else") {
  command_line cli;
  fake_node node;
  cli.environment["SKEIN_SERVER"] = node.url();
  CHECK(cli({"--version"}) == exit_code::done);
  const std::string shown = cli.out;
  CHECK_THAT(shown, Catch::StartsWith("skein "));
  for (const words& each : std::vector<words>{{"event", "cancel", "17-42", "--version"},
                                              {"event", "--version", "list"},
                                              {"send", "x", "--key", "k", "--version"},
                                              {"dev", "--version"}}) {
    CHECK(cli(each) == exit_code::done);
    CHECK(cli.out == shown);
    CHECK(cli.err.empty());
  }
  CHECK(cli({"status", "--version", "-o", "json"}) == exit_code::done);
  CHECK_THAT(cli.out, Catch::Contains("\"version\": "));
  CHECK(cli.started.empty());
  CHECK(node.take_requests().empty());
}

TEST_CASE("the splitting knows every option that all commands have") {
  for (const option_row& each : options_of_all()) {
    const std::string words_of_it = each.label.substr(each.label.find("--"));
    const std::string name = words_of_it.substr(0, words_of_it.find(' '));
    INFO(each.label);
    const bool takes_value = each.label.find(' ') != std::string::npos;
    const auto split = split_words({name, "event", "event", "list"});
    CHECK(split.early_option.empty());
    CHECK(split.noun == "event");
    CHECK(split.verb == (takes_value ? "list" : "event"));
  }
}

TEST_CASE("servers are URLs of http and https") {
  CHECK(parse_server_url("http://127.0.0.1:7411") == server_url{"127.0.0.1", "7411", ""});
  CHECK(parse_server_url("http://localhost") == server_url{"localhost", "80", ""});
  CHECK(parse_server_url("http://[::1]:80/") == server_url{"::1", "80", ""});
  CHECK(parse_server_url("http://a.example/skein/") == server_url{"a.example", "80", "/skein"});
  CHECK(parse_server_url("https://a.example") == server_url{"a.example", "443", "", true});
  CHECK(parse_server_url("https://a.example")->authority() == "a.example");
  CHECK(parse_server_url("https://a.example:80")->authority() == "a.example:80");
  CHECK(parse_server_url("http://[::1]:7411")->authority() == "[::1]:7411");
  CHECK(parse_server_url("http://localhost")->authority() == "localhost");
  for (const char* wrong :
       {"", "127.0.0.1:7411", "ftp://127.0.0.1", "https://", "http://", "http://:80", "http://a:0",
        "http://a:65536", "http://a:b", "http://u@a", "http://a?x", "http://a b", "http://[::1",
        "http://a\r\nX: y", "http://a/\r\n"})
    CHECK_FALSE(parse_server_url(wrong));
}

TEST_CASE("targets carry any text") {
  CHECK(percent_encode("a b/c?d&e=\xc3\xa9\r\n") == "a%20b%2Fc%3Fd%26e%3D%C3%A9%0D%0A");
  CHECK(with_query("/v1/x", {{"a", "1 2"}, {"b", std::nullopt}, {"c", ""}}) == "/v1/x?a=1%202&c=");
}

TEST_CASE("words are quoted for a shell only where they must be") {
  CHECK(shell_quoted("order-7") == "order-7");
  CHECK(shell_quoted("") == "''");
  CHECK(shell_quoted("a b") == "'a b'");
  CHECK(shell_quoted("it's") == "'it'\\''s'");
  CHECK(shell_quoted("$(rm)") == "'$(rm)'");
}

TEST_CASE("random ids are version 4 UUIDs and differ") {
  const std::regex form{"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"};
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string id = random_uuid();
    CHECK(std::regex_match(id, form));
    CHECK(seen.insert(id).second);
  }
}

TEST_CASE("an event without options is a message of this host") {
  const auto made = make_event({.text = "hi"}, "hi");
  REQUIRE(made.ok());
  CHECK(made->type == "skein.message");
  CHECK_THAT(made->source, Catch::StartsWith("skein/cli"));
  CHECK(made->kind == data_kind::text);
  CHECK(made->datacontenttype == "text/plain");
  CHECK(made->key() == made->id);
}

TEST_CASE("bytes that are no text are sent as bytes") {
  const auto made = make_event({.data_file = "x"}, "\xff\x00");
  REQUIRE(made.ok());
  CHECK(made->kind == data_kind::binary);
  CHECK(made->datacontenttype == "application/octet-stream");
}

TEST_CASE("a text that happens to be JSON stays a text") {
  CHECK(make_event({.text = "1"}, "1")->kind == data_kind::text);
  CHECK(make_event({.data_file = "f"}, "1")->kind == data_kind::json);
  CHECK(make_event({.text = "1", .content_type = "application/vnd.x+json"}, "1")->kind ==
        data_kind::json);
}

TEST_CASE("an event that the node would refuse is refused before it is sent") {
  CHECK(make_event({.key = ""}, "x").error().code == errc::invalid_event);
  CHECK(make_event({.due = "+10"}, "x").error().code == errc::invalid_time);
  CHECK(make_event({}, std::string(limits::event_bytes_max + 1, 'x')).error().code ==
        errc::too_large);
}

TEST_CASE("every exit code has one meaning, and every HTTP status a code") {
  std::set<int> codes;
  for (const exit_code_row& each : exit_codes()) {
    CHECK(codes.insert(each.code).second);
    CHECK_FALSE(each.meaning.empty());
  }
  CHECK(codes == std::set<int>{0, 1, 2, 3, 4, 5, 6, 69, 74, 75, 124, 130});
  const std::vector<std::pair<unsigned, int>> expected{
      {200, 0},  {202, 0}, {204, 0},   {301, 1},  {400, 2},  {401, 4}, {403, 4},
      {404, 3},  {405, 2}, {408, 124}, {409, 5},  {413, 2},  {415, 2}, {418, 1},
      {429, 75}, {431, 2}, {500, 1},   {503, 75}, {504, 124}};
  for (const auto& [status, exit] : expected) {
    INFO(status);
    CHECK(exit_code_of_status(status) == exit);
  }
}

TEST_CASE("the manual names every command, every option that all have and every exit code") {
  std::ifstream file{SKEIN_CLI_MANUAL};
  REQUIRE(file);
  std::stringstream manual;
  manual << file.rdbuf();
  for (const exit_code_row& each : exit_codes())
    CHECK_THAT(manual.str(), Catch::Contains("\n| " + std::to_string(each.code) + " | "));
  for (const command& each : all_commands()) {
    INFO(full_name(each));
    CHECK_THAT(manual.str(), Catch::Contains("skein " + std::string{each.noun}));
    CHECK_THAT(manual.str(), Catch::Contains(std::string{each.verb}));
  }
  for (const option_row& each : options_of_all())
    CHECK_THAT(manual.str(),
               Catch::Contains("| `" + each.label.substr(0, each.label.find_first_of(", "))));
}

TEST_CASE("every command of the table has a sentence, a page and its own name") {
  std::set<std::string> names;
  for (const command& each : all_commands()) {
    INFO(full_name(each));
    CHECK(names.insert(full_name(each)).second);
    CHECK(each.help.ends_with("."));
    CHECK(find_command(each.noun, each.verb) == &each);
    const std::string page = help_of_command(each);
    CHECK_THAT(page, Catch::Contains("Usage: skein " + full_name(each)));
    CHECK((help_of_all().find(each.help) != std::string::npos) == !each.hidden);
    CHECK_THAT(std::string{each.example}, Catch::StartsWith("skein " + full_name(each)));
    // No line is broken by the reader's terminal.
    std::istringstream lines{page};
    for (std::string line; std::getline(lines, line);)
      CHECK(line.size() <= 100);
  }
}
