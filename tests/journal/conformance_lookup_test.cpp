// Look-ups by key, id and time over many ranges, on every engine: whatever is in memory, in the
// index or in neither, the same events come, in the same pages.
#include "tests/journal/store_fixture.hpp"

#include <random>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

using sequences = std::vector<std::uint64_t>;

/// Small ranges, so that a few hundred events fill many.
open_options small_ranges() {
  open_options options;
  options.range_events = 16;
  return options;
}

sequences all_pages(test_store& store, event_filter filter) {
  sequences all;
  do {
    const event_page page = store.list(filter);
    REQUIRE(page.events.size() <= filter.limit);
    REQUIRE_FALSE(page.budget_spent);
    for (const event_record& each : page.events)
      all.push_back(each.event.sequence);
    filter.before = page.next;
  } while (filter.before != 0);
  return all;
}

/// What was added, to be searched by hand.
struct added {
  std::uint64_t sequence = 0;
  event_words words;
  instant at = no_instant;
};

class history {
 public:
  explicit history(std::uint64_t seed) : random_{seed} {}

  void add_some(test_store& store) {
    std::vector<operation> batch;
    std::vector<event_words> words;
    for (std::uint64_t left = random_() % 12; left > 0; --left) {
      words.push_back({.id = "i" + std::to_string(random_() % 90),
                       .key = "k" + std::to_string(random_() % 7),
                       .type = random_() % 2 == 0 ? "x" : "y",
                       .source = random_() % 2 == 0 ? "/a" : "/b",
                       .agents = {}});
      batch.emplace_back(store.accept(words.back()));
    }
    store.now += std::chrono::milliseconds{random_() % 3};
    const auto receipt = store.commit(std::move(batch));
    for (std::size_t i = 0; i < words.size(); ++i)
      if (receipt.results[i].status == op_status::applied)
        all_.push_back({receipt.results[i].event.sequence, words[i], receipt.at});
  }

  sequences matching(const event_filter& filter) const {
    sequences found;
    for (auto each = all_.rbegin(); each != all_.rend(); ++each)
      if ((!filter.key || each->words.key == *filter.key) &&
          (!filter.id || each->words.id == *filter.id) &&
          (!filter.source || each->words.source == *filter.source) &&
          (!filter.type || each->words.type == *filter.type) && each->at >= filter.since &&
          (filter.until == no_instant || each->at < filter.until))
        found.push_back(each->sequence);
    return found;
  }

  event_filter some_filter() {
    event_filter filter;
    const std::uint64_t what = random_() % 16;
    if ((what & 1) != 0)
      filter.key = "k" + std::to_string(random_() % 8);
    if ((what & 2) != 0)
      filter.id = "i" + std::to_string(random_() % 91);
    if ((what & 4) != 0)
      filter.type = "x";
    if (random_() % 3 == 0)
      filter.source = "/a";
    if (random_() % 3 == 0)
      filter.since = some_time();
    if (random_() % 3 == 0)
      filter.until = some_time();
    filter.limit = 1 + random_() % 9;
    return filter;
  }
  bool chance(std::uint64_t one_in) { return random_() % one_in == 0; }

 private:
  instant some_time() {
    if (all_.empty())
      return from_ns(1);
    return all_[random_() % all_.size()].at + std::chrono::milliseconds{random_() % 3} - 1ms;
  }

  std::mt19937_64 random_;
  std::vector<added> all_;
};

} // namespace

#define FOR_EACH_ENGINE                                                                            \
  const auto kind = GENERATE(from_range(all_engines()));                                           \
  INFO(kind.name)

TEST_CASE("look-ups find what they name over many ranges, whatever is indexed by then") {
  FOR_EACH_ENGINE;
  const auto seed = GENERATE_COPY(range(1u, 1 + seeds_of(kind, 8)));
  INFO("seed " << seed);
  test_store store{kind, small_ranges()};
  history past{seed};
  for (int step = 0; step < 120; ++step) {
    past.add_some(store);
    if (past.chance(2))
      must(store->upkeep(store.now));
    if (past.chance(40))
      store.reopen(past.chance(2));
    const event_filter filter = past.some_filter();
    INFO("step " << step << " key " << filter.key.value_or("-") << " id " << filter.id.value_or("-")
                 << " type " << filter.type.value_or("-"));
    REQUIRE(all_pages(store, filter) == past.matching(filter));
  }
  while (*store->upkeep(store.now))
    ;
  for (int i = 0; i < 100; ++i) {
    const event_filter filter = past.some_filter();
    REQUIRE(all_pages(store, filter) == past.matching(filter));
  }
}

TEST_CASE("an identity is found by source and id, as one event, whatever else has the id") {
  FOR_EACH_ENGINE;
  test_store store{kind, small_ranges()};
  sequences expected;
  for (int i = 0; i < 50; ++i) {
    const auto at = store.add({.id = "same", .key = std::to_string(i), .source = "/many"}).sequence;
    if (i % 10 == 0)
      expected.insert(
          expected.begin(),
          store.add({.id = "same", .key = std::to_string(i), .source = "/few"}).sequence);
    CHECK(at != 0);
  }
  while (*store->upkeep(store.now))
    ;
  CHECK(all_pages(store, {.source = "/few", .id = "same", .limit = 2}) == expected);
  const event_page one = store.list({.source = "/few", .id = "same", .key = "20"});
  REQUIRE(one.events.size() == 1);
  CHECK(one.events[0].event.sequence == expected[2]);
}

TEST_CASE("times bound a list: from the first on, up to but not with the last") {
  FOR_EACH_ENGINE;
  test_store store{kind, small_ranges()};
  std::vector<instant> times;
  sequences all;
  for (int i = 0; i < 40; ++i) {
    store.now += 1s;
    times.push_back(store.now);
    all.insert(all.begin(), store.add({.id = std::to_string(i)}).sequence);
    if (i % 2 == 0) // two of a time
      all.insert(all.begin(), store.add({.id = "b" + std::to_string(i)}).sequence);
  }
  CHECK(all_pages(store, {.since = times[0]}) == all);
  CHECK(all_pages(store, {.until = times[39] + 1ns}) == all);
  CHECK(all_pages(store, {.until = times[0]}).empty());
  CHECK(all_pages(store, {.since = times[39] + 1ns}).empty());
  CHECK(all_pages(store, {.since = times[39]}) == sequences{all[0]});
  CHECK(all_pages(store, {.since = times[38], .until = times[39]}) == sequences{all[1], all[2]});
  CHECK(all_pages(store, {.since = times[38] - 1ns, .until = times[38] + 1ns, .limit = 1}) ==
        sequences{all[1], all[2]});
  CHECK(all_pages(store, {.since = times[20], .until = times[10]}).empty());
  CHECK(store.list({.since = times[38]}).scanned == 3);
  CHECK(store.list({.since = times[0], .until = times[1]}).scanned == 2);
}

TEST_CASE("an empty store has no events of any time, key or state") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  CHECK(store.list({.key = "k"}).events.empty());
  CHECK(store.list({.id = "i"}).events.empty());
  CHECK(store.list({.since = store.now}).events.empty());
  CHECK(store.list({.until = store.now}).events.empty());
  for (const delivery_state each :
       {delivery_state::pending, delivery_state::retrying, delivery_state::dead})
    CHECK(store.list({.state = each}).events.empty());
}

TEST_CASE("the events of a busy key come in pages without a gap") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  std::vector<operation> batch;
  for (std::size_t i = 0; i < 3 * limits::lookup_matches_at_once; ++i)
    batch.emplace_back(store.accept(
        {.id = std::to_string(i), .key = i % 3 == 0 ? "other" : "busy", .agents = {}}));
  store.commit(batch);
  const sequences busy = all_pages(store, {.key = "busy", .limit = 700});
  CHECK(busy.size() == 2 * limits::lookup_matches_at_once);
  CHECK(std::adjacent_find(busy.begin(), busy.end(), std::less_equal<>{}) == busy.end());
  CHECK(all_pages(store, {.key = "other", .limit = 1'000}).size() ==
        limits::lookup_matches_at_once);
}

TEST_CASE("what is dead or retrying is found without looking at what is done") {
  FOR_EACH_ENGINE;
  test_store store{kind, small_ranges()};
  sequences dead;
  event_id failed;
  for (int i = 0; i < 60; ++i) {
    const event_id event = store.add({.id = std::to_string(i)});
    if (i == 41) {
      failed = event;
      store.one(store.attempt(first_of(event), 1));
    } else {
      const bool dies = i % 20 == 7;
      store.one(store.finish(first_of(event), dies ? delivery_state::dead : delivery_state::done));
      if (dies)
        dead.insert(dead.begin(), event.sequence);
    }
  }
  CHECK(all_pages(store, {.state = delivery_state::dead, .limit = 2}) == dead);
  CHECK(store.list({.state = delivery_state::dead}).scanned == dead.size());
  CHECK(all_pages(store, {.state = delivery_state::retrying}) == sequences{failed.sequence});
  CHECK(all_pages(store, {.state = delivery_state::pending}).empty());
}
