// The pages of the manual: that all there is stands in them, and that no text is a command to roff.
#include "nodes/cli/command.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/help.hpp"
#include "nodes/cli/manual.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/roff.hpp"
#include "nodes/config/load_config.hpp"
#include "tests/nodes/cli/fixture.hpp"
#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>

using namespace skein;
using namespace skein::cli;
using namespace skein::test;

namespace {

std::string text_of(const std::string& name) {
  for (const manual_page& each : manual_pages())
    if (each.name == name)
      return each.text;
  return {};
}

} // namespace

TEST_CASE("every command has a page with its options, and stands in that of all") {
  const std::string all = text_of("skein");
  for (const command& each : all_commands()) {
    INFO(full_name(each));
    const std::string page = text_of("skein-" + std::string{each.noun});
    CHECK(page.empty() == each.hidden);
    CHECK((all.find(roff::bold("skein " + full_name(each))) != std::string::npos) == !each.hidden);
    if (each.hidden)
      continue;
    CHECK_THAT(page, Catch::Contains(roff::plain(each.help)));
    handler owner;
    for (const option_row& row : option_rows_of([&](CLI::App& app) { owner = each.define(app); })) {
      CHECK_THAT(page, Catch::Contains(row.is_position() ? roff::italic(row.label)
                                                         : roff::bold(row.names.back())));
      CHECK_THAT(page, Catch::Contains(roff::plain(row.help)));
    }
  }
}

TEST_CASE("the page of all has the options that all have, variables, exit codes and errors") {
  const std::string page = text_of("skein");
  global_options ignored;
  for (const option_row& each : option_rows_of([&](CLI::App& app) { add_globals(app, ignored); }))
    CHECK_THAT(page, Catch::Contains(roff::bold(each.names.back())));
  for (const exit_code_row& each : exit_codes())
    CHECK_THAT(page, Catch::Contains(roff::bold(std::to_string(each.code)) + "\n"));
  for (const auto& rows : {environment_rows(), error_rows(), command_error_rows()})
    for (const auto& [name, meaning] : rows)
      CHECK_THAT(page, Catch::Contains(roff::bold(name) + "\n"));
  for (const std::string_view noun : all_nouns())
    CHECK_THAT(page, Catch::Contains(roff::bold("skein-" + std::string{noun}) + "(1)"));
}

TEST_CASE("the page of the configuration has every section and every key with its default") {
  const std::string page = text_of("cluster.toml");
  for (const config_section& each : config_sections())
    CHECK_THAT(page, Catch::Contains(".SS \"" + std::string{each.written} + "\"\n"));
  for (const config_key& each : config_keys()) {
    INFO(each.section << "." << each.name);
    CHECK_THAT(page, Catch::Contains(".TP\n" + roff::bold(each.name) + "\n"));
    CHECK_THAT(page, Catch::Contains(roff::plain(each.doc)));
    CHECK_THAT(page, Catch::Contains(roff::plain(each.fallback)));
  }
}

TEST_CASE("the example of the page of the configuration is one") {
  const std::string page = text_of("cluster.toml");
  const auto from = page.find(".nf\n") + 4;
  std::string example = page.substr(from, page.find(".fi\n") - from);
  for (const auto& [roff, plain] : {std::pair{"\\-", "-"}, {"\\&", ""}})
    for (auto at = example.find(roff); at != std::string::npos; at = example.find(roff))
      example.replace(at, 2, plain);
  const auto loaded = load_config(example, "example", {});
  INFO(example << problem_lines(loaded));
  CHECK(loaded.ok());
}

TEST_CASE("no text is a command to roff") {
  roff_page page{"a", '1', "b"};
  page.paragraph(".begins with a dot");
  page.paragraph("'begins with a quote");
  page.verbatim("back\\slash\n\n.dot\n-o ~ ^ `");
  page.heading("say \"x\"");
  CHECK_THAT(page.text(), Catch::Contains("\n\\&.begins with a dot\n"));
  CHECK_THAT(page.text(), Catch::Contains("\n\\(aqbegins with a quote\n"));
  CHECK_THAT(page.text(), Catch::Contains("\nback\\eslash\n\\&\n\\&.dot\n"));
  CHECK_THAT(page.text(), Catch::Contains("\n\\-o \\(ti \\(ha \\(ga\n"));
  CHECK_THAT(page.text(), Catch::Contains("\n.SH \"say \\(dqx\\(dq\"\n"));
}

TEST_CASE("skein man prints a page, lists them, and writes all of them into a folder") {
  command_line cli;
  const temp_dir folder;
  CHECK(cli({"man", "skein-job"}) == exit_code::done);
  CHECK(cli.out == text_of("skein-job"));
  CHECK(cli({"man", "cluster.toml.5"}) == exit_code::done);
  CHECK(cli.out == text_of("cluster.toml"));
  CHECK(cli({"man", "skein-jbo"}) == exit_code::usage);
  CHECK_THAT(cli.err, Catch::Contains("did you mean \"skein-job\"?"));
  CHECK(cli({"man"}) == exit_code::done);
  std::istringstream names{cli.out};
  CHECK(cli({"man", "--out", folder.path()}) == exit_code::done);
  std::size_t count = 0;
  for (std::string name; std::getline(names, name); ++count) {
    std::ifstream file{folder.path() + "/" + name};
    std::stringstream text;
    text << file.rdbuf();
    CHECK(text.str() == text_of(name.substr(0, name.rfind('.'))));
  }
  CHECK(count == manual_pages().size());
  CHECK(cli({"man", "--out", folder.path() + "/gone"}) == exit_code::failed);
}
