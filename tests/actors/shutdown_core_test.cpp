#include "actors/shutdown_core.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace skein;
using namespace std::chrono_literals;

namespace {

constexpr moment at(std::int64_t ms) {
  return {from_ns(1'700'000'000'000'000'000), boot_time{std::chrono::milliseconds{ms}}};
}

struct drain {
  explicit drain(std::size_t loops = 1, duration deadline = 25s, bool shared = false)
    : core{{loops, shared, deadline}} {}

  std::vector<shutdown_effect> step(shutdown_input input, std::int64_t ms) {
    std::vector<shutdown_effect> out;
    core.step(std::move(input), at(ms), out);
    return out;
  }
  std::vector<shutdown_effect> progress(std::size_t loop, progress_effect what, std::int64_t ms) {
    return step(loop_progress_in{loop, what}, ms);
  }

  shutdown_core core;
};

template <class Effect>
std::size_t count(const std::vector<shutdown_effect>& effects) {
  return static_cast<std::size_t>(
      std::count_if(effects.begin(), effects.end(), [](const shutdown_effect& each) {
        return std::holds_alternative<Effect>(each);
      }));
}

finish_effect finish_of(const std::vector<shutdown_effect>& effects) {
  REQUIRE(count<finish_effect>(effects) == 1);
  CHECK(count<release_effect>(effects) == 1); // whoever still waits is let go first
  CHECK(std::holds_alternative<finish_effect>(effects.back()));
  for (const shutdown_effect& each : effects)
    if (const auto* finish = std::get_if<finish_effect>(&each))
      return *finish;
  return {};
}

std::string text_of(const std::vector<shutdown_effect>& effects, std::string_view id) {
  for (const shutdown_effect& each : effects)
    if (const auto* line = std::get_if<log_effect>(&each); line != nullptr && line->id == id)
      return line->text;
  return {};
}

} // namespace

TEST_CASE("nothing stops before the signal") {
  drain it;
  CHECK(it.step(tick_in{}, 99'999).empty());
  CHECK(it.progress(0, {0, 0, 0}, 99'999).empty());
}

TEST_CASE("a signal refuses, stops starting, and sets both deadlines") {
  drain it;
  const auto out = it.step(signal_in{}, 1'000);
  CHECK(count<refuse_effect>(out) == 1);
  CHECK(count<stop_starting_effect>(out) == 1);
  CHECK(count<hasten_effect>(out) == 0);
  CHECK(count<finish_effect>(out) == 0);
  CHECK(text_of(out, "drain-began") == "refusing new work; running turns have 19s");
  std::vector<boot_time> wakes;
  for (const auto& each : out)
    if (const auto* wake = std::get_if<wake_effect>(&each))
      wakes.push_back(wake->at);
  // the last 6 s are kept for stopping: 2 s told, 3 s terminated, 1 s to spare
  CHECK(wakes == std::vector{at(20'000).boot, at(26'000).boot});
}

TEST_CASE("the drain ends with 0 once every loop and the gateway are quiet") {
  drain it{2};
  it.step(signal_in{}, 0);
  CHECK(count<finish_effect>(it.progress(0, {0, 0, 3}, 10)) == 0);
  CHECK(count<finish_effect>(it.step(gateway_progress_in{1}, 20)) == 0);
  CHECK(count<finish_effect>(it.progress(1, {2, 0, 4}, 30)) == 0);
  CHECK(count<finish_effect>(it.progress(1, {0, 1, 4}, 40)) == 0);
  CHECK(count<finish_effect>(it.progress(1, {0, 0, 4}, 50)) == 0);
  const auto out = it.step(gateway_progress_in{0}, 60);
  CHECK(finish_of(out).code == 0);
  CHECK(finish_of(out).pending == 7);
  CHECK(finish_of(out).left.empty());
  CHECK(finish_of(out).time_left == 24'940ms); // for the programs to end
  CHECK(it.step(signal_in{}, 70).empty());
  CHECK(it.step(tick_in{}, 99'999).empty());
}

TEST_CASE("a second signal stops what runs, once, lists it, and still ends with 0") {
  drain it;
  it.step(signal_in{}, 0);
  it.step(gateway_progress_in{0}, 1);
  it.progress(0, {5, 0, 5}, 2);
  CHECK(count<hasten_effect>(it.step(signal_in{}, 100)) == 1);
  CHECK(count<hasten_effect>(it.step(signal_in{}, 200)) == 0);
  it.step(left_in{{"17-42.bot/1"}}, 300);
  const auto out = it.progress(0, {0, 0, 5}, 400);
  CHECK(finish_of(out).code == 0);
  CHECK(finish_of(out).left == std::vector<std::string>{"17-42.bot/1"});
  CHECK(text_of(out, "drain-ended") == "5 events wait for the next start, 1 turn was told to stop");
}

TEST_CASE("a second signal that finds no running turn still ends with 0") {
  drain it;
  it.step(signal_in{}, 0);
  it.step(gateway_progress_in{0}, 1);
  it.progress(0, {0, 1, 1}, 2); // a commit is still on its way
  CHECK(count<hasten_effect>(it.step(signal_in{}, 100)) == 1);
  it.step(left_in{}, 101);
  const auto out = it.progress(0, {0, 0, 1}, 102);
  CHECK(finish_of(out).code == 0);
  CHECK(finish_of(out).left.empty());
  CHECK(text_of(out, "drain-ended") ==
        "1 event waits for the next start, 0 turns were told to stop");
}

TEST_CASE("turns that outlast their time are stopped, listed, and the code says overrun") {
  drain it;
  it.step(signal_in{}, 0);
  it.step(gateway_progress_in{0}, 1);
  it.progress(0, {1, 0, 1}, 2);
  CHECK(count<hasten_effect>(it.step(tick_in{}, 18'999)) == 0);
  CHECK(count<hasten_effect>(it.step(tick_in{}, 19'000)) == 1);
  it.step(left_in{{"1-1.bot/1", "1-2.bot/3"}}, 19'001);
  const auto out = it.progress(0, {0, 0, 1}, 20'000);
  CHECK(finish_of(out).code == exit_overrun);
  CHECK(finish_of(out).left == std::vector<std::string>{"1-1.bot/1", "1-2.bot/3"});
}

TEST_CASE("at the drain's deadline it ends whatever is going on") {
  drain it{1, 10s};
  it.step(signal_in{}, 0);
  it.progress(0, {1, 1, 9}, 1);
  CHECK(count<hasten_effect>(it.step(tick_in{}, 4'999)) == 0);
  CHECK(count<hasten_effect>(it.step(tick_in{}, 5'000)) == 1);
  CHECK(count<finish_effect>(it.step(tick_in{}, 9'999)) == 0);
  const auto out = it.step(tick_in{}, 10'000);
  CHECK(finish_of(out).code == exit_overrun);
  CHECK(finish_of(out).pending == 9);
  CHECK(finish_of(out).time_left == 0s);
}

TEST_CASE("a loop that never answers cannot hold up the drain beyond its deadline") {
  drain it{2, 10s};
  it.step(signal_in{}, 0);
  it.step(gateway_progress_in{0}, 1);
  it.progress(0, {0, 0, 0}, 2);
  CHECK(count<finish_effect>(it.step(tick_in{}, 9'999)) == 0);
  CHECK(finish_of(it.step(tick_in{}, 10'000)).code == exit_overrun);
}

TEST_CASE("a short deadline keeps half of its time for running turns") {
  drain it{1, 3s};
  it.step(signal_in{}, 0);
  it.progress(0, {1, 0, 1}, 1);
  CHECK(count<hasten_effect>(it.step(tick_in{}, 1'499)) == 0);
  CHECK(count<hasten_effect>(it.step(tick_in{}, 1'500)) == 1);
  CHECK(count<finish_effect>(it.step(tick_in{}, 2'999)) == 0);
  CHECK(finish_of(it.step(tick_in{}, 3'000)).code == exit_overrun);
}

TEST_CASE("a node that shares its store gives its shards up first, and takes events meanwhile") {
  drain world{1, 25s, true};
  const auto begun = world.step(signal_in{}, 0);
  CHECK(count<give_up_effect>(begun) == 1);
  CHECK(count<refuse_effect>(begun) == 0);
  world.step(gateway_progress_in{0}, 1);
  CHECK(count<finish_effect>(world.progress(0, {0, 0, 3}, 2)) == 0); // quiet, but shards are here
  const auto empty = world.step(emptied_in{}, 100);
  CHECK(count<refuse_effect>(empty) == 1);
  CHECK(count<stop_starting_effect>(empty) == 1);
  CHECK(count<finish_effect>(empty) == 0); // what it was told of is of before
  world.step(gateway_progress_in{0}, 101);
  CHECK(finish_of(world.progress(0, {0, 0, 0}, 101)).code == 0);
}

TEST_CASE("a node that was drained by command before gives its shards up once more") {
  drain world{1, 25s, true};
  world.step(emptied_in{}, 0); // by command; then it took part again
  world.step(gateway_progress_in{0}, 1);
  world.progress(0, {0, 0, 0}, 1);
  const auto begun = world.step(signal_in{}, 10);
  CHECK(count<give_up_effect>(begun) == 1);
  CHECK(count<finish_effect>(begun) == 0);
  CHECK(count<finish_effect>(world.progress(0, {0, 0, 0}, 11)) == 0);
  world.step(emptied_in{}, 20);
  world.step(gateway_progress_in{0}, 21);
  CHECK(finish_of(world.progress(0, {0, 0, 0}, 21)).code == 0);
}

TEST_CASE("shards that cannot be given up in time do not hold the drain up") {
  drain world{1, 25s, true};
  world.step(signal_in{}, 0);
  SECTION("what runs is stopped, and they go with it") {
    const auto hastened = world.step(tick_in{}, 20'000);
    CHECK(count<refuse_effect>(hastened) == 1);
    CHECK(count<hasten_effect>(hastened) == 1);
    world.step(gateway_progress_in{0}, 20'001);
    world.progress(0, {0, 0, 0}, 20'002);
    CHECK(finish_of(world.step(emptied_in{}, 20'003)).code == exit_overrun);
  }
  SECTION("or the time is over") {
    world.step(tick_in{}, 20'000);
    CHECK(finish_of(world.step(tick_in{}, 25'000)).code == exit_overrun);
  }
  SECTION("or somebody is in a hurry") {
    CHECK(count<hasten_effect>(world.step(signal_in{}, 1'000)) == 1);
  }
}
