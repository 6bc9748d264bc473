// Goal: what waits for an agent without programs is nowhere shown as running.
#include "actors/event_view.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using nlohmann::json;

namespace {

json lane_row(const char* state, unsigned attempts) {
  return {{"key", "k"},     {"agent", "bot"}, {"waiting", 3},        {"running", 1},
          {"event", "1-1"}, {"state", state}, {"attempts", attempts}};
}

json shown(json row, const std::string& idle) {
  overlay_idle(row, [&](const std::string& agent) { return agent == idle; });
  return row;
}

} // namespace

TEST_CASE("what a lane gave to an idle agent waits") {
  const json row = shown(lane_row("running", 0), "bot");
  CHECK(row["waiting"] == 4);
  CHECK(row["running"] == 0);
  CHECK(row["state"] == "pending");
  CHECK(shown(lane_row("running", 2), "bot")["state"] == "retrying");
  CHECK(shown(lane_row("retrying", 2), "bot")["state"] == "retrying");
}

TEST_CASE("what a lane gave to an agent that has programs runs") {
  const json before = lane_row("running", 1);
  CHECK(shown(before, "another") == before);
}

TEST_CASE("a lane that is empty by now has no state to change") {
  const json row = shown({{"agent", "bot"}, {"waiting", 0}, {"running", 0}}, "bot");
  CHECK_FALSE(row.contains("state"));
  CHECK(row["waiting"] == 0);
}
