// A byte that changed on the disk, long before the mark, is found when its record is read, by
// whichever way, and the error names the record.
#include "tests/journal/damaged_store.hpp"

using namespace skein;
using namespace skein::test;

namespace {

template <class T>
void check_corrupt(const result<T>& read, const std::string& name) {
  REQUIRE_FALSE(read.ok());
  CHECK(read.error().code == errc::store_corrupt);
  INFO(read.error().detail);
  CHECK(read.error().detail.find(name) != std::string::npos);
  CHECK(read.error().detail.find("restore a backup") != std::string::npos);
}

} // namespace

TEST_CASE("what is as it was written reads back") {
  damaged_store store;
  store.open();
  must(store.chained.store->recover([](const pending_event&) {}));
  CHECK(must(store.view->find(store.ended))->deliveries[0].reply.view() == "reply-of-it");
  CHECK(must(store.view->bodies(std::vector{store.waiting})).size() == 1);
  CHECK(must(store.view->list({})).events.size() == 2);
  CHECK(must(store.view->state_of(agent_no{0}, "k"))->view() == "state-of-k");
  CHECK(must(store.view->commits_after(commit_no{}, 10)).commits.size() == 3);
}

TEST_CASE("a changed body is found by every way to it, and by name") {
  damaged_store store;
  store.change("data-next");
  store.open();
  const std::string name = "event " + std::to_string(store.waiting.sequence) + " is damaged";
  check_corrupt(store.view->find(store.waiting), name);
  const auto bodies = must(store.view->bodies(std::vector{store.waiting, store.ended}));
  CHECK(bodies.at(0).empty()); // its deliveries end dead
  CHECK_FALSE(bodies.at(1).empty());
  check_corrupt(store.view->list({}), name);
  check_corrupt(store.view->commits_after(commit_no{}, 10), name);
  must(store.chained.store->recover([](const pending_event&) {})); // it reads no rows
  CHECK(must(store.view->find(store.ended)).has_value());          // the others are still there
}

TEST_CASE("a changed outcome is found, whichever part of it changed") {
  damaged_store store;
  store.change(GENERATE(values<std::string>({"error-of-an-outcome", "reply-of-it"})));
  store.open();
  const std::string name = "an outcome of event " + std::to_string(store.ended.sequence);
  check_corrupt(store.view->find(store.ended), name);
  check_corrupt(store.view->list({}), name);
  attempt_op late;
  late.delivery = first_of(store.ended);
  late.attempt = 3;
  late.epoch = epoch_no{store.chained.store->identity().boot};
  check_corrupt(store.chained.store->commit(std::vector<operation>{late}, store.chained.now), name);
}

TEST_CASE("a changed attempt is found") {
  damaged_store store;
  store.change("error-of-an-attempt");
  store.open();
  check_corrupt(store.view->find(store.ended),
                "an attempt of event " + std::to_string(store.ended.sequence));
}

TEST_CASE("a changed state is found before a turn gets it") {
  damaged_store store;
  store.change("state-of-k");
  store.open();
  check_corrupt(store.view->state_of(agent_no{0}, "k"), "a state of agent 0");
  check_corrupt(store.view->states(agent_no{0}, {}, {}, 1), "a state of agent 0");
  CHECK(must(store.view->states(agent_no{0}, {}, {}, 0)).more); // it is not looked at for that
}

TEST_CASE("a changed row of a commit is found by the feed and by the window of identities") {
  damaged_store store;
  store.chained.sql("UPDATE commits SET identities = zeroblob(length(identities)) WHERE no = 1");
  const auto opened = store.chained.open();
  check_corrupt(opened, "commit 1 is damaged");
}

TEST_CASE("a commit that is missing before the mark is found when the window is read") {
  damaged_store store;
  must(store.chained.open());
  store.chained.commit({store.accept("third", "data-third")});
  store.chained.close();
  store.chained.sql("DELETE FROM commits WHERE no = 1");
  check_corrupt(store.chained.open(), "commit 1 is missing");
}

TEST_CASE("a pending event with a body of many pages is checked when the body is read") {
  chained_store chained;
  must(chained.open());
  event value;
  value.source = "/s";
  value.type = "t";
  value.id = "large";
  value.kind = data_kind::binary;
  value.data = std::string(100'000, 'x') + "the-end";
  accept_op op;
  op.event = must(offer(value, chained.store->identity().hash, {}, chained.now));
  op.deliveries.add(agent_no{0});
  const event_id large = chained.commit({op}).results[0].event;
  chained.close();
  std::string& bytes = chained.disk.bytes(chained.file());
  bytes[place_of("the-end", bytes)] ^= 1;
  must(chained.open());
  int pending = 0;
  must(chained.store->recover([&](const pending_event&) { ++pending; }));
  CHECK(pending == 1);
  CHECK(must(must(chained.store->new_reader())->bodies(std::vector{large})).at(0).empty());
}
