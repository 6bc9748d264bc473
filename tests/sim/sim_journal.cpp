#include "tests/sim/sim_journal.hpp"

#include "journal/memory_store.hpp"
#include "journal/sqlite_options.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace skein::test {

namespace {

template <class T>
T must(result<T> value) {
  if (!value)
    std::fprintf(stderr, "%s\n", to_string(value.error()).c_str());
  SKEIN_CHECK(value.ok());
  return std::move(value).value();
}

void must(result<void> done) {
  if (!done)
    std::fprintf(stderr, "%s\n", to_string(done.error()).c_str());
  SKEIN_CHECK(done.ok());
}

/// Of an event that is over, retention may have dropped the one's rows and not yet the other's.
bool is_same(journal::op_status one, journal::op_status other) {
  const auto is_over = [](journal::op_status each) {
    return each == journal::op_status::already_terminal || each == journal::op_status::not_found;
  };
  return one == other || (is_over(one) && is_over(other));
}

} // namespace

sim_journal::sim_journal(
    std::string name, bool sqlite, std::uint64_t seed, kept_options kept,
    std::function<void(const operations&, const journal::commit_receipt&)> committed)
  : seed_{seed}, kept_{kept}, committed_{std::move(committed)}, memory_{
                                                                    journal::make_memory_store()} {
  if (!sqlite)
    return;
  disk_ = std::make_unique<sim_disk>("sim-" + name);
  const char* base = std::getenv("TMPDIR");
  directory_ = std::string{base == nullptr ? "/tmp" : base} + "/skein-sim-XXXXXX";
  SKEIN_CHECK(::mkdtemp(directory_.data()) !=
              nullptr); // for the lock file; the journal is in memory
}

sim_journal::~sim_journal() {
  engine_.reset();
  mirror_.reset();
  std::error_code ignored;
  if (!directory_.empty())
    std::filesystem::remove_all(directory_, ignored);
}

journal::open_options sim_journal::how(instant now) const {
  journal::open_options options;
  options.shards = 16;
  options.now = now;
  options.seed = seed_;
  options.dedupe_window = kept_.window;
  options.dedupe_entries_max = kept_.identities_max;
  options.retention = kept_.retention;
  options.range_events = kept_.range_events;
  return options;
}

void sim_journal::open(instant now) {
  SKEIN_CHECK(!engine_);
  if (!disk_) {
    engine_ = must(journal::open_memory(memory_, how(now)));
    return;
  }
  journal::sqlite_options options{
      .directory = directory_ + "/store", .store = how(now), .vfs = disk_->name()};
  options.wal_bytes = 96 << 10; // checkpoints are part of the matter
  options.dedupe_bucket = 8;    // and so are the files of identities
  options.run = journal::run_at_once;
  engine_ = must(journal::open_sqlite(options));
  if (mirror_ && engine_->last_commit() > mirror_->last_commit()) {
    SKEIN_CHECK(!in_doubt_.empty());
    committed_(in_doubt_, must(mirror_->commit(in_doubt_, in_doubt_at_)));
  }
  in_doubt_.clear();
  if (mirror_)
    SKEIN_CHECK(engine_->last_commit() == mirror_->last_commit());
  mirror_.reset();
  mirror_ = must(journal::open_memory(memory_, how(now)));
  must(mirror_->recover([](const journal::pending_event&) {}));
}

void sim_journal::drop(bool power, sim_random& dice) {
  SKEIN_CHECK(!engine_ || engine_->counters().dedupe_healed == 0); // no file is there by half
  if (disk_ && power)
    disk_->crash(dice.next());
  engine_.reset();
  if (disk_)
    disk_->stop_failing();
}

void sim_journal::close() {
  must(engine_->close());
  if (mirror_)
    must(mirror_->close());
  engine_.reset();
}

result<journal::commit_receipt> sim_journal::commit(const operations& batch, instant now) {
  auto receipt = engine_->commit(batch, now);
  if (!receipt)
    return receipt;
  if (mirror_) {
    for (const std::string& name : engine_->agent_names())
      must(mirror_->agent_number(name));
    forget_as_the_engine_did(batch, *receipt);
    const auto expected = must(mirror_->commit(batch, now));
    SKEIN_CHECK(expected.commit == receipt->commit && expected.at == receipt->at);
    for (std::size_t i = 0; i < batch.size(); ++i)
      SKEIN_CHECK(is_same(expected.results[i].status, receipt->results[i].status) &&
                  expected.results[i].event == receipt->results[i].event);
  }
  committed_(batch, *receipt);
  return receipt;
}

result<journal::commit_receipt> sim_journal::commit_in_doubt(const operations& batch, instant now,
                                                             sim_random& dice) {
  if (!disk_) {
    if (dice.chance(0.5))
      static_cast<void>(commit(batch, now));
    return errc::unknown_outcome;
  }
  disk_->fail(1 + dice.below(6), sim_disk::fault::power_cut);
  for (const std::string& name : engine_->agent_names())
    must(mirror_->agent_number(name));
  in_doubt_ = batch;
  in_doubt_at_ = now;
  auto receipt = engine_->commit(batch, now);
  if (!receipt)
    return errc::unknown_outcome;
  disk_->stop_failing();
  in_doubt_.clear();
  forget_as_the_engine_did(batch, *receipt);
  static_cast<void>(must(mirror_->commit(batch, now)));
  committed_(batch, *receipt);
  return receipt;
}

// The mirror is not kept up: the time of a step is not on disk, so that what it made the mirror
// forget would be there again in the engine after a crash and a clock that was set back. A commit
// tells both the time.
void sim_journal::upkeep(instant now) {
  seen_ = std::max(seen_, now);
  static_cast<void>(must(engine_->upkeep(now)));
}

/// What was out of the window in a step of upkeep may be gone for good, although the clock was set
/// back before the next commit.
void sim_journal::forget_as_the_engine_did(const operations& batch,
                                           const journal::commit_receipt& receipt) {
  const auto was_new = [this](const journal::accept_op& op) {
    const auto known = memory_->identities.find(op.event.identity);
    if (known != memory_->identities.end() && seen_ - known->second.at >= kept_.window)
      memory_->identities.erase(known);
  };
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const journal::op_result& result = receipt.results[i];
    const auto* accept = std::get_if<journal::accept_op>(&batch[i]);
    if (accept != nullptr && result.status == journal::op_status::applied)
      was_new(*accept);
    const auto emits = journal::emits_of(batch[i]);
    for (std::size_t emit = 0; emit < result.emits.size(); ++emit)
      if (!result.emits[emit].duplicate)
        was_new(emits[emit]);
  }
}

void sim_journal::upkeep_in_doubt(instant now, sim_random& dice) {
  if (!disk_)
    return upkeep(now);
  seen_ = std::max(seen_, now);
  disk_->fail(1 + dice.below(12), sim_disk::fault::power_cut);
  const auto left = engine_->upkeep(now);
  SKEIN_CHECK(left.ok() || disk_->is_down());
  if (!disk_->is_down())
    disk_->stop_failing();
}

} // namespace skein::test
