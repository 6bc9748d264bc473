// What every engine does with states and events that come without a delivery, and how it tells the
// states of an agent.
#include "tests/journal/store_fixture.hpp"

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

#define FOR_EACH_ENGINE                                                                            \
  const auto kind = GENERATE(from_range(all_engines()));                                           \
  INFO(kind.name)

namespace {

/// Keys and values that a keep sets; an absent value erases.
using changes = std::vector<std::pair<std::string, std::optional<std::string>>>;

keep_op keep(test_store& store, const changes& states, std::vector<accept_op> emits = {}) {
  keep_op op;
  op.epoch = store.epoch();
  op.shard = shard_id{7};
  for (const auto& [key, value] : states)
    op.states.push_back(
        {store.agent("!jobs"), {key, !value, value ? slice{std::string{*value}} : slice{}}});
  op.emits = std::move(emits);
  return op;
}

/// Of an agent, a page: "k=v k=v", with " ..." behind it if there is more.
std::string states(test_store& store, const std::string& after = {}, const std::string& before = {},
                   std::size_t limit = 100, const std::string& agent = "!jobs") {
  const auto page = must(store.reader().states(store.agent(agent), after, before, limit));
  std::string text;
  for (const auto& [key, value] : page.states)
    text += (text.empty() ? "" : " ") + key + "=" + std::string{value.view()};
  return text + (page.more ? " ..." : "");
}

std::string text_of(const feed_commit& commit) {
  std::string text;
  for (const feed_item& each : commit.items)
    text += (each.kind == feed_item::what::accepted ? "+" : "-") +
            std::to_string(each.delivery.event.sequence) + " ";
  return text;
}

} // namespace

TEST_CASE("states and events of a keep are there together, without a delivery behind them") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  store.now += 1s;
  const op_result judged =
      store.one(keep(store, {{"a", "1"}, {"b", ""}},
                     {store.accept({.id = "e1"}), store.accept({.id = "e2", .agents = {}}),
                      store.accept({.id = "e3", .due = "+1h"})}));
  REQUIRE(judged.status == op_status::applied);
  REQUIRE(judged.emits.size() == 3);
  CHECK((store.is_shared() || raw(store->last_commit()) == 1));
  for (const bool restart : {false, true}) {
    if (restart)
      CHECK(store.reopen(false).size() == 2);
    CHECK(states(store) == "a=1 b=");
    CHECK(must(store.reader().state_of(store.agent("!jobs"), "a"))->view() == "1");
    CHECK(must(store->agents_with_state()) == std::vector{store.agent("!jobs")});
    CHECK(store.find(judged.emits[0].event)->accepted == store.now);
    CHECK(store.find(judged.emits[0].event)->state() == delivery_state::pending);
    CHECK(store.find(judged.emits[1].event)->state() == delivery_state::done);
    CHECK(store.find(judged.emits[2].event)->due == store.now + 1h);
    CHECK(store.events() == ledger{.accepted = 3, .done = 1, .pending = 2});
    CHECK(store.deliveries() == ledger{.accepted = 2, .pending = 2});
  }
  CHECK(store.one(store.accept({.id = "e1"})).status == op_status::duplicate);
  CHECK(store.one(store.finish(first_of(judged.emits[0].event))).status == op_status::applied);
}

TEST_CASE("a keep sets, replaces and erases, and leaves other agents' states alone") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  finish_op turn = store.finish(first_of(store.add({.id = "1"})));
  turn.state_of_key = state_change{"b", false, slice{std::string{"bot's"}}};
  store.one(turn);
  store.one(keep(store, {{"a", "1"}, {"b", "2"}, {"c", "3"}}));
  store.one(keep(store, {{"b", std::nullopt}, {"c", "new"}, {"none", std::nullopt}}));
  if (GENERATE(false, true))
    store.reopen(false);
  CHECK(states(store) == "a=1 c=new");
  CHECK(states(store, {}, {}, 9, "bot") == "b=bot's");
  CHECK(states(store, {}, {}, 9, "nobody").empty());
  store.one(keep(store, {{"a", std::nullopt}, {"c", std::nullopt}}));
  CHECK(states(store).empty());
  CHECK(must(store->agents_with_state()) == std::vector{store.agent("bot")});
}

TEST_CASE("a keep of an old epoch is fenced, with an emit for a fenced shard too") {
  const auto kind = GENERATE(from_range(engines_of_one_process()));
  INFO(kind.name);
  test_store store{kind};
  must(store->fence(shard_id{7}, epoch_no{9}));
  const keep_op old = keep(store, {{"a", "1"}}, {store.accept({.id = "e"})});
  REQUIRE(old.emits[0].event.shard != shard_id{7});
  CHECK(store.one(old).status == op_status::fenced);
  keep_op newer = old;
  newer.epoch = epoch_no{9};
  newer.emits.push_back(store.accept({.id = "e2"}));
  newer.emits[1].epoch = epoch_no{0};
  const op_result judged = store.one(newer);
  CHECK(judged.status == op_status::emit_fenced);
  CHECK(judged.emit == 1);
  CHECK(states(store).empty());
  CHECK(store.events() == ledger{});
  newer.emits.pop_back();
  CHECK(store.one(newer).status == op_status::applied);
  CHECK(states(store) == "a=1");
}

TEST_CASE("an emit that conflicts takes its whole keep back, and nothing else of the batch") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id known = store.add({.id = "known"});
  store.one(keep(store, {{"a", "old"}}));
  keep_op refused =
      keep(store, {{"a", "new"}, {"b", "2"}},
           {store.accept({.id = "e1"}), store.accept({.id = "known", .data = "other"}),
            store.accept({.id = "e2"})});
  const auto results = store
                           .commit({keep(store, {{"before", "1"}}), refused,
                                    keep(store, {{"after", "1"}}, {store.accept({.id = "e3"})})})
                           .results;
  CHECK(results[0].status == op_status::applied);
  CHECK(results[1].status == op_status::emit_conflict);
  CHECK(results[1].emit == 1);
  CHECK(results[1].event == known);
  CHECK(results[1].emits.empty());
  CHECK(results[2].status == op_status::applied);
  CHECK(results[2].emits.at(0).event.sequence == known.sequence + 1);
  if (GENERATE(false, true))
    store.reopen(false);
  CHECK(states(store) == "a=old after=1 before=1");
  CHECK(store.events() == ledger{.accepted = 2, .pending = 2});
  CHECK(store.deliveries().balanced());
  CHECK(store.one(store.accept({.id = "e1", .data = "anything"})).status == op_status::applied);
}

TEST_CASE("an emit that was there is no conflict, and its keep is applied") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id known = store.add({.id = "known"});
  const keep_op op =
      keep(store, {{"a", "1"}},
           {store.accept({.id = "known"}), store.accept({.id = "e"}), store.accept({.id = "e"})});
  const op_result judged = store.one(op);
  REQUIRE(judged.status == op_status::applied);
  REQUIRE(judged.emits.size() == 3);
  CHECK(judged.emits[0].duplicate);
  CHECK(judged.emits[0].event == known);
  CHECK_FALSE(judged.emits[1].duplicate);
  CHECK(judged.emits[2].duplicate);
  CHECK(judged.emits[2].event == judged.emits[1].event);
  CHECK(states(store) == "a=1");
  const commit_no last = store->last_commit();
  const op_result again = store.one(keep(store, {}, op.emits));
  CHECK(again.status == op_status::applied);
  CHECK(again.emits.at(1).duplicate);
  CHECK(store->last_commit() == last); // nothing has changed
  CHECK(store.one(op).status == op_status::applied);
  CHECK((store.is_shared() ? store->last_commit() > last
                           : raw(store->last_commit()) == raw(last) + 1));
  CHECK(store.events() == ledger{.accepted = 2, .pending = 2});
}

TEST_CASE("emits that do not fit the window take their keep back") {
  FOR_EACH_ENGINE;
  open_options options;
  options.dedupe_entries_max = 2;
  test_store store{kind, options};
  store.add({.id = "1"});
  keep_op op = keep(store, {{"a", "1"}}, {store.accept({.id = "e1"}), store.accept({.id = "e2"})});
  const op_result full = store.one(op);
  CHECK(full.status == op_status::dedupe_full);
  CHECK(full.emit == 1);
  CHECK(states(store).empty());
  CHECK(store.events().accepted == 1);
  op.emits.pop_back();
  CHECK(store.one(op).status == op_status::applied);
  CHECK(states(store) == "a=1");
}

TEST_CASE("the last state of a key wins, in one keep and between operations of a commit") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  store.one(keep(store, {{"a", "1"}, {"b", "1"}, {"a", "2"}, {"b", std::nullopt}, {"c", "3"}}));
  CHECK(states(store) == "a=2 c=3");
  const auto turn = [&](const std::string& id, const std::string& key, const std::string& value) {
    finish_op op = store.finish(first_of(store.add({.id = id})));
    op.agent = store.agent("!jobs");
    op.state_of_key = state_change{key, false, slice{std::string{value}}};
    return op;
  };
  const finish_op first = turn("1", "a", "turn");
  const finish_op last = turn("2", "c", "turn");
  store.commit({first, keep(store, {{"a", "kept"}, {"c", "kept"}}), last, keep(store, {{"d", "1"}}),
                keep(store, {{"d", "2"}})});
  if (GENERATE(false, true))
    store.reopen(false);
  CHECK(states(store) == "a=kept c=turn d=2");
}

TEST_CASE("the feed has the events of a keep as accepted, before what ended") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  const commit_no first = store->last_commit();
  store.commit(
      {store.finish(first_of(event)),
       keep(store, {{"a", "1"}},
            {store.accept({.id = "e1"}), store.accept({.id = "1"}), store.accept({.id = "e2"})})});
  store.one(keep(store, {{"a", "2"}}));
  if (GENERATE(false, true))
    store.reopen(false);
  const auto feed = must(store.reader().commits_after(first, 10));
  REQUIRE(feed.commits.size() == 2);
  CHECK(text_of(feed.commits[0]) == "+2 +3 -1 ");
  CHECK(text_of(feed.commits[1]).empty());
}

TEST_CASE("states are told page by page in the order of their keys' bytes") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  (void)store.agent("other"); // a number before and one behind it, with states of the same keys
  (void)store.agent("!jobs");
  keep_op op = keep(store, {{"b", "1"}, {"a", "2"}, {"\xc3\xa9", "3"}, {"ab", "4"}, {"B", "5"}});
  for (const char* agent : {"other", "third"})
    op.states.push_back({store.agent(agent), {"aa", false, slice{std::string{"not mine"}}}});
  store.one(op);
  if (GENERATE(false, true))
    store.reopen();
  CHECK(states(store) == "B=5 a=2 ab=4 b=1 \xc3\xa9=3");
  CHECK(states(store, {}, {}, 2) == "B=5 a=2 ...");
  CHECK(states(store, "a", {}, 2) == "ab=4 b=1 ...");
  CHECK(states(store, "b", {}, 2) == "\xc3\xa9=3");
  CHECK(states(store, "\xc3\xa9").empty());
  CHECK(states(store, "aaa") == "ab=4 b=1 \xc3\xa9=3"); // a key that is not there
  CHECK(states(store, {}, {}, 5) == "B=5 a=2 ab=4 b=1 \xc3\xa9=3");
  CHECK(states(store, {}, {}, 0) == " ...");
  CHECK(states(store, "\xc3\xa9", {}, 0).empty());
}

TEST_CASE("states are told up to a key, which is not one of them") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  store.one(keep(store, {{"a", "1"}, {"ab", "2"}, {"b", "3"}, {"c", "4"}}));
  CHECK(states(store, {}, "b") == "a=1 ab=2");
  CHECK(states(store, {}, "b", 2) == "a=1 ab=2"); // there is no more of them
  CHECK(states(store, {}, "b", 1) == "a=1 ...");
  CHECK(states(store, "a", "bb") == "ab=2 b=3");
  CHECK(states(store, {}, "a").empty());
  CHECK(states(store, "b", "ab").empty());
  CHECK(states(store, {}, "z") == "a=1 ab=2 b=3 c=4");
}

TEST_CASE("a page of large states is a short one, and the next one goes on behind it") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  constexpr std::size_t fit = (8 << 20) / limits::state_bytes_max;
  keep_op op = keep(store, {});
  for (std::size_t i = 0; i < fit + 3; ++i)
    op.states.push_back(
        {store.agent("!jobs"),
         {"k" + std::to_string(100 + i), false, slice{std::string(limits::state_bytes_max, 's')}}});
  store.one(op);
  const auto first = must(store.reader().states(store.agent("!jobs"), {}, {}, 100));
  REQUIRE(first.states.size() == fit);
  CHECK(first.more);
  const auto rest =
      must(store.reader().states(store.agent("!jobs"), first.states.back().first, {}, 100));
  CHECK(rest.states.size() == 3);
  CHECK_FALSE(rest.more);
}
