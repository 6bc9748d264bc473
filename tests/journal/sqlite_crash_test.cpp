// The power goes at every write and every sync of a run: at each of them, with all of what was not
// synced lost, with all of it there, and with some of its sectors there. Afterwards all that
// commit() returned is there, nothing is there by half, and the batch in flight is there whole or
// not at all: the store is held against the oracle. The control, a disk that lies about syncs, must
// be seen to lose.
#include "journal/sqlite_audit.hpp"
#include "tests/journal/lockstep_workload.hpp"
#include "tests/support/sim_vfs.hpp"
#include "tests/support/temp_dir.hpp"

using namespace skein;
using namespace skein::test;

namespace {

constexpr int batches = 14;
const instant start = from_ns(1'700'000'000'000'000'000);

/// One run: a store on a simulated disk and the oracle beside it.
class run {
 public:
  explicit run(std::uint64_t seed) : work_{seed} {}

  sim_disk& disk() { return disk_; }

  /// Works until the disk fails or all is done. True if nothing failed.
  bool work() {
    if (!open())
      return false;
    for (int i = 0; i < batches; ++i) {
      oracle_.now += work_.pause();
      in_flight_ = work_.next(oracle_->identity().hash, oracle_.now);
      if (!commit(in_flight_))
        return false;
      in_flight_.clear();
      if (i % 5 == 4 && !(store_->upkeep(oracle_.now).ok() && store_->upkeep(oracle_.now).ok()))
        return false;
    }
    return store_->close().ok();
  }

  /// The power was gone; it is back. What is wrong, or nothing.
  std::string check() {
    reader_.reset();
    store_.reset();
    if (!open())
      return "the store does not open: " + why_;
    std::vector<std::string> pending;
    for (const auto& each : recover_all(*store_, *reader_))
      pending.push_back(describe(each));
    if (store_->last_commit() != oracle_->last_commit()) {
      if (raw(store_->last_commit()) != raw(oracle_->last_commit()) + 1 || in_flight_.empty())
        return "commit " + std::to_string(raw(oracle_->last_commit())) +
               " was acknowledged, found " + std::to_string(raw(store_->last_commit()));
      apply_to_oracle(in_flight_); // it was unknown; it is there
    }
    std::vector<std::string> expected;
    for (const auto& each : oracle_.reopen(store_->identity().clean))
      expected.push_back(describe(each));
    name_agents();
    if (pending != expected)
      return "other deliveries are pending";
    if (describe(*store_, *reader_) != describe(*oracle_, oracle_.reader()))
      return "the rows differ:\n" + describe(*store_, *reader_) + "\nexpected:\n" +
             describe(*oracle_, oracle_.reader());
    for (const std::string& each : must(audit_sqlite(path_, disk_.name())).problems)
      return each;
    return check_identities();
  }

 private:
  bool open() {
    sqlite_options options{
        .directory = path_, .store = {.now = start, .seed = 42}, .vfs = disk_.name()};
    options.wal_bytes = 96 << 10;
    options.dedupe_bucket = 8;
    options.run = run_at_once;
    auto opened = open_sqlite(options);
    if (!opened) {
      why_ = to_string(opened.error());
      return false;
    }
    store_ = std::move(*opened);
    auto view = store_->new_reader();
    if (!view) {
      why_ = to_string(view.error());
      return false;
    }
    reader_ = std::move(*view);
    for (const std::string& name : workload_agents())
      (void)store_->agent_number(name);
    name_agents();
    return true;
  }

  void name_agents() {
    for (const std::string& name : workload_agents())
      (void)oracle_.agent(name);
  }

  bool commit(std::vector<operation> batch) {
    set_epoch(batch, epoch_no{store_->identity().boot});
    const auto receipt = store_->commit(batch, oracle_.now);
    if (!receipt)
      return false;
    apply_to_oracle(std::move(batch));
    return true;
  }

  void apply_to_oracle(std::vector<operation> batch) {
    set_epoch(batch, oracle_.epoch());
    work_.committed(batch, oracle_.commit(batch));
  }

  /// Everything that was accepted is known as accepted.
  std::string check_identities() {
    for (const accept_op& each : work_.all_accepts()) {
      std::vector<operation> batch{each};
      set_epoch(batch, epoch_no{store_->identity().boot});
      const auto got = must(store_->commit(batch, oracle_.now));
      set_epoch(batch, oracle_.epoch());
      if (describe(got.results[0]) != describe(oracle_.commit(batch).results[0]))
        return "an identity is judged otherwise";
    }
    if (store_->counters().dedupe_healed != 0)
      return "a bucket whose header is there is not whole";
    return {};
  }

  temp_dir parent_;
  std::string path_ = parent_.path() + "/store";
  sim_disk disk_{"skein-sim"};
  random_workload work_;
  test_store oracle_{memory_engine_kind()};
  std::unique_ptr<engine> store_;
  std::unique_ptr<reader> reader_;
  std::vector<operation> in_flight_;
  std::string why_;
};

std::uint64_t calls_of_a_run(std::uint64_t seed) {
  run whole{seed};
  REQUIRE(whole.work());
  return whole.disk().calls();
}

} // namespace

TEST_CASE("whatever commit() returned survives a power cut at any write or sync") {
  const std::uint64_t seed = GENERATE(1u, 2u, 3u);
  const auto kept = GENERATE(sim_disk::kept::none, sim_disk::kept::all, sim_disk::kept::by_chance);
  const std::uint64_t calls = calls_of_a_run(seed);
  REQUIRE(calls > 100);
  for (std::uint64_t nth = 1; nth <= calls; ++nth) {
    INFO("seed " << seed << ", call " << nth << " of " << calls << ", kept "
                 << static_cast<int>(kept));
    run one{seed};
    one.disk().fail(nth, sim_disk::fault::power_cut);
    REQUIRE_FALSE(one.work());
    one.disk().crash(seed * 1'000 + nth, kept);
    const std::string wrong = one.check();
    if (!wrong.empty())
      FAIL(wrong);
  }
}

TEST_CASE("a power cut after the last call loses nothing") {
  run one{7};
  REQUIRE(one.work());
  one.disk().crash(7);
  CHECK(one.check().empty());
}

TEST_CASE("control: a disk that lies about syncs is seen to lose what was acknowledged") {
  int lost = 0;
  const std::uint64_t calls = calls_of_a_run(1);
  for (std::uint64_t nth = 10; nth <= calls; nth += 7) {
    run one{1};
    one.disk().set_sync_is_lie(true);
    one.disk().fail(nth, sim_disk::fault::power_cut);
    REQUIRE_FALSE(one.work());
    one.disk().set_sync_is_lie(false);
    one.disk().crash(nth);
    lost += one.check().empty() ? 0 : 1;
  }
  CHECK(lost > 5);
}
