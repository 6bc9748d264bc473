// [job.NAME] of a file: what reaches the engine, and each mistake at its line.
#include "nodes/config/load_config.hpp"
#include "nodes/config/node_options.hpp"

#include <catch2/catch.hpp>

using namespace skein;

namespace {

const std::string bot = "[agent.bot]\nkind = \"echo\"\n[[route]]\nagent = \"bot\"\n"; // 4 lines

std::string problems_of(const std::string& jobs) {
  return problem_lines(load_config(bot + jobs, "c.toml", {}));
}

/// Of one job, whose lines begin at 6.
std::string wrong(const std::string& lines) { return problems_of("[job.a]\n" + lines + "\n"); }

std::string words_of(const std::string& lines) {
  const auto loaded = load_config(bot + "[job.a]\n" + lines + "\n", "c.toml", {});
  INFO(problem_lines(loaded));
  REQUIRE(loaded.ok());
  return loaded.config.jobs.at("a");
}

} // namespace

TEST_CASE("a job of the file reaches the engine as the definition that the API would take") {
  CHECK(words_of("every = \"90m\"\nagent = \"bot\"") == R"({"agent":"bot","every":"90m"})");
  CHECK(words_of("cron = \"@daily\"\nzone = \"Europe/Berlin\"\nagent = \"bot\"\npause_after = 3") ==
        R"({"agent":"bot","cron":"@daily","pause_after":3,"zone":"Europe/Berlin"})");
}

TEST_CASE("data of a job may be any value, and keeps its digits and its order") {
  const std::string head = "every = \"1h\"\nagent = \"bot\"\ndata = ";
  const auto data = [&](const std::string& toml) {
    const std::string words = words_of(head + toml);
    const std::string before = R"({"agent":"bot","data":)", behind = R"(,"every":"1h"})";
    REQUIRE(words.starts_with(before));
    REQUIRE(words.ends_with(behind));
    return words.substr(before.size(), words.size() - before.size() - behind.size());
  };
  CHECK(data(R"("tidy \"up\"")") == R"("tidy \"up\"")");
  CHECK(data("3") == "3");
  CHECK(data("9007199254740993") == "9007199254740993");
  CHECK(data("1.0") == "1.0");
  CHECK(data("true") == "true");
  CHECK(data("{z = 1, a = [true, 0.5], \"b c\" = {}}") == R"({"z":1,"a":[true,0.5],"b c":{}})");
  CHECK(data("2026-12-01T09:00:00Z") == R"("2026-12-01T09:00:00Z")");
}

TEST_CASE("times of a job may be texts or times of TOML") {
  CHECK(words_of("at = 2030-12-01T09:00:00\nagent = \"bot\"") ==
        R"({"agent":"bot","at":"2030-12-01T09:00:00"})");
  CHECK(words_of("at = 2030-12-01T09:00:00+01:00\nagent = \"bot\"") ==
        R"({"agent":"bot","at":"2030-12-01T09:00:00+01:00"})");
  CHECK(words_of("at = 2030-12-01\nagent = \"bot\"") == R"({"agent":"bot","at":"2030-12-01"})");
}

TEST_CASE("what is in force where the file says nothing follows from the schedule") {
  const auto loaded = load_config(bot + R"([job.a]
every = "1h"
misfire = "all"
agent = "bot"
[job.b]
after = ["a"]
agent = "bot"
)",
                                  "c.toml", {});
  REQUIRE(loaded.ok());
  const auto value = [&](const char* job, const char* key) -> config_value {
    for (const configured_section& each : loaded.values)
      if (each.section->name == "job" && each.label == job)
        return each[key].value;
    return {};
  };
  CHECK(value("a", "overlap") == config_value{std::string{"skip"}});
  CHECK(value("a", "catch_up_max") == config_value{std::int64_t{100}});
  CHECK(value("a", "breaker") == config_value{std::string{"on"}});
  CHECK(value("b", "overlap") == config_value{std::string{"queue"}});
  for (const char* none : {"misfire", "catch_up_max", "jitter", "breaker"})
    CHECK(value("b", none) == config_value{});
}

TEST_CASE("the zone of the cluster and its jobs go to the engine") {
  const auto loaded = load_config("[cluster]\ntimezone = \"Europe/Berlin\"\n" + bot +
                                      "[job.a]\nat = \"2030-12-01T09:00\"\nagent = \"bot\"\n",
                                  "c.toml", {});
  REQUIRE(loaded.ok());
  const auto options = options_for(loaded.config, "");
  REQUIRE(options.ok());
  CHECK(options->settings.timezone == "Europe/Berlin");
  CHECK(options->settings.jobs.size() == 1);
  for (const configured_section& each : loaded.values)
    if (each.section->name == "job") // what is in force
      CHECK(each.get<std::string>("zone") == "Europe/Berlin");
}

TEST_CASE("each mistake of a job is told at its line") {
  const std::string agent = "\nagent = \"bot\"";
  CHECK(wrong("every = \"1h\"\nagent = \"bto\"") ==
        "c.toml:7:9: error: [job.a] agent: there is no agent \"bto\"; did you mean \"bot\"?\n");
  CHECK(wrong("every = \"1h\"\nagent = \"zebra\"") ==
        "c.toml:7:9: error: [job.a] agent: there is no agent \"zebra\"; the agents are bot\n");
  CHECK(wrong("cron = \"0 9 * * *\"\nzone = \"Europe/Berlim\"" + agent) ==
        "c.toml:7:8: error: [job.a] zone: there is no time zone \"Europe/Berlim\"; did you mean "
        "\"Europe/Berlin\"?\n");
  CHECK_THAT(wrong("cron = \"61 * * * *\"" + agent),
             Catch::StartsWith("c.toml:6:8: error: [job.a] cron: "));
  CHECK_THAT(wrong("cron = \"0 9 30 2 *\"" + agent),
             Catch::StartsWith("c.toml:6:8: error: [job.a] cron: "));
  CHECK(wrong("every = \"100ms\"" + agent) ==
        "c.toml:6:9: error: [job.a] every: read \"100ms\"; legal is a duration from 1s to 366d, "
        "such as \"90m\"\n");
  CHECK(wrong("evry = \"1h\"\nheartbeat = \"1h\"" + agent) ==
        "c.toml:6:1: error: [job.a] evry: there is no such key; did you mean every?\n");
  CHECK(wrong("agent = \"bot\"") == "c.toml:5:6: error: [job.a]: a job has exactly one of at, "
                                    "every, cron, heartbeat and after\n");
  CHECK(wrong("every = \"1h\"\ncron = \"@daily\"" + agent) ==
        "c.toml:5:6: error: [job.a]: a job has exactly one of at, every, cron, heartbeat and "
        "after\n");
  CHECK(wrong("every = \"1h\"") == "c.toml:5:6: error: [job.a]: a job needs `agent`, who gets its "
                                   "events, or `type`, which routes match\n");
  CHECK_THAT(wrong("at = \"tomorrow\"" + agent),
             Catch::StartsWith("c.toml:6:6: error: [job.a] at: must be a time, such as"));
  CHECK_THAT(wrong("at = 09:00:00" + agent),
             Catch::StartsWith("c.toml:6:6: error: [job.a] at: must be a time, such as"));
  CHECK(wrong("every = \"1h\"\ngap = \"skip\"" + agent) ==
        "c.toml:7:7: error: [job.a] gap: belongs to `cron`\n");
  CHECK(wrong("every = \"1h\"\njitter = \"2h\"" + agent) ==
        "c.toml:7:10: error: [job.a] jitter: must be shorter than the period\n");
  CHECK(wrong("every = \"1h\"\ncatch_up_max = 5" + agent) ==
        "c.toml:7:16: error: [job.a] catch_up_max: belongs to misfire = all\n");
  CHECK(wrong("every = \"1h\"\nstart = \"2027-01-01\"\nend = \"2026-01-01\"" + agent) ==
        "c.toml:8:7: error: [job.a] end: must be behind start\n");
  CHECK(wrong("every = \"1h\"\ndata = nan" + agent) ==
        "c.toml:7:8: error: [job.a] data: read nan; legal is what JSON can say, such as {folder = "
        "\"in\", tries = 3}\n");
  CHECK(wrong("every = \"1h\"\npriority = \"high\"" + agent) ==
        "c.toml:7:12: error: [job.a] priority: read \"high\"; legal is one of \"people\", "
        "\"hook\", \"job\", \"background\", \"replay\"\n");
}

TEST_CASE("all mistakes of all jobs are told at once, and none that only follows from another") {
  CHECK(problems_of("[job.a]\nevery = \"1x\"\njitter = \"2h\"\nagent = \"bto\"\n"
                    "[job.\"b c\"]\nevery = \"1h\"\nagent = \"bot\"\n") ==
        "c.toml:6:9: error: [job.a] every: read \"1x\"; legal is a duration from 1s to 366d, such "
        "as \"90m\"\n"
        "c.toml:8:9: error: [job.a] agent: there is no agent \"bto\"; did you mean \"bot\"?\n"
        "c.toml:9:6: error: [job.b c]: the name of a job has 1 to 64 of a-z A-Z 0-9 . _ - and "
        "begins with a letter or a digit\n");
}

TEST_CASE("a job comes after jobs of the file") {
  const std::string first = "[job.import]\nevery = \"1h\"\nagent = \"bot\"\n";
  const auto after = [](const std::string& name, const std::string& list) {
    return "[job." + name + "]\nafter = [" + list + "]\nagent = \"bot\"\n";
  };
  CHECK(problems_of(first + after("b", "\"import\"") +
                    after("c", "\"b:any\", \"import:failure\"")) == "");
  CHECK(problems_of(first + after("b", "\"improt:success\"")) ==
        "c.toml:9:9: error: [job.b] after: there is no job \"improt\"; did you mean \"import\"?\n");
  CHECK(problems_of(after("b", "\"zebra\"")) ==
        "c.toml:6:9: error: [job.b] after: there is no job \"zebra\"; legal is the NAME of another "
        "[job.NAME] section\n");
  CHECK(problems_of(after("b", "\"d\"") + after("c", "\"b\"") + after("d", "\"c\"")) ==
        "c.toml:6:9: error: [job.b] after: the jobs wait for each other: b -> c -> d -> b; "
        "legal are chains that begin with a job that has times of its own\n");
  CHECK_THAT(problems_of(after("b", "\"b\"")),
             Catch::StartsWith("c.toml:6:9: error: [job.b] after: the jobs wait for each other: b "
                               "-> b;"));
  CHECK_THAT(problems_of(after("b", "\"import:good\"")),
             Catch::StartsWith("c.toml:6:9: error: [job.b] after: each is the name of a job"));
}

TEST_CASE("an agent that only a job names is no idle one, and a job that no route takes is told") {
  const std::string idle = "[agent.two]\nkind = \"echo\"\n";
  CHECK_THAT(problems_of(idle), Catch::Contains("[agent.two]: no route names it"));
  CHECK(problems_of(idle + "[job.a]\nevery = \"1h\"\nagent = \"two\"\n") == "");
  CHECK(problems_of("[job.a]\nevery = \"1h\"\ntype = \"report\"\n") == "");
  CHECK(problems_of("[job.a]\nevery = \"1h\"\ntype = \"skein.job\"\n") ==
        "c.toml:7:8: warning: [job.a] type: no route matches its events, of type \"skein.job\"; "
        "they end as unrouted; name an `agent`, or add a [[route]] with this type\n");
}
