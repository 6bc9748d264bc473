#include "journal/sqlite_journal.hpp"

#include "journal/derived_table.hpp"
#include "journal/sealed_tables.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_file.hpp"
#include "journal/sqlite_reader.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

sqlite_journal::sqlite_journal(sqlite_parts parts)
  : parts_{std::move(parts)}, lookups_{*parts_.writer,
                                       parts_.identity.hash,
                                       {parts_.options.store.range_events},
                                       parts_.state->next_sequence(),
                                       parts_.retention->kept().swept_to},
    pace_{parts_.options.retention_join_events}, agents_saved_{parts_.agents.size()},
    last_commit_{raw(parts_.last_commit)}, dedupe_{parts_.window->counted()} {}

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
  auto loaded = load_pending(parts_, each);
  show_retention();
  return loaded;
}

result<void> sqlite_journal::recover_if_needed() {
  return recovered_ ? result<void>{} : recover([](const pending_event&) {});
}

result<void> sqlite_journal::judge(batches all, std::vector<op_result>& results) {
  if (auto ready = parts_.state->look_ahead(all); !ready)
    return ready;
  return parts_.state->judge(all, *this, results);
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
  const bool has_changes =
      done && !(parts_.state->staged().empty() && agents_saved_ == parts_.agents.size());
  if (has_changes)
    done = write();
  if (!done) {
    parts_.state->undo();
    return done.error();
  }
  parts_.state->keep();
  receipt.commit = parts_.last_commit;
  if (has_changes)
    close_buckets();
  show_window();
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
  if (auto written = write_sealed(); !written)
    return written;
  // What is on disk in a file that nobody will find again is not durable.
  if (auto there = parts_.watch.check(); !there)
    return parts_.writer->stop(there.error().code, there.error());
  lookups_.append(sealed_);
  agents_saved_ = parts_.agents.size();
  parts_.last_commit = number;
  parts_.last_digest = sealed_.digest();
  last_commit_ = raw(number);
  ++commits_;
  return {};
}

/// Damage to a table that can be made anew does not stop a commit.
result<void> sqlite_journal::write_sealed() {
  auto written = write_with_step();
  if (written || !parts_.writer->met_unreadable())
    return written;
  const auto mended = mend_tables();
  if (mended && *mended)
    written = parts_.writer->write(sealed_);
  if (written || !parts_.writer->met_unreadable())
    return written;
  return parts_.writer->stop(written.error().code, written.error());
}

/// Tables that a commit writes to, and that can be made anew; whether one of them had to be.
result<bool> sqlite_journal::mend_tables() {
  database& db = parts_.writer->db();
  const auto has_timers = is_readable(db, timer_table);
  const auto has_late = is_readable(db, late_table);
  if (!has_timers || !has_late)
    return !has_timers ? has_timers : has_late;
  const store_state& state = *parts_.state;
  const std::uint64_t first_staged = state.next_sequence() - state.staged().events.size();
  if (!*has_timers)
    if (auto made = make_timers_anew(first_staged); !made)
      return made.error();
  if (!*has_late)
    if (auto made = make_late_anew(); !made)
      return made.error();
  // The pending set has what the commit brings, which may be refused: once more when that is known.
  if (!*has_timers)
    trouble_->timers = errc::store_corrupt;
  return !*has_timers || !*has_late;
}

/// With a step of retention if one is due. A commit is not refused for it: what held up the step is
/// met again by that of the next upkeep, and told.
result<void> sqlite_journal::write_with_step() {
  const std::size_t events = parts_.state->staged().events.size();
  if (!drops_along_)
    return parts_.writer->write(sealed_);
  const instant oldest = parts_.retention->oldest();
  const duration wanted = parts_.options.store.retention;
  const bool is_far_behind =
      is_too_large_ ||
      (oldest != no_instant &&
       parts_.last_at - oldest > wanted + std::max<duration>(wanted / 4, limits::retention_lag));
  const auto most = pace_.next(events, parts_.options.clock(), is_far_behind);
  if (!most)
    return parts_.writer->write(sealed_);
  bool along_failed = false;
  auto written = write_and_drop(*most, along_failed);
  if (written || !(along_failed || written.error().code == errc::disk_full) ||
      parts_.writer->stopped())
    return written;
  drops_along_ = false;
  return parts_.writer->write(sealed_);
}

result<void> sqlite_journal::write_and_drop(const step_budget& most, bool& along_failed) {
  sqlite_retention& retention = *parts_.retention;
  sqlite_retention::rule how = what_is_old();
  const std::uint64_t from = retention.kept().swept_to;
  for (const finish_op* each : parts_.state->staged().outcomes)
    if (each->delivery.event.sequence >= from)
      how.events_below = std::min(how.events_below, each->delivery.event.sequence);
    else
      how.ending.insert(each->delivery.event.sequence);
  const auto due = retention.has_work(how);
  if (!due || !*due) {
    along_failed = !due;
    return due ? parts_.writer->write(sealed_) : due.error();
  }
  auto written = parts_.writer->write(sealed_, [&]() -> result<void> {
    auto dropped = retention.drop_along(how, parts_.state->pending(), most);
    along_failed = !dropped;
    return dropped;
  });
  if (!written)
    return written;
  static_cast<void>(retention.keep());
  has_dropped_along_ = true;
  tell_dropped(from);
  return {};
}

/// What fails here took nothing from the commit before it: the next one is told.
void sqlite_journal::close_buckets() {
  const auto closed = parts_.window->keep({parts_.last_commit, parts_.last_digest});
  if (!closed)
    static_cast<void>(parts_.writer->stop(errc::io_error, closed.error()));
}

void sqlite_journal::show_window() {
  const std::scoped_lock hold{dedupe_mutex_};
  dedupe_ = parts_.window->counted();
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
  auto insert =
      parts_.writer->db().prepare("INSERT OR REPLACE INTO fence VALUES(?1, ?2, row_crc(?1, ?2))");
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
  return open_sqlite_reader(
      journal_file(parts_.options.directory), parts_.options.vfs,
      {parts_.identity.hash, {parts_.options.store.range_events}, lookups_.tail()},
      {trouble_, parts_.writer->gate(), parts_.pages});
}

result<void> sqlite_journal::close() {
  SKEIN_CHECK(!closed_);
  closed_ = true;
  auto& writer = *parts_.writer;
  if (auto there = parts_.watch.check(); !there)
    return there;
  if (recovered_)
    if (auto saved = parts_.ranges->save(*parts_.state, parts_.last_commit, saved_ranges::all);
        !saved && writer.stopped())
      return saved;
  // A turn that a stop in order ended did not crash: its start goes with it.
  auto marked = writer.transact([&] {
    auto cleared = writer.db().run("UPDATE start SET mark = 0, crc = row_crc(id, 0, crashes) "
                                   "WHERE mark <> 0;"
                                   "UPDATE meta SET value = 1 WHERE name = 'clean'");
    return cleared ? seal_meta(writer.db()) : cleared;
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
  {
    const std::scoped_lock hold{dedupe_mutex_};
    all.dedupe_entries = dedupe_.identities;
    all.dedupe_in_memory = dedupe_.in_memory;
    all.dedupe_buckets = dedupe_.buckets;
    all.dedupe_bytes = dedupe_.bytes;
    all.dedupe_reads = dedupe_.reads;
    all.dedupe_false_reads = dedupe_.false_reads;
    all.dedupe_remade = dedupe_.remade;
    all.dedupe_healed = dedupe_.healed;
  }
  all.dedupe_entries_max = parts_.options.store.dedupe_entries_max;
  all.wal_bytes = parts_.writer->log_bytes();
  all.unreadable = unreadable_;
  return all;
}

} // namespace skein::journal
