// The demo's small parts: URLs, the choice of a store, configurations, the program, lines, words.
#include "nodes/config/load_config.hpp"
#include "nodes/demo/collect.hpp"
#include "nodes/demo/config_text.hpp"
#include "nodes/demo/line_reader.hpp"
#include "nodes/demo/store.hpp"
#include "nodes/demo/store_url.hpp"
#include "nodes/demo/teller.hpp"
#include "nodes/demo/worker.hpp"
#include "protocol/unique_fd.hpp"
#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>

#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace skein;
using namespace skein::demo;
using Catch::Matchers::Contains;

namespace {

std::string place_of(const std::string& url) {
  const auto place = read_store_url(url);
  return place ? place->host + " " + place->port : "none";
}

} // namespace

TEST_CASE("a server's place is read from its URL as libpq reads it") {
  CHECK(place_of("postgresql://db.example/skein") == "db.example 5432");
  CHECK(place_of("postgres://me:pass%40word@db.example:6000/skein?sslmode=require") ==
        "db.example 6000");
  CHECK(place_of("postgresql://[::1]:6000/x") == "::1 6000");
  CHECK(place_of("postgresql:///x") == "/var/run/postgresql 5432");
  CHECK(place_of("postgresql://postgres@/postgres?host=/tmp/a%20b&port=7") == "/tmp/a b 7");
  CHECK(place_of("postgresql://name/x?hostaddr=10.0.0.1") == "10.0.0.1 5432");
  CHECK(place_of("postgresql://%2Ftmp%2Fpg/x") == "/tmp/pg 5432");
  CHECK(read_store_url("postgresql:///x?host=/tmp/pg")->socket_path() == "/tmp/pg/.s.PGSQL.5432");
}

TEST_CASE("a URL of several servers or of none is refused, and never repeated") {
  for (const char* each : {"postgresql://secret@a,b/x", "postgresql://secret@a/x?host=b,c",
                           "sqlite:secret", "postgresql://secret@a/x?port=1,2"}) {
    INFO(each);
    const auto read = read_store_url(each);
    REQUIRE_FALSE(read);
    CHECK_THAT(read.error().detail, !Contains("secret") && Contains("; "));
  }
}

TEST_CASE("the way by a relay is the same URL with another place") {
  CHECK(place_of(by_port("postgresql://me@db/x?sslmode=require", 4000)) == "127.0.0.1 4000");
  CHECK(place_of(by_socket("postgresql://me@/x?host=/run/pg&port=99", "/tmp/a b/s")) ==
        "/tmp/a b/s 5432");
}

TEST_CASE("the store is the one that is named, else a server of the demo's own") {
  plan asked;
  CHECK(*choose_store(asked, true) == store_kind::own_postgres);
  CHECK_THAT(choose_store(asked, false).error().detail,
             Contains("apt install postgresql") && Contains("--store"));
  asked.own_server = true;
  CHECK(*choose_store(asked, true) == store_kind::own_postgres);
  asked.store = "postgresql://db/x";
  CHECK_THAT(choose_store(asked, true).error().detail, Contains("leave one of them out"));
  asked.own_server = false;
  CHECK(*choose_store(asked, false) == store_kind::given_postgres);
}

TEST_CASE("a node's configuration is one that a node takes") {
  const test::temp_dir dir;
  node_setting of;
  of.cluster = "demo-1";
  of.name = "n1";
  of.store = "postgresql://postgres@/postgres?host=/tmp/s";
  of.broker = "/tmp/s/n1";
  of.data = "/tmp/d/n1";
  of.others = {{"n2", "/tmp/s/n1-n2"}, {"n3", "/tmp/s/n1-n3"}};
  of.program = dir.path() + "/a \"quoted\" skein";
  REQUIRE(write_file(of.program, "#!/bin/sh\n"));
  REQUIRE(::chmod(of.program.c_str(), 0700) == 0);
  of.worker = worker_command;
  of.history = "/tmp/d/n1.history";
  REQUIRE(write_file(dir.path() + "/n1.toml", config_text(of)));
  const auto loaded = load_config_file(dir.path() + "/n1.toml");
  INFO(problem_lines(loaded));
  REQUIRE(loaded.ok());
  CHECK(loaded.problems.empty());
  REQUIRE(loaded.config.nodes.size() == 3);
  CHECK(loaded.config.nodes[1].broker == "ipc:///tmp/s/n1-n2");
}

TEST_CASE("the program counts, and emits at each tenth step") {
  const auto words = [](const std::string& state, const char* type) {
    return work_on(R"({"turn":"17-42.counter/1","token":"t","state":)" + state +
                   R"(,"event":{"id":"k7-3","type":")" + type +
                   R"(","source":"s","partitionkey":"k7"}})");
  };
  const auto first = json::parse(words("null", step_type).answer);
  CHECK(first["turn"] == "17-42.counter/1");
  CHECK(first["reply"] == 1);
  CHECK(first["state"]["count"] == 1);
  CHECK_FALSE(first.contains("emit"));
  const auto tenth = json::parse(words(R"({"count":9})", step_type).answer);
  REQUIRE(tenth["emit"].size() == 1);
  CHECK(tenth["emit"][0]["partitionkey"] == "sum-7");
  CHECK(tenth["emit"][0]["source"] == "s/sum");
  CHECK_FALSE(json::parse(words(R"({"count":9})", sum_type).answer).contains("emit"));
  const auto run = read_run(words(R"({"count":9})", step_type).history);
  REQUIRE(run);
  CHECK(run->event == "17-42");
  CHECK(run->before == 9);
  CHECK(run->token == "t");
}

TEST_CASE("what is no turn is no work, and half a line is no run") {
  for (const char* each : {"", "{}", "no json", R"({"cancel":"17-42.counter/1"})"})
    CHECK(work_on(each).answer.empty());
  CHECK_FALSE(read_run(R"({"turn":"17-42.coun)"));
}

TEST_CASE("lines come as they are there, the last one without its end too") {
  int ends[2] = {-1, -1};
  REQUIRE(::pipe(ends) == 0);
  unique_fd read{ends[0]}, write{ends[1]};
  line_reader in{read.get()};
  CHECK_FALSE(in.next());
  REQUIRE(::write(write.get(), "a\n\nb", 4) == 4);
  CHECK(in.next() == "a");
  CHECK(in.next() == "");
  CHECK_FALSE(in.next());
  CHECK_FALSE(in.is_over());
  write.reset();
  CHECK(in.next_blocking() == "b");
  CHECK_FALSE(in.next_blocking());
  CHECK(in.is_over());
}

TEST_CASE("people are told sentences and tables, programs a JSON object a line") {
  std::ostringstream out, err;
  const json rows = json::array({json{{"node", "n1"}, {"shards", 86}}, json{{"node", "n10"}}});
  teller people{out, err, false};
  people.say("ready", "it runs", {{"nodes", 3}});
  people.table("status", {"node", "shards"}, rows);
  people.complain("line 3",
                  {errc::invalid_argument, "there is no node \"n9\"; there are n1 to n3"});
  CHECK(out.str() == "it runs\n  NODE  SHARDS\n  n1    86\n  n10   -\n");
  CHECK(err.str() == "error: line 3: there is no node \"n9\"\n  try: there are n1 to n3\n");
  out.str("");
  err.str("");
  teller programs{out, err, true};
  programs.say("ready", "it runs", {{"nodes", 3}});
  programs.table("status", {"node"}, rows);
  programs.hint("demo> ");
  programs.complain("", {errc::invalid_argument, "no"});
  std::istringstream lines{out.str()};
  std::string line;
  REQUIRE(std::getline(lines, line));
  CHECK(json::parse(line)["nodes"] == 3);
  REQUIRE(std::getline(lines, line));
  CHECK(json::parse(line)["rows"].size() == 2);
  CHECK_FALSE(std::getline(lines, line));
  CHECK(json::parse(err.str())["error"] == "no");
}

TEST_CASE("a folder that stays must be empty, and one that need not is removed") {
  const test::temp_dir dir;
  std::string gone;
  {
    const auto made = folders::make("");
    REQUIRE(made);
    gone = (*made)->main();
    CHECK(write_file((*made)->config("n1"), "text"));
    CHECK(read_file((*made)->config("n1")) == "text");
  }
  CHECK(::access(gone.c_str(), F_OK) != 0);
  const std::string keep = dir.path() + "/kept";
  {
    const auto made = folders::make(keep);
    REQUIRE(made);
    CHECK(write_file((*made)->log("n1"), "text"));
  }
  CHECK(::access((keep + "/n1.log").c_str(), F_OK) == 0);
  const auto again = folders::make(keep);
  REQUIRE_FALSE(again);
  CHECK(again.error().code == errc::state_conflict);
}
