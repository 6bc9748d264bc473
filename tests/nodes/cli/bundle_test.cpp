// What leaves a machine in a bundle, and above all what does not: secrets are planted wherever one
// may be, and looked for. That tar can read it, a system test shows.
#include "nodes/cli/bundle_scrub.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/tar_gz.hpp"
#include "nodes/config/load_config.hpp"
#include "tests/nodes/cli/fixture.hpp"
#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>
#include <zlib.h>

#include <array>
#include <filesystem>
#include <fstream>

using namespace skein;
using namespace skein::cli;
using namespace skein::test;

namespace {

std::string unzipped(const std::string& file) {
  std::string all;
  gzFile in = gzopen(file.c_str(), "rb");
  REQUIRE(in != nullptr);
  std::array<char, 4'096> part{};
  for (int size = 0; (size = gzread(in, part.data(), part.size())) > 0;)
    all.append(part.data(), static_cast<std::size_t>(size));
  gzclose(in);
  return all;
}

void write(const std::string& file, const std::string& text) {
  std::ofstream{file, std::ios::binary} << text;
}

canned_answer json_answer(std::string body) {
  return {200, "application/json", "", std::move(body)};
}

/// With PLANTED wherever somebody may have a secret.
constexpr const char* config_text = R"(
[cluster]
store = "postgresql://skein:PLANTED@db/skein"
[[node]]
name = "n1"
[agent.bot]
kind = "exec"
command = ["curl", "-H", "X-Token: PLANTED"]
environment = {TOKEN = "PLANTED"}
[[route]]
agent = "bot"
[job.report]
every = "1h"
data = {password = "PLANTED"}
)";

} // namespace

TEST_CASE("an archive has its files, each in whole blocks with a sum over its header") {
  tar_archive archive{*parse_rfc3339("2026-08-16T12:00:00Z")};
  archive.add("a/one.txt", "hello\n");
  archive.add("a/two.txt", std::string(512, 'x'));
  const temp_dir folder;
  write(folder.path() + "/a.tar.gz", archive.finish());
  const std::string all = unzipped(folder.path() + "/a.tar.gz");
  REQUIRE(all.size() == 512u * 6); // two headers, a block of each, and two empty ones
  CHECK(all.substr(0, 10) == std::string("a/one.txt\0", 10));
  CHECK(all.substr(257, 8) == std::string("ustar\0"
                                          "00",
                                          8));
  CHECK(all.substr(124, 12) == std::string("00000000006\0", 12));
  CHECK(all.substr(512, 6) == "hello\n");
  std::string header = all.substr(0, 512);
  const auto sum = std::stoul(header.substr(148, 6), nullptr, 8);
  header.replace(148, 8, 8, ' ');
  unsigned long counted = 0;
  for (const char c : header)
    counted += static_cast<unsigned char>(c);
  CHECK(sum == counted);
}

TEST_CASE("tokens, passwords in URLs and bearers are masked wherever they stand") {
  CHECK(mask_secrets("at postgresql://u:p@db/x now") == "at postgresql://(hidden)@db/x now");
  CHECK(mask_secrets("https://host/path") == "https://host/path");
  CHECK(mask_secrets("skn_admin_abc-DEF_123 was") == "(hidden) was");
  CHECK(mask_secrets("Authorization: Bearer abc.def") == "Authorization: (hidden)");
  CHECK(mask_secrets(std::string(100'000, 'x')).size() == 4'096);
}

TEST_CASE("an answer loses what may be somebody else's, at any depth") {
  const json given = {{"node", "n1"},
                      {"agents", {{{"name", "bot"}, {"error", "PLANTED"}, {"done", 3}}}},
                      {"deep", {{"data", "PLANTED"}, {"key", "PLANTED"}, {"state", "up"}}},
                      {"store", "postgresql://u:PLANTED@db"}};
  const json kept = scrub_answer(given);
  CHECK(kept.dump().find("PLANTED") == std::string::npos);
  CHECK(kept["agents"][0]["done"] == 3);
  CHECK(kept["deep"]["state"] == "up");
}

TEST_CASE("a configuration shows its settings, not its secrets nor what jobs send") {
  const auto loaded = load_config(config_text, "c", {});
  const std::string kept = scrub_config(loaded).dump();
  INFO(kept);
  CHECK(kept.find("PLANTED") == std::string::npos);
  CHECK_THAT(kept, Catch::Contains("curl") && Catch::Contains("2 more (hidden)"));
  CHECK_THAT(kept, Catch::Contains(R"("key":"every")") && Catch::Contains("[agent.bot]"));
}

TEST_CASE("mistakes of a configuration are told by their place alone") {
  const auto loaded = load_config("[log]\nlevel = \"PLANTED\"\nPLANTED = 1\n", "c", {});
  const json kept = scrub_config(loaded);
  CHECK(kept["mistakes"].size() == loaded.problems.size());
  CHECK(kept["mistakes"][0]["line"] == 2);
  CHECK(kept["given"].dump().find("PLANTED") == std::string::npos);
}

TEST_CASE("lines of a log about an event, an agent or a key lose their words") {
  const std::string log =
      "2026-08-16T09:00:00.123Z info  http http-listening: Serving. url=http://127.0.0.1:7411\n"
      "Aug 16 09:00:00 host skein[7]: 2026-08-16T09:00:00.124Z warn  retry turn-failed: PLANTED "
      "event=17-42 agent=bot key=\"PLANTED x\"\n"
      "2026-08-16T09:00:00.125Z warn  agent/bot stderr: PLANTED\n"
      "2026-08-16T09:00:00.126Z info  store opened: postgresql://u:PLANTED@db\n"
      "PLANTED, a program's own line\n"
      "\n"
      R"({"time":"2026-08-16T09:00:01Z","level":"warn","component":"retry","id":"turn-failed",)"
      R"("text":"PLANTED","event":"17-42","key":"PLANTED"})"
      "\n"
      R"({"time":"2026-08-16T09:00:02Z","level":"info","component":"node","id":"stopped",)"
      R"("text":"Bye."})"
      "\n";
  const scrubbed_log kept = scrub_log(log);
  INFO(kept.text);
  CHECK(kept.text.find("PLANTED") == std::string::npos);
  CHECK_THAT(kept.text, Catch::Contains("http http-listening: Serving. url=http://127.0.0.1:7411"));
  CHECK_THAT(kept.text, Catch::Contains("retry turn-failed: event=17-42\n"));
  CHECK_THAT(kept.text, Catch::Contains(R"("id":"turn-failed","event":"17-42"})"));
  CHECK_THAT(kept.text, Catch::Contains(R"("text":"Bye.")"));
  CHECK(kept.shortened == 3);
  CHECK(kept.left_out == 1);
}

TEST_CASE("a bundle has what a node tells, in one file that is its maker's alone") {
  command_line cli;
  fake_node node;
  const temp_dir folder;
  cli.environment["SKEIN_SERVER"] = node.url();
  node.serve("GET /v1/status", json_answer(R"({"node":"n1","agents":[{"error":"PLANTED"}]})"));
  node.serve("GET /v1/nodes", json_answer(R"({"nodes":[{"node":"n1"}]})"));
  node.serve("GET /v1/shards?limit=1000", json_answer(R"({"shards":[]})"));
  node.serve("GET /v1/peers", json_answer(R"({"peers":[{"name":"n2","key":"PLANTED"}]})"));
  node.serve("GET /metrics", {200, "text/plain", "", "skein_up 1\n"});
  write(folder.path() + "/c.toml", config_text);
  write(folder.path() + "/log", "2026-08-16T09:00:00Z info  a b: c.\n");
  const std::string out = folder.path() + "/b.tar.gz";
  CHECK(cli({"bundle", "--out", out, "--config", folder.path() + "/c.toml", "--log",
             folder.path() + "/log"}) == exit_code::done);
  INFO(cli.out << cli.err);
  const std::string all = unzipped(out);
  CHECK(all.find("PLANTED") == std::string::npos);
  for (const char* file : {"machine.json", "status.json", "nodes.json", "shards.json", "peers.json",
                           "metrics.txt", "config.json", "log.txt", "contents.json"})
    CHECK_THAT(all, Catch::Contains("skein-bundle/" + std::string{file}));
  CHECK_THAT(all, Catch::Contains("skein_up 1") && Catch::Contains("a b: c."));
  CHECK_THAT(cli.out, Catch::Contains("status.json\t") && Catch::Contains("metrics.txt\t"));
  namespace fs = std::filesystem;
  CHECK(fs::status(out).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(cli({"bundle", "--out", out}) == exit_code::failed); // it is there
  CHECK_THAT(cli.err, Catch::Contains("cannot be written"));
}

TEST_CASE("without a node, a bundle has the rest and says what is missing") {
  command_line cli;
  const temp_dir folder;
  cli.environment["SKEIN_SERVER"] = "http://127.0.0.1:" + std::to_string(closed_port());
  cli.input = "2026-08-16T09:00:00Z info  a b: c.\n";
  CHECK(cli({"bundle", "--out", folder.path() + "/b.tar.gz", "--data", folder.path(), "--log",
             "-"}) == exit_code::done);
  for (const char* line :
       {"status.json\t-\tmissing: no node answers", "nodes.json\t-\tmissing: the node does not",
        "verify.json\t-\tmissing: ", "config.json\t-\tmissing: ", "log.txt\t"})
    CHECK_THAT(cli.out, Catch::Contains(line));
  CHECK(unzipped(folder.path() + "/b.tar.gz").find("a b: c.") != std::string::npos);
}

TEST_CASE("a bundle that is only to be shown is not written") {
  command_line cli;
  const temp_dir folder;
  cli.environment["SKEIN_SERVER"] = "http://127.0.0.1:" + std::to_string(closed_port());
  CHECK(cli({"bundle", "--out", folder.path() + "/b.tar.gz", "--dry-run"}) == exit_code::done);
  CHECK_FALSE(std::filesystem::exists(folder.path() + "/b.tar.gz"));
  CHECK_THAT(cli.err, Catch::Contains("would write"));
}
