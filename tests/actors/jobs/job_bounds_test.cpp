// What bounds the work and the memory of jobs: of one step, of one commit, and of what waits.
#include "tests/actors/jobs/job_world.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;
using nlohmann::json;
using lines = std::vector<std::string>;

namespace {

json by_cron(const char* text, json more = json::object()) {
  more["cron"] = text;
  more["agent"] = "bot";
  return more;
}

std::size_t count_of(const lines& all, const std::string& part) {
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const auto& each) {
    return each.find(part) != std::string::npos;
  }));
}

} // namespace

TEST_CASE("timers do not pile up while jobs run") {
  job_world one;
  one.create("j", every("1s", {{"overlap", "allow"}}));
  for (int i = 0; i < 200; ++i) {
    one.run_for(1s);
    one.end_all();
  }
  CHECK(one.timers() <= 3);
}

TEST_CASE("of more than may wait the newest are caught up, and none of them is lost") {
  job_world one;
  SECTION("with nothing that waits") {
    one.create("j", every("1s", {{"misfire", "all"}, {"catch_up_max", 1'000}}));
    one.restart();
    one.jump(3'000s);
    const auto all = one.ledger("j");
    REQUIRE(all.size() == 2); // and 1,000 wait: the newest is on time
    CHECK(all.front().kind == record_kind::skipped);
    CHECK(all.front().count == 1'999);
    CHECK(all.back().from == one.now() - 1'000s);
    CHECK(one.ask("job.describe", {{"job", "j"}})["waiting"] == 1'000);
  }
  SECTION("with many that wait already") {
    one.create("j", every("1s", {{"misfire", "all"}, {"catch_up_max", 1'000}}));
    one.jump(700s);
    one.jump(700s);
    const lines all = one.records("j");
    CHECK(one.ask("job.describe", {{"job", "j"}})["waiting"] == 1'000);
    CHECK(count_of(all, "the newest 301 ran: there was room for no more that wait") == 1);
    for (int i = 0; i < 1'001; ++i)
      one.end_all();
    const auto ledger = one.ledger("j");
    CHECK(ledger.back().from == one.now()); // the newest ran
  }
}

TEST_CASE("replies that come together are left away where there is no room, and no instant is") {
  job_world one;
  one.create("a", every("1s", {{"overlap", "allow"}}));
  one.create("b", after({"a"}));
  one.run_for(7s);
  const auto runs = one.running("a");
  REQUIRE(runs.size() == 7);
  one.holds_commits = true;
  one.ask("job.pause", {{"job", "a"}}); // a commit that they all wait for
  for (const std::string& id : runs)
    one.end(id, delivery_state::done, json(std::string(60'000, 'x')).dump());
  one.holds_commits = false;
  one.commit_one();
  CHECK(one.ask("job.describe", {{"job", "b"}})["waiting"] == 6);
  std::size_t with_reply = 0;
  for (int i = 0; i < 7; ++i) {
    REQUIRE(one.running("b").size() == 1);
    const json data = json::parse(one.event_of(one.running("b").front()).data);
    with_reply += data["after"]["a"].contains("reply") ? 1u : 0u;
    CHECK(data["after"]["a"].contains("reply") != data["after"]["a"].contains("reply_omitted"));
    one.end(one.running("b").front());
  }
  CHECK(with_reply == 3); // the one that ran at once, and two that waited
  CHECK(count_of(one.records("b"), "skipped") == 0);
}

TEST_CASE("the replies of many jobs fit the event of the one behind them") {
  job_world one;
  one.create("root", every("1h"));
  std::vector<std::string> jobs;
  for (int i = 0; i < 30; ++i) {
    jobs.push_back("j" + std::to_string(i));
    one.create(jobs.back(), after({"root"}));
  }
  one.create("sum", after(jobs));
  one.run_for(60s);
  one.end("root@2026-11-29T09:00:00Z");
  one.holds_commits = true;
  one.ask("job.pause", {{"job", "root"}});
  for (const std::string& each : jobs)
    one.end(one.running(each).front(), delivery_state::done, json(std::string(60'000, 'x')).dump());
  one.holds_commits = false;
  one.commit_one();
  REQUIRE(one.running("sum").size() == 1);
  const json data = json::parse(one.event_of(one.running("sum").front()).data);
  std::size_t with_reply = 0;
  for (const json& each : data["after"])
    with_reply += each.contains("reply") ? 1u : 0u;
  CHECK(with_reply == 17); // of 60,000 bytes in 1 MiB
  CHECK(one.records("sum") == lines{"fired 09:00:00"});
}

TEST_CASE("a cron job that was down for long is decided in several commits, and others between") {
  job_world one;
  one.create("seconds", by_cron("* * * * * *", {{"misfire", "skip"}}));
  one.create("tidy", every("1h"));
  one.commits.clear();
  one.jump(30h + 31s);
  CHECK(one.commits.size() >= 2);
  const auto all = one.ledger("seconds");
  std::uint64_t covered = 0;
  for (const job_record& each : all)
    covered += each.count;
  CHECK(covered == 30 * 3'600 + 31); // each second since it was made
  CHECK(one.running("tidy").size() == 1);
}

TEST_CASE("a job that has much to decide comes again behind the others") {
  job_world one;
  one.create("a", by_cron("* * * * * *", {{"misfire", "skip"}}));
  one.create("b", by_cron("0 0 * * * *"));
  one.holds_commits = true;
  one.jump(30h + 31s);
  one.commit_one();
  CHECK(one.running("b").size() == 1); // with the first commit
  CHECK(one.ledger("a").back().to < one.now() - 1h);
  one.holds_commits = false;
  one.commit_one();
  CHECK(one.ledger("a").back().to > one.now() - 2s);
}

TEST_CASE("the records of jobs that the file has no longer are removed in several commits") {
  job_world one;
  std::map<std::string, std::string> jobs;
  for (int i = 0; i < 4; ++i)
    jobs["j" + std::to_string(i)] = every("1s", {{"overlap", "allow"}}).dump();
  one.of_file(jobs);
  one.restart();
  for (int i = 0; i < 6'000; ++i) {
    one.run_for(1s);
    one.end_all();
  }
  REQUIRE(one.ledger("j0").size() > 5'900);
  one.of_file({{"new", every("1m").dump()}});
  one.commits.clear();
  one.restart();
  CHECK(one.commits.size() >= 2);
  CHECK(*std::max_element(one.commits.begin(), one.commits.end()) < 15'000);
  CHECK(one.ask("job.list", json::object())["jobs"].size() == 1);
  CHECK(one.ledger("j0").empty());
  CHECK(one.ledger("j3").empty());
}
