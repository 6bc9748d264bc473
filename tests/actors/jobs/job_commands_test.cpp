// What people and the configuration do with jobs, and what they are told.
#include "tests/actors/jobs/job_world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;
using nlohmann::json;
using lines = std::vector<std::string>;

TEST_CASE("runs that are asked for at one moment are different ones") {
  job_world one;
  one.create("j", every("1h", {{"overlap", "allow"}}));
  const json job{{"job", "j"}, {"by", "ann"}};
  SECTION("one after the other, while time stands still") {
    for (std::size_t i = 1; i <= 3; ++i) {
      one.ask("job.trigger", job);
      one.end_all();
      CHECK(one.events("j").size() == i);
    }
  }
  SECTION("in one commit") {
    one.holds_commits = true;
    for (int i = 0; i < 3; ++i)
      one.ask("job.trigger", job);
    one.holds_commits = false;
    one.commit_one();
    CHECK(one.running("j").size() == 3);
    CHECK(one.events("j").size() == 3);
  }
}

TEST_CASE("what the configuration says is put again if the store refused it") {
  job_world one;
  one.of_file({{"j", every("1m").dump()}});
  one.refuses = errc::disk_full;
  one.restart();
  CHECK(one.ask("job.describe", {{"job", "j"}})["code"] == "not-found");
  one.refuses = errc::none;
  one.run_for(2s);
  CHECK(one.ask("job.describe", {{"job", "j"}})["owner"] == "file");
}

TEST_CASE("what passes while a job cannot be read is decided by the definition that mends it") {
  job_world one;
  one.create("j", every("1m", {{"misfire", "all"}}));
  one.agents_are({});
  one.restart();
  CHECK(one.ask("job.describe", {{"job", "j"}})["state"] == "unreadable");
  one.run_for(150s);
  const json mended{{"every", "1m"}, {"misfire", "all"}, {"type", "routed"}};
  one.ask("job.edit", {{"job", "j"}, {"definition", mended}});
  for (int i = 0; i < 4; ++i)
    one.end_all();
  CHECK(one.events("j").size() == 3);
}

TEST_CASE("what is missed because a job cannot run says so, whoever mends it") {
  job_world one;
  one.create("j", every("1m", {{"misfire", "skip"}}));
  one.run_until(job_world::at("11-29T09:00:30"));
  one.end_all();
  one.agents_are({});
  one.restart();
  one.run_until(job_world::at("11-29T09:03:30"));
  const std::string told = one.ask("job.explain", {{"job", "j"}})["explanation"].dump();
  CHECK(told.find("What is due since 2026-11-29T09:00:30+00:00 is decided when it can run again") !=
        std::string::npos);
  const std::string why = "(agent: there is no agent \"bot\" in the configuration)";
  SECTION("the agent is there again") {
    one.agents_are({"bot"});
    one.restart();
    one.run_until(job_world::at("11-29T09:04:10"));
    CHECK(one.records("j") ==
          lines{"fired 09:00:00",
                "skipped 09:01:00..09:03:00 x3: missed, and misfire = skip; it could not run from "
                "2026-11-29T09:00:30+00:00 to 2026-11-29T09:03:30+00:00 " +
                    why,
                "fired 09:04:00"});
    one.jump(5min); // that is long over
    CHECK(one.records("j").back().find("could not") == std::string::npos);
  }
  SECTION("an edit names another way") {
    one.ask(
        "job.edit",
        {{"job", "j"}, {"definition", {{"every", "1m"}, {"misfire", "skip"}, {"type", "routed"}}}});
    one.run_until(job_world::at("11-29T09:04:10"));
    CHECK(one.records("j").at(1) ==
          "skipped 09:01:00..09:03:00 x3: missed, and misfire = skip; it could not run from "
          "2026-11-29T09:00:30+00:00 to 2026-11-29T09:03:30+00:00 " +
              why);
  }
  SECTION("it was paused meanwhile") {
    one.run_until(job_world::at("11-29T09:05:30"));
    one.ask("job.pause", {{"job", "j"}, {"by", "ann"}});
    one.run_until(job_world::at("11-29T09:07:30"));
    one.agents_are({"bot"});
    one.restart();
    one.ask("job.resume", {{"job", "j"}, {"by", "ann"}});
    CHECK(one.records("j") ==
          lines{"fired 09:00:00",
                "skipped 09:01:00..09:05:00 x5: it could not run from 2026-11-29T09:00:30+00:00 to "
                "2026-11-29T09:07:30+00:00 " +
                    why + ", and it was paused before it could",
                "skipped 09:06:00..09:07:00 x2: paused by ann"});
  }
}

TEST_CASE("a dry run of a change says what it would do, and does nothing") {
  job_world one;
  one.create("j", every("1h", {{"overlap", "skip"}}));
  one.create("k", after({"j"}));
  const auto dry = [&](const char* operation, json arguments) {
    arguments["job"] = arguments.value("job", "j");
    arguments["dry_run"] = true;
    return one.ask(operation, std::move(arguments));
  };
  one.run_until(job_world::at("11-29T09:00:10"));
  const auto records = one.ledger("j");
  const auto page = one.ask("job.describe", {{"job", "j"}});
  const std::size_t commits = one.commits.size();
  CHECK(dry("job.trigger", json::object())["code"] == "state-conflict"); // its run goes on
  CHECK(dry("job.delete", json::object())["code"] == "state-conflict");  // k comes after it
  CHECK(dry("job.delete", {{"job", "none"}})["code"] == "not-found");
  CHECK(dry("job.backfill", {{"from", "2026-11-29T08:00:00Z"},
                             {"to", "2026-11-29T07:00:00Z"}})["code"] == "invalid-argument");
  const json filled =
      dry("job.backfill", {{"from", "2026-11-29T06:00:00Z"}, {"to", "2026-11-29T08:00:00Z"}});
  CHECK(filled["instants"] == 3);
  CHECK(filled["waits"] == 3);
  CHECK(filled["dry_run"] == true);
  CHECK(dry("job.pause", json::object())["state"] == "paused");
  CHECK(dry("job.delete", {{"job", "k"}})["deleted"] == true);
  CHECK(one.ask("job.describe", {{"job", "j"}}) == page);
  CHECK(one.ask("job.describe", {{"job", "k"}})["job"] == "k");
  CHECK(one.ledger("j") == records);
  CHECK(one.commits.size() == commits);
  one.run_until(job_world::at("11-29T10:00:10")); // it stands where it stood
  CHECK(one.records("j").size() == 2);
}

TEST_CASE("instants that are backfilled do not end one another") {
  job_world one;
  one.create("j", every("1m", {{"overlap", "cancel"}}));
  one.ask("job.backfill", {{"job", "j"},
                           {"by", "ann"},
                           {"from", "2026-11-29T08:00:00Z"},
                           {"to", "2026-11-29T08:02:00Z"}});
  for (int i = 0; i < 3; ++i)
    one.end_all();
  CHECK(one.cancelled.empty());
  CHECK(one.events("j").size() == 3);
}

TEST_CASE("beside one another: what waits at the limit is not overtaken") {
  job_world one;
  one.create("j", every("1h", {{"overlap", "allow"}}));
  one.run_for(1s);
  for (std::size_t i = 0; i < limits::job_running_max; ++i)
    one.ask("job.trigger", {{"job", "j"}, {"by", "ann"}});
  CHECK(one.running("j").size() == limits::job_running_max);
  CHECK(one.ask("job.trigger", {{"job", "j"}, {"by", "bob"}})["waits"] == true);
  CHECK(one.ask("job.trigger", {{"job", "j"}, {"by", "eve"}})["waits"] == true);
  one.end(one.running("j").front());
  CHECK(one.ask("job.describe", {{"job", "j"}})["waiting"] == 1);
  CHECK(one.running("j").size() == limits::job_running_max);
}

TEST_CASE("a trigger that is left out says so") {
  job_world one;
  one.create("j", every("1m"));
  one.ask("job.backfill", {{"job", "j"},
                           {"by", "ann"},
                           {"from", "2026-11-29T08:00:00Z"},
                           {"to", "2026-11-29T08:02:00Z"}});
  one.ask("job.pause", {{"job", "j"}, {"by", "ann"}});
  one.end_all();
  CHECK(one.ask("job.trigger", {{"job", "j"}})["waits"] == true);
  one.create("k", every("1h", {{"key", "a"}}));
  CHECK(one.create("l", every("1h", {{"type", "a\nb"}}))["code"] == "invalid-argument");
}

TEST_CASE("an edit that was made for another revision is refused") {
  job_world one;
  const json made = one.create("j", every("1m"));
  const auto edit = [&](const json& revision) {
    return one.ask("job.edit", {{"job", "j"}, {"definition", every("2m")}, {"revision", revision}});
  };
  CHECK(edit(made["revision"])["revision"] == 2);
  CHECK(edit(made["revision"])["code"] == "state-conflict");
  const json shown =
      one.ask("job.edit", {{"job", "j"}, {"definition", every("3m")}, {"dry_run", true}});
  CHECK(shown["revision"] == 3);
  CHECK(shown["changes"].size() == 2);
  CHECK(one.ask("job.describe", {{"job", "j"}})["schedule"] == "every 2m");
}

TEST_CASE("at runs once; a job that would never run is refused") {
  job_world one;
  one.create("j", {{"at", "2026-11-29T10:00"}, {"zone", "Europe/Berlin"}, {"agent", "bot"}});
  one.run_for(5min);
  CHECK(one.events("j") == lines{"j@2026-11-29T09:00:00Z"});
  CHECK(one.ask("job.describe", {{"job", "j"}})["next"].empty());
  CHECK(one.create("k", {{"at", "2026-11-29T08:00:00Z"}, {"agent", "bot"}})["code"] ==
        "invalid-argument");
}

TEST_CASE("the jobs of the configuration and those of people do not fight") {
  job_world one;
  one.of_file({{"a", every("1m").dump()}, {"b", every("1m").dump()}});
  one.restart();
  CHECK(one.ask("job.describe", {{"job", "a"}})["owner"] == "file");
  CHECK(one.ask("job.edit", {{"job", "a"}, {"definition", every("2m")}})["code"] ==
        "state-conflict");
  CHECK(one.ask("job.delete", {{"job", "a"}})["code"] == "state-conflict");
  one.create("c", every("1m"));
  one.of_file({{"a", every("3m").dump()}, {"c", every("5m").dump()}});
  one.restart();
  CHECK(one.ask("job.describe", {{"job", "a"}})["schedule"] == "every 3m");
  CHECK(one.ask("job.describe", {{"job", "a"}})["revision"] == 2);
  CHECK(one.ask("job.describe", {{"job", "b"}})["code"] == "not-found");
  CHECK(one.ask("job.describe", {{"job", "c"}})["schedule"] == "every 1m");
  CHECK(std::any_of(one.log.begin(), one.log.end(),
                    [](const std::string& line) { return line.starts_with("job-owned-by-cli"); }));
  one.restart();
  CHECK(one.ask("job.describe", {{"job", "a"}})["revision"] == 2);
}

TEST_CASE("nobody is told that a job of the configuration is not there yet") {
  job_world one;
  one.of_file({{"a", every("1m").dump()}});
  one.holds_commits = true;
  one.restart();
  CHECK(one.ask("job.describe", {{"job", "a"}}) == nullptr);
  one.commit_one();
  CHECK(one.answer_of_last()["owner"] == "file");
}

TEST_CASE("by hand: trigger and backfill, beside the records of the schedule") {
  job_world one;
  one.create("j", every("1m", {{"misfire", "skip"}}));
  one.jump(5min);
  CHECK(one.records("j") == lines{"skipped 09:00:00..09:04:00 x5: missed, and misfire = skip"});
  one.ask("job.trigger", {{"job", "j"}, {"by", "ann"}});
  CHECK(one.ask("job.trigger", {{"job", "j"}})["code"] == "state-conflict");
  one.end_all();
  const json told = one.ask("job.backfill", {{"job", "j"},
                                             {"by", "ann"},
                                             {"from", "2026-11-29T09:01:00Z"},
                                             {"to", "2026-11-29T09:02:30Z"}});
  CHECK(told["instants"] == 2);
  one.end_all();
  CHECK(one.records("j") == lines{"skipped 09:00:00..09:04:00 x5: missed, and misfire = skip",
                                  "triggered 09:04:30: ann", "backfilled 09:01:00: ann",
                                  "backfilled 09:02:00: ann"});
  CHECK(one.ask("job.backfill", {{"job", "j"},
                                 {"from", "2026-11-29T09:01:00Z"},
                                 {"to", "2026-11-30T09:01:00Z"}})["code"] == "invalid-argument");
}

TEST_CASE("explain tells in plain words why it did or did not run") {
  job_world one;
  one.create("j", every("1m"));
  const auto explained = [&](const char* at) {
    const json told = one.ask("job.explain", {{"job", "j"}, {"at", at}});
    INFO(told.dump());
    REQUIRE(told.contains("explanation"));
    std::string all;
    for (const json& each : told["explanation"])
      all += each.get<std::string>();
    return all;
  };
  one.run_until(job_world::at("11-29T09:01:10"));
  CHECK(explained("2026-11-29T09:00") ==
        "It ran for 2026-11-29T09:00:00+00:00, 0s late, as event " +
            one.ask("job.history", {{"job", "j"}})["records"].back()["event"].get<std::string>() +
            ", which is pending.");
  CHECK(explained("2026-11-29T09:01").find("was still going on") != std::string::npos);
  CHECK(explained("2026-11-29T08:00").find("no such job yet") != std::string::npos);
  CHECK(explained("2026-11-29T09:02").find("in 50s") != std::string::npos);
  CHECK(explained("2026-11-29T09:00:30").find("It was not due") != std::string::npos);
  CHECK(explained("2026-11-29T09:00:30").find("It ran for 2026-11-29T09:00:00") !=
        std::string::npos);
}

TEST_CASE("explain knows what was asked for by hand, and jobs without a schedule") {
  job_world one;
  one.of_file({{"gone", every("1m").dump()}});
  one.restart();
  one.create("j", every("1h"));
  one.create("k", {{"after", {"j"}}, {"agent", "bot"}});
  const auto explained = [&](const char* job, const std::string& at) {
    const json told = one.ask("job.explain", {{"job", job}, {"at", at}});
    INFO(told.dump());
    REQUIRE(told.contains("explanation"));
    std::string all;
    for (const json& each : told["explanation"])
      all += each.get<std::string>() + " ";
    return all;
  };
  const auto says = [&](const char* job, const std::string& at, const char* words) {
    const std::string all = explained(job, at);
    UNSCOPED_INFO(all);
    return all.find(words) != std::string::npos;
  };
  CHECK(says("k", "2026-11-29T09:00", "Its ledger has no record of"));
  one.ask("job.backfill", {{"job", "j"},
                           {"by", "ann"},
                           {"from", "2026-11-29T07:00:00Z"},
                           {"to", "2026-11-29T07:00:00Z"}});
  CHECK(says("j", "2026-11-29T07:00", "there was no such job yet"));
  CHECK(says("j", "2026-11-29T07:00",
             "It was backfilled for 2026-11-29T07:00:00+00:00, asked for by ann"));
  one.end_all();
  CHECK(says("k", "2026-11-29T07:00", "because j was backfilled, as event"));
  one.end_all();
  one.ask("job.trigger", {{"job", "j"}, {"by", "bob"}});
  CHECK(says("j", format_rfc3339(one.now()), "It was triggered at"));
  one.end_all();
  one.run_until(job_world::at("11-29T09:00:10"));
  one.end_all();
  CHECK(says("k", "2026-11-29T09:00", "It ran for 2026-11-29T09:00:00+00:00"));
  CHECK(says("k", "2026-11-29T09:30", "The newest before"));
  one.ask("job.pause", {{"job", "j"}, {"by", "ann"}, {"why", "holidays"}});
  CHECK(says("j", "2026-11-29T09:30",
             "It is paused since 2026-11-29T09:00:10+00:00 by ann: holidays."));
  CHECK(says("j", "2027-03-01T00:00", "in 91d14h"));
}

TEST_CASE("what waits begins when nothing holds it any more, and not only when a run ends") {
  job_world one;
  one.create("j", every("1m", {{"overlap", "queue"}}));
  one.run_for(100s);
  REQUIRE(one.running("j").size() == 1);
  SECTION("an edit lets them run beside one another") {
    one.ask("job.edit", {{"job", "j"}, {"definition", every("1m", {{"overlap", "allow"}})}});
    CHECK(one.running("j").size() == 2);
  }
  SECTION("an edit mends a job that could not be read") {
    one.agents_are({});
    one.restart();
    one.end_all();
    CHECK(one.ask("job.describe", {{"job", "j"}})["waiting"] == 1);
    one.ask("job.edit", {{"job", "j"}, {"definition", {{"every", "1m"}, {"type", "routed"}}}});
    CHECK(one.running("j") == lines{"j@2026-11-29T09:01:00Z"});
  }
}

TEST_CASE("a job that waits behind one that had gone runs again when that one is there") {
  job_world one;
  one.of_file({{"a", every("1m", {{"overlap", "allow"}}).dump()}});
  one.restart();
  one.create("d", after({"a"}));
  one.run_for(100s);
  for (const std::string& id : one.running("a"))
    one.end(id);
  CHECK(one.ask("job.describe", {{"job", "d"}})["waiting"] == 1);
  one.of_file({});
  one.restart();
  CHECK(one.ask("job.describe", {{"job", "d"}})["state"] == "unreadable");
  one.end_all();
  CHECK(one.running("d").empty());
  one.create("a", every("1h"));
  CHECK(one.running("d") == lines{"d@2026-11-29T09:01:00Z"});
  one.end_all();
  CHECK(one.ask("job.describe", {{"job", "d"}})["waiting"] == 0);
}

TEST_CASE("what is backfilled waits as a whole while the job is paused; a trigger does not") {
  job_world one;
  one.create("j", every("1m"));
  one.ask("job.pause", {{"job", "j"}, {"by", "ann"}});
  const json backfill{{"job", "j"},
                      {"by", "ann"},
                      {"from", "2026-11-29T07:00:00Z"},
                      {"to", "2026-11-29T07:02:00Z"}};
  SECTION("a backfill") {
    const json told = one.ask("job.backfill", backfill);
    CHECK(told["instants"] == 3);
    CHECK(told["runs"] == 0);
    CHECK(told["waits"] == 3);
    CHECK(told["left_out"] == 0);
    CHECK(told["paused"] == true);
    CHECK(one.running("j").empty());
    const json why = one.ask("job.explain", {{"job", "j"}, {"at", "2026-11-29T07:01:00Z"}});
    CHECK(why["explanation"].dump().find("waits until the job is resumed") != std::string::npos);
    one.ask("job.resume", {{"job", "j"}, {"by", "ann"}});
    for (int i = 0; i < 3; ++i) {
      REQUIRE(one.running("j").size() == 1);
      one.end(one.running("j").front());
    }
    CHECK(one.running("j").empty());
  }
  SECTION("a trigger") {
    CHECK(one.ask("job.trigger", {{"job", "j"}})["waits"] == false);
    CHECK(one.running("j").size() == 1);
  }
}

TEST_CASE(
    "a backfill for which there is no room is refused as a whole, and says how much there is") {
  job_world one;
  one.create("j", every("1m"));
  const json told = one.ask("job.backfill", {{"job", "j"},
                                             {"by", std::string(250, 'x')},
                                             {"from", "2026-11-28T16:00:00Z"},
                                             {"to", "2026-11-29T08:00:00Z"}});
  CHECK(told["detail"].get<std::string>().starts_with("there is room for 694 instants now"));
  CHECK(one.records("j").empty());
  const json some = one.ask("job.backfill", {{"job", "j"},
                                             {"by", std::string(250, 'x')},
                                             {"from", "2026-11-29T00:00:00Z"},
                                             {"to", "2026-11-29T08:00:00Z"}});
  CHECK(some["instants"] == 481);
  CHECK(some["runs"] == 1);
  CHECK(some["waits"] == 480);
}

TEST_CASE("of a time before an edit the ledger tells, not the schedule of now") {
  job_world one;
  one.create("j", every("1m"));
  one.run_for(60s);
  one.end_all();
  one.ask("job.edit", {{"job", "j"},
                       {"definition", every("7m", {{"anchor", "2026-11-29T09:06:00Z"}})},
                       {"by", "ann"}});
  one.run_for(5s);
  const auto told = [&](const char* at) {
    return one.ask("job.explain", {{"job", "j"}, {"at", at}});
  };
  const json then = told("2026-11-29T09:00:00Z");
  CHECK(then["explanation"][0] == "It was edited at 2026-11-29T09:00:30+00:00 by ann, and had "
                                  "another definition until then.");
  CHECK(then["explanation"][1].get<std::string>().starts_with("It ran for 2026-11-29T09:00:00"));
  CHECK(then["records"].size() == 1);
  const json since = told("2026-11-29T09:00:31Z");
  CHECK(since["explanation"][0].get<std::string>().starts_with("It was not due at"));
  CHECK(since["explanation"].dump().find("2026-11-29T08:5") == std::string::npos);
  CHECK(since["explanation"].back().get<std::string>().starts_with("The newest before"));
  one.run_for(6min);
  const json now = told("2026-11-29T09:06:00Z");
  CHECK(now["explanation"][0].get<std::string>().starts_with("It ran for 2026-11-29T09:06:00"));
}

TEST_CASE("a history goes on where the page before ended") {
  job_world one;
  one.create("j", every("1m", {{"overlap", "allow"}}));
  one.run_for(5min);
  json seen = json::array();
  json page = one.ask("job.history", {{"job", "j"}, {"limit", 2}});
  while (true) {
    for (const json& each : page["records"])
      seen.push_back(each["from"]);
    if (!page.contains("next"))
      break;
    page = one.ask("job.history", {{"job", "j"}, {"limit", 2}, {"after", page["next"]}});
  }
  CHECK(seen == json{"2026-11-29T09:04:00Z", "2026-11-29T09:03:00Z", "2026-11-29T09:02:00Z",
                     "2026-11-29T09:01:00Z", "2026-11-29T09:00:00Z"});
}

TEST_CASE("what people change is in one commit with the record of who did it") {
  job_world one;
  one.by = {"boss", "10.0.0.7"};
  one.holds_commits = true;
  one.create("j", every("1h"));
  CHECK(one.audit().empty());
  one.commit_one();
  REQUIRE(one.audit().size() == 1);
  CHECK(one.audit()[0].who == "boss");
  CHECK(one.audit()[0].from == "10.0.0.7");
  CHECK(one.audit()[0].what == "job.create");
  CHECK(one.audit()[0].target == "j");
  SECTION("what was refused, by the job or by the store, leaves none") {
    one.holds_commits = false;
    one.create("j", every("1h"));
    one.ask("job.delete", {{"job", "nobody"}});
    one.refuses = errc::disk_full;
    one.ask("job.pause", {{"job", "j"}});
    CHECK(one.audit().size() == 1);
  }
  SECTION("nor does what changes nothing, is only looked at, or comes by the clock") {
    one.holds_commits = false;
    one.ask("job.resume", {{"job", "j"}}); // it is not paused
    one.ask("job.describe", {{"job", "j"}});
    one.ask("job.edit", {{"job", "j"}, {"definition", every("2h")}, {"dry_run", true}});
    one.run_for(3h);
    CHECK(one.audit().size() == 1);
  }
  SECTION("each change has one, the newest first") {
    one.holds_commits = false;
    one.ask("job.pause", {{"job", "j"}, {"why", "so"}});
    one.by.who = "other";
    one.ask("job.resume", {{"job", "j"}});
    one.ask("job.delete", {{"job", "j"}});
    std::vector<std::string> found;
    for (const audit_record& each : one.audit())
      found.push_back(each.who + " " + each.what);
    std::sort(found.begin(), found.end()); // they are of one moment
    CHECK(found ==
          lines{"boss job.create", "boss job.pause", "other job.delete", "other job.resume"});
  }
}
