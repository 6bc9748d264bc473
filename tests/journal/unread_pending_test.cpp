// Pending events whose rows cannot be read: the others are told all the same, and they themselves
// as far as the saved pending set knows them, so that they can be ended.
#include "journal/sqlite_db.hpp"
#include "journal/sqlite_verify.hpp"
#include "tests/journal/damaged_store.hpp"

#include <set>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

/// Six pending events of three shapes, each with an attempt; saved, closed, and damaged on disk.
class pending_store {
 public:
  chained_store chained;
  std::vector<event_id> events;
  std::unique_ptr<reader> view;

  pending_store() {
    must(chained.open());
    for (int i = 0; i < 6; ++i)
      events.push_back(add(i));
    for (const event_id each : events) {
      attempt_op failed;
      failed.delivery = {each, 1};
      failed.agent = agent_no{1};
      failed.attempt = 1;
      failed.code = errc::agent_failed;
      failed.error = name_of(each);
      failed.next_due = chained.now;
      chained.commit({failed});
    }
    finish_op done; // of one of three
    done.delivery = {events[5], 2};
    done.agent = agent_no{2};
    done.error = "an-end";
    done.event_state = delivery_state::pending;
    chained.commit({done});
    chained.close();
  }
  static std::string name_of(event_id event) {
    return "turn-of-" + std::to_string(event.sequence) + "-";
  }

  void change(const std::string& text) {
    std::string& bytes = chained.disk.bytes(chained.file());
    bytes[place_of(text, bytes)] ^= 1;
  }
  std::vector<pending_event> open() {
    must(chained.open());
    std::vector<pending_event> told;
    must(chained.store->recover([&](const pending_event& each) { told.push_back(each); }));
    view = must(chained.store->new_reader());
    return told;
  }
  std::vector<std::uint64_t> numbers() const {
    std::vector<std::uint64_t> all;
    for (const event_id each : events)
      all.push_back(each.sequence);
    return all;
  }
  /// All others are whole; of it nothing but who was to get it.
  void check_told(const std::vector<pending_delivery>& rows, event_id damaged, std::size_t live) {
    std::size_t whole = 0;
    std::size_t of_damaged = 0;
    for (const pending_delivery& each : rows) {
      if (each.damage.code == errc::none) {
        ++whole;
        CHECK(each.key == "key");
        continue;
      }
      ++of_damaged;
      CHECK(each.delivery.event == damaged);
      CHECK(each.agent == each.siblings[each.delivery.index]);
      CHECK(each.siblings.size() == 3);
      CHECK(each.sibling_states[each.delivery.index] == delivery_state::pending);
    }
    CHECK(of_damaged == live);
    CHECK(whole == 17 - live);
  }
  /// Each of its deliveries ends, and with the last one the event.
  void end(const std::vector<pending_delivery>& rows) {
    std::vector<operation> ends;
    for (const pending_delivery& each : rows)
      if (each.damage.code != errc::none) {
        finish_op dead;
        dead.delivery = each.delivery;
        dead.agent = each.agent;
        dead.state = dead.event_state = delivery_state::dead;
        dead.code = errc::store_corrupt;
        ends.emplace_back(dead);
      }
    for (const op_result& each : chained.commit(std::move(ends)).results)
      CHECK(each.status == op_status::applied);
    const auto counted = must(chained.store->events_ledger());
    CHECK(counted.dead == 1);
    CHECK(counted.balanced());
    CHECK(must(chained.store->deliveries_ledger()).balanced());
  }

 private:
  event_id add(int number) {
    event value;
    value.id = "id-" + std::to_string(number);
    value.source = "/s";
    value.type = "t";
    value.kind = data_kind::text;
    value.datacontenttype = "text/plain";
    value.data = "data-of-" + std::to_string(number) + "-";
    value.set_extension(std::string{attribute::partitionkey}, "key");
    if (number == 3)
      value.set_extension(std::string{attribute::due}, "+10s");
    if (number == 3)
      value.set_extension(std::string{attribute::expires}, "+9000h");
    accept_op op;
    op.event = must(offer(value, chained.store->identity().hash, {}, chained.now));
    for (std::uint16_t agent = 0; agent < 3; ++agent)
      op.deliveries.add(agent_no{agent});
    return chained.commit({op}).results.at(0).event;
  }
};

std::size_t root_of(chained_store& store, const std::string& table) {
  auto db = must(database::open(store.file(), {.write = true, .vfs = store.disk.name()}));
  const auto page =
      must(db.number("SELECT rootpage FROM sqlite_schema WHERE name = '" + table + "'"));
  return static_cast<std::size_t>(page - 1) * limits::journal_page_bytes;
}

} // namespace

TEST_CASE("a pending event with a damaged row holds up no other, and can be ended") {
  pending_store store;
  const auto [text, index, live] = GENERATE_COPY(table<std::string, std::size_t, std::size_t>({
      {"data-of-2-", 2, 3},                                    // its own row
      {pending_store::name_of(event_id{shard_id{}, 2}), 1, 3}, // that of an attempt
      {"an-end", 5, 2},                                        // of a sibling
  }));
  INFO(text);
  store.change(text);
  CHECK(store.open().size() == 6);
  const auto rows = must(store.view->pending(store.numbers()));
  store.check_told(rows, store.events[index], live);
  for (const pending_delivery& each : rows)
    if (each.damage.code != errc::none) {
      CHECK(each.damage.code == errc::store_corrupt);
      CHECK(each.damage.detail.find("event " + std::to_string(index + 1) + " is damaged") !=
            std::string::npos);
    }
  store.end(rows);
}

TEST_CASE("a pending event whose row is gone is told, and one that never was is not") {
  pending_store store;
  store.chained.sql("DELETE FROM event WHERE no = 3");
  CHECK(store.open().size() == 6);
  auto numbers = store.numbers();
  numbers.push_back(999);
  const auto rows = must(store.view->pending(numbers));
  store.check_told(rows, store.events[2], 3);
  store.end(rows);
}

TEST_CASE("a delayed event with a damaged row refuses no start, whatever the time is") {
  pending_store store;
  store.change("data-of-3-");
  const bool is_due = GENERATE(true, false);
  const bool times_lost = GENERATE(true, false);
  if (times_lost)
    store.chained.sql("DELETE FROM timer");
  store.chained.now += is_due ? 1h : 1s;
  const auto told = store.open();
  REQUIRE(told.size() == 6);
  for (const pending_event& each : told)
    if (each.event == store.events[3]) {
      CHECK(each.deliveries.size() == 3);
      CHECK(each.live == 7);
      CHECK(each.sleeps == (!is_due && !times_lost)); // what is lost is due at once
    }
  const auto rows = must(store.view->pending(store.numbers()));
  store.check_told(rows, store.events[3], 3);
  store.end(rows);
}

TEST_CASE("what is not saved yet of a pending event is waited for") {
  pending_store store;
  store.open();
  store.chained.sql("UPDATE pending_saved SET crc = crc + 1");
  store.chained.sql("UPDATE event SET key = 'other' WHERE no = 2");
  const auto early = store.view->pending(store.numbers());
  REQUIRE_FALSE(early.ok());
  CHECK(early.error().code == errc::store_corrupt);
  finish_op done;
  done.delivery = first_of(store.events[0]);
  done.event_state = delivery_state::pending;
  store.chained.commit({done});
  must(store.chained.store->upkeep(store.chained.now += 2s));
  CHECK(must(store.view->pending(store.numbers())).size() == 16);
}

TEST_CASE("a row that the disk does not give is asked for again before it is told to wait") {
  pending_store store;
  store.open();
  store.chained.close();
  store.view.reset();
  must(store.chained.open());
  must(store.chained.store->recover([](const pending_event&) {}));
  store.view = must(store.chained.store->new_reader());
  const std::size_t at = place_of("data-of-2-", store.chained.disk.bytes(store.chained.file()));
  store.chained.disk.make_unreadable(store.chained.file(), at, at + 1);
  const auto check_early = [&] {
    for (std::size_t i = 1; i < limits::unread_tries; ++i) {
      const auto early = store.view->pending(store.numbers());
      REQUIRE_FALSE(early.ok());
      CHECK(early.error().code == errc::io_error);
    }
  };
  const auto check_whole = [&] {
    store.chained.disk.make_unreadable({}, 0, 0);
    for (const pending_delivery& each : must(store.view->pending(store.numbers())))
      CHECK(each.damage.code == errc::none);
  };
  check_early();
  check_whole();
  store.chained.sql("UPDATE commits SET no = no WHERE no = 1"); // what was read is read anew
  store.chained.disk.make_unreadable(store.chained.file(), at, at + 1);
  check_early(); // its tries began anew
  for (const pending_delivery& each : must(store.view->pending(store.numbers()))) {
    CHECK(each.damage.code == errc::io_error); // they share a page, and wait
    CHECK(each.accepted == no_instant);        // their events are not known
  }
  check_whole();
}

TEST_CASE("no pending delivery is to be ended for a page that cannot be read") {
  pending_store store;
  const std::string table = GENERATE(as<std::string>{}, "event", "outcome", "attempt", "start");
  const bool is_sector = GENERATE(true, false);
  INFO(table << (is_sector ? " on a bad sector" : " damaged"));
  store.open();
  store.chained.close();
  const std::size_t at = root_of(store.chained, table);
  store.view.reset();
  must(store.chained.open());
  must(store.chained.store->recover([](const pending_event&) {}));
  store.view = must(store.chained.store->new_reader());
  if (is_sector)
    store.chained.disk.make_unreadable(store.chained.file(), at, at + 1);
  else
    store.chained.disk.bytes(store.chained.file()).replace(at, 8, "damaged!");
  auto told = store.view->pending(store.numbers());
  for (std::size_t i = 1; is_sector && i < limits::unread_tries; ++i) {
    REQUIRE_FALSE(told.ok());
    told = store.view->pending(store.numbers());
  }
  CHECK(must(std::move(told)).size() == 17);
  for (const pending_delivery& each : must(store.view->pending(store.numbers()))) {
    CHECK(each.damage.code == errc::io_error);
    CHECK((each.accepted != no_instant) == (table != "event"));
    CHECK(each.key == (table != "event" ? "key" : ""));
    CHECK(each.agent == each.siblings[each.delivery.index]);
    CHECK(each.sibling_states[each.delivery.index] == delivery_state::pending);
  }
}
