// Which state follows which, and what an event's deliveries make of it.
#include "protocol/delivery_state.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <vector>

using namespace skein;
using enum delivery_state;

namespace {

const std::vector<delivery_state> all{pending,   running,    retrying, done,  dead,
                                      cancelled, superseded, expired,  purged};

delivery_state of(std::vector<delivery_state> deliveries) { return event_state(deliveries); }

} // namespace

TEST_CASE("exactly the drawn transitions are allowed") {
  const std::map<delivery_state, std::set<delivery_state>> drawn{
      {pending, {running, dead, cancelled, superseded, expired}},
      {running, {pending, retrying, done, dead, cancelled, superseded, expired}},
      {retrying, {running, done, dead, cancelled, superseded, expired}},
      {dead, {pending, purged}},
  };
  for (const auto from : all)
    for (const auto to : all) {
      CAPTURE(to_string(from), to_string(to));
      const auto row = drawn.find(from);
      CHECK(may_become(from, to) == (row != drawn.end() && row->second.contains(to)));
    }
}

TEST_CASE("only a dead delivery leaves a terminal state") {
  for (const auto from : all)
    for (const auto to : all)
      if (is_terminal(from) && may_become(from, to))
        CHECK(from == dead);
}

TEST_CASE("a state out of range is nothing's successor and has no successor") {
  const auto wild = static_cast<delivery_state>(200);
  CHECK_FALSE(may_become(wild, done));
  CHECK(to_string(wild) == "unknown");
}

TEST_CASE("states and priorities are read back from their names") {
  for (const auto state : all)
    CHECK(parse_delivery_state(to_string(state)) == state);
  CHECK_FALSE(parse_delivery_state("Done"));
  CHECK_FALSE(parse_delivery_state(""));
  for (std::size_t i = 0; i < priority_classes; ++i) {
    const auto priority = static_cast<priority_class>(i);
    CHECK(parse_priority(to_string(priority)) == priority);
  }
  CHECK_FALSE(parse_priority("urgent"));
}

TEST_CASE("an event with a living delivery is in its most active state") {
  CHECK(of({done, pending}) == pending);
  CHECK(of({dead, pending}) == pending);
  CHECK(of({retrying, pending}) == retrying);
  CHECK(of({pending, running, dead}) == running);
}

TEST_CASE("an event whose deliveries are over is dead if one is, else done if one is") {
  CHECK(of({done, dead}) == dead);
  CHECK(of({cancelled, done}) == done);
  CHECK(of({cancelled, cancelled}) == cancelled);
  CHECK(of({expired, superseded}) == superseded);
  CHECK(of({purged, expired}) == expired);
  CHECK(of({purged}) == purged);
}

TEST_CASE("an event without deliveries is done") { CHECK(of({}) == done); }

TEST_CASE("messages go before hooks unless the event says otherwise") {
  CHECK(default_priority("skein.message") == priority_class::people);
  CHECK(default_priority("skein.message.edited") == priority_class::hook);
  CHECK(default_priority("com.example") == priority_class::hook);
}
