// The jobs when the configuration changes while the node works: what the file says is what is
// there, every instant is in one record, and what runs goes on.
#include "job_world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

using lines = std::vector<std::string>;

TEST_CASE("jobs come, change and go with the file, and those of people stay") {
  job_world one;
  one.of_file({{"a", every("1m").dump()}, {"b", every("1m").dump()}});
  one.restart();
  one.create("mine", every("1m"));
  one.of_file({{"a", every("5m").dump()}, {"c", every("1m").dump()}});
  one.reload();
  CHECK(one.ask("job.describe", {{"job", "a"}})["schedule"] == "every 5m");
  CHECK(one.ask("job.describe", {{"job", "a"}})["changes"][0]["by"] == "file");
  CHECK(one.ask("job.describe", {{"job", "b"}})["code"] == "not-found");
  CHECK(one.ask("job.describe", {{"job", "c"}})["owner"] == "file");
  CHECK(one.ask("job.describe", {{"job", "mine"}})["schedule"] == "every 1m");
}

TEST_CASE("a file that says the same changes no job") {
  job_world one;
  one.of_file({{"a", every("1m").dump()}});
  one.restart();
  one.run_for(90s);
  const auto before = one.records("a");
  one.reload();
  CHECK(one.ask("job.describe", {{"job", "a"}})["revision"] == 1);
  CHECK(one.records("a") == before);
  one.end_all();
  one.run_for(1min);
  CHECK(one.records("a").size() == before.size() + 1);
}

TEST_CASE("a run goes on when its job is changed, and the next instant is of the new schedule") {
  job_world one;
  one.of_file({{"a", every("1m").dump()}});
  one.restart();
  one.run_until(job_world::at("11-29T09:01:30"));
  const auto runs = one.running("a");
  REQUIRE(runs.size() == 1);
  one.of_file({{"a", every("10m").dump()}});
  one.reload();
  CHECK(one.running("a") == runs);
  one.end_all();
  one.run_until(job_world::at("11-29T09:09:59"));
  const std::size_t before = one.events("a").size();
  one.run_until(job_world::at("11-29T09:10:01"));
  CHECK(one.events("a").size() == before + 1);
}

TEST_CASE("a change that the store refuses is made when it takes it") {
  job_world one;
  one.of_file({{"a", every("1h").dump()}});
  one.restart();
  one.refuses = errc::disk_full;
  one.of_file({{"b", every("1h").dump()}});
  one.reload();
  CHECK(one.ask("job.describe", {{"job", "b"}})["code"] == "not-found");
  one.refuses = errc::none;
  one.run_for(2s);
  CHECK(one.ask("job.describe", {{"job", "b"}})["owner"] == "file");
  CHECK(one.ask("job.describe", {{"job", "a"}})["code"] == "not-found");
}

TEST_CASE("a job stands still while its agent is gone, and goes on when it is back") {
  job_world one;
  one.create("mine", every("1m", {{"misfire", "skip"}}));
  one.run_until(job_world::at("11-29T09:01:30"));
  one.end_all();
  const std::size_t before = one.events("mine").size();
  one.agents_are({});
  one.reload();
  CHECK(one.ask("job.describe", {{"job", "mine"}})["state"] == "unreadable");
  one.run_until(job_world::at("11-29T09:05:30"));
  CHECK(one.events("mine").size() == before);
  one.agents_are({"bot"});
  one.reload();
  one.run_until(job_world::at("11-29T09:06:30"));
  CHECK(one.events("mine").size() == before + 1);
  const lines records = one.records("mine"); // what was missed has its record, too
  CHECK(std::any_of(records.begin(), records.end(),
                    [](const std::string& each) { return each.starts_with("skipped"); }));
}
