#include "tests/actors/jobs/job_world.hpp"

#include "protocol/raw_json.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

/// The first problem: "key: text".
std::string problem_of(const json& definition, const std::string& name = "j") {
  const auto read = read_job(name, definition, job_world::around());
  if (read.problems.empty())
    return {};
  return read.problems.front().key + ": " + read.problems.front().text;
}

json with(json definition, const char* key, json value) {
  definition[key] = std::move(value);
  return definition;
}

const json plain{{"every", "1h"}, {"agent", "bot"}};

} // namespace

TEST_CASE("what is wrong with a definition is told by its key") {
  CHECK(problem_of(plain).empty());
  struct wrong {
    json definition;
    std::string begins;
  };
  const std::vector<wrong> all{
      {json::array(), ": a job is an object"},
      {json::object(), ": a job has exactly one of"},
      {{{"every", "1h"}}, ": a job needs `agent`"},
      {with(plain, "cron", "* * * * *"), ": a job has exactly one of"},
      {with(plain, "evry", "1h"), "evry: there is no such key"},
      {{{"every", "500ms"}, {"agent", "bot"}}, "every: must be a duration from 1s"},
      {{{"every", "soon"}, {"agent", "bot"}}, "every: must be a duration"},
      {{{"every", 5}, {"agent", "bot"}}, "every: must be a text"},
      {{{"every", "9000d"}, {"agent", "bot"}}, "every: must be a duration"},
      {{{"cron", "* * *"}, {"agent", "bot"}}, "cron: "},
      {{{"cron", "0 0 30 2 *"}, {"agent", "bot"}}, "cron: "},
      {{{"at", "tomorrow"}, {"agent", "bot"}}, "at: must be a time"},
      {{{"after", json::array()}, {"agent", "bot"}}, "after: must be a list"},
      {{{"after", {"a:maybe"}}, {"agent", "bot"}}, "after: each is the name"},
      {{{"after", {"a", "a:any"}}, {"agent", "bot"}}, "after: a is there twice"},
      {with(plain, "zone", "Europe/Bonn"), "zone: there is no time zone"},
      {with(plain, "agent", "nobody"), "agent: there is no agent"},
      {with(plain, "priority", "urgent"), "priority: must be one of"},
      {with(plain, "misfire", "twice"), "misfire: must be one of skip, once, all"},
      {with(plain, "overlap", 1), "overlap: must be a text"},
      {with(plain, "gap", "skip"), "gap: belongs to `cron`"},
      {with(plain, "anchor", "x"), "anchor: must be a time"},
      {with(plain, "catch_up", "0s"), "catch_up: must be a duration"},
      {with(plain, "catch_up_max", 3), "catch_up_max: belongs to misfire = all"},
      {with(plain, "jitter", "1h"), "jitter: must be shorter than the period"},
      {after({"a"}, {{"jitter", "1m"}}), "jitter: a job that comes after others has no instants"},
      {after({"a"}, {{"misfire", "once"}}), "misfire: a job that comes after others"},
      {after({"a"}, {{"catch_up", "1h"}}), "catch_up: a job that comes after others"},
      {after({"a"}, {{"breaker", "off"}}), "breaker: a job that comes after others"},
      {after({"a"}, {{"start", "2026-12-02"}}), "start: a job that comes after others"},
      {after({"a"}, {{"end", "2026-12-02"}}), "end: a job that comes after others"},
      {with(with(plain, "misfire", "all"), "catch_up_max", 1'001),
       "catch_up_max: must be a number"},
      {with(plain, "pause_after", -1), "pause_after: must be a number"},
      {with(plain, "timeout", "1ms"), "timeout: must be a duration"},
      {with(with(plain, "start", "2026-12-02"), "end", "2026-12-01"), "end: must be behind start"},
      {with(plain, "key", std::string(600, 'k')), "key: may have 512 bytes"},
      {with(plain, "data", std::string(200'000, 'x')), "data: may have"},
  };
  for (const wrong& each : all) {
    INFO(each.definition.dump().substr(0, 200));
    CHECK(problem_of(each.definition).substr(0, each.begins.size()) == each.begins);
  }
  const auto two =
      read_job("j", with(with(plain, "zone", "Nowhere"), "misfire", "never"), job_world::around());
  CHECK(two.problems.size() == 2);
}

TEST_CASE("the jitter of a cron expression, or of one time, is bounded by a year alone") {
  for (json definition : {json{{"cron", "* * * * *"}}, json{{"at", "2026-12-24T18:00"}}}) {
    definition["agent"] = "bot";
    CHECK(problem_of(with(definition, "jitter", "366d")).empty());
    CHECK(problem_of(with(definition, "jitter", "367d")).starts_with("jitter: must be a duration"));
  }
}

TEST_CASE("a definition that was kept is read although less is legal now") {
  const json former = after({"a"}, {{"misfire", "once"}, {"jitter", "1m"}, {"breaker", "off"}});
  CHECK(problem_of(without_former_keys(former)).empty());
  const json many{{"every", "1m"}, {"agent", "bot"}, {"misfire", "all"}, {"catch_up_max", 10'000}};
  const auto read = read_job("j", without_former_keys(many), job_world::around());
  CHECK(read.problems.empty());
  CHECK(read.job.catch_up_max == 1'000);
  CHECK(without_former_keys(plain) == plain);
}

TEST_CASE("names of jobs") {
  for (const char* good : {"a", "0", "nightly.import", "A_b-c", "x9"})
    CHECK(is_job_name(good));
  for (const char* bad : {"", ".a", "-a", "_a", "a/b", "a b", "!jobs", "ä"})
    CHECK_FALSE(is_job_name(bad));
  CHECK(is_job_name(std::string(64, 'a')));
  CHECK_FALSE(is_job_name(std::string(65, 'a')));
}

TEST_CASE("a definition reads back what it was written as") {
  for (const json& each : std::vector<json>{
           plain,
           {{"cron", "30 2 * * MON-FRI"},
            {"zone", "Europe/Berlin"},
            {"gap", "skip"},
            {"repeat", "both"},
            {"type", "t"},
            {"data", {{"n", 1}}},
            {"misfire", "all"},
            {"catch_up", "2d"},
            {"catch_up_max", 7},
            {"overlap", "cancel"},
            {"jitter", "30s"},
            {"start", "2026-12-01T09:00"},
            {"end", "2027-12-01"},
            {"timeout", "5m"},
            {"pause_after", 3},
            {"breaker", "off"},
            {"priority", "background"},
            {"key", "k"}},
           {{"heartbeat", "30s"}, {"agent", "bot"}},
           {{"at", "2026-12-24T18:00"}, {"agent", "bot"}, {"data", "ho"}},
           {{"after", {"a", "b:any", "c:failure"}}, {"agent", "bot"}},
           {{"every", "90s"}, {"anchor", "2026-01-01T00:00:30Z"}, {"agent", "bot"}}}) {
    const auto read = read_job("j", each, job_world::around());
    INFO(each.dump());
    REQUIRE(read.problems.empty());
    const std::string words = write_json(job_words(read.job));
    const auto again = read_job("j", json::parse(words), job_world::around());
    REQUIRE(again.problems.empty());
    CHECK(write_json(job_words(again.job)) == words);
    for (const auto& [key, value] : each.items())
      if (key != "after")
        CHECK(json::parse(words)[key] == value);
  }
}

TEST_CASE("data of a definition stays the text that it was written as") {
  const std::string data = R"({ "z":1e400, "a":[0.10,"\\u0041"] })";
  const std::string text = R"({"every":"1h","agent":"bot","data":)" + data + "}";
  for (const json& words : {read_job_words(text), read_job_words(R"({"job":)" + text + "}")["job"],
                            read_job_words(R"({"definition":)" + text + "}")["definition"]}) {
    const job_reading read = read_job("j", words, job_world::around());
    REQUIRE(read.problems.empty());
    CHECK(read.job.data == data);
    CHECK_THAT(write_json(job_words(read.job)), Catch::Contains(R"("data":)" + data));
  }
  CHECK(read_job("j", read_job_words(R"({"every":"1h","agent":"bot","data":"a\nb"})"),
                 job_world::around())
            .job.data == "a\nb");
  CHECK(read_job_words(R"({"data":[1})").is_discarded());
  CHECK(read_job_words(R"({"data":1,"data":2})").is_discarded());
}

TEST_CASE("times of a zone, also where the clocks change") {
  const zone_rules& berlin = *job_world::zone("Europe/Berlin");
  const auto read = [&](const char* text) {
    const auto at = parse_zone_time(text, berlin);
    return at ? format_rfc3339(*at) : std::string{"none"};
  };
  CHECK(read("2026-07-01T12:00") == "2026-07-01T10:00:00Z");
  CHECK(read("2026-07-01") == "2026-06-30T22:00:00Z");
  CHECK(read("2026-07-01T12:00:30") == "2026-07-01T10:00:30Z");
  CHECK(read("2026-07-01T12:00:00Z") == "2026-07-01T12:00:00Z");
  CHECK(read("2026-07-01T12:00:00+09:00") == "2026-07-01T03:00:00Z");
  CHECK(read("2026-03-29T02:30") == "2026-03-29T01:00:00Z"); // it does not exist
  CHECK(read("2026-10-25T02:30") == "2026-10-25T00:30:00Z"); // the first of two
  for (const char* bad : {"", "12:00", "2026-07-01T12", "2026-13-01", "2026-07-01 12:00", "now"})
    CHECK(read(bad) == "none");
}

TEST_CASE("the instants between two times are those that follow one another") {
  const auto zone = GENERATE("UTC", "Europe/Berlin", "Australia/Lord_Howe");
  for (json definition : std::vector<json>{
           {{"every", "7s"}},
           {{"every", "90m"}, {"anchor", "2026-03-01T00:00:01Z"}},
           {{"cron", "*/7 * * * *"}},
           {{"cron", "30 2 * * *"}},
           {{"every", "1h"}, {"start", "2026-03-29T00:30"}, {"end", "2026-03-29T05:00"}},
           {{"at", "2026-03-29T02:30"}}}) {
    definition["agent"] = "bot";
    definition["zone"] = zone;
    const auto read = read_job("j", definition, job_world::around());
    REQUIRE(read.problems.empty());
    const job_schedule schedule{read.job, *job_world::zone(zone)};
    const instant from = *parse_rfc3339("2026-03-28T23:00:00.5Z");
    const instant to = from + 7h;
    std::vector<instant> walked;
    for (auto due = schedule.next(from); due && *due <= to; due = schedule.next(*due))
      walked.push_back(*due);
    INFO(definition.dump());
    const auto all = schedule.between(from, to, 1'000'000);
    REQUIRE(all.has_value() == !walked.empty());
    if (!all)
      continue;
    CHECK(all->count == walked.size());
    CHECK(all->first == walked.front());
    CHECK(all->last == walked.back());
    const auto some = schedule.between(from, to, 2);
    CHECK(some->count == std::min<std::size_t>(2, walked.size()));
    CHECK(some->last == walked[some->count - 1]);
    CHECK(some->newest.empty());
    const auto three = schedule.between(from, to, 1'000'000, 3);
    REQUIRE(three->newest.size() == std::min<std::size_t>(3, walked.size()));
    CHECK(std::equal(three->newest.rbegin(), three->newest.rend(), walked.rbegin()));
    for (const instant asked : {from, walked.front(), walked.front() + 1ns, to})
      CHECK(schedule.newest_until(asked).value_or(from) ==
            (asked < walked.front()
                 ? schedule.newest_until(from).value_or(from)
                 : *(std::upper_bound(walked.begin(), walked.end(), asked) - 1)));
  }
}

TEST_CASE("the newest instant until a time is found however many there are, and however long ago") {
  const auto newest = [](const char* cron, const char* upto) {
    const auto read = read_job("j", {{"cron", cron}, {"agent", "bot"}}, job_world::around());
    REQUIRE(read.problems.empty());
    const job_schedule schedule{read.job, *job_world::zone("UTC")};
    const auto found = schedule.newest_until(*parse_rfc3339(upto));
    return found ? format_rfc3339(*found) : std::string{"none"};
  };
  CHECK(newest("* * 1-5 1 1 *", "2026-12-30T00:00:00Z") == "2026-01-01T05:59:59Z");
  CHECK(newest("0 0 29 2 *", "2027-12-30T00:00:00Z") == "2024-02-29T00:00:00Z");
  CHECK(newest("0 0 29 2 MON", "1700-01-01T00:00:00Z") != "");
  CHECK(newest("* * * * *", "2199-12-31T00:00:30Z") == "2199-12-31T00:00:00Z");
}

TEST_CASE("with misfire = all an instant that is on time runs, however short its catch_up is") {
  const auto read = read_job("j", {{"every", "1m"}, {"agent", "bot"}}, job_world::around());
  const job_schedule schedule{read.job, *job_world::zone("UTC")};
  misfire_settings how;
  how.rule = misfire_rule::all;
  how.catch_up = 1s;
  const instant through = job_world::at("11-29T09:00:30");
  const auto plan = decide_due(schedule, how, 0s, through, job_world::at("11-29T09:01:05"));
  REQUIRE(plan.stretches.size() == 1);
  CHECK(plan.stretches.front().what == verdict::fired);
}

TEST_CASE("whatever was missed, each instant gets one verdict") {
  const json definition = GENERATE(
      json{{"every", "1s"}, {"agent", "bot"}}, json{{"every", "10s"}, {"agent", "bot"}},
      json{{"every", "1h"}, {"agent", "bot"}}, json{{"cron", "*/5 * * * *"}, {"agent", "bot"}});
  const auto read = read_job("j", definition, job_world::around());
  const job_schedule schedule{read.job, *job_world::zone("UTC")};
  misfire_settings how;
  how.rule = GENERATE(misfire_rule::skip, misfire_rule::once, misfire_rule::all);
  how.catch_up_max = 5;
  how.room = GENERATE(0u, 3u, 1000u);
  how.nothing_is_caught_up = GENERATE(false, true);
  const instant through = job_world::at("11-29T09:00:00.25");
  for (const duration away : std::vector<duration>{0s, 1s, 9s, 61s, 2h, 26h, 40 * 24h}) {
    const duration offset = away % 3s;
    const instant now = through + away;
    instant reached = through;
    for (bool more = true; more;) {
      const due_plan plan = decide_due(schedule, how, offset, reached, now);
      for (const due_stretch& each : plan.stretches) {
        const auto due = schedule.between(reached, each.to, each.count + 1);
        REQUIRE(due);
        CHECK(due->first == each.from);
        CHECK(due->last == each.to);
        CHECK(due->count == each.count);
        CHECK((each.count == 1 || each.what == verdict::merged || each.what == verdict::skipped));
        reached = each.to;
      }
      more = plan.more;
      REQUIRE((!more || !plan.stretches.empty()));
    }
    const auto next = schedule.next(reached);
    CHECK(*next + offset > now);
  }
}
