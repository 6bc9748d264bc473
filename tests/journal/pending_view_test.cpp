// Searches for what is pending when what was saved of it is damaged, lost or of another store's
// ranges: the rows are there.
#include "tests/journal/indexed_store.hpp"

using namespace skein;
using namespace skein::test;

TEST_CASE("without what was saved, or with damage to it, what is pending is found by its rows") {
  indexed_store store;
  store.add_many(50); // of no agent
  store.agent = "bot";
  store.add_many(20);
  store.agent.clear();
  store.add_many(30);
  store.keep_up();
  const event_filter pending{.state = delivery_state::pending};
  REQUIRE(store.list(pending).scanned == 20);
  const std::string damage =
      GENERATE(as<std::string>{}, "UPDATE pending_range SET crc = crc + 1",
               "UPDATE pending_range SET marks = x''", "UPDATE pending_saved SET crc = crc + 1",
               "UPDATE pending_saved SET upto = 2", "DELETE FROM pending_saved",
               "UPDATE route SET crc = crc + 1", "DELETE FROM route");
  INFO(damage);
  store.number(damage);
  const event_page page = store.list(pending);
  CHECK(page.events.size() == 20);
  CHECK(page.scanned <= 100);
  event_filter of_agent = pending;
  of_agent.agent = must(store.store->agent_number("bot"));
  CHECK(store.list(of_agent).events.size() == 20);
  CHECK(store.list({.key = "k1", .state = delivery_state::pending}).events.size() >= 6);
}
