// Jobs that come after others: each instant that began has one record in each job of the chain.
#include "tests/actors/jobs/job_world.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;
using nlohmann::json;
using lines = std::vector<std::string>;

TEST_CASE("chains: a run of each job before it, of the same instant, and what they answered") {
  job_world one;
  one.create("root", every("1m"));
  one.create("a", {{"after", {"root"}}, {"agent", "bot"}});
  one.create("b", {{"after", {"root:any"}}, {"agent", "bot"}});
  one.create("c", {{"after", {"a:success", "b:any"}}, {"agent", "bot"}, {"data", "sum"}});
  CHECK(one.create("x", {{"after", {"nobody"}}, {"agent", "bot"}})["detail"] ==
        "after: there is no job nobody");
  const json cycle =
      one.ask("job.edit", {{"job", "a"}, {"definition", {{"after", {"c"}}, {"agent", "bot"}}}});
  CHECK(cycle["detail"] == "after: it would come after itself: a -> c -> a");
  one.run_for(60s);
  one.end("root@2026-11-29T09:00:00Z");
  one.end("a@2026-11-29T09:00:00Z", delivery_state::done, R"({"sum":4})");
  CHECK(one.events("c").empty());
  one.restart(false); // what a has told is kept
  one.end("b@2026-11-29T09:00:00Z", delivery_state::dead);
  CHECK(one.events("c") == lines{"c@2026-11-29T09:00:00Z"});
  const json data = json::parse(one.event_of("c@2026-11-29T09:00:00Z").data);
  CHECK(data["data"] == "sum");
  CHECK(data["after"]["a"]["reply"]["sum"] == 4);
  CHECK(data["after"]["b"]["succeeded"] == false);
  one.end("c@2026-11-29T09:00:00Z");
  one.run_for(60s);
  one.end("root@2026-11-29T09:01:00Z", delivery_state::dead);
  CHECK(one.records("a").back() == "skipped 09:01:00: root failed (wanted success)");
  one.end("b@2026-11-29T09:01:00Z");
  one.run_for(60s);
  one.end("root@2026-11-29T09:02:00Z");
  one.end("a@2026-11-29T09:02:00Z");
  one.end("b@2026-11-29T09:02:00Z");
  CHECK(one.records("c") == lines{"fired 09:00:00",
                                  "skipped 09:01:00: a was left out (wanted success)",
                                  "fired 09:02:00"});
  CHECK(one.ask("job.graph", json::object())["edges"].size() == 4);
}

TEST_CASE("chains: what was left out is told to those behind it") {
  job_world one;
  one.create("s0", every("1m"));
  one.create("s1", after({"s0:success"}));
  one.create("s2", after({"s0:failure"}));
  one.create("s3", after({"s1:any"}));
  one.create("s4", after({"s1:failure"}));
  one.create("s5", after({"s1:any", "s2:any"}));
  one.run_for(60s);
  one.end("s0@2026-11-29T09:00:00Z", delivery_state::dead);
  CHECK(one.records("s1") == lines{"skipped 09:00:00: s0 failed (wanted success)"});
  CHECK(one.records("s3") == lines{"fired 09:00:00"});
  CHECK(one.records("s4") == lines{"skipped 09:00:00: s1 was left out (wanted failure)"});
  CHECK(one.events("s5").empty());
  one.end("s2@2026-11-29T09:00:00Z");
  CHECK(one.records("s5") == lines{"fired 09:00:00"});
  const json data = json::parse(one.event_of("s5@2026-11-29T09:00:00Z").data);
  CHECK(data["after"]["s1"]["left_out"] == true);
  CHECK(!data["after"]["s1"].contains("id"));
  CHECK(data["after"]["s2"]["succeeded"] == true);
}

TEST_CASE("chains: runs of one instant meet in whatever order they end") {
  job_world one;
  one.create("root", every("1m", {{"overlap", "allow"}}));
  one.create("a", after({"root"}, {{"overlap", "allow"}}));
  one.create("b", after({"root"}, {{"overlap", "allow"}}));
  one.create("c", after({"a", "b"}, {{"overlap", "allow"}}));
  one.create("a0", after({"b", "root"})); // by its name it is told of the root before b is
  one.run_for(100s);
  one.end("root@2026-11-29T09:00:00Z");
  one.end("root@2026-11-29T09:01:00Z");
  CHECK(one.records("a0").empty());
  one.end("a@2026-11-29T09:00:00Z");
  one.end("a@2026-11-29T09:01:00Z");
  one.end("b@2026-11-29T09:01:00Z");
  CHECK(one.events("c") == lines{"c@2026-11-29T09:01:00Z"});
  one.restart(false);
  one.end("b@2026-11-29T09:00:00Z");
  CHECK(one.records("c") == lines{"fired 09:01:00", "fired 09:00:00"});
  one.end_all();
  CHECK(one.records("a0") == lines{"fired 09:01:00", "fired 09:00:00"});
}

TEST_CASE("chains: an instant that one of the jobs before has no run for is left out once") {
  job_world one;
  one.create("root", every("1m"));
  one.create("a", after({"root"}));
  one.create("c", after({"root"}));
  one.create("d", after({"a", "c"}));
  one.run_for(60s);
  one.end("root@2026-11-29T09:00:00Z");
  one.end("a@2026-11-29T09:00:00Z");
  // What began before it came after the root concerns it no more; a is not before it any more.
  one.ask("job.edit", {{"job", "d"}, {"definition", after({"root", "c"}, {{"key", "k"}})}});
  one.end("c@2026-11-29T09:00:00Z");
  CHECK(one.records("d") ==
        lines{"skipped 09:00:00: nothing is known of a run of root for this instant"});
  one.run_for(60s);
  one.end("root@2026-11-29T09:01:00Z");
  // An edit that leaves the jobs before it alone forgets nothing.
  one.ask("job.edit", {{"job", "d"}, {"definition", after({"root", "c"}, {{"key", "l"}})}});
  one.end("c@2026-11-29T09:01:00Z");
  CHECK(one.records("d").back() == "fired 09:01:00");
}

TEST_CASE("chains: an edit loses no instant and decides none twice") {
  job_world one;
  one.create("a", every("1m"));
  one.create("b", after({"a"}));
  one.create("c", after({"a"}));
  one.create("e", after({"a"}));
  one.create("d", after({"b", "c", "e"}));
  one.create("f", after({"d:any"}, {{"overlap", "allow"}}));
  one.run_for(60s);
  one.end("a@2026-11-29T09:00:00Z");
  one.end("b@2026-11-29T09:00:00Z");
  one.end("c@2026-11-29T09:00:00Z");
  SECTION("a job before it goes, the others have told") {
    one.ask("job.edit", {{"job", "d"}, {"definition", after({"c", "e"})}});
    one.end("e@2026-11-29T09:00:00Z");
    CHECK(one.records("d") == lines{"fired 09:00:00"});
  }
  SECTION("all but one go") {
    one.ask("job.edit", {{"job", "d"}, {"definition", after({"c"})}});
    CHECK(one.records("d") == lines{"fired 09:00:00"});
    one.end("e@2026-11-29T09:00:00Z");
    CHECK(one.records("d") == lines{"fired 09:00:00"});
  }
  SECTION("it ran for b, and comes after e as well while that still runs") {
    one.ask("job.edit", {{"job", "d"}, {"definition", after({"b"})}});
    CHECK(one.records("d") == lines{"fired 09:00:00"});
    one.end("d@2026-11-29T09:00:00Z");
    one.ask("job.edit", {{"job", "d"}, {"definition", after({"e"}, {{"key", "other"}})}});
    one.end("e@2026-11-29T09:00:00Z");
    CHECK(one.records("d") == lines{"fired 09:00:00"});
    CHECK(one.events("d").size() == 1);
  }
  SECTION("a job that goes its own way comes before it for a while") {
    one.create("y", every("24h"));
    one.ask("job.edit", {{"job", "d"}, {"definition", after({"c", "e", "y"})}});
    one.end("e@2026-11-29T09:00:00Z");
    one.ask("job.edit", {{"job", "d"}, {"definition", after({"c", "e"})}});
    CHECK(one.records("d") == lines{"fired 09:00:00"});
  }
  SECTION("it has a schedule of its own now: those behind it are told") {
    one.ask("job.edit", {{"job", "d"}, {"definition", every("1h")}});
    CHECK(one.records("d").back().starts_with("skipped 09:00:00: it does not come after"));
    CHECK(one.records("f").back() == "fired 09:00:00");
  }
  SECTION("a job that is new counts what begins from then on") {
    one.create("g", after({"b", "e"}));
    one.end("e@2026-11-29T09:00:00Z");
    CHECK(one.records("g").empty());
    one.end_all(), one.end_all();
    one.run_for(60s);
    one.end_all(), one.end_all(), one.end_all();
    CHECK(one.records("g") == lines{"fired 09:01:00"});
  }
}

TEST_CASE("chains: of jobs that cancel one another's runs each instant is decided once") {
  job_world one;
  one.create("a", every("1s", {{"overlap", "allow"}}));
  one.create("s", after({"a"}, {{"overlap", "allow"}}));
  one.create("b", after({"a", "s"}, {{"overlap", "cancel"}}));
  one.create("c", after({"a"}, {{"overlap", "allow"}}));
  one.create("d", after({"b:any", "c:any"}, {{"overlap", "allow"}}));
  one.run_for(8s);
  for (const std::string job : {"a", "c", "s", "b"})
    for (const std::string& id : one.running(job))
      one.end(id);
  one.end_all(), one.end_all(), one.end_all();
  const lines all = one.records("d");
  CHECK(all.size() == 8);
  CHECK(std::all_of(all.begin(), all.end(),
                    [](const std::string& each) { return each.starts_with("fired"); }));
}

TEST_CASE("chains: a very long one, left out from end to end") {
  job_world one;
  one.create("j0", every("1h"));
  one.create("j1", after({"j0:failure"}));
  for (int i = 2; i <= 299; ++i)
    one.create("j" + std::to_string(i), after({"j" + std::to_string(i - 1)}));
  one.run_for(60s);
  one.end_all();
  CHECK(one.records("j299").size() == 1);
}

TEST_CASE("chains: a backfill runs those behind it again, one at a time") {
  job_world one;
  one.create("a", every("1m"));
  one.create("b", after({"a"}));
  one.run_for(60s);
  one.end_all(), one.end_all();
  one.run_for(60s);
  one.end_all(), one.end_all();
  CHECK(one.records("b") == lines{"fired 09:00:00", "fired 09:01:00"});
  one.ask("job.backfill", {{"job", "a"},
                           {"by", "ann"},
                           {"from", "2026-11-29T09:00:00Z"},
                           {"to", "2026-11-29T09:01:00Z"}});
  for (int i = 0; i < 4; ++i)
    one.end_all();
  CHECK(one.records("b") == lines{"fired 09:00:00", "fired 09:01:00",
                                  "backfilled 09:00:00: a was backfilled",
                                  "backfilled 09:01:00: a was backfilled"});
  CHECK(one.events("b").size() == 4);
}

TEST_CASE("chains: what waits is bounded in number and in bytes") {
  job_world one;
  one.create("root", every("1s", {{"overlap", "allow"}}));
  one.create("fast", after({"root"}, {{"overlap", "allow"}}));
  one.create("slow", every("1h"));
  one.create("both", after({"fast", "slow"}));
  one.run_for(40s);
  const std::string reply = json(std::string(60'000, 'x')).dump();
  for (int i = 0; i < 4; ++i) {
    one.end(one.running("root").front());
    one.end(one.running("fast").front(), delivery_state::done, reply);
  }
  one.restart(false);
  one.end(one.running("slow").front());
  const auto handed = [&] {
    const json data = json::parse(one.event_of(one.running("both").front()).data);
    one.end(one.running("both").front());
    one.run_for(1s);
    one.ask("job.trigger", {{"job", "slow"}});
    one.end(one.running("slow").front());
    return data["after"]["fast"];
  };
  // Two replies fit, what comes behind them goes without.
  CHECK(handed()["reply"].get<std::string>().size() == 60'000);
  CHECK(handed()["reply"].get<std::string>().size() == 60'000);
  const json third = handed();
  CHECK(!third.contains("reply"));
  CHECK(third["reply_omitted"] == true);
  // Ends beyond the bound of their number leave a record each.
  for (std::size_t i = 0; i < limits::job_queue_max + 10; ++i) {
    one.run_for(1s);
    one.end(one.running("root").front());
    one.end(one.running("fast").front());
  }
  const lines all = one.records("both");
  CHECK(all.back() ==
        "skipped 08:59:44: too many runs of fast were waiting for the other jobs before it");
  CHECK(std::count_if(all.begin(), all.end(), [](const std::string& each) {
          return each.find("too many runs") != std::string::npos;
        }) == 10);
}

TEST_CASE("chains: of jobs that go their own ways an instant may come again") {
  job_world one;
  one.create("x", every("1m"));
  one.create("y", every("1h"));
  one.create("z", after({"x", "y"}));
  const auto by_hand = [&](const char* job) {
    one.run_for(1s);
    one.ask("job.trigger", {{"job", job}});
    one.end(one.running(job).front());
  };
  one.run_for(40s);
  one.end_all(), one.end_all();
  CHECK(one.events("z") == lines{"z@2026-11-29T09:00:00Z"});
  by_hand("y");
  by_hand("y");
  one.run_for(60s);
  one.end_all();
  one.run_for(60s);
  one.end_all();
  one.end_all();
  CHECK(one.events("z").size() == 3);
}

TEST_CASE("chains: the file and people cannot close a circle, or lose a job before one, unseen") {
  job_world one;
  one.of_file({{"a", every("1m").dump()}});
  one.restart();
  one.create("b", after({"a"}));
  one.of_file({{"a", after({"b"}).dump()}});
  one.restart();
  CHECK(one.ask("job.describe", {{"job", "a"}})["state"] == "unreadable");
  CHECK(one.ask("job.describe", {{"job", "b"}})["problem"] ==
        "after: it would come after itself: b -> a -> b");
  one.of_file({});
  one.restart();
  CHECK(one.ask("job.describe", {{"job", "b"}})["problem"] == "after: there is no job a");
  CHECK(one.ask("job.describe", {{"job", "b"}})["definition"]["after"][0] == "a:success");
  one.create("a", every("1m"));
  CHECK(one.ask("job.describe", {{"job", "b"}})["state"] == "active");
  one.run_for(60s);
  one.end_all();
  CHECK(one.events("b") == lines{"b@2026-11-29T09:00:00Z"});
}

TEST_CASE("chains: what comes into a circle from outside waits until it is open") {
  job_world one;
  one.of_file({{"a", every("1m").dump()}});
  one.restart();
  one.create("x", every("1m"));
  one.create("b", after({"a", "x"}));
  one.of_file({{"a", after({"b"}).dump()}});
  one.restart();
  CHECK(one.ask("job.describe", {{"job", "b"}})["state"] == "unreadable");
  one.run_for(40s);
  one.end_all();
  one.ask("job.edit", {{"job", "b"}, {"definition", after({"x"})}});
  CHECK(one.events("b") == lines{"b@2026-11-29T09:00:00Z"});
}
