// Pending events whose rows cannot be read: the others are told all the same, and they themselves
// as far as the saved pending set knows them, so that they can be ended.
#include "tests/journal/postgres_node.hpp"

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

/// Four pending events of two deliveries, each with an attempt; of the last one a delivery is over.
class pending_node {
 public:
  postgres_schema schema;
  postgres_nodes place{schema.options()};
  shared_node node{place, "a"};
  std::vector<std::uint64_t> numbers;

  pending_node() {
    node.take_all();
    for (int i = 0; i < 4; ++i)
      events_.push_back(add(i));
    finish_op done = node.finish({events_[3], 1});
    done.event_state = delivery_state::pending;
    CHECK(node.one(done).status == op_status::applied);
    save();
  }
  event_id add(int number) {
    const event_id event =
        node.add({.id = std::to_string(number), .key = "k", .agents = {"bot", "log"}});
    attempt_op failed;
    failed.epoch = node.epoch_of(event.shard);
    failed.delivery = first_of(event);
    failed.agent = must(node->agent_number("bot"));
    failed.attempt = 1;
    failed.code = errc::agent_failed;
    failed.next_due = node.now;
    CHECK(node.one(failed).status == op_status::applied);
    numbers.push_back(event.sequence);
    return event;
  }
  void save() { must(node->upkeep(node.now += 3s)); }
  event_id event(std::size_t index) const { return events_.at(index); }
  std::string number(std::size_t index) const { return std::to_string(numbers.at(index)); }

  auto read() { return node.reader().pending(numbers); }
  /// All others are whole; of this one so many deliveries are told, and can be ended.
  void check_told(std::size_t damaged, std::size_t live, errc why = errc::store_corrupt) {
    const auto rows = must(read());
    CHECK(rows.size() == 7);
    std::vector<operation> ends;
    for (const pending_delivery& each : rows) {
      if (each.damage.code == errc::none) {
        CHECK(each.key == "k");
        CHECK(each.delivery.event != event(damaged));
        continue;
      }
      CHECK(each.damage.code == why);
      CHECK(each.delivery.event == event(damaged));
      CHECK(each.siblings.size() == 2);
      CHECK(each.agent == each.siblings[each.delivery.index]);
      finish_op dead = node.finish(each.delivery);
      dead.state = dead.event_state = delivery_state::dead;
      dead.code = errc::store_corrupt;
      ends.emplace_back(dead);
    }
    CHECK(ends.size() == live);
    for (const op_result& each : node.commit(std::move(ends)))
      CHECK(each.status == op_status::applied);
    const auto counted = must(node->events_ledger());
    CHECK(counted.dead == 1);
    CHECK(counted.balanced());
    CHECK(must(read()).size() == 7 - live);
  }

 private:
  std::vector<event_id> events_;
};

} // namespace

TEST_CASE("on PostgreSQL a pending event with a damaged row holds up no other, and can be ended") {
  SKEIN_NEEDS_POSTGRES;
  pending_node one;
  SECTION("its own row") {
    one.schema.run("UPDATE event SET key = 'x' WHERE no = " + one.number(2));
    one.check_told(2, 2);
  }
  SECTION("its row is gone") {
    one.schema.run("DELETE FROM event WHERE no = " + one.number(1));
    one.check_told(1, 2);
  }
  SECTION("an attempt's row") {
    one.schema.run("UPDATE attempt SET error = 'x' WHERE id = " + one.number(0) + " * 16");
    one.check_told(0, 2);
  }
  SECTION("the end of its other delivery") {
    one.schema.run("UPDATE outcome SET reply = 'x' WHERE id = " + one.number(3) + " * 16 + 1");
    one.check_told(3, 1);
  }
}

TEST_CASE("on PostgreSQL what never was is not told, and what is not saved yet is waited for") {
  SKEIN_NEEDS_POSTGRES;
  pending_node one;
  one.numbers.push_back(one.numbers.back() + 1'000);
  CHECK(must(one.read()).size() == 7);
  one.numbers.pop_back();
  one.add(4);
  one.schema.run("DELETE FROM event WHERE no = " + one.number(4));
  const auto early = one.read();
  REQUIRE_FALSE(early.ok());
  CHECK(early.error().code == errc::store_corrupt);
  one.save();
  CHECK(must(one.read()).size() == 9);
  one.schema.run("UPDATE pending_range SET crc = crc + 1");
  CHECK_FALSE(one.read().ok());
}

TEST_CASE("on PostgreSQL a row that the server cannot read is asked for again before it is lost") {
  SKEIN_NEEDS_POSTGRES;
  pending_node one;
  // A table that fails as one does with a damaged page under this row.
  one.schema.run("CREATE FUNCTION torn(no bigint, key bytea) RETURNS bytea LANGUAGE plpgsql AS $$ "
                 "BEGIN "
                 "IF no = " +
                 one.number(2) +
                 " THEN RAISE EXCEPTION 'invalid page' USING ERRCODE = 'XX001'; END IF; "
                 "RETURN key; END $$; "
                 "ALTER TABLE event RENAME TO whole_event; "
                 "CREATE VIEW event AS SELECT no, at, due, expires, shard, crc, priority, "
                 "deliveries, torn(no, key) AS key, id, body FROM whole_event");
  for (std::size_t i = 1; i < limits::unread_tries; ++i) {
    const auto early = one.read();
    REQUIRE_FALSE(early.ok());
    CHECK(early.error().code == errc::io_error);
  }
  std::size_t damaged = 0;
  for (const pending_delivery& each : must(one.read()))
    damaged += each.damage.code == errc::io_error ? 1u : 0u;
  CHECK(damaged == 2);
  one.schema.run("DROP VIEW event; ALTER TABLE whole_event RENAME TO event");
  for (const pending_delivery& each : must(one.read()))
    CHECK(each.damage.code == errc::none);
}
