// scheduler_core: what is kept in memory, what is given to the journal at once, and what waits for
// the disk.
#include "loop_world.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

using lines = std::vector<std::string>;
using names = std::set<std::string>;

TEST_CASE("a pending event does not keep the frame that it came in") {
  loop_world world{{.agents = {{.slots = 1}}}};
  world.publish_all({{.id = "runs"}, {.id = "waits"}, {.id = "sleeps", .due = "+5s"}});
  CHECK(world.core().pending_events() == 3);
  CHECK(world.frames_kept() == 0);
}

TEST_CASE("a kept outcome does not keep the frame that it came in, nor does a lane's state") {
  loop_world world;
  world.publish_all({{.id = "1"}, {.id = "2"}, {.id = "3", .key = "other"}});
  turn_outcome counts = world.emitting({{.id = "child", .key = "third", .data = "x"}});
  counts.sets_state = true;
  counts.state = slice{std::string(1'000, 's')};
  world.done("0-1.bot/1", counts);
  CHECK(world.running().contains("0-2.bot/1"));
  world.fail_commits = errc::disk_full;
  counts.emits[0] = world.offered({.id = "child of 3", .key = "third", .data = "y"});
  world.done("0-3.bot/1", counts);
  CHECK(world.frames_kept() == 0);
  world.fail_commits = errc::none;
  world.wait(1s);
  CHECK(world.core().counted().done == 2);
}

TEST_CASE("states beyond the cache are read again before the next turn") {
  constexpr std::size_t lanes = limits::loop_state_cache_bytes / limits::state_bytes_max + 4;
  loop_world world{{.agents = {{.slots = 2 * lanes}}}};
  for (std::size_t i = 0; i < lanes; ++i)
    world.publish_all({{.id = std::to_string(i), .key = std::to_string(i)},
                       {.id = "next " + std::to_string(i), .key = std::to_string(i)}});
  world.hold_reads = true;
  turn_outcome counts;
  counts.sets_state = true;
  counts.state = slice{std::string(limits::state_bytes_max, 's')};
  for (const std::string& turn : world.running())
    world.done(turn, counts);
  CHECK(world.core().counted().done == lanes);
  CHECK(world.reads_held() == 4);
  CHECK(world.running().size() == lanes - 4);
  while (world.reads_held() > 0)
    world.read();
  CHECK(world.running().size() == lanes);
  for (const std::string& turn : world.running())
    world.done(turn);
  CHECK(world.core().pending_events() == 0);
}

TEST_CASE("a lane that waits for one body goes on when an earlier turn comes back meanwhile") {
  loop_world world{{.agents = {{.pure = true}}}};
  world.publish_all({{.id = "1"}, {.id = "2"}, {.id = "3"}});
  world.hold_reads = true;
  world.restart(true);
  world.read(); // the first one's body: it starts, and the second one's is asked for
  REQUIRE(world.running() == names{"0-1.bot/1"});
  REQUIRE(world.reads_held() == 1);
  SECTION("to be tried again") {
    world.fail("0-1.bot/1");
    world.wait(1h);
    world.read();
    CHECK(world.running() == names{"0-1.bot/2", "0-2.bot/1"});
  }
  SECTION("given back") {
    world.fail("0-1.bot/1", turn_verdict::returned);
    world.read();
    CHECK(world.running() == names{"0-1.bot/1", "0-2.bot/1"});
  }
  SECTION("given back, and the one that was waited for is cancelled") {
    world.fail("0-1.bot/1", turn_verdict::returned);
    world.ask(R"({"op":"cancel","event":"0-2"})");
    CHECK(world.running() == names{"0-1.bot/1"});
  }
  SECTION("given back, and the body cannot be read") {
    world.fail("0-1.bot/1", turn_verdict::returned);
    world.fail_reads = true;
    world.read();
    world.fail_reads = false;
    world.wait(1s);
    CHECK(world.running().contains("0-1.bot/1"));
  }
  world.hold_reads = false;
  while (world.reads_held() > 0)
    world.read();
  while (!world.running().empty())
    world.done(*world.running().begin());
  CHECK(world.core().pending_events() == 0);
}

TEST_CASE("large operations that wait together are several submits") {
  loop_world world;
  const std::string large(900'000, 'x');
  world.hold_commits = true;
  world.together([&] {
    for (int i = 0; i < 10; ++i)
      world.publish({.id = std::to_string(i), .data = large});
  });
  CHECK(world.submits_held() == 3); // of at most 4 MiB
  world.commit_all();
  CHECK(world.core().pending_events() == 10);
}

TEST_CASE("while the store refuses, nothing small is submitted together with something else") {
  loop_world world;
  world.fail_commits = errc::disk_full;
  world.publish({.id = "first"});
  world.fail_commits = errc::none;
  world.hold_commits = true;
  world.together([&] {
    for (int i = 0; i < 5; ++i)
      world.publish({.id = std::to_string(i)});
  });
  CHECK(world.submits_held() == 5);
}

TEST_CASE("a drain is not told that nothing is left while an outcome is only gathered") {
  loop_world world;
  world.publish({});
  world.take();
  world.hold_commits = true;
  SECTION("that is to be committed") {
    world.together([&] {
      world.done("0-1.bot/1");
      world.watch_progress();
    });
    CHECK(world.take() == lines{"progress: running 0, uncommitted 1, pending 1"});
  }
  SECTION("that the retry actor decides on") {
    world.together([&] {
      world.fail("0-1.bot/1");
      world.watch_progress();
    });
    CHECK(world.take().front() == "progress: running 1, uncommitted 0, pending 1");
  }
}
