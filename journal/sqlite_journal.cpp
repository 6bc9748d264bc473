#include "journal/sqlite_journal.hpp"

#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_file.hpp"
#include "journal/sqlite_reader.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

namespace {

/// Old identities that one upkeep sweeps out at most: some milliseconds.
constexpr std::size_t sweep_per_upkeep = 65'536;

/// A high-water mark is a sync of its own.
constexpr std::chrono::seconds mark_every{1};

} // namespace

sqlite_journal::sqlite_journal(sqlite_parts parts)
  : parts_{std::move(parts)}, agents_saved_{parts_.agents.size()},
    last_commit_{raw(parts_.last_commit)}, identities_{parts_.state->window().size()} {}

result<void> sqlite_journal::prepare() {
  database& db = parts_.writer->db();
  // The event is there to see that the delivery belongs to this shard.
  auto outcome = db.prepare("SELECT " SKEIN_OUTCOME_COLUMNS " FROM outcome WHERE id = ?2 AND "
                            "EXISTS(SELECT 1 FROM event WHERE no = ?1 AND shard = ?3)");
  auto attempt = db.prepare("SELECT max(attempt) FROM attempt WHERE id = ?");
  if (!outcome || !attempt)
    return !outcome ? outcome.error() : attempt.error();
  find_outcome_ = std::move(*outcome);
  find_last_attempt_ = std::move(*attempt);
  return timers_.prepare(db);
}

result<std::optional<delivery_state>> sqlite_journal::ended(const delivery_id& delivery) {
  if (delivery.index >= limits::deliveries_per_event_max)
    return std::optional<delivery_state>{};
  const reset_at_end end{find_outcome_};
  find_outcome_.bind(1, delivery.event.sequence).bind(2, row_of(delivery));
  find_outcome_.bind(3, std::int64_t{raw(delivery.event.shard)});
  const int code = find_outcome_.step();
  if (code == SQLITE_DONE)
    return std::optional<delivery_state>{};
  if (code != SQLITE_ROW)
    return sqlite_error(find_outcome_.db(), code, "reading an outcome");
  const auto outcome = outcome_at(find_outcome_, parts_.old);
  if (!outcome)
    return outcome.error();
  return std::optional{static_cast<delivery_state>(outcome->state)};
}

result<std::uint32_t> sqlite_journal::last_attempt(const delivery_id& delivery) {
  const reset_at_end end{find_last_attempt_};
  const int code = find_last_attempt_.bind(1, row_of(delivery)).step();
  if (code != SQLITE_ROW)
    return sqlite_error(find_last_attempt_.db(), code, "reading attempts");
  return static_cast<std::uint32_t>(find_last_attempt_.integer(0));
}

result<void> sqlite_journal::recover(const std::function<void(const pending_event&)>& each) {
  SKEIN_CHECK(!recovered_);
  recovered_ = true;
  return load_pending(parts_, each);
}

result<void> sqlite_journal::recover_if_needed() {
  return recovered_ ? result<void>{} : recover([](const pending_event&) {});
}

result<void> sqlite_journal::judge(batches all, std::vector<op_result>& results) {
  results.reserve(count_operations(all));
  for (const auto& batch : all)
    for (const operation& each : batch) {
      auto judged = parts_.state->judge(each, *this);
      if (!judged)
        return judged.error();
      results.push_back(std::move(*judged));
    }
  return {};
}

result<commit_receipt> sqlite_journal::commit(batches all, instant now) {
  SKEIN_CHECK(!closed_);
  SKEIN_CHECK(count_operations(all) <= limits::commit_operations_max);
  if (parts_.writer->stopped())
    return parts_.writer->stopped_error();
  if (auto ready = recover_if_needed(); !ready)
    return ready.error();
  parts_.last_at = std::max(parts_.last_at, now);
  parts_.state->begin(parts_.last_at, parts_.agents.size());
  commit_receipt receipt{.commit = {}, .at = parts_.last_at, .results = {}};
  auto done = judge(all, receipt.results);
  // Without a change there is nothing to write: what a duplicate names is on disk already.
  if (done && !(parts_.state->staged().empty() && agents_saved_ == parts_.agents.size()))
    done = write();
  if (!done) {
    parts_.state->undo();
    return done.error();
  }
  parts_.state->keep();
  identities_ = parts_.state->window().size();
  receipt.commit = parts_.last_commit;
  parts_.writer->checkpoint(false);
  return receipt;
}

result<void> sqlite_journal::write() {
  const store_state& state = *parts_.state;
  const commit_no number{raw(parts_.last_commit) + 1};
  const auto new_agents = std::span{std::as_const(parts_.agents)}.subspan(agents_saved_);
  sealed_.make({.number = number,
                .staged = &state.staged(),
                .first_event = state.next_sequence() - state.staged().events.size(),
                .totals = &state.totals(),
                .low_water = state.low_water(),
                .new_agents = new_agents,
                .first_agent = agents_saved_},
               parts_.last_digest);
#ifdef SKEIN_BUG_HIGH_WATER_BEFORE_SYNC
  if (auto marked = parts_.mark->write(number, sealed_.digest()); !marked)
    return parts_.writer->stop(errc::io_error, marked.error());
#endif
  if (auto written = parts_.writer->write(sealed_); !written)
    return written;
  // What is on disk in a file that nobody will find again is not durable.
  if (auto there = parts_.watch.check(); !there)
    return parts_.writer->stop(there.error().code, there.error());
  agents_saved_ = parts_.agents.size();
  parts_.last_commit = number;
  parts_.last_digest = sealed_.digest();
  last_commit_ = raw(number);
  ++commits_;
  return {};
}

result<agent_no> sqlite_journal::agent_number(std::string_view name) {
  if (name.empty() || name.size() > limits::agent_name_bytes_max)
    return error{errc::invalid_argument, "an agent's name has 1 to 64 bytes"};
  auto& names = parts_.agents;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end() && names.size() >= limits::agents_max)
    return error{errc::too_large, "a store knows 65,535 agents' names at most"};
  const auto number = static_cast<std::uint16_t>(found - names.begin());
  if (found == names.end())
    names.emplace_back(name);
  return agent_no{number};
}

result<std::vector<agent_no>> sqlite_journal::agents_with_state() {
  auto next = parts_.writer->db().prepare("SELECT min(agent) FROM state WHERE agent > ?");
  if (!next)
    return next.error();
  std::vector<agent_no> found;
  for (std::int64_t last = -1;;) { // one step of the index an agent, not one a key
    const int code = next->bind(1, last).step();
    if (code != SQLITE_ROW)
      return sqlite_error(next->db(), code, "reading state");
    if (next->is_null(0))
      return found;
    last = next->integer(0);
    found.push_back(agent_no{static_cast<std::uint16_t>(last)});
    next->reset();
  }
}

result<void> sqlite_journal::fence(shard_id shard, epoch_no epoch) {
  const epoch_no now = parts_.state->epoch_of(shard);
  if (epoch < now)
    return error{errc::fenced, "shard " + std::to_string(raw(shard)) + " is at epoch " +
                                   std::to_string(raw(now)) + " already"};
  if (epoch == now)
    return {};
  auto insert = parts_.writer->db().prepare("INSERT OR REPLACE INTO fence VALUES(?, ?)");
  if (!insert)
    return insert.error();
  insert->bind(1, std::int64_t{raw(shard)}).bind(2, raw(epoch));
  auto written = parts_.writer->transact([&]() -> result<void> {
    const int code = insert->run();
    return code == SQLITE_DONE ? result<void>{}
                               : sqlite_error(insert->db(), code, "writing an epoch");
  });
  if (written)
    parts_.state->set_epoch(shard, epoch);
  return written;
}

result<ledger> sqlite_journal::events_ledger() {
  if (auto ready = recover_if_needed(); !ready)
    return ready.error();
  return parts_.state->counted().events;
}

result<ledger> sqlite_journal::deliveries_ledger() {
  if (auto ready = recover_if_needed(); !ready)
    return ready.error();
  return parts_.state->counted().deliveries;
}

result<std::unique_ptr<reader>> sqlite_journal::new_reader() {
  return open_sqlite_reader(journal_file(parts_.options.directory), parts_.options.vfs);
}

result<bool> sqlite_journal::upkeep(instant now) {
  SKEIN_CHECK(!closed_);
  parts_.last_at = std::max(parts_.last_at, now);
  const bool more = parts_.state->window().expire(parts_.last_at, sweep_per_upkeep);
  identities_ = parts_.state->window().size();
  if (auto there = parts_.watch.check(); !there)
    return parts_.writer->stop(there.error().code, there.error());
  const bool is_idle = commits_at_upkeep_ == commits_;
  commits_at_upkeep_ = commits_;
  const auto marked = mark_high_water(now);
  parts_.writer->checkpoint(is_idle);
  if (parts_.writer->stopped())
    return parts_.writer->stopped_error();
  if (const auto& moved = parts_.writer->checkpointed(); !moved)
    return moved.error();
  if (parts_.writer->is_held_up())
    return error{errc::store_locked,
                 "another program has journal.db open in a transaction that it "
                 "does not end; end it, or the log grows with all that is written"};
  if (!marked)
    return marked.error();
  if (!recovered_)
    return more; // what is pending is not known yet
  const auto timers = timers_.step(*parts_.writer, parts_.state->pending(), parts_.last_at);
  if (!timers)
    return timers.error();
  return more || *timers;
}

/// In the upkeep, which comes after the answers of a commit: nobody waits for this sync.
result<void> sqlite_journal::mark_high_water(instant now) {
  // A clock that was set back does not hold it up.
  const bool is_due = now >= marked_at_ + mark_every || now < marked_at_;
  if (parts_.writer->stopped() || !is_due || parts_.mark->mark().commit == parts_.last_commit)
    return {};
  auto written = parts_.mark->write(parts_.last_commit, parts_.last_digest);
  if (written)
    marked_at_ = now;
  else if (!is_refusal(written.error().code))
    return parts_.writer->stop(errc::io_error, written.error());
  return written;
}

result<void> sqlite_journal::close() {
  SKEIN_CHECK(!closed_);
  closed_ = true;
  auto& writer = *parts_.writer;
  if (auto there = parts_.watch.check(); !there)
    return there;
  // A turn that a stop in order ended did not crash: its start goes with it.
  auto marked = writer.transact([&] {
    return writer.db().run("UPDATE start SET mark = 0 WHERE mark <> 0;"
                           "UPDATE meta SET value = 1 WHERE name = 'clean'");
  });
  if (!marked)
    return marked;
  const auto moved = writer.checkpoint_and_truncate();
  // Another program that reads the file only leaves the log for the next start to move.
  if (!moved && moved.error().code != errc::store_locked)
    return moved;
  if (parts_.mark->mark().commit == parts_.last_commit)
    return {};
  const auto named = parts_.mark->write(parts_.last_commit, parts_.last_digest);
  return named || is_refusal(named.error().code) ? result<void>{} : named; // an older one holds
}

engine::io_counters sqlite_journal::counters() const {
  io_counters all;
  all.commits = commits_;
  all.syncs = parts_.guard->syncs();
  all.bytes_written = parts_.guard->bytes_written();
  all.checkpoints = parts_.writer->checkpoints();
  all.dedupe_entries = identities_;
  all.dedupe_entries_max = parts_.options.store.dedupe_entries_max;
  all.wal_bytes = parts_.writer->log_bytes();
  return all;
}

} // namespace skein::journal
