// The check on histories made by hand: one in which all is well, and for each promise some that
// break it and no other.
#include "nodes/demo/check.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <fmt/format.h>
#include <set>

using namespace skein;
using namespace skein::demo;

namespace {

using names = std::set<std::string>;

constexpr const char* lost_one = "nothing acknowledged is lost";
constexpr const char* ended = "each of them has ended";
constexpr const char* twice = "an event that was sent again is there once";
constexpr const char* effects = "effects commit once";
constexpr const char* order = "events of a key run in their order";
constexpr const char* emits = "what a turn emits comes once";
constexpr const char* runs =
    "a turn that runs again is known by its token and finds the state it had";
constexpr const char* instants = "each instant of the job is in one record, and runs once";
constexpr const char* counts = "accepted = done + dead + cancelled + expired + pending";

const instant noon = *parse_rfc3339("2026-08-16T12:00:00Z");

std::string tick(int second) {
  return "tick@" + format_rfc3339(noon + std::chrono::seconds{second});
}

/// Two keys with twelve steps each, whose tenth ones emit; a job of four instants.
evidence all_well() {
  evidence made;
  int number = 1;
  for (const char* key : {"k0", "k1"}) {
    for (int step = 1; step <= 12; ++step) {
      const std::string event = fmt::format("7-{}", number++);
      const std::string id = fmt::format("{}-{}", key, step);
      made.acknowledged.push_back({id, event});
      made.steps.push_back({event, id, key, "done", step});
      made.runs.push_back({event, "t" + event, step - 1});
      if (step % steps_per_emit == 0) {
        const std::string emitted = fmt::format("9-{}", number);
        made.emitted.push_back(
            {emitted, event + ".counter.0", std::string{"sum-"} + key[1], "done", 1});
        made.runs.push_back({emitted, "t" + emitted, 0});
        made.states[std::string{"sum-"} + key[1]] = 1;
      }
    }
    made.states[key] = 12;
  }
  for (int second = 0; second < 4; ++second) {
    made.records.push_back({"fired", tick(second), noon + std::chrono::seconds{second},
                            noon + std::chrono::seconds{second}});
    made.job_events.push_back({fmt::format("3-{}", second), tick(second), "tick", "done", second});
  }
  made.ledgers = {{"n1", 20, 20}, {"n2", 10, 10}};
  return made;
}

names broken(const evidence& seen) {
  names found;
  for (const promise& each : check(seen)) {
    CHECK(each.held() == each.broken.empty());
    if (!each.held())
      found.insert(each.name);
  }
  return found;
}

stored_event& step(evidence& of, const std::string& id) {
  return *std::find_if(of.steps.begin(), of.steps.end(),
                       [&](const stored_event& each) { return each.id == id; });
}

} // namespace

TEST_CASE("where all is well nothing is broken, and what was counted is told") {
  CHECK(broken(all_well()).empty());
  const auto told = check(all_well());
  CHECK(told.front().counts == "24 acknowledged, 0 of them lost");
  CHECK(broken(evidence{}).empty());
}

TEST_CASE("an acknowledged event that is not there is lost") {
  evidence seen = all_well();
  seen.acknowledged.push_back({"k0-13", "7-99"});
  CHECK(broken(seen) == names{lost_one});
}

TEST_CASE("an event that is there under another number than was acknowledged is lost") {
  evidence seen = all_well();
  std::swap(seen.acknowledged[0].event, seen.acknowledged[1].event);
  CHECK(broken(seen) == names{lost_one});
}

TEST_CASE("an event that has not ended is told") {
  evidence seen = all_well();
  step(seen, "k1-12").state = "pending";
  seen.states["k1"] = 11;
  CHECK(broken(seen) == names{ended});
}

TEST_CASE("while something waits, that is told, and what may still come breaks nothing else") {
  evidence seen = all_well();
  seen.emitted.pop_back();
  seen.states.erase("sum-1");
  seen.job_events.pop_back();
  CHECK(broken(seen) == names{emits, instants});
  seen.all_ended = false;
  CHECK(broken(seen) == names{ended});
}

TEST_CASE("an event that is there twice is told") {
  evidence seen = all_well();
  seen.steps.push_back({"7-99", "k1-12", "k1", "done", 13});
  seen.runs.push_back({"7-99", "t7-99", 12});
  seen.states["k1"] = 13;
  CHECK(broken(seen) == names{twice});
}

TEST_CASE("an effect that is missing or came twice is told") {
  for (const std::int64_t counted : {11, 13}) {
    evidence seen = all_well();
    seen.states["k0"] = counted;
    CHECK(broken(seen) == names{effects});
  }
  evidence seen = all_well();
  seen.states.erase("sum-1");
  CHECK(broken(seen) == names{effects});
}

TEST_CASE("events of a key that ran in another order are told") {
  evidence seen = all_well();
  std::swap(step(seen, "k0-3").count, step(seen, "k0-4").count);
  CHECK(broken(seen) == names{order});
}

TEST_CASE("an emitted event that is missing, came twice or should not be is told") {
  evidence seen = all_well();
  seen.emitted.pop_back();
  seen.states.erase("sum-1");
  CHECK(broken(seen) == names{emits});

  seen = all_well();
  stored_event again = seen.emitted.front();
  again.event = "9-99";
  seen.emitted.push_back(again);
  seen.runs.push_back({"9-99", "t", 1});
  seen.states["sum-0"] = 2;
  CHECK(broken(seen) == names{emits});

  seen = all_well();
  seen.emitted.front().id = "7-3.counter.0"; // of the third step
  CHECK(broken(seen) == names{emits});
}

TEST_CASE("a turn that ran again with the same token and state is all right") {
  evidence seen = all_well();
  seen.runs.push_back(seen.runs.front());
  CHECK(broken(seen).empty());
}

TEST_CASE("another token, another state or no run at all is told") {
  evidence seen = all_well();
  seen.runs.push_back(seen.runs.front());
  seen.runs.back().token = "other";
  CHECK(broken(seen) == names{runs});
  seen = all_well();
  seen.runs.push_back(seen.runs.front());
  ++seen.runs.back().before; // its first run had committed
  CHECK(broken(seen) == names{runs});
  seen = all_well();
  seen.runs.erase(seen.runs.begin());
  CHECK(broken(seen) == names{runs});
}

TEST_CASE("an instant in two records or in none is told") {
  evidence seen = all_well();
  seen.records.push_back({"skipped", "", noon, noon + std::chrono::seconds{1}});
  CHECK(broken(seen) == names{instants});
  seen = all_well();
  seen.records.erase(seen.records.begin() + 2);
  CHECK(broken(seen) == names{instants});
}

TEST_CASE("a record of several instants is each of them") {
  evidence seen = all_well();
  seen.records.push_back(
      {"merged", "", noon + std::chrono::seconds{4}, noon + std::chrono::seconds{9}});
  CHECK(broken(seen).empty());
}

TEST_CASE("an instant that ran twice, or without a record, or did not run is told") {
  evidence seen = all_well();
  seen.job_events.push_back({"3-99", tick(1), "tick", "done", 9});
  CHECK(broken(seen) == names{instants});
  seen = all_well();
  seen.records[1].id.clear(); // it was skipped
  CHECK(broken(seen) == names{instants});
  seen = all_well();
  seen.job_events.erase(seen.job_events.begin());
  CHECK(broken(seen) == names{instants});
}

TEST_CASE("runs outside of what the records tell are left alone") {
  evidence seen = all_well();
  seen.job_events.push_back({"3-99", tick(4), "tick", "done", 9});
  seen.job_events.push_back({"3-98", tick(-1), "tick", "done", 9});
  CHECK(broken(seen).empty());
}

TEST_CASE("counts that do not add up are told") {
  evidence seen = all_well();
  seen.ledgers[1].accounted = 9;
  CHECK(broken(seen) == names{counts});
}

TEST_CASE("of many breaks a few are told, and all are counted") {
  evidence seen = all_well();
  seen.steps.clear();
  const auto told = check(seen);
  CHECK(told.front().breaks == 24);
  CHECK(told.front().broken.size() == 3);
}

TEST_CASE("numbers are told in groups, and an event is found in longer names") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1'000) == "1,000");
  CHECK(grouped(1'234'567) == "1,234,567");
  CHECK(event_of("17-42.counter/1") == "17-42");
  CHECK(event_of("17-42") == "17-42");
}
