// The window of deliveries in memory: what fills it, what stays on disk, and that nothing
// overtakes.
#include "tests/actors/loop_world.hpp"

#include <catch2/catch.hpp>

namespace skein::test {

namespace {

using namespace std::chrono_literals;
using names = std::set<std::string>;
using lines = std::vector<std::string>;

/// Few deliveries in memory: `all` of all agents, `of_lane` of a lane.
world_settings narrow(std::size_t all, std::size_t of_lane, unsigned slots = 10) {
  world_settings made{.agents = {{.name = "bot", .slots = slots}}};
  made.window = {all, 1, of_lane, 2s};
  made.bodies_in_rows = true;
  return made;
}

std::vector<event_words> numbered(int first, int last, const std::string& key) {
  std::vector<event_words> all;
  for (int i = first; i <= last; ++i)
    all.push_back({.id = std::to_string(i), .key = key.empty() ? std::to_string(i) : key});
  return all;
}

/// Ends every turn that runs, again and again; the sequences in the order in which they started.
std::vector<std::uint64_t> run_all(loop_world& world) {
  std::vector<std::uint64_t> order;
  const auto note = [&] {
    for (const std::string& line : world.take())
      if (line.starts_with("start 0-"))
        order.push_back(std::stoull(line.substr(8)));
  };
  note();
  for (auto running = world.running(); !running.empty(); running = world.running()) {
    for (const std::string& turn : running)
      world.done(turn);
    note();
  }
  return order;
}

std::vector<std::uint64_t> sequences(std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> all;
  for (; first <= last; ++first)
    all.push_back(first);
  return all;
}

} // namespace

TEST_CASE("a blocked agent keeps its window in memory and the rest on disk") {
  loop_world world{narrow(20, 100)};
  world.grants = false;
  world.publish_all(numbered(1, 500, ""));
  CHECK(world.core().pending_events() == 500);
  CHECK(world.core().events_here() <= 20);
  world.restart(true);
  CHECK(world.core().pending_events() == 500);
  CHECK(world.core().events_here() <= 20);
}

TEST_CASE("agents of the engine itself have no share of the window") {
  world_settings made = narrow(20, 100);
  made.agents.push_back({.name = "!own"});
  loop_world world{std::move(made)};
  world.grants = false;
  world.publish_all(numbered(1, 500, ""));
  CHECK(world.core().events_here() == 20);
}

TEST_CASE("what stayed on disk runs when there is room, all of it, and a lane in order") {
  const auto kind = GENERATE(std::string{"k"}, std::string{});
  loop_world world{narrow(16, 4)};
  world.publish_all(numbered(1, 300, kind));
  auto order = run_all(world);
  if (kind.empty())
    std::sort(order.begin(), order.end());
  CHECK(order == sequences(1, 300));
  CHECK(world.core().pending_events() == 0);
  CHECK(world.core().events_here() == 0);
}

TEST_CASE("one long lane leaves room for the others of its agent") {
  loop_world world{narrow(40, 10)};
  world.publish_all(numbered(1, 400, "long"));
  world.publish_all(numbered(401, 410, ""));
  CHECK(world.running().size() == 10); // the long lane's first, and nine of the others
  CHECK(world.core().events_here() <= 30);
}

TEST_CASE("a blocked agent leaves the window of others alone") {
  auto settings = narrow(20, 100);
  settings.agents = {{.name = "bot", .slots = 0}, {.name = "free"}};
  settings.routes = {{"blocked", "bot"}, {"t", "free"}};
  loop_world world{settings};
  for (int i = 0; i < 100; ++i)
    world.publish_all(
        {{.id = "b" + std::to_string(i), .key = std::to_string(i), .type = "blocked"}});
  world.publish({.id = "1", .key = "mine"});
  CHECK(world.running() == names{"0-101.free/1"});
}

TEST_CASE("what comes while a list is being read stands behind it") {
  loop_world world{narrow(4, 4, 1)};
  world.publish_all(numbered(1, 20, "k"));
  world.hold_rows = true;
  for (int i = 1; i <= 4; ++i)
    for (const std::string& turn : world.running())
      world.done(turn);
  REQUIRE(world.rows_held() > 0);
  world.publish_all(numbered(21, 22, "k"));
  world.hold_rows = false;
  world.give_rows();
  run_all(world);
  CHECK(world.core().pending_events() == 0);
  CHECK(world.store().events_ledger()->done == 22);
}

TEST_CASE("rows that cannot be read are asked for again, and nothing is lost") {
  loop_world world{narrow(4, 4)};
  world.publish_all(numbered(1, 30, ""));
  world.fail_reads = true;
  for (int i = 0; i < 10; ++i)
    for (const std::string& turn : world.running())
      world.done(turn);
  CHECK(world.core().pending_events() > 0);
  world.fail_reads = false;
  world.wait(2s);
  run_all(world);
  CHECK(world.core().pending_events() == 0);
}

TEST_CASE("an event that became due stands where its time says among those on disk") {
  loop_world world{narrow(4, 4)};
  world.grants = false;
  world.publish_all(numbered(1, 10, "k"));
  world.publish({.id = "due", .key = "k", .due = "+10s"}); // 0-11
  world.wait(9s);
  world.publish_all(numbered(12, 14, "k"));
  world.wait(2s);
  world.publish_all(numbered(15, 16, "k"));
  world.grants = true;
  world.wait(2s);
  CHECK(run_all(world) ==
        std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 11, 15, 16});
}

TEST_CASE("an event that became due goes before what came later, and behind what came before") {
  const bool is_read_late = GENERATE(false, true);
  loop_world world{narrow(4, 4)};
  world.grants = false;
  world.publish_all(numbered(1, 10, "k"));
  world.publish({.id = "due", .key = "k", .due = "+10s"}); // 0-11
  world.wait(7s);
  world.hold_rows = is_read_late; // else they are here in time, and the commits are late
  world.wait(2s);
  world.hold_answers = !is_read_late;
  world.publish({.id = "12", .key = "k"});
  world.wait(2s);
  world.publish({.id = "13", .key = "k"});
  world.hold_answers = world.hold_rows = false;
  world.tell_answers();
  world.give_rows();
  world.grants = true;
  world.wait(2s);
  CHECK(run_all(world) == std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 11, 13});
}

TEST_CASE("what stands before an event that has just become due stays in memory with it") {
  loop_world world{narrow(4, 4)};
  world.grants = false;
  world.publish({.id = "1", .key = "k"});
  world.publish({.id = "due", .key = "k", .due = "+10s"}); // 0-2
  world.wait(9s);
  world.hold_answers = true;
  world.publish_all(numbered(3, 8, "k"));
  world.wait(2s); // it is due, and the others came before
  world.hold_answers = false;
  world.tell_answers();
  world.grants = true;
  world.wait(2s);
  CHECK(run_all(world) == std::vector<std::uint64_t>{1, 3, 4, 5, 6, 7, 8, 2});
}

TEST_CASE("an event whose time has passed when it is read goes before what came since") {
  loop_world world{narrow(4, 4)};
  world.grants = false;
  world.publish({.id = "due", .key = "k", .due = "+10s"}); // 0-1
  world.wait(7s);
  world.hold_rows = true;
  world.wait(5s);
  world.publish({.id = "2", .key = "k"});
  world.publish_all(numbered(3, 5, "")); // the window is full
  world.hold_rows = false;
  world.give_rows();
  world.grants = true;
  world.wait(2s);
  const auto order = run_all(world);
  const auto place = [&](std::uint64_t of) { return std::find(order.begin(), order.end(), of); };
  CHECK(order.size() == 5);
  CHECK(place(1) < place(2));
}

TEST_CASE("an event that became due goes before what stands on its lane's list already") {
  loop_world world{narrow(8, 2, 1)};
  world.grants = false;
  world.publish({.id = "due", .key = "k", .due = "+10s"}); // 0-1
  world.wait(7s);
  world.hold_rows = true;
  world.publish_all(numbered(2, 5, "k")); // the lane's part is full
  world.wait(5s);
  world.publish_all(numbered(6, 9, "k"));
  world.publish_all(numbered(10, 15, "")); // the agent's share too
  world.hold_rows = false;
  world.give_rows();
  world.grants = true;
  world.wait(2s);
  auto order = run_all(world);
  CHECK(order.size() == 15);
  std::erase_if(order, [](std::uint64_t each) { return each > 9; });
  CHECK(order == std::vector<std::uint64_t>{2, 3, 4, 5, 1, 6, 7, 8, 9});
}

TEST_CASE("many that became due before what waits are merged with it a portion at a time") {
  loop_world world{narrow(20, 20)};
  world.grants = false;
  std::vector<event_words> due;
  for (int i = 1; i <= 300; ++i)
    due.push_back({.id = std::to_string(i), .key = std::to_string(i), .due = "+10s"});
  world.publish_all(due);
  world.wait(12s);
  world.publish({.id = "301", .key = "301"});
  world.wait(2s);
  CHECK(world.core().pending_events() == 301);
  world.grants = true;
  world.wait(2s);
  for (const std::string& turn : world.running())
    world.done(turn);
  // Each once as it became due; then what there is room for, not all that stand before the last.
  CHECK(world.rows_asked <= 300 + 3 * 20);
  const auto order = run_all(world);
  CHECK(order.size() == 301);
  CHECK(order.back() == 301);
  CHECK(world.core().events_here() == 0);
}

TEST_CASE("timers that cannot be read are asked for again a second later, not at each tick") {
  loop_world world{narrow(20, 20)};
  world.fail_reads = true;
  world.publish({.id = "1", .due = "+3s"});
  for (int i = 0; i < 1'000; ++i) {
    world.wait(10ms);
    world.publish({.id = "tick" + std::to_string(i), .due = "+5ms"});
  }
  CHECK(world.timers_asked <= 12);
  world.fail_reads = false;
  world.wait(2s);
  CHECK(run_all(world).size() >= 900);
  world.wait(2s);
  run_all(world);
  CHECK(world.core().pending_events() == 0);
}

TEST_CASE("an event that became due on its way to the disk is there once") {
  loop_world world{narrow(4, 4)};
  world.grants = false;
  world.publish_all(numbered(1, 10, "k"));
  world.publish({.id = "due", .key = "k", .due = "+1s"});
  world.publish({.id = "far", .key = "far", .due = "+10s"}); // the timers are read for it
  world.wait(9s);
  std::size_t pending = 0, running = 0, lanes = 0;
  std::vector<std::size_t> waiting;
  world.core().describe(pending, running, lanes, waiting);
  CHECK(pending == 12);
  CHECK(waiting == std::vector<std::size_t>{11});
}

TEST_CASE("a timer that is left to the disk while others are being read is not forgotten") {
  loop_world world{narrow(100, 10)};
  world.publish({.id = "near", .key = "near", .due = "+1h"}); // 0-1
  world.wait(59min);
  world.hold_rows = true;
  world.wait(59s);
  world.give_rows(); // the timers; the row of 0-1 is asked for
  REQUIRE(world.rows_held() > 0);
  world.publish({.id = "far", .key = "far", .due = "+1m"}); // 0-2
  world.hold_rows = false;
  world.give_rows();
  world.wait(1s);
  CHECK(world.running() == names{"0-1.bot/1"});
  world.wait(1min);
  CHECK(world.running() == names{"0-1.bot/1", "0-2.bot/1"});
}

TEST_CASE("events that are due later are on disk until shortly before") {
  loop_world world{narrow(100, 10)};
  std::vector<event_words> all;
  for (int i = 1; i <= 50; ++i)
    all.push_back({.id = std::to_string(i), .key = std::to_string(i), .due = "+1h"});
  world.publish_all(all);
  CHECK(world.core().pending_events() == 50);
  CHECK(world.core().events_here() == 0);
  world.restart(true);
  CHECK(world.core().pending_events() == 50);
  CHECK(world.core().events_here() == 0);
  world.wait(1h - 1ms);
  CHECK(world.core().events_here() == 50);
  CHECK(world.running().empty());
  world.wait(1ms);
  CHECK(world.running().size() == 10);
}

TEST_CASE("nothing starts that came after a time whose timers are not known yet") {
  loop_world world{narrow(100, 10)};
  world.publish({.id = "due", .key = "k", .due = "+1h"}); // 0-1
  world.wait(59min);
  world.hold_rows = true;
  world.wait(1min + 5s); // it is due, but its row has not been read
  world.publish({.id = "late", .key = "k"});
  CHECK(world.running().empty());
  world.hold_rows = false;
  world.give_rows();
  CHECK(world.running() == names{"0-1.bot/1"});
}

TEST_CASE("an event whose commit is answered after its timer was read is here once") {
  loop_world world{narrow(100, 10)};
  world.hold_answers = true;
  world.publish({.id = "1", .due = "+3s"}); // on disk, but the loop has not been told
  world.hold_answers = false;
  world.hold_rows = true;
  world.publish({.id = "2", .due = "+2500ms"});
  world.wait(2s);
  world.hold_rows = false;
  world.give_rows();
  world.wait(2s);
  CHECK(run_all(world).size() == 2);
  CHECK(world.core().pending_events() == 0);
  CHECK(world.core().events_here() == 0);
}

TEST_CASE("an event on disk is cancelled, and whoever waits for it is told") {
  loop_world world{narrow(2, 2, 1)};
  world.publish_all(numbered(1, 9, ""));
  world.publish({.id = "far", .key = "far", .due = "+1h"}); // 0-10
  world.take();
  const auto waits = world.ask(R"({"op":"await","event":"0-7","timeout_ms":60000})");
  CHECK(world.take().empty());
  world.ask(R"({"op":"cancel","event":"0-7"})");
  const lines told = world.take();
  CHECK(std::find(told.begin(), told.end(), "disk: cancelled 0-7.bot/0") != told.end());
  CHECK(std::find(told.begin(), told.end(), "answer " + std::to_string(waits) + ": {}") !=
        told.end());
  world.ask(R"({"op":"cancel","event":"0-10"})");
  CHECK(world.store().events_ledger()->cancelled == 2);
  run_all(world);
  CHECK(world.store().events_ledger()->done == 8);
  CHECK(world.core().pending_events() == 0);
}

TEST_CASE("an event whose row is being read is cancelled all the same") {
  loop_world world{narrow(2, 2, 1)};
  world.publish_all(numbered(1, 9, ""));
  world.hold_rows = true;
  world.done("0-1.bot/1");
  REQUIRE(world.rows_held() == 1); // 0-4
  world.take();
  world.ask(R"({"op":"cancel","event":"0-4"})");
  world.hold_rows = false;
  world.give_rows();
  const lines told = world.take();
  CHECK(std::count(told.begin(), told.end(), "disk: cancelled 0-4.bot/0") == 1);
  run_all(world);
  CHECK(world.store().events_ledger()->done == 8);
  CHECK(world.core().pending_events() == 0);
}

TEST_CASE("an event that is cancelled while its row waits for others does not come back") {
  loop_world world{narrow(2, 2, 1)};
  world.publish_all(numbered(1, 2, ""));
  world.publish({.id = "due", .key = "due", .due = "+10s"}); // 0-3
  world.wait(9500ms);
  world.hold_commits = true;
  world.publish({.id = "4", .key = "4"});
  world.publish({.id = "5", .key = "5"});
  world.wait(1500ms); // 0-3 is due; its place is certain when both are answered
  world.commit();     // 0-4 stands behind it; its row is read, and waits
  world.ask(R"({"op":"cancel","event":"0-4"})");
  world.hold_rows = true;
  world.commit();
  world.commit(); // 0-4 is over
  CHECK(world.store().events_ledger()->cancelled == 1);
  world.hold_commits = world.hold_rows = false;
  world.give_rows();
  const auto order = run_all(world);
  CHECK(std::count(order.begin(), order.end(), 4) == 0);
  CHECK(world.core().pending_events() == 0);
}

TEST_CASE("a row that was read before its event was cancelled does not bring it back") {
  loop_world world{narrow(8, 8)};
  world.publish_all(numbered(1, 20, ""));
  world.hold_commits = true;
  for (const std::string& turn : world.running())
    world.done(turn);
  world.ask(R"({"op":"cancel","event":"0-10"})"); // its row is read for that
  world.hold_rows = world.reads_early = true;
  while (world.rows_held() == 0 && world.submits_held() > 1)
    world.commit();
  REQUIRE(world.rows_held() == 1); // a portion, read while 0-10 was pending
  world.commit_all();
  CHECK(world.store().events_ledger()->cancelled == 1);
  world.hold_commits = world.hold_rows = world.reads_early = false;
  world.give_rows();
  const auto order = run_all(world);
  CHECK(std::count(order.begin(), order.end(), 10) == 0);
  CHECK(world.core().pending_events() == 0);
}

TEST_CASE("a lane goes on when the cancel of its event on disk is durable, not before") {
  loop_world world{narrow(8, 8)};
  world.publish_all(numbered(1, 8, ""));
  world.publish_all(numbered(9, 10, "k")); // on disk
  world.hold_commits = true;
  for (int i = 1; i <= 4; ++i)
    world.done("0-" + std::to_string(i) + ".bot/1");
  world.ask(R"({"op":"cancel","event":"0-9"})");
  while (world.submits_held() > 1)
    world.commit(); // there is room for what is on disk
  CHECK(world.store().events_ledger()->cancelled == 0);
  CHECK_FALSE(world.running().contains("0-10.bot/1"));
  world.commit();
  CHECK(world.store().events_ledger()->cancelled == 1);
  CHECK(world.running().contains("0-10.bot/1"));
}

TEST_CASE("whoever asks for an event that is over is told at once, though others are on disk") {
  loop_world world{narrow(2, 2, 1)};
  world.publish_all(numbered(1, 9, ""));
  world.done("0-1.bot/1");
  world.take();
  const auto waits = world.ask(R"({"op":"await","event":"0-1","timeout_ms":60000})");
  CHECK(world.take() == lines{"answer " + std::to_string(waits) + ": {}"});
  const auto cancels = world.ask(R"({"op":"cancel","event":"0-1"})");
  CHECK(world.take().at(0).starts_with("answer " + std::to_string(cancels) + ": not-found"));
}

TEST_CASE("an event on disk expires at its time, and what expired while no process ran does so") {
  loop_world world{narrow(2, 2, 1)};
  std::vector<event_words> all = numbered(1, 9, "");
  all[6].expires = "+10s";
  all[8].expires = "+1h";
  world.publish_all(all);
  world.wait(10s - 1ms);
  CHECK(world.store().events_ledger()->expired == 0);
  world.wait(1ms);
  CHECK(world.store().events_ledger()->expired == 1);
  world.wall_skew = 2h;
  world.restart(true);
  CHECK(world.store().events_ledger()->expired == 2);
}

TEST_CASE("a lane that ends while its row is read gives its slot back") {
  auto settings = narrow(100, 100, 1);
  settings.bodies_in_rows = false;
  loop_world world{settings};
  world.publish_all({{.id = "1", .key = "a", .expires = "+10s"}, {.id = "2", .key = "b"}});
  world.grants = false;
  world.hold_reads = true;
  world.restart(true); // their bodies are to be read
  world.grants = true;
  world.wait(2s);
  REQUIRE(world.reads_held() == 1);
  world.wait(10s); // the first one expires before its body comes
  world.hold_reads = false;
  world.read();
  world.wait(2s);
  CHECK(world.running() == names{"0-2.bot/1"});
}

TEST_CASE("an event that goes to the disk shortly before it expires does so at its time") {
  loop_world world{narrow(2, 2, 1)};
  world.publish({.id = "soon", .key = "due", .due = "+3s"}); // what lies ahead is read up to then
  world.wait(2s);
  world.publish_all(numbered(2, 5, ""));
  world.publish({.id = "6", .key = "6", .expires = "+500ms"});
  CHECK(world.core().events_here() <= 3);
  world.wait(500ms);
  CHECK(world.store().events_ledger()->expired == 1);
}

TEST_CASE("an event with one delivery in memory and one on disk ends when both have") {
  auto settings = narrow(4, 4);
  settings.agents = {{.name = "bot", .slots = 1}, {.name = "log"}};
  settings.routes = {{"*", "bot"}, {"*", "log"}};
  loop_world world{settings};
  world.publish_all(numbered(1, 10, "k"));
  run_all(world);
  CHECK(world.core().pending_events() == 0);
  CHECK(world.core().events_here() == 0);
  CHECK(world.store().events_ledger()->done == 10);
  CHECK(world.store().deliveries_ledger()->done == 20);
}

TEST_CASE(
    "after a kill the first of each lane is a suspect, also when it comes from the disk later") {
  loop_world world{narrow(2, 2, 2)};
  world.publish_all(numbered(1, 6, ""));
  world.restart(false);
  lines trace;
  do {
    for (const std::string& turn : world.running())
      world.done(turn);
    for (std::string& line : world.take())
      trace.push_back(std::move(line));
  } while (!world.running().empty());
  for (int i = 1; i <= 6; ++i)
    CHECK(std::count(trace.begin(), trace.end(), "disk: starting 0-" + std::to_string(i)) == 1);
  CHECK(world.store().events_ledger()->done == 6);
}

TEST_CASE(
    "the first of a lane is a suspect although a later one from the disk is being cancelled") {
  loop_world world{narrow(8, 8)};
  world.publish_all(numbered(1, 8, ""));
  world.publish_all(numbered(9, 10, "k")); // on disk
  world.restart(false);
  world.hold_commits = true;
  for (const std::string& turn : world.running())
    world.done(turn);
  world.ask(R"({"op":"cancel","event":"0-10"})");
  world.hold_commits = false;
  world.commit_all();
  const lines trace = world.take();
  CHECK(std::count(trace.begin(), trace.end(), "disk: starting 0-9") == 1);
  run_all(world);
  CHECK(world.store().events_ledger()->cancelled == 1);
  CHECK(world.store().events_ledger()->done == 9);
}

} // namespace skein::test
