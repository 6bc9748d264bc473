// What every engine does with the ends of deliveries: the first one wins, effects come with it or
// not at all.
#include "tests/journal/store_fixture.hpp"

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

#define FOR_EACH_ENGINE                                                                            \
  const auto kind = GENERATE(from_range(all_engines()));                                           \
  INFO(kind.name)

TEST_CASE("a finished delivery shows its outcome") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  finish_op op = store.finish(first_of(event));
  op.attempt = 3;
  op.code = errc::agent_failed;
  op.error = "text";
  op.reply_kind = data_kind::json;
  op.reply = slice{std::string{"{\"a\":1}"}};
  store.now += 1s;
  CHECK(store.one(op).status == op_status::applied);
  if (GENERATE(false, true))
    store.reopen(false);
  const auto found = store.find(event);
  const delivery_record& delivery = found->deliveries.at(0);
  CHECK(found->state() == delivery_state::done);
  CHECK(delivery.state == delivery_state::done);
  CHECK(delivery.attempt == 3);
  CHECK(delivery.started == op.started);
  CHECK(delivery.finished == op.finished);
  CHECK(delivery.committed == store.now);
  CHECK(delivery.code == errc::agent_failed);
  CHECK(delivery.error == "text");
  CHECK(delivery.reply_kind == data_kind::json);
  CHECK(delivery.reply == op.reply);
  CHECK(store.events().done == 1);
  CHECK(store.events().pending == 0);
}

TEST_CASE("a reply may be empty, which is not no reply") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  finish_op op = store.finish(first_of(event));
  op.reply_kind = data_kind::text;
  store.one(op);
  CHECK(store.find(event)->deliveries[0].reply_kind == data_kind::text);
  CHECK(store.find(event)->deliveries[0].reply.empty());
}

TEST_CASE("the first outcome of a delivery wins and later ones are told of it") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  const bool same_batch = GENERATE(true, false);
  const bool restart = GENERATE(true, false);
  op_result late;
  if (same_batch) {
    late = store
               .commit({store.finish(first_of(event), delivery_state::cancelled),
                        store.finish(first_of(event), delivery_state::done)})
               .results[1];
  } else {
    store.one(store.finish(first_of(event), delivery_state::cancelled));
    if (restart)
      store.reopen(false);
    late = store.one(store.finish(first_of(event), delivery_state::done));
  }
  CHECK(late.status == op_status::already_terminal);
  CHECK(late.actual == delivery_state::cancelled);
  CHECK(store.one(store.attempt(first_of(event), 1)).actual == delivery_state::cancelled);
  CHECK(store.one(store.start(first_of(event))).status == op_status::already_terminal);
  CHECK(store.find(event)->state() == delivery_state::cancelled);
  CHECK(store.events().cancelled == 1);
  CHECK(store.events().balanced());
}

TEST_CASE("an operation on what is not there is not found") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  const event_id unrouted = store.add({.id = "2", .agents = {}});
  const event_id other_shard{shard_id{(raw(event.shard) + 1) % 256}, event.sequence};
  store.one(store.finish(first_of(event)));
  for (const delivery_id id :
       {delivery_id{event, 1}, delivery_id{event, 200}, first_of(other_shard), first_of(unrouted),
        first_of({event.shard, 0}), first_of({event.shard, 1'000'000})}) {
    CHECK(store.one(store.finish(id)).status == op_status::not_found);
    CHECK(store.one(store.attempt(id, 1)).status == op_status::not_found);
    CHECK(store.one(store.start(id)).status == op_status::not_found);
  }
}

TEST_CASE("an event is over when its last delivery is, and ends as the caller says") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1", .agents = {"a", "b", "c"}});
  finish_op first = store.finish({event, 1}, delivery_state::dead);
  first.event_state = delivery_state::pending;
  store.one(first);
  CHECK(store.events().pending == 1);
  CHECK(store.deliveries().pending == 2);
  CHECK(store.deliveries().dead == 1);
  finish_op second = store.finish({event, 0});
  second.event_state = delivery_state::pending;
  store.one(second);
  if (GENERATE(false, true))
    store.reopen(false);
  finish_op third = store.finish({event, 2});
  third.event_state = delivery_state::dead;
  store.one(third);
  CHECK(store.events().pending == 0);
  CHECK(store.events().dead == 1);
  CHECK(store.deliveries().done == 2);
  CHECK(store.find(event)->state() == delivery_state::dead);
}

TEST_CASE("an event that is said to be over while a delivery lives is still pending") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1", .agents = {"a", "b"}});
  store.one(store.finish({event, 0})); // says done
  CHECK(store.events().pending == 1);
  CHECK(store.events().done == 0);
  finish_op last = store.finish({event, 1}, delivery_state::cancelled);
  last.event_state = delivery_state::pending; // says that it goes on, but nothing is left
  store.one(last);
  CHECK(store.events().pending == 0);
  CHECK(store.events().done == 1); // done and cancelled: done
  CHECK(store.events().balanced());
}

TEST_CASE("every terminal state is counted under its name") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  int id = 0;
  for (const delivery_state state :
       {delivery_state::done, delivery_state::dead, delivery_state::cancelled,
        delivery_state::superseded, delivery_state::expired, delivery_state::purged}) {
    const event_id event = store.add({.id = std::to_string(id++)});
    store.one(store.finish(first_of(event), state));
    CHECK(store.find(event)->state() == state);
  }
  store.add({.id = "pending"});
  if (GENERATE(false, true))
    store.reopen(false);
  const ledger expected{7, 1, 1, 1, 1, 1, 1, 1};
  CHECK(store.events() == expected);
  CHECK(store.deliveries() == expected);
}

TEST_CASE("emits are accepted with the end of the turn") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  const event_id known = store.add({.id = "known"});
  finish_op op = store.finish(first_of(event));
  op.emits = {store.accept({.id = "e1"}), store.accept({.id = "known"}),
              store.accept({.id = "e2", .agents = {}}), store.accept({.id = "e1"})};
  const op_result judged = store.one(op);
  REQUIRE(judged.status == op_status::applied);
  REQUIRE(judged.emits.size() == 4);
  CHECK_FALSE(judged.emits[0].duplicate);
  CHECK(judged.emits[1].duplicate);
  CHECK(judged.emits[1].event == known);
  CHECK_FALSE(judged.emits[2].duplicate);
  CHECK(judged.emits[3].duplicate);
  CHECK(judged.emits[3].event == judged.emits[0].event);
  if (GENERATE(false, true))
    store.reopen(false);
  CHECK(store.find(judged.emits[0].event)->state() == delivery_state::pending);
  CHECK(store.find(event)->deliveries[0].emitted == 4);
  CHECK(store.events().accepted == 4);
  CHECK(store.one(store.accept({.id = "e1"})).status == op_status::duplicate);
}

TEST_CASE("an emit that conflicts takes its whole turn back, and nothing else") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  const event_id known = store.add({.id = "known"});
  finish_op op = store.finish(first_of(event));
  op.emits = {store.accept({.id = "e1"}), store.accept({.id = "e2", .agents = {"a", "b"}}),
              store.accept({.id = "known", .data = "other"}), store.accept({.id = "e3"})};
  op.state_of_key = state_change{"k", false, slice{std::string{"state"}}};
  const auto results =
      store.commit({store.accept({.id = "before"}), op, store.accept({.id = "after"})}).results;
  CHECK(results[0].status == op_status::applied);
  CHECK(results[1].status == op_status::emit_conflict);
  CHECK(results[1].emit == 2);
  CHECK(results[1].event == known);
  CHECK(results[1].emits.empty());
  CHECK(results[2].status == op_status::applied);
  CHECK(store.find(event)->state() == delivery_state::pending);
  CHECK_FALSE(must(store.reader().state_of(store.agent("bot"), "k")));
  CHECK(store.events().accepted == 4);
  CHECK(store.deliveries().accepted == 4);
  // What it emitted before the conflict was never there.
  const op_result free = store.one(store.accept({.id = "e1", .data = "anything"}));
  CHECK(free.status == op_status::applied);
  CHECK(store.one(store.finish(first_of(event))).status == op_status::applied);
}

TEST_CASE("two emits of one turn with one identity and two contents conflict") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  finish_op op = store.finish(first_of(event));
  op.emits = {store.accept({.id = "e"}), store.accept({.id = "e", .data = "other"})};
  const op_result judged = store.one(op);
  CHECK(judged.status == op_status::emit_conflict);
  CHECK(judged.emit == 1);
  CHECK(store.events().accepted == 1);
}

TEST_CASE("emits that do not fit the window, or into a fenced shard, take their turn back") {
  FOR_EACH_ENGINE;
  open_options options;
  options.dedupe_entries_max = 3;
  test_store store{kind, options};
  const event_id event = store.add({.id = "1"});
  finish_op op = store.finish(first_of(event));
  op.emits = {store.accept({.id = "e1"}), store.accept({.id = "e2"}), store.accept({.id = "e3"})};
  const op_result full = store.one(op);
  CHECK(full.status == op_status::dedupe_full);
  CHECK(full.emit == 2);
  op.emits.pop_back();
  op.emits[1].epoch = epoch_no{0};
  CHECK(store.one(op).status == op_status::emit_fenced);
  CHECK(store.events().accepted == 1);
  op.emits[1].epoch = store.epoch();
  CHECK(store.one(op).status == op_status::applied);
  CHECK(store.events().accepted == 3);
}

TEST_CASE("as many emits as a turn may make") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  finish_op op = store.finish(first_of(event));
  for (std::size_t i = 0; i < limits::emits_per_turn_max; ++i)
    op.emits.push_back(store.accept({.id = "e" + std::to_string(i)}));
  CHECK(store.one(op).emits.size() == limits::emits_per_turn_max);
  CHECK(store.events().pending == limits::emits_per_turn_max);
}

TEST_CASE("a turn sets, keeps and deletes the state of its agent and key") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const auto state = [&](const std::string& key) {
    const auto found = must(store.reader().state_of(store.agent("bot"), key));
    return found ? std::string{found->view()} : std::string{"(none)"};
  };
  const auto turn = [&](const std::string& id, std::optional<state_change> change) {
    finish_op op = store.finish(first_of(store.add({.id = id})));
    op.state_of_key = std::move(change);
    CHECK(store.one(op).status == op_status::applied);
  };
  CHECK(state("k") == "(none)");
  turn("1", state_change{"k", false, slice{std::string{"one"}}});
  CHECK(state("k") == "one");
  CHECK(must(store->agents_with_state()) == std::vector{store.agent("bot")});
  turn("2", std::nullopt);
  turn("3", state_change{"other", false, slice{}});
  if (GENERATE(false, true))
    store.reopen(false);
  CHECK(state("k") == "one");
  CHECK(state("other").empty());
  turn("4", state_change{"k", false, slice{std::string(limits::state_bytes_max, 's')}});
  CHECK(state("k").size() == limits::state_bytes_max);
  turn("5", state_change{"k", true, {}});
  CHECK(state("k") == "(none)");
  turn("6", state_change{"k", true, {}}); // again: nothing to delete
  turn("7", state_change{"other", true, {}});
  CHECK(must(store->agents_with_state()).empty());
  CHECK_FALSE(must(store.reader().state_of(store.agent("someone"), "k")));
}

TEST_CASE("agents with state are each named once, in order") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  for (const char* name : {"z", "bot", "a"})
    (void)store.agent(name);
  for (const auto& [name, key] : {std::pair{"bot", "1"}, {"bot", "2"}, {"z", "1"}}) {
    finish_op op = store.finish(first_of(store.add({.id = std::string{name} + key})));
    op.agent = store.agent(name);
    op.state_of_key = state_change{key, false, slice{std::string{"v"}}};
    store.one(op);
  }
  store.reopen();
  CHECK(must(store->agents_with_state()) == std::vector{store.agent("z"), store.agent("bot")});
}
