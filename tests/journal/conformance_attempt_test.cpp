// What every engine remembers of attempts and starts, and what a start after a stop finds.
#include "tests/journal/store_fixture.hpp"

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

std::string state_in(test_store& store) {
  const auto found = must(store.reader().state_of(store.agent("bot"), "k"));
  return found ? std::string{found->view()} : std::string{"(none)"};
}

} // namespace

#define FOR_EACH_ENGINE                                                                            \
  const auto kind = GENERATE(from_range(all_engines()));                                           \
  INFO(kind.name)

TEST_CASE("failed attempts and the time of the next one last") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  CHECK(store.one(store.attempt(first_of(event), 1)).status == op_status::applied);
  CHECK(store.one(store.attempt(first_of(event), 2)).status == op_status::applied);
  CHECK(store.find(event)->state() == delivery_state::retrying);
  const auto pending = store.reopen(GENERATE(false, true));
  REQUIRE(pending.size() == 1);
  CHECK(pending[0].attempts == 2);
  CHECK(pending[0].next_due == store.now + 2s);
  const auto found = store.find(event);
  REQUIRE(found->deliveries[0].attempts.size() == 2);
  const attempt_record& last = found->deliveries[0].attempts[1];
  CHECK(last.attempt == 2);
  CHECK(last.started == store.now);
  CHECK(last.finished == store.now + 3ms);
  CHECK(last.code == errc::agent_failed);
  CHECK(last.error == "failed 2");
  CHECK(last.next_due == store.now + 2s);
  CHECK(store.events().pending == 1);
  store.one(store.finish(first_of(event)));
  CHECK(store.find(event)->deliveries[0].attempts.size() == 2); // kept with the outcome
}

TEST_CASE("an attempt that is over already is not counted twice") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  const auto results =
      store.commit({store.attempt(first_of(event), 2), store.attempt(first_of(event), 2)}).results;
  CHECK(results[0].status == op_status::applied);
  CHECK(results[1].status == op_status::already_terminal);
  CHECK(results[1].actual == delivery_state::retrying);
  if (GENERATE(false, true))
    store.reopen(false);
  CHECK(store.one(store.attempt(first_of(event), 1)).status == op_status::already_terminal);
  CHECK(store.one(store.attempt(first_of(event), 3)).status == op_status::applied);
  CHECK(store.find(event)->deliveries[0].attempts.size() == 2);
}

TEST_CASE("a turn that slept lasts apart from the failed ones, with the state that it kept") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1", .key = "k"});
  attempt_op slept = store.asleep(first_of(event), 1, 10min);
  slept.state_of_key = state_change{"k", false, slice{std::string{"first"}}};
  CHECK(store.one(slept).status == op_status::applied);
  CHECK(store.find(event)->state() == delivery_state::pending);
  CHECK(state_in(store) == "first");
  auto pending = store.reopen(GENERATE(false, true));
  REQUIRE(pending.size() == 1);
  CHECK(pending[0].attempts == 1);
  CHECK(pending[0].sleeps == 1);
  CHECK(pending[0].asleep);
  CHECK(pending[0].next_due == store.now + 10min);
  CHECK(state_in(store) == "first");
  CHECK(store.events().pending == 1);

  CHECK(store.one(store.attempt(first_of(event), 2)).status == op_status::applied);
  CHECK(store.find(event)->state() == delivery_state::retrying);
  pending = store.reopen(false);
  CHECK(pending.at(0).attempts == 2);
  CHECK(pending.at(0).sleeps == 1);
  CHECK_FALSE(pending.at(0).asleep);
  CHECK(pending.at(0).next_due == store.now + 2s);

  CHECK(store.one(store.asleep(first_of(event), 3, 1min)).status == op_status::applied);
  slept = store.asleep(first_of(event), 4, 2min);
  slept.state_of_key = state_change{"k", true, {}};
  CHECK(store.one(slept).status == op_status::applied);
  CHECK(state_in(store) == "(none)");
  pending = store.reopen(GENERATE(false, true));
  CHECK(pending.at(0).attempts == 4);
  CHECK(pending.at(0).sleeps == 3);
  CHECK(pending.at(0).asleep);
  CHECK(pending.at(0).next_due == store.now + 2min);

  const delivery_record found = store.find(event)->deliveries[0];
  REQUIRE(found.attempts.size() == 1);
  CHECK(found.attempts[0].attempt == 2);
  CHECK(found.sleeps() == 3);
  CHECK(found.is_asleep());
  CHECK(found.slept.attempt == 4); // the last one is told
  CHECK(found.slept.finished == store.now + 3ms);
  CHECK(found.next_due() == store.now + 2min);
  store.one(store.finish(first_of(event)));
  CHECK(store.find(event)->state() == delivery_state::done);
  CHECK(store.find(event)->deliveries[0].sleeps() == 3);
}

TEST_CASE("a sleep that is refused or not committed leaves the state as it was") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1", .key = "k"});
  const auto keeping = [&](std::uint32_t number, const std::string& what) {
    attempt_op op = store.asleep(first_of(event), number, 1s);
    op.state_of_key = state_change{"k", false, slice{std::string{what}}};
    return op;
  };
  CHECK(store.one(keeping(1, "one")).status == op_status::applied);
  const op_result again = store.one(keeping(1, "again"));
  CHECK(again.status == op_status::already_terminal);
  CHECK(again.actual == delivery_state::retrying);
  attempt_op old = keeping(2, "of an old owner");
  old.epoch = epoch_no{raw(old.epoch) - 1};
  CHECK(store.one(old).status == op_status::fenced);
  CHECK(state_in(store) == "one");
  store.one(store.finish(first_of(event)));
  CHECK(store.one(keeping(2, "late")).status == op_status::already_terminal);
  CHECK(state_in(store) == "one");
}

TEST_CASE("of several changes of a state in one batch the last one counts, whoever makes it") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id first = store.add({.id = "1", .key = "k"});
  const event_id second = store.add({.id = "2", .key = "k"});
  const event_id third = store.add({.id = "3", .key = "k"});
  const auto change = [](const std::string& what) {
    return state_change{"k", false, slice{std::string{what}}};
  };
  attempt_op slept = store.asleep(first_of(first), 1, 1s);
  slept.state_of_key = change("of the first");
  finish_op done = store.finish(first_of(second));
  done.state_of_key = change("of the second");
  attempt_op last = store.asleep(first_of(third), 1, 1s);
  last.state_of_key = change("of the third");
  store.commit({slept, done});
  CHECK(state_in(store) == "of the second");
  store.commit({store.finish(first_of(first)), last});
  CHECK(state_in(store) == "of the third");
}

TEST_CASE("a sleep ends a durable start: it is no crash") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  store.one(store.start(first_of(event), true));
  store.one(store.asleep(first_of(event), 1, 1h));
  const auto pending = store.reopen(false);
  CHECK(pending.at(0).mark == start_mark::none);
  CHECK(pending.at(0).crashes == 0);
}

TEST_CASE("recovery reports every pending delivery once, in order of sequence, then index") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id first = store.add({.id = "1", .key = "a", .agents = {"x", "y", "z"}});
  const event_id over = store.add({.id = "2", .key = "b"});
  const event_id last = store.add({.id = "3", .key = "c", .due = "+10s"});
  finish_op middle = store.finish({first, 1}, delivery_state::expired);
  middle.event_state = delivery_state::pending;
  store.commit({middle, store.finish(first_of(over))});
  const auto pending = store.reopen(GENERATE(false, true));
  REQUIRE(pending.size() == 3);
  CHECK(pending[0].delivery == delivery_id{first, 0});
  CHECK(pending[1].delivery == delivery_id{first, 2});
  CHECK(pending[2].delivery == delivery_id{last, 0});
  CHECK(pending[0].key == "a");
  CHECK(pending[0].agent == store.agent("x"));
  CHECK(pending[1].agent == store.agent("z"));
  CHECK(pending[0].accepted == store.now);
  CHECK(pending[0].due == no_instant);
  CHECK(pending[0].attempts == 0);
  CHECK(pending[0].next_due == no_instant);
  CHECK(pending[2].due == store.now + 10s);
  REQUIRE(pending[0].siblings.size() == 3);
  CHECK(pending[0].siblings[1] == store.agent("y"));
  CHECK(pending[0].sibling_states[0] == delivery_state::pending);
  CHECK(pending[0].sibling_states[1] == delivery_state::expired);
  CHECK(pending[0].sibling_states[2] == delivery_state::pending);
}

TEST_CASE("a fresh delivery has no mark however often the node dies") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  store.add({.id = "1"});
  for (int i = 0; i < 50; ++i) {
    const auto pending = store.reopen(false);
    REQUIRE(pending.size() == 1);
    CHECK(pending[0].mark == start_mark::none);
    CHECK(pending[0].crashes == 0);
    CHECK(pending[0].attempts == 0);
  }
}

TEST_CASE("a start alone without an end counts one crash, once") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  store.one(store.start(first_of(event), true));
  auto pending = store.reopen(false);
  CHECK(pending.at(0).mark == start_mark::started); // counted, and accused still
  CHECK(pending.at(0).crashes == 1);
  store.one(store.start(first_of(event), true));
  pending = store.reopen(false);
  CHECK(pending.at(0).mark == start_mark::started);
  CHECK(pending.at(0).crashes == 2);
}

TEST_CASE("a death while nobody ran alone takes one crash back from each that waited") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id waits = store.add({.id = "1"});
  const event_id never = store.add({.id = "2"});
  for (int i = 0; i < 2; ++i) {
    store.one(store.start(first_of(waits), true));
    store.reopen(false);
  }
  store.one(store.start(first_of(never), false));
  for (const std::uint32_t left : {1u, 0u, 0u}) {
    const auto pending = store.reopen(false);
    REQUIRE(pending.size() == 2);
    CHECK(pending[0].mark == start_mark::started);
    CHECK(pending[0].crashes == left);
    CHECK(pending[1].crashes == 0);
  }
}

TEST_CASE("a death while another one ran alone takes no crash back") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id waits = store.add({.id = "1"});
  const event_id runs = store.add({.id = "2"});
  store.one(store.start(first_of(waits), true));
  store.reopen(false);
  store.one(store.start(first_of(runs), true));
  const auto pending = store.reopen(false);
  REQUIRE(pending.size() == 2);
  CHECK(pending[0].crashes == 1);
  CHECK(pending[1].crashes == 1);
}

TEST_CASE("a start among others accuses but does not count") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  store.one(store.start(first_of(event), false));
  for (int i = 0; i < 3; ++i) {
    const auto pending = store.reopen(false);
    CHECK(pending.at(0).mark == start_mark::started);
    CHECK(pending.at(0).crashes == 0);
  }
}

TEST_CASE("a failed attempt takes the mark away and keeps the crashes") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  store.one(store.start(first_of(event), true));
  store.reopen(false);
  store.commit({store.start(first_of(event), true), store.attempt(first_of(event), 1)});
  const auto pending = store.reopen(false);
  CHECK(pending.at(0).mark == start_mark::none);
  CHECK(pending.at(0).crashes == 1);
  CHECK(pending.at(0).attempts == 1);
}

TEST_CASE("a stop in order is no crash") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  store.one(store.start(first_of(event), true));
  const auto pending = store.reopen(true);
  CHECK(pending.at(0).mark == start_mark::none);
  CHECK(pending.at(0).crashes == 0);
}

TEST_CASE("a start ends with its delivery") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  const event_id other = store.add({.id = "2"});
  store.commit({store.start(first_of(event), true), store.start(first_of(other), true)});
  store.one(store.finish(first_of(event)));
  const auto pending = store.reopen(false);
  REQUIRE(pending.size() == 1);
  CHECK(pending[0].delivery.event == other);
  CHECK(pending[0].crashes == 1);
}

TEST_CASE("a store knows whether it was closed in order and how often it was opened") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const store_identity first = store->identity();
  CHECK(first.boot == 1);
  CHECK(first.clean);
  CHECK(first.store_id.size() == 16);
  CHECK(first.hash_name == "siphash24-128");
  store.reopen(true);
  CHECK(store->identity().clean);
  CHECK(store->identity().boot == 2);
  store.reopen(false);
  CHECK_FALSE(store->identity().clean);
  CHECK(store->identity().boot == 3);
  CHECK(store->identity().store_id == first.store_id);
  CHECK(store->identity().hash.seed_low == first.hash.seed_low);
  CHECK(store->identity().hash.seed_high == first.hash.seed_high);
  store.reopen(true);
  CHECK(store->identity().clean);
}

TEST_CASE("agents keep their numbers; a name lasts from the next commit on") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const agent_no a = store.agent("a");
  const agent_no b = store.agent("b");
  CHECK(a != b);
  CHECK(store.agent("a") == a);
  store.commit({});
  (void)store.agent("late"); // no commit after it
  store.reopen(false);
  if (!kind.shared) // there a name is known to all from the moment on at which it has a number
    CHECK(store->agent_names() == std::vector<std::string>{"a", "b"});
  CHECK(store.agent("b") == b);
  CHECK(store->agent_number("").error().code == errc::invalid_argument);
  CHECK(store->agent_number(std::string(65, 'x')).error().code == errc::invalid_argument);
  CHECK(store->agent_number(std::string(64, 'x')).ok());
}
