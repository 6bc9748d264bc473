// The power goes at every write and every sync of a run: at each of them, with all of what was not
// synced lost, with all of it there, and with some of its sectors there. Afterwards all that
// commit() returned is there, nothing is there by half, and the batch in flight is there whole or
// not at all: the store is held against the oracle. The control, a disk that lies about syncs, must
// be seen to lose.
#include "journal/sqlite_db.hpp"
#include "journal/sqlite_verify.hpp"
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
  explicit run(std::uint64_t seed, open_options options = {})
    : options_{options}, work_{seed}, oracle_{memory_engine_kind(), options} {}

  sim_disk& disk() { return disk_; }
  std::int64_t indexed_ranges() const { return rows_of("lookup_range"); }
  std::int64_t summaries() const { return rows_of("lookup_group"); }
  /// Events that retention dropped, after check().
  std::uint64_t dropped() const { return dropped_; }

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
      if (i % upkeep_every_ == upkeep_every_ - 1 && !keep_up())
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
    // Before it is looked at: a disk that lied may have left anything.
    const auto verified = verify_sqlite(path_, disk_.name());
    if (!verified)
      return "the store cannot be read: " + to_string(verified.error());
    for (const std::string& each : verified->problems)
      return each;
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
    if (const auto notes = store_->take_notes(); !notes.empty())
      return notes[0];
    drop_old();
    if (describe(*store_, *reader_) != describe(*oracle_, oracle_.reader()))
      return "the rows differ:\n" + describe(*store_, *reader_) + "\nexpected:\n" +
             describe(*oracle_, oracle_.reader());
    if (std::string wrong = check_lookups(); !wrong.empty())
      return wrong;
    return check_identities();
  }

 private:
  std::int64_t rows_of(const std::string& table) const {
    auto db = must(database::open(path_ + "/journal.db", {.write = false, .vfs = disk_.name()}));
    return must(db.number("SELECT count(*) FROM " + table));
  }
  bool open() {
    sqlite_options options{.directory = path_, .store = options_, .vfs = disk_.name()};
    options.store.range_events = std::min<std::uint64_t>(options_.range_events, 16);
    options.store.now = std::max(start, oracle_.now);
    options.store.seed = 42;
    options.wal_bytes = 96 << 10;
    options.range_save_bytes = 1; // one at a time
    options.dedupe_bucket = 8;
    options.retention_join_events = 1;
    options.clock = [] { return duration{}; }; // each run makes the same calls
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

  /// Both stores drop all that may go.
  void drop_old() {
    if (options_.retention == limits::retention)
      return;
    bool more = true;
    for (int i = 0; i < 20 && (more || i < 3); ++i) {
      oracle_.now += std::chrono::seconds{1};
      more = must(store_->upkeep(oracle_.now));
      must(oracle_->upkeep(oracle_.now));
    }
    dropped_ = oracle_->retention().dropped_events;
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

  /// Until there is nothing left to do, which builds the index of look-ups.
  bool keep_up() {
    auto more = store_->upkeep(oracle_.now);
    while (more && *more)
      more = store_->upkeep(oracle_.now);
    return more.ok();
  }

  /// By key and by id the same events are found, with what the index lacks and when it is made up.
  std::string check_lookups() {
    for (const bool is_made_up : {false, true}) {
      if (is_made_up && !keep_up())
        return "the index of look-ups cannot be built";
      for (const accept_op& each : work_.all_accepts()) {
        const event_head head = each.event.head();
        for (const auto& filter :
             {event_filter{.key = std::string{head.key}}, event_filter{.id = std::string{head.id}}})
          if (sequences_of(must(reader_->list(filter))) != sequences_of(oracle_.list(filter)))
            return "a look-up finds other events";
      }
    }
    for (const std::string& each : must(verify_sqlite(path_, disk_.name())).problems)
      return each;
    return {};
  }
  static std::vector<std::uint64_t> sequences_of(const event_page& page) {
    std::vector<std::uint64_t> all;
    for (const event_record& each : page.events)
      all.push_back(each.event.sequence);
    return all;
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
  open_options options_;
  random_workload work_;
  test_store oracle_;
  std::unique_ptr<engine> store_;
  std::unique_ptr<reader> reader_;
  std::vector<operation> in_flight_;
  std::string why_;
  int upkeep_every_ = options_.retention == limits::retention ? 5 : 2;
  std::uint64_t dropped_ = 0;
};

/// What is over for a little while goes.
open_options short_retention() {
  open_options options;
  options.dedupe_window = options.retention = std::chrono::seconds{4};
  options.range_events = 16;
  return options;
}

std::uint64_t calls_of_a_run(std::uint64_t seed, const open_options& options = {}) {
  run whole{seed, options};
  REQUIRE(whole.work());
  return whole.disk().calls();
}

/// Of the calls of a run, each that many-th; which, depends on `turn`. The cases tagged "[.long]"
/// go over every call. Sanitizers look for another kind of error, which takes fewer calls and five
/// times the time.
#ifdef SKEIN_SANITIZED
constexpr std::uint64_t calls_apart = 7;
#else
constexpr std::uint64_t calls_apart = 2;
#endif

/// The power goes at those calls; what is wrong afterwards fails the test.
template <class Seen>
void cut_power(std::uint64_t seed, sim_disk::kept kept, std::uint64_t apart,
               const open_options& options, const Seen& seen) {
  const std::uint64_t calls = calls_of_a_run(seed, options);
  REQUIRE(calls > 100);
  const std::uint64_t turn = seed + static_cast<std::uint64_t>(kept);
  for (std::uint64_t nth = 1 + turn % apart; nth <= calls; nth += apart) {
    INFO("seed " << seed << ", call " << nth << " of " << calls << ", kept "
                 << static_cast<int>(kept));
    run one{seed, options};
    one.disk().fail(nth, sim_disk::fault::power_cut);
    REQUIRE_FALSE(one.work());
    one.disk().crash(seed * 1'000 + nth, kept);
    const std::string wrong = one.check();
    if (!wrong.empty())
      FAIL(wrong);
    seen(one);
  }
}

void cut_power_of_commits(std::uint64_t apart) {
  const std::uint64_t seed = GENERATE(1u, 2u, 3u);
  const auto kept = GENERATE(sim_disk::kept::none, sim_disk::kept::all, sim_disk::kept::by_chance);
  cut_power(seed, kept, apart, {}, [](const run&) {});
}

void cut_power_of_retention(std::uint64_t apart) {
  const std::uint64_t seed = GENERATE(9u, 10u);
  const auto kept = GENERATE(sim_disk::kept::none, sim_disk::kept::by_chance);
  std::uint64_t dropped = 0;
  cut_power(seed, kept, apart, short_retention(),
            [&](const run& one) { dropped = std::max(dropped, one.dropped()); });
  CHECK(dropped > 5);
}

void cut_power_of_lookups(std::uint64_t apart) {
  constexpr std::uint64_t seed = 6;
  open_options options;
  options.range_events = 2;
  run whole{seed, options};
  REQUIRE(whole.work());
  REQUIRE(whole.summaries() > 0);
  const auto kept = GENERATE(sim_disk::kept::none, sim_disk::kept::by_chance);
  cut_power(seed, kept, apart, options, [](const run&) {});
}

} // namespace

TEST_CASE("whatever commit() returned survives a power cut at any write or sync") {
  cut_power_of_commits(calls_apart);
}

TEST_CASE("retention and the saved ranges survive a power cut at any write or sync") {
  cut_power_of_retention(calls_apart);
}

TEST_CASE("the index of look-ups and its summaries survive a power cut at any write or sync") {
  cut_power_of_lookups(calls_apart * 2); // each of them takes long
}

TEST_CASE("commits survive a power cut at every write and sync", "[.long]") {
  cut_power_of_commits(1);
}

TEST_CASE("retention survives a power cut at every write and sync", "[.long]") {
  cut_power_of_retention(1);
}

TEST_CASE("the index of look-ups survives a power cut at every write and sync", "[.long]") {
  cut_power_of_lookups(1);
}

TEST_CASE("a power cut after the last call loses nothing") {
  run one{8};
  REQUIRE(one.work());
  REQUIRE(one.indexed_ranges() > 1); // or what is said of the index is said of nothing
  one.disk().crash(8);
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
