// The engine on a disk that fails: what is known after each failure, and that nothing is tried
// again after a failed sync.
#include "journal/sqlite_audit.hpp"
#include "journal/sqlite_db.hpp"
#include "journal/sqlite_writer.hpp"
#include "tests/journal/lockstep_workload.hpp"
#include "tests/support/sim_vfs.hpp"
#include "tests/support/temp_dir.hpp"

using namespace skein;
using namespace skein::test;

namespace {

const instant now = from_ns(1'700'000'000'000'000'000);

struct broken_store {
  temp_dir parent;
  sim_disk disk{"skein-sim"};
  std::string path = parent.path() + "/store";
  std::unique_ptr<engine> store;
  random_workload work{1};
  std::vector<operation> batch;

  std::size_t wal_bytes;
  int large_ = 0;

  explicit broken_store(std::size_t checkpoint_each = 64 << 10) : wal_bytes{checkpoint_each} {
    open();
  }
  void open() {
    sqlite_options options{.directory = path, .store = {.now = now, .seed = 1}, .vfs = disk.name()};
    options.wal_bytes = wal_bytes;
    store = must(open_sqlite(options));
    for (const std::string& name : workload_agents())
      (void)store->agent_number(name);
    must(store->recover([](const pending_event&) {}));
  }
  result<commit_receipt> commit() {
    batch = work.next(store->identity().hash, now);
    set_epoch(batch, epoch_no{store->identity().boot});
    auto receipt = store->commit(batch, now);
    if (receipt)
      work.committed(batch, *receipt);
    return receipt;
  }
  /// About a hundred pages.
  result<commit_receipt> commit_large() {
    event value;
    value.id = "large-" + std::to_string(++large_);
    value.source = "/s";
    value.type = "t";
    value.kind = data_kind::text;
    value.datacontenttype = "text/plain";
    value.data = std::string(100 * limits::journal_page_bytes, 'x');
    accept_op op;
    op.event = must(offer(value, store->identity().hash, {}, now));
    op.deliveries.add(must(store->agent_number(workload_agents().front())));
    std::vector<operation> made{op};
    set_epoch(made, epoch_no{store->identity().boot});
    return store->commit(made, now);
  }
  void commit_some(int count) {
    for (int i = 0; i < count; ++i)
      must(commit());
  }
  std::string shown() { return describe(*store, *must(store->new_reader())); }
  void check_audit() {
    for (const std::string& each : must(audit_sqlite(path, disk.name())).problems)
      FAIL_CHECK(each);
  }
};

} // namespace

TEST_CASE("after a failed sync the outcome is unknown and nothing reaches the disk again") {
  broken_store broken;
  broken.commit_some(5);
  broken.disk.fail(1, sim_disk::fault::io_error, sim_disk::on::sync);
  const auto unknown = broken.commit();
  REQUIRE_FALSE(unknown.ok());
  CHECK(unknown.error().code == errc::unknown_outcome);
  CHECK(broken.commit().error().code == errc::io_error);
  CHECK(broken.store->fence(shard_id{1}, epoch_no{9}).error().code == errc::io_error);
  CHECK(broken.store->upkeep(now).error().code == errc::io_error);
  CHECK_FALSE(broken.store->close().ok());
  broken.store.reset();
  CHECK(broken.disk.calls_after_failed_sync() == 0);
}

TEST_CASE("a full disk that stops the index of the log is a definite no, while a reader holds it") {
  broken_store broken;
  broken.commit_some(3);
  auto view = must(
      database::open(broken.path + "/journal.db", {.write = false, .vfs = broken.disk.name()}));
  must(view.run("BEGIN; SELECT count(*) FROM event"));
  broken.disk.set_shared_memory_is_full(true);
  const auto refused = [&]() -> errc {
    for (int i = 0; i < 2'000; ++i) // the index of the log grows at frame 4,063
      if (const auto done = broken.commit_large(); !done)
        return done.error().code;
    return errc::none;
  }();
  CHECK(refused == errc::disk_full);
  const std::string before = broken.shown();
  CHECK(broken.commit_large().error().code == errc::disk_full);
  broken.disk.set_shared_memory_is_full(false);
  CHECK(broken.shown() == before);
  must(broken.commit_large());
  must(view.run("COMMIT"));
  must(broken.commit_large());
  broken.store.reset();
  broken.open();
  broken.check_audit();
}

TEST_CASE("a store whose sync failed comes back with the batch or without it, never with half") {
  for (const bool power_cut : {false, true}) {
    broken_store broken;
    broken.commit_some(8);
    const std::string before = broken.shown();
    const commit_no last = broken.store->last_commit();
    broken.disk.fail(1, sim_disk::fault::io_error, sim_disk::on::sync);
    REQUIRE_FALSE(broken.commit().ok());
    if (power_cut)
      broken.disk.crash(3);
    broken.store.reset();
    broken.open();
    const commit_no found = broken.store->last_commit();
    CHECK((found == last || raw(found) == raw(last) + 1));
    if (found == last)
      CHECK(broken.shown() == before);
    broken.check_audit();
    must(broken.commit());
  }
}

TEST_CASE("a full disk is a definite no, at every write of a commit, and the store goes on") {
  int refused = 0;
  for (std::uint64_t nth = 1; nth <= 12; ++nth) {
    INFO("write " << nth);
    broken_store broken;
    broken.commit_some(3);
    const std::string before = broken.shown();
    broken.disk.fail(nth, sim_disk::fault::disk_full, sim_disk::on::write, true);
    const auto full = broken.commit();
    broken.disk.stop_failing();
    if (!full) {
      ++refused;
      REQUIRE(full.error().code == errc::disk_full);
      REQUIRE(broken.shown() == before);
      const auto again =
          broken.store->commit(broken.batch, now); // the same, now that there is room
      REQUIRE(again.ok());
      broken.work.committed(broken.batch, *again);
    }
    broken.commit_some(3);
    const std::string after = broken.shown();
    broken.check_audit();
    broken.disk.crash(nth);
    broken.store.reset();
    broken.open();
    CHECK(broken.shown() == after);
  }
  CHECK(refused >= 4);
}

TEST_CASE("a write error before the commit is a no, and stops the store") {
  broken_store broken;
  broken.commit_some(3);
  // A batch larger than the page cache is written to the log before the commit.
  std::vector<operation> large;
  event value;
  value.source = "/s";
  value.type = "t";
  value.kind = data_kind::binary;
  value.data = std::string(limits::event_bytes_max / 2, 'x');
  for (int i = 0; i < 60; ++i) {
    value.id = "large" + std::to_string(i);
    accept_op op;
    op.epoch = epoch_no{broken.store->identity().boot};
    op.event = must(offer(value, broken.store->identity().hash, {}, now));
    large.emplace_back(op);
  }
  broken.disk.fail(1, sim_disk::fault::io_error, sim_disk::on::write);
  const auto failed = broken.store->commit(large, now);
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error().code == errc::io_error);
  CHECK(broken.commit().error().code == errc::io_error);
  broken.store.reset();
  broken.open();
  broken.check_audit();
  set_epoch(large, epoch_no{broken.store->identity().boot});
  CHECK(must(broken.store->commit(large, now)).results[0].status == op_status::applied);
}

TEST_CASE("a checkpoint that meets a full disk loses nothing and is made later") {
  broken_store broken{1 << 20};
  broken.commit_some(2);
  const std::string before = broken.shown();
  must(broken.store->upkeep(now));
  const auto tried = broken.store->counters().checkpoints;
  broken.disk.fail(1, sim_disk::fault::disk_full, sim_disk::on::write, true);
  CHECK(broken.store->upkeep(now).error().code == errc::disk_full);
  CHECK(broken.store->counters().checkpoints == tried + 1);
  broken.disk.stop_failing();
  CHECK(broken.shown() == before);
  must(broken.commit());
  CHECK_FALSE(broken.store->upkeep(now).ok()); // not idle: it was not tried again yet
  must(broken.store->upkeep(now));
  broken.check_audit();
}

TEST_CASE("a checkpoint whose sync fails stops the store; what was committed is there afterwards") {
  broken_store broken{1 << 20};
  broken.commit_some(4);
  const std::string before = broken.shown();
  must(broken.store->upkeep(now));
  broken.disk.fail(1, sim_disk::fault::io_error, sim_disk::on::sync);
  CHECK_FALSE(broken.store->upkeep(now).ok());
  CHECK(broken.commit().error().code == errc::io_error);
  if (GENERATE(false, true))
    broken.disk.crash(1);
  broken.store.reset();
  CHECK(broken.disk.calls_after_failed_sync() == 0);
  broken.open();
  CHECK(broken.shown() == before);
  broken.check_audit();
}

TEST_CASE("a write that fails in a step along with a commit stops the store") {
  temp_dir parent;
  sim_disk disk{"skein-sim"};
  const std::string file = parent.path() + "/journal.db";
  guarded_vfs guard{disk.name()};
  auto db = must(database::open(file, {.write = true, .vfs = guard.name()}));
  must(db.run("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA cache_size = 2; "
              "CREATE TABLE large (it BLOB)"));
  sqlite_writer writer{std::move(db), guard, 64 << 20};
  must(writer.prepare_transactions());
  disk.fail(1, sim_disk::fault::io_error, sim_disk::on::write);
  const auto written = writer.write(sealed_commit{}, [&] {
    return writer.db().run("INSERT INTO large SELECT zeroblob(1000000)"); // more than is cached
  });
  REQUIRE_FALSE(written.ok());
  CHECK(written.error().code == errc::io_error);
  CHECK(writer.stopped());
  CHECK_FALSE(writer.met_unreadable());
}
