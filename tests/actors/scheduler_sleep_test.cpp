// scheduler_core: turns that go to sleep, and go on.
#include "loop_world.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

using lines = std::vector<std::string>;

namespace {

/// What the loop says of the only delivery of an event that it holds.
nlohmann::json live(loop_world& world, const std::string& event = "0-1") {
  world.take();
  world.ask(R"({"op":"live","events":[")" + event + R"("]})");
  const std::string line = world.take().back();
  return nlohmann::json::parse(line.substr(line.find('{'))).at(event).at("deliveries").at(0);
}

} // namespace

TEST_CASE("a turn sleeps, and its delivery goes on with its state when the time has passed") {
  loop_world world;
  world.publish({});
  world.take();
  world.fall_asleep("0-1.bot/1", 10min, R"({"n":1})");
  CHECK(world.take() == lines{R"(disk: slept 0-1.bot/1, again at +10m state={"n":1})"});
  world.wait(10min - 1ns);
  CHECK(world.take().empty());
  world.wait(1ns);
  CHECK(world.take() == lines{"read state of bot k", R"(start 0-1.bot/2 sleeps=1 state={"n":1})"});
  world.fall_asleep("0-1.bot/2", 1s); // leaves the state
  world.wait(1s);
  CHECK(world.take() == lines{"disk: slept 0-1.bot/2, again at +601s",
                              R"(start 0-1.bot/3 sleeps=2 state={"n":1})"});
  world.fall_asleep("0-1.bot/3", 1s, "none");
  world.wait(1s);
  CHECK(world.take() == lines{"disk: slept 0-1.bot/3, again at +602s no state",
                              "read state of bot k", "start 0-1.bot/4 sleeps=3"});
  world.done("0-1.bot/4");
  CHECK(world.take() == lines{"disk: done 0-1.bot/1"}); // its first attempt
  CHECK(world.core().counted().slept == 3);
  CHECK(world.core().counted().failed == 0);
  CHECK(world.core().counted().retried == 0);
  CHECK(world.core().pending_events() == 0);
}

TEST_CASE("the time of a sleep counts from the answer, and does not wait for the disk") {
  loop_world world;
  world.publish({});
  world.hold_commits = true;
  world.fall_asleep("0-1.bot/1", 10s);
  world.wait(4s);
  world.take();
  world.commit();
  CHECK(world.take() == lines{"disk: slept 0-1.bot/1, again at +10s"});
  world.wait(6s - 1ns);
  CHECK(world.take().empty());
  world.wait(1ns);
  CHECK(world.take() == lines{"start 0-1.bot/2 sleeps=1"});
}

TEST_CASE("nothing goes on before its sleep is on disk") {
  loop_world world;
  world.publish({});
  world.hold_commits = true;
  world.fall_asleep("0-1.bot/1", 1s);
  world.take();
  world.wait(1min);
  CHECK(world.take().empty());
  world.commit();
  CHECK(world.take() == lines{"disk: slept 0-1.bot/1, again at +1s", "start 0-1.bot/2 sleeps=1"});
}

TEST_CASE("sleeps use up no attempt, whatever comes between") {
  loop_world world{{.agents = {{.attempts = 2}}}};
  world.publish({});
  for (const char* turn : {"0-1.bot/1", "0-1.bot/2", "0-1.bot/3"}) {
    world.fall_asleep(turn, 1min);
    world.wait(1min);
  }
  world.fail("0-1.bot/4");
  CHECK(world.take().back() ==
        "disk: failed 0-1.bot/4, again at +181s"); // after the first back-off
  CHECK(live(world)["state"] == "retrying");
  CHECK(live(world)["attempts"] == 1);
  world.wait(1s);
  world.fall_asleep("0-1.bot/5", 1min);
  world.wait(1min);
  world.take();
  world.fail("0-1.bot/6");
  CHECK(world.take() ==
        lines{"disk: dead 0-1.bot/2 agent-failed", "log delivery-dead 0-1.bot"}); // its second
}

TEST_CASE("a lane waits for who sleeps in it, other lanes do not") {
  loop_world world;
  world.publish_all({{.id = "1"}, {.id = "2"}, {.id = "3", .key = "other"}});
  world.take();
  world.fall_asleep("0-1.bot/1", 1h, "1");
  world.done("0-3.bot/1");
  world.publish({.id = "4", .key = "other"});
  CHECK(world.running() == std::set<std::string>{"0-4.bot/1"});
  world.wait(1h);
  CHECK(world.running() == std::set<std::string>{"0-1.bot/2", "0-4.bot/1"});
  world.done("0-1.bot/2");
  CHECK(world.running() == std::set<std::string>{"0-2.bot/1", "0-4.bot/1"});
  CHECK(world.take().back() == "start 0-2.bot/1 state=1");
}

TEST_CASE("who sleeps counts as pending, says so, and holds up no drain") {
  loop_world world;
  world.publish({});
  world.fall_asleep("0-1.bot/1", 1h);
  const auto row = live(world);
  CHECK(row["state"] == "pending");
  CHECK(row["sleeping"] == true);
  CHECK(row["sleeps"] == 1);
  CHECK(row["attempts"] == 0);
  CHECK(row.contains("next_due"));
  world.stop_starting();
  world.watch_progress();
  CHECK(world.take().back() == "progress: running 0, uncommitted 0, pending 1");
  world.wait(1h);
  CHECK(world.running().empty());
  CHECK_FALSE(live(world).contains("sleeping"));
}

TEST_CASE("a cancel ends who sleeps, also while that is on its way to the disk") {
  loop_world world;
  world.publish_all({{.id = "1"}, {.id = "2"}});
  if (GENERATE(false, true))
    world.hold_commits = true;
  world.fall_asleep("0-1.bot/1", 1h, "1");
  world.ask(R"({"op":"cancel","event":"0-1"})");
  world.hold_commits = false;
  world.commit_all();
  CHECK(world.core().counted().cancelled == 1);
  CHECK(world.running() == std::set<std::string>{"0-2.bot/1"});
  CHECK(world.take().back() == "start 0-2.bot/1 state=1"); // what it kept stays
  world.done("0-2.bot/1");
  world.wait(2h);
  CHECK(world.running().empty());
}

TEST_CASE("an event expires while it sleeps") {
  loop_world world;
  world.publish({.expires = "+10m"});
  world.fall_asleep("0-1.bot/1", 1h);
  world.take();
  world.wait(10min);
  CHECK(world.take() == lines{"disk: expired 0-1.bot/0"}); // no attempt of it failed
  world.wait(1h);
  CHECK(world.take().empty());
}

TEST_CASE("who sleeps on goes on sleeping after a restart, and is no suspect") {
  loop_world world;
  world.publish_all({{.id = "1"}, {.id = "2"}});
  world.fall_asleep("0-1.bot/1", 1h, "1");
  world.wait(20min);
  world.take();
  world.restart(GENERATE(false, true));
  CHECK(world.running().empty());
  CHECK(live(world)["sleeping"] == true);
  CHECK(live(world)["state"] == "pending");
  world.wait(40min - 1ns);
  CHECK(world.running().empty());
  world.take();
  world.wait(1ns);
  CHECK(world.take() ==
        lines{"read 0-1", "read state of bot k", "start 0-1.bot/2 sleeps=1 state=1"});
  world.fail("0-1.bot/2"); // counts on from what was before
  CHECK(world.take().back() == "disk: failed 0-1.bot/2, again at +1h1s");
}

TEST_CASE("who overslept while nothing ran goes on at once; after a kill it may have run") {
  loop_world world;
  world.publish({});
  world.fall_asleep("0-1.bot/1", 1min);
  world.take();
  world.wait(1min);
  const bool clean = GENERATE(false, true);
  world.restart(clean);
  const lines told = world.take();
  REQUIRE(told.size() >= 2);
  CHECK(told.back() == "start 0-1.bot/2 sleeps=1");
  CHECK((told[told.size() - 2] == "disk: starting 0-1") == !clean);
}

TEST_CASE("an answer that comes twice sleeps once") {
  loop_world world;
  world.publish({});
  world.fall_asleep("0-1.bot/1", 1s);
  world.take();
  world.say_again();
  world.wait(1s);
  CHECK(world.take() == lines{"start 0-1.bot/2 sleeps=1"});
  world.say_again();
  CHECK(world.take().empty());
}

TEST_CASE("a sleep that the store refuses is kept and written later, with its state and its time") {
  loop_world world;
  world.publish({});
  world.take();
  world.fail_commits = errc::disk_full;
  world.fall_asleep("0-1.bot/1", 1min, "1");
  world.fail_commits = {};
  world.wait(10s);
  const lines told = world.take();
  REQUIRE_FALSE(told.empty());
  CHECK(told.back() == "disk: slept 0-1.bot/1, again at +1m state=1");
  world.wait(50s - 1ns);
  CHECK(world.take().empty());
  world.wait(1ns);
  CHECK(world.take().back() == "start 0-1.bot/2 sleeps=1 state=1");
}

TEST_CASE("an agent declared pure may sleep, but not with state") {
  loop_world world{{.agents = {{.pure = true}}}};
  world.publish_all({{.id = "1"}, {.id = "2"}, {.id = "3"}});
  world.take();
  world.fall_asleep("0-1.bot/1", 1min);
  world.done("0-2.bot/1"); // its end waits for the one before it
  world.fall_asleep("0-3.bot/1", 30s, "1");
  CHECK(world.take() == lines{"disk: slept 0-1.bot/1, again at +1m"});
  world.wait(1min);
  world.done("0-1.bot/2");
  const lines told = world.take();
  CHECK(told == lines{"start 0-1.bot/2 sleeps=1", "disk: done 0-1.bot/1", "disk: done 0-2.bot/1",
                      "disk: dead 0-3.bot/1 agent-output-invalid", "log delivery-dead 0-3.bot"});
}

TEST_CASE("any number of sleepers keeps nobody else of their agent waiting, up to a bound") {
  world_settings small;
  small.agents[0].slots = 4;
  small.window = {.deliveries = 8, .of_agent = 8, .of_lane = 4};
  const bool bounded = GENERATE(false, true);
  small.window.sleepers = bounded ? 8 : 1'000;
  loop_world world{small};
  std::size_t asleep = 0;
  for (int i = 0; i < 40; ++i)
    world.publish({.id = std::to_string(i), .key = "k" + std::to_string(i)});
  while (!world.running().empty()) {
    world.fall_asleep(*world.running().begin(), 24h);
    world.give_rows();
    ++asleep;
  }
  CHECK(asleep == (bounded ? 16 : 40));
  CHECK(world.core().events_here() == asleep);
  if (bounded)
    return;
  world.restart(true); // and after a start they are found to sleep
  world.give_rows();
  CHECK(world.running().empty());
  world.publish({.id = "new", .key = "new"});
  CHECK(world.running().size() == 1);
  world.wait(24h);
  world.give_rows();
  CHECK(world.running().size() == 4);
}
