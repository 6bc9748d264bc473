// All of a configuration is taken over, or nothing of it.
#include "nodes/reload/reload_core.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace skein;

namespace {

const std::string bot = "[agent.bot]\nkind = \"echo\"\n[[route]]\nagent = \"bot\"\n";
const instant now = from_ns(1'700'000'000'000'000'000);

loaded_config load(const std::string& text) { return load_config(text, "c.toml", {}); }

reload_core core_of(const std::string& text) { return {"n1", load(text), text, std::nullopt, now}; }

} // namespace

TEST_CASE("a file with a mistake is refused, with its lines") {
  const reload_core core = core_of(bot);
  const auto verdict = core.judge(load(bot + "[log]\nlevel = \"loud\"\nsize = 1\n"));
  CHECK(verdict.refused.code == errc::invalid_config);
  CHECK(verdict.refused.detail.find("c.toml:6:9: error: [log] level") != std::string::npos);
  CHECK(verdict.refused.detail.find("c.toml:7:1: error: [log] size") != std::string::npos);
  CHECK_FALSE(verdict.is_new());
}

TEST_CASE("one key that needs a restart refuses all of the file, and is named") {
  const reload_core core = core_of(bot);
  const auto verdict =
      core.judge(load(bot + "[log]\nlevel = \"debug\"\n[limits]\ndrain_deadline = \"9s\"\n"));
  CHECK(verdict.refused.code == errc::needs_restart);
  CHECK(verdict.refused.detail.find("c.toml:8: ~ [limits] drain_deadline: \"25s\" -> \"9s\"") !=
        std::string::npos);
  CHECK(verdict.refused.detail.find("level") == std::string::npos);
  CHECK(verdict.changes.size() == 2); // for who asks what would change
  CHECK_FALSE(verdict.is_new());
}

TEST_CASE("what is taken over is the next generation, and the one before is kept") {
  reload_core core = core_of(bot);
  const std::string text = bot + "[log]\nlevel = \"debug\"\n";
  auto offered = load(text);
  REQUIRE(core.judge(offered).is_new());
  const generations next = core.proposed(offered, text, "ann", now);
  CHECK(next.current.number == 2);
  REQUIRE(next.previous.has_value());
  CHECK(next.previous->text == bot);
  core.taken(std::move(offered), next);
  CHECK(core.known().current.by == "ann");
  CHECK_FALSE(core.judge(load(text)).is_new());
  CHECK(core.judge(load(bot)).is_new()); // back again
}

TEST_CASE("the last refusal is shown until something is taken over") {
  reload_core core = core_of(bot);
  CHECK(core.view()["refused"].is_null());
  core.refused("file", {errc::invalid_config, "c.toml:1:1: error: x"}, now);
  CHECK(core.view()["refused"]["code"] == "invalid-config");
  CHECK(core.view()["refused"]["by"] == "file");
  CHECK(core.view()["generation"] == 1);
  core.same();
  CHECK(core.view()["refused"].is_null());
}

TEST_CASE("status tells when the file says something else than what is in force") {
  reload_core core = core_of(bot);
  CHECK(core.view()["file_differs"] == false);
  core.saw_file("0000000000000000");
  CHECK(core.view()["file_differs"] == true);
}
