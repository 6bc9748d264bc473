// What becomes of each instant of a job: in order, after misses, beside runs that go on, over
// restarts, crashes and refused commits.
#include "tests/actors/jobs/job_world.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;
using nlohmann::json;
using lines = std::vector<std::string>;

namespace {

job_schedule schedule_of(const json& definition) {
  auto read = read_job("j", definition, job_world::around());
  REQUIRE(read.problems.empty());
  return {read.job, *job_world::zone(read.job.zone)};
}

} // namespace

TEST_CASE("a job fires at each of its instants, once, with its event") {
  job_world one;
  const json made = one.create("tick", every("1m", {{"data", {{"n", 1}}}, {"key", "room-1"}}));
  CHECK(made["next"].size() == 5);
  CHECK(made["next"][0]["utc"] == "2026-11-29T09:00:00Z");
  one.run_until(job_world::at("11-29T08:59:59"));
  CHECK(one.events("tick").empty());
  for (int i = 0; i < 3; ++i) {
    one.run_for(60s);
    one.end_all();
  }
  CHECK(one.events("tick") == lines{"tick@2026-11-29T09:00:00Z", "tick@2026-11-29T09:01:00Z",
                                    "tick@2026-11-29T09:02:00Z"});
  CHECK(one.records("tick") == lines{"fired 09:00:00", "fired 09:01:00", "fired 09:02:00"});
  const event made_event = one.event_of("tick@2026-11-29T09:01:00Z");
  CHECK(made_event.source == "skein/job/tick");
  CHECK(made_event.type == "skein.job");
  CHECK(made_event.key() == "room-1");
  CHECK(made_event.time == "2026-11-29T09:01:00Z");
  CHECK(made_event.data == R"({"n":1})");
}

TEST_CASE("never before its time, also with jitter, which is the same each time") {
  job_world one;
  one.create("j", every("1m", {{"jitter", "30s"}}));
  const std::string told = one.ask("job.describe", {{"job", "j"}})["jitter"];
  const auto offset = parse_duration(told);
  REQUIRE(offset);
  REQUIRE(*offset > 0s);
  REQUIRE(*offset < 30s);
  const instant fires = job_world::at("11-29T09:00:00") + *offset;
  one.run_until(fires - 1ms);
  CHECK(one.events("j").empty());
  one.run_until(fires + 1ms);
  CHECK(one.events("j") == lines{"j@2026-11-29T09:00:00Z"});
  one.end_all();
  one.restart();
  CHECK(one.ask("job.describe", {{"job", "j"}})["jitter"] == told);
}

TEST_CASE("missed instants: the misfire rule says which of them run") {
  job_world one;
  SECTION(
      "once: the newest if it is not late by more than half of the period; one record the rest") {
    one.create("j", every("1m"));
    one.jump(10min); // 09:09:30
    CHECK(one.records("j") ==
          lines{"merged 09:00:00..09:08:00 x9: missed; one run stands for all of them",
                "caught-up 09:09:00"});
    one.end_all();
    one.jump(10min + 5s); // 09:19:35
    CHECK(one.records("j").back() == "skipped 09:10:00..09:19:00 x10: missed by more than 30s");
    CHECK(one.events("j").size() == 1);
  }
  SECTION("once, with a bound of its own") {
    one.create("j", every("1m", {{"catch_up", "50s"}}));
    one.jump(10min + 15s);
    CHECK(one.records("j").back() == "caught-up 09:09:00");
  }
  SECTION("skip: none") {
    one.create("j", every("1m", {{"misfire", "skip"}}));
    one.jump(10min);
    CHECK(one.records("j") == lines{"skipped 09:00:00..09:09:00 x10: missed, and misfire = skip"});
    CHECK(one.events("j").empty());
  }
  SECTION("all: each, in order, one after the other, up to its bounds") {
    one.create("j", every("1m", {{"misfire", "all"}, {"catch_up_max", 3}}));
    one.jump(10min);
    for (int i = 0; i < 3; ++i) {
      REQUIRE(one.running("j").size() == 1);
      one.end(one.running("j").front());
    }
    CHECK(one.records("j") ==
          lines{"skipped 09:00:00..09:06:00 x7: of so many missed, the newest 3 ran (catch_up_max)",
                "caught-up 09:07:00", "caught-up 09:08:00", "caught-up 09:09:00"});
  }
  SECTION("all: what is on time takes no place of what was missed") {
    one.create("j", every("1m", {{"misfire", "all"}, {"catch_up_max", 3}}));
    one.jump(10min + 30s); // to 09:10:00
    for (int i = 0; i < 4; ++i)
      one.end_all();
    CHECK(one.records("j") ==
          lines{"skipped 09:00:00..09:06:00 x7: of so many missed, the newest 3 ran (catch_up_max)",
                "caught-up 09:07:00", "caught-up 09:08:00", "caught-up 09:09:00",
                "fired 09:10:00"});
  }
  SECTION("a month of seconds is one record") {
    one.create("j", every("1s"));
    one.jump(30 * 24h);
    one.run_for(1s);
    one.end_all();
    const auto all = one.ledger("j");
    std::uint64_t instants = 0;
    for (const auto& each : all)
      instants += each.count;
    CHECK(instants >= 30 * 24 * 3'600);
    CHECK(all.size() < 6);
  }
  SECTION("a small delay is no miss") {
    one.create("j", every("1m", {{"misfire", "skip"}}));
    one.jump(35s); // 5 s late
    CHECK(one.records("j") == lines{"fired 09:00:00"});
  }
}

TEST_CASE("the run that stands for missed instants waits for the run that goes on") {
  job_world one;
  const char* const overlap = GENERATE("skip", "queue");
  one.create("j", every("1m", {{"overlap", overlap}}));
  one.run_until(job_world::at("11-29T09:00:10"));
  one.jump(5min); // 09:05:10, in time; nobody has told the end of 09:00
  CHECK(one.running("j") == lines{"j@2026-11-29T09:00:00Z"});
  one.restart(false); // it is still known who waits
  one.run_until(job_world::at("11-29T09:06:10"));
  one.end_all();
  lines told{"fired 09:00:00",
             "merged 09:01:00..09:04:00 x4: missed; one run stands for all of them"};
  if (overlap == std::string{"skip"})
    told.push_back(
        "skipped 09:06:00: the run of 2026-11-29T09:00:00+00:00 was still going on (overlap = "
        "skip)");
  told.push_back("fired 09:05:00");
  if (overlap == std::string{"queue"})
    told.push_back("fired 09:06:00");
  CHECK(one.records("j") == told);
}

TEST_CASE("a page of history has each instant, whatever is written down while it is read") {
  job_world one;
  one.create("j", every("1m"));
  one.run_until(job_world::at("11-29T09:02:10")); // 09:01 and 09:02 share a record that may grow
  one.holds_reads = true;
  one.ask("job.history", {{"job", "j"}});
  one.end_all();
  one.run_until(job_world::at("11-29T09:03:10")); // it is closed, and a run follows
  one.read_held();
  const auto rows = one.answer_of_last()["records"];
  REQUIRE(rows.size() == 2);
  CHECK(rows[0]["verdict"] == "skipped");
  CHECK(rows[0]["count"] == 2);
  CHECK(rows[1]["verdict"] == "fired");
}

TEST_CASE("far times: what is counted from them or searched behind them stays an instant") {
  using namespace std::chrono;
  const instant now = job_world::at("11-29T09:00:00");
  const auto old = schedule_of(every("366d", {{"anchor", "1700-01-01"}})).next(now);
  REQUIRE(old);
  CHECK((sys_days{floor<days>(old->time_since_epoch())} - sys_days{1700y / 1 / 1}) % days{366} ==
        days{0});
  CHECK((*old > now && *old <= now + days{366}));
  const auto late = schedule_of(every("1h", {{"start", "2199-12-31T22:30"}}));
  const auto last = late.next(now);
  REQUIRE(last);
  CHECK(format_rfc3339(*last) == "2199-12-31T23:00:00Z");
  CHECK_FALSE(late.next(*last));
  for (const char* far : {"1699-12-31T23:59:59Z", "2200-01-01", "2261-12-31T23:59:59Z"})
    CHECK(read_job("j", {{"at", far}, {"agent", "bot"}}, job_world::around()).problems.size() == 1);
}

TEST_CASE("while time stands still nothing fires, and the clock is not looked at without end") {
  job_world one;
  one.create("j", every("1s"));
  one.run_until(job_world::at("11-29T08:59:30.999999"));
  CHECK(one.stand_still(10s) <= 10s / 50ms + 1);
  CHECK(one.records("j").empty());
  one.run_for(1ms);
  CHECK(one.records("j") == lines{"fired 08:59:31"});
}

TEST_CASE("an instant that comes while a run goes on") {
  job_world one;
  SECTION("skip: is left out, and the record says whose run was in the way") {
    one.create("j", every("1m"));
    one.run_until(job_world::at("11-29T09:03:10"));
    one.end_all();
    one.run_until(job_world::at("11-29T09:04:10"));
    CHECK(one.records("j") ==
          lines{"fired 09:00:00",
                "skipped 09:01:00..09:03:00 x3: the run of 2026-11-29T09:00:00+00:00 "
                "was still going on (overlap = skip)",
                "fired 09:04:00"});
  }
  SECTION("queue: waits, over a restart too") {
    one.create("j", every("1m", {{"overlap", "queue"}}));
    one.run_until(job_world::at("11-29T09:02:10"));
    CHECK(one.records("j") == lines{"fired 09:00:00"});
    one.restart(false);
    CHECK(one.running("j") == lines{"j@2026-11-29T09:00:00Z"});
    one.end_all();
    CHECK(one.records("j") == lines{"fired 09:00:00", "fired 09:01:00", "fired 09:02:00"});
  }
  SECTION("cancel: ends it, and runs when it has ended; what had waited is left out") {
    one.create("j", every("1m", {{"overlap", "cancel"}}));
    one.run_until(job_world::at("11-29T09:02:10"));
    CHECK(one.cancelled == lines{"j@2026-11-29T09:00:00Z", "j@2026-11-29T09:00:00Z"});
    one.end("j@2026-11-29T09:00:00Z", delivery_state::cancelled);
    CHECK(one.records("j") ==
          lines{"fired 09:00:00",
                "skipped 09:01:00: a later one came before it could run (overlap = cancel)",
                "fired 09:02:00"});
  }
  SECTION("allow: both run") {
    one.create("j", every("1m", {{"overlap", "allow"}}));
    one.run_until(job_world::at("11-29T09:02:10"));
    CHECK(one.running("j").size() == 3);
  }
}

TEST_CASE("a paused job leaves its instants out and says who paused it") {
  job_world one;
  one.create("j", every("1m"));
  one.ask("job.pause", {{"job", "j"}, {"by", "ann"}, {"why", "holidays"}});
  one.run_until(job_world::at("11-29T09:04:10"));
  one.restart();
  one.ask("job.resume", {{"job", "j"}, {"by", "bob"}});
  one.run_until(job_world::at("11-29T09:05:10"));
  CHECK(one.records("j") ==
        lines{"skipped 09:00:00..09:04:00 x5: paused by ann", "fired 09:05:00"});
  const json page = one.ask("job.describe", {{"job", "j"}});
  CHECK(page["changes"].size() == 3);
  CHECK(page["changes"][2]["by"] == "bob");
}

TEST_CASE("it is paused after so many failures one after the other") {
  job_world one;
  one.create("j", every("1m", {{"pause_after", 2}}));
  one.run_for(60s);
  one.end("j@2026-11-29T09:00:00Z", delivery_state::dead);
  one.run_for(60s);
  one.end("j@2026-11-29T09:01:00Z");
  for (const char* minute : {"02", "03"}) {
    one.run_for(60s);
    one.end("j@2026-11-29T09:" + std::string{minute} + ":00Z", delivery_state::dead);
  }
  CHECK(one.ask("job.describe", {{"job", "j"}})["state"] == "paused");
  one.run_for(10min);
  CHECK(one.events("j").size() == 4);
  one.ask("job.resume", {{"job", "j"}});
  one.run_for(60s);
  CHECK(one.events("j").size() == 5);
}

TEST_CASE("every instant is in exactly one record, over crashes, jumps and refused commits") {
  const json definition = every("7s", {{"misfire", GENERATE("skip", "once", "all")},
                                       {"overlap", GENERATE("skip", "queue", "allow")}});
  const auto schedule = schedule_of(definition);
  job_world one;
  one.create("j", definition);
  const instant begin = one.now();
  std::uint64_t dice = 7;
  for (int step = 0; step < 400; ++step) {
    dice = dice * 6364136223846793005ull + 1442695040888963407ull;
    const auto roll = dice >> 33;
    switch (roll % 8) {
      case 0:
        one.jump(std::chrono::seconds{roll / 8 % 90});
        break;
      case 1:
        one.restart(false);
        break;
      case 2: // a crash while a commit is under way: it may or may not be there
        one.holds_commits = true;
        one.run_for(std::chrono::seconds{roll / 8 % 20});
        one.holds_commits = false;
        one.restart(false);
        break;
      case 3:
        one.refuses = errc::disk_full;
        one.run_for(std::chrono::seconds{roll / 8 % 20});
        one.refuses = errc::none;
        break;
      case 4:
        one.end_all();
        break;
      default:
        one.run_for(std::chrono::seconds{roll / 8 % 10});
    }
  }
  one.run_for(3s);
  one.end_all();
  for (int i = 0; i < 3'000 && !one.running("j").empty(); ++i)
    one.end_all();
  std::size_t expected = 0;
  for (auto due = schedule.next(begin); due && *due <= one.now(); due = schedule.next(*due))
    ++expected;
  CHECK(one.instants_in_ledger("j", schedule, begin, one.now()) == expected);
  CHECK(expected > 100);
  // One event for each run of the ledger, and no other.
  lines runs;
  for (const job_record& each : one.ledger("j"))
    if (each.has_run())
      runs.push_back(each.id);
  CHECK(one.events("j") == runs);
}

TEST_CASE("a node that keeps crashing does not catch up; one that was stopped in order does") {
  job_world one;
  one.create("j", every("1m"));
  for (int i = 0; i < 3; ++i) {
    one.jump(30s);
    one.restart(false);
  }
  one.end_all();
  const std::size_t before = one.events("j").size();
  // The node is away over an instant, late by less than the bound.
  one.holds_commits = true;
  one.jump(80s);
  one.holds_commits = false;
  SECTION("crashed again") {
    one.restart(false);
    CHECK(one.events("j").size() == before);
    CHECK(one.records("j").back().find("several times") != std::string::npos);
  }
  SECTION("stopped in order") {
    one.restart(true);
    CHECK(one.events("j").size() > before);
  }
}

TEST_CASE("what is on time waits for what is caught up one by one") {
  job_world one;
  one.create("j", every("1m", {{"misfire", "all"}}));
  one.jump(3min); // 09:00, 09:01 and 09:02
  CHECK(one.events("j").size() == 1);
  one.run_for(60s); // 09:03
  for (int i = 0; i < 8; ++i)
    one.end_all();
  CHECK(one.records("j") ==
        lines{"caught-up 09:00:00", "caught-up 09:01:00", "caught-up 09:02:00", "fired 09:03:00"});
  one.run_for(60s);
  one.run_for(60s); // nothing is made up for any more
  CHECK(one.records("j").back().starts_with("skipped 09:05:00: the run of"));
}

TEST_CASE("an end that comes on the way to a stop is seen by the next start") {
  job_world one;
  one.create("j", every("1m", {{"overlap", "queue"}}));
  one.run_for(150s);
  CHECK(one.events("j").size() == 1);
  one.stop_starting();
  one.end_all();
  CHECK(one.events("j").size() == 1);
  one.restart();
  one.end_all();
  CHECK(one.events("j").size() >= 2);
}

TEST_CASE("a run that begins with the start is not over before it has begun") {
  job_world one;
  one.of_file({{"j", every("1m").dump()}});
  one.restart();
  one.run_for(60s);
  one.end_all();
  one.of_file({{"j", every("1m", {{"data", 1}}).dump()}});
  one.holds_commits = true; // nobody looks at the instant of 09:01 before the restart
  one.jump(40s);
  one.holds_commits = false;
  one.restart();
  CHECK(one.events("j").size() == 2);
  CHECK(one.ask("job.describe", {{"job", "j"}})["running"] == 1);
}

TEST_CASE("while the store refuses, what has ended waits, and commands are answered") {
  job_world one;
  one.create("j", every("1m", {{"overlap", "queue"}}));
  one.run_for(100s);
  one.refuses = errc::dedupe_full;
  one.end_all();
  const std::size_t told = one.log.size();
  CHECK(one.log.back().starts_with("jobs-refused"));
  one.tick(), one.tick();
  CHECK(one.log.size() == told);
  one.refuses = errc::none;
  CHECK(one.ask("job.pause", {{"job", "j"}, {"by", "ann"}})["state"] == "paused");
  CHECK(one.ask("job.resume", {{"job", "j"}, {"by", "ann"}})["state"] == "active");
  one.run_for(2s);
  CHECK(one.events("j").size() == 2);
}

TEST_CASE("a run that is to be ended is so after a crash as well") {
  job_world one;
  one.create("j", every("1m", {{"overlap", "cancel"}}));
  one.run_for(100s);
  CHECK(one.cancelled == lines{"j@2026-11-29T09:00:00Z"});
  one.restart(false);
  CHECK(one.cancelled == lines{"j@2026-11-29T09:00:00Z", "j@2026-11-29T09:00:00Z"});
}

TEST_CASE("a start ends no run that waits in line with others") {
  job_world one;
  one.create("j", every("1h", {{"overlap", "cancel"}}));
  one.ask("job.backfill", {{"job", "j"},
                           {"by", "ann"},
                           {"from", "2026-11-29T06:00:00Z"},
                           {"to", "2026-11-29T08:00:00Z"}});
  one.restart();
  CHECK(one.cancelled.empty());
}

TEST_CASE("a refusal whose work goes away is not looked at again and again") {
  job_world one;
  one.create("j", every("1m"));
  one.refuses = errc::dedupe_full;
  one.run_until(job_world::at("11-29T09:00:00"));
  one.refuses = errc::none;
  one.ask("job.delete", {{"job", "j"}, {"by", "ann"}});
  CHECK(one.looks_in(1min) < 5);
}

TEST_CASE("a commit that is refused is made again, and a command that met it is told") {
  job_world one;
  one.create("j", every("1m"));
  one.refuses = errc::disk_full;
  CHECK(one.create("k", every("1m"))["code"] == "disk-full");
  CHECK(one.ask("job.describe", {{"job", "k"}})["code"] == "not-found");
  one.run_until(job_world::at("11-29T09:00:05"));
  CHECK(one.events("j").empty());
  one.refuses = errc::none;
  one.run_for(3s);
  CHECK(one.records("j") == lines{"fired 09:00:00"});
  CHECK(one.events("j").size() == 1);
}
