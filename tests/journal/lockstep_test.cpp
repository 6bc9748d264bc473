// The engines against the oracle: the same random operations, and after each batch the same
// answers, the same rows, the same ledger; after a restart the same pending deliveries.
#include "tests/journal/lockstep_workload.hpp"

using namespace skein;
using namespace skein::test;

namespace {

void number_agents(test_store& store) {
  for (const std::string& name : workload_agents())
    (void)store.agent(name);
}

std::string describe_all(const std::vector<op_result>& results) {
  std::string text;
  for (const op_result& each : results)
    text += describe(each) + "\n";
  return text;
}

std::string states_of(test_store& store) {
  std::string text;
  for (std::uint16_t agent = 0; agent < workload_agents().size(); ++agent)
    for (int key = 0; key < 5; ++key) {
      const auto found =
          must(store.reader().state_of(agent_no{agent}, "key" + std::to_string(key)));
      text += (found ? std::string{found->view()} : "-") + ' ';
    }
  return text;
}

void require_same(test_store& a, test_store& b) {
  REQUIRE(states_of(a) == states_of(b));
  REQUIRE(describe(*a, a.reader()) == describe(*b, b.reader()));
  REQUIRE(a.events().balanced());
  REQUIRE(a.deliveries().balanced());
}

void require_same_restart(test_store& a, test_store& b, bool clean) {
  const auto in_a = a.reopen(clean);
  const auto in_b = b.reopen(clean);
  REQUIRE(in_a.size() == in_b.size());
  for (std::size_t i = 0; i < in_a.size(); ++i)
    REQUIRE(describe(in_a[i]) == describe(in_b[i]));
  REQUIRE(in_a.size() == a.deliveries().pending);
}

} // namespace

TEST_CASE("every engine agrees with the oracle on random operations") {
  const auto kind =
      GENERATE(from_range(engines_beside({sqlite_engine_kind(), sqlite_of_small_buckets()})));
  const auto seed = GENERATE_COPY(range(1u, 1 + seeds_of(kind, 12)));
  INFO("seed " << seed << ", " << kind);
  open_options options;
  options.dedupe_window = std::chrono::seconds{60};
  options.dedupe_entries_max = kind.exact_budget ? 200 : 200'000;
  options.numbers_at_once = 4'096;
  test_store oracle{kind.shared ? shared_memory_engine_kind() : memory_engine_kind(), options};
  test_store other{kind, options};
  number_agents(oracle);
  number_agents(other);
  random_workload work{seed};
  for (int step = 0; step < 120; ++step) {
    INFO("step " << step);
    oracle.now += work.pause();
    other.now = oracle.now;
    std::vector<operation> batch = work.next(oracle->identity().hash, oracle.now);
    set_epoch(batch, work.number(25) == 0 ? epoch_no{0} : oracle.epoch());
    const commit_receipt expected = oracle.commit(batch);
    const commit_receipt got = other.commit(batch);
    REQUIRE(describe_all(got.results) == describe_all(expected.results));
    REQUIRE((kind.shared || got.commit == expected.commit));
    REQUIRE(got.at == expected.at);
    work.committed(batch, expected);
    if (step % 10 == 0)
      require_same(other, oracle);
    if (work.number(20) == 0)
      require_same_restart(other, oracle, work.number(2) == 0);
  }
  require_same(other, oracle);
}
