#include "journal/sqlite_writer.hpp"

#include "journal/chain.hpp"
#include "journal/store_folder.hpp"
#include "journal/timer_buckets.hpp"
#include "journal/timer_row.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace skein::journal {

namespace {

int milliseconds_of(std::chrono::milliseconds time) { return static_cast<int>(time.count()); }

} // namespace

/// In the order of the columns of `event`.
class sqlite_writer::event_rows final : public row_source {
 public:
  void show(const sealed_commit& commit) {
    commit_ = &commit;
    staged_ = commit.rows().staged;
  }

  std::size_t rows() const override { return staged_->events.size(); }
  void read(std::size_t row, int column, cell to) override {
    const staged_batch::new_event& each = staged_->events[row];
    const offered_event& event = each.op->event;
    switch (column) {
      case 0:
        return to.integer(static_cast<std::int64_t>(each.event.sequence));
      case 1:
        return to.integer(raw(each.event.shard));
      case 2:
        return to.integer(to_ns(staged_->at));
      case 3:
        return to.text(commit_->key(row));
      case 4:
        return to.time(resolved(event.due, staged_->at));
      case 5:
        return to.time(resolved(event.expires, staged_->at));
      case 6:
        return to.integer(static_cast<std::int64_t>(event.priority));
      case 7:
        return to.text(deliveries_.write(each.op->deliveries));
      case 8:
        return to.blob(event.body.view());
      case 9:
        return to.integer(stored_crc(commit_->event_crcs()[row]));
    }
  }

 private:
  const sealed_commit* commit_ = nullptr;
  const staged_batch* staged_ = nullptr; // of the commit
  delivery_text deliveries_;
};

/// In the order of the columns of `outcome`; the rows in the order of its key, as turns end in any.
class sqlite_writer::outcome_rows final : public row_source {
 public:
  void show(const sealed_commit& commit) {
    const std::vector<const finish_op*>& outcomes = commit.rows().staged->outcomes;
    at_ = commit.rows().staged->at;
    sorted_.clear();
    for (std::size_t i = 0; i < outcomes.size(); ++i)
      sorted_.push_back({outcomes[i], commit.outcome_crcs()[i]});
    std::sort(sorted_.begin(), sorted_.end(), [](const outcome& a, const outcome& b) {
      return row_of(a.op->delivery) < row_of(b.op->delivery);
    });
  }

  std::size_t rows() const override { return sorted_.size(); }
  void read(std::size_t row, int column, cell to) override {
    const finish_op& op = *sorted_[row].op;
    switch (column) {
      case 0:
        return to.integer(row_of(op.delivery));
      case 1:
        return to.integer(static_cast<std::int64_t>(op.state));
      case 2:
        return to.integer(raw(op.agent));
      case 3:
        return to.integer(op.attempt);
      case 4:
        return to.time(op.started);
      case 5:
        return to.time(op.finished);
      case 6:
        return to.integer(to_ns(at_));
      case 7:
        return to.integer(static_cast<std::int64_t>(op.code));
      case 8:
        return op.error.empty() ? void() : to.text(op.error);
      case 9:
        return to.integer(static_cast<std::int64_t>(op.reply_kind));
      case 10:
        return op.reply_kind == data_kind::none ? void() : to.blob(op.reply.view());
      case 11:
        return to.integer(static_cast<std::int64_t>(op.emits.size()));
      case 12:
        return to.integer(stored_crc(sorted_[row].crc));
    }
  }

 private:
  struct outcome {
    const finish_op* op;
    std::uint32_t crc;
  };
  instant at_ = no_instant;
  std::vector<outcome> sorted_;
};

sqlite_writer::sqlite_writer(database db, guarded_vfs& guard, std::size_t wal_bytes)
  : db_{std::move(db)}, guard_{guard}, wal_bytes_{wal_bytes},
    event_rows_{std::make_unique<event_rows>()}, outcome_rows_{std::make_unique<outcome_rows>()} {}

sqlite_writer::~sqlite_writer() = default;

result<void> sqlite_writer::prepare_transactions() {
  const auto page = db_.number("PRAGMA page_size");
  if (!page)
    return page.error();
  page_bytes_ = static_cast<std::size_t>(*page);
  sqlite3_wal_hook(
      db_.raw(),
      [](void* mine, sqlite3*, const char*, int pages) {
        *static_cast<std::atomic<int>*>(mine) = pages;
        return SQLITE_OK;
      },
      &log_pages_);
  return db_.prepare_all(
      {{&begin_, "BEGIN IMMEDIATE"}, {&commit_, "COMMIT"}, {&rollback_, "ROLLBACK"}});
}

result<void> sqlite_writer::prepare_rows() {
  if (auto added = add_row_source(
          db_.raw(), "new_event",
          "no, shard, at, key, due, expires, priority, deliveries, body, crc", *event_rows_);
      !added)
    return added;
  if (auto added = add_row_source(db_.raw(), "new_outcome",
                                  "id, state, agent, attempt, started, finished, at, code, error, "
                                  "reply_kind, reply, emitted, crc",
                                  *outcome_rows_);
      !added)
    return added;
  // OR ROLLBACK: a statement that cannot be undone alone needs no journal of its own.
  return db_.prepare_all({
      {&add_agent_, "INSERT INTO agent VALUES(?1, ?2, row_crc(?1, ?2))"},
      {&add_events_, "INSERT OR ROLLBACK INTO event SELECT * FROM new_event"},
      {&add_outcomes_, "INSERT OR ROLLBACK INTO outcome SELECT * FROM new_outcome"},
      {&add_attempt_, "INSERT INTO attempt VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&set_start_, "INSERT OR REPLACE INTO start VALUES(?1, ?2, ?3, row_crc(?1, ?2, ?3))"},
      {&end_start_, "DELETE FROM start WHERE id = ?"},
      {&add_dead_, "INSERT INTO dead VALUES(?)"},
      {&add_late_, "INSERT OR IGNORE INTO late VALUES(?, ?)"},
      {&set_state_, "INSERT INTO state VALUES(?1, ?2, ?3, ?4) "
                    "ON CONFLICT DO UPDATE SET value = ?3, crc = ?4"},
      {&erase_state_, "DELETE FROM state WHERE agent = ? AND key = ?"},
      {&add_timer_, "INSERT INTO timer VALUES(?, ?, ?, ?, ?, ?)"},
      {&add_commit_, "INSERT INTO commits VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
  });
}

result<void> sqlite_writer::transact(const std::function<result<void>()>& body) {
  if (auto begun = begin(); !begun)
    return begun;
  if (auto done = body(); !done)
    return undo(done.error());
  return commit();
}

result<void> sqlite_writer::try_transact(const std::function<result<void>()>& body) {
  if (auto begun = begin(); !begun)
    return begun;
  const std::uint64_t failed = guard_.failed_writes();
  if (auto done = body(); !done) {
    const bool only_read = is_unreadable(done.error().code) && guard_.failed_writes() == failed;
    return only_read ? roll_back(done.error()) : undo(done.error());
  }
  return commit();
}

result<void> sqlite_writer::begin() {
  if (stopped())
    return stopped_error();
#ifndef SKEIN_BUG_LOG_INDEX_GROWS_AT_COMMIT
  if (auto ready = make_index(); !ready)
    return is_refusal(ready.error().code) ? ready.error() : undo(ready.error());
#endif
  if (const int code = begin_.run(); code != SQLITE_DONE)
    return undo(sqlite_error(db_.raw(), code, "beginning a commit"));
  return {};
}

/// For the frames that are in the log and those of a commit, which are fewer: 96 MiB of pages.
result<void> sqlite_writer::make_index() {
  constexpr std::uint64_t commit_frames = 12'288;
  std::uint64_t frames = static_cast<std::uint64_t>(log_pages_) + commit_frames;
  if (frames <= index_frames_)
    return {};
  if (const int system = make_log_index(db_.raw(), frames); system != 0) {
    error why = system_error(system, "making room in the index of the log");
    why.detail += "; free some space";
    return why;
  }
  index_frames_ = frames;
  return {};
}

result<void> sqlite_writer::commit() {
  const int code = commit_.step();
  if (code == SQLITE_DONE) {
    commit_.reset();
    return {};
  }
#ifdef SKEIN_BUG_ACK_ON_SYNC_ERROR
  commit_.reset();
  return {};
#endif
  return after_failed_commit(code);
}

error sqlite_writer::stop(errc code, error why) {
  guard_.shut();
  if (why_stopped_.empty())
    why_stopped_ = why.detail;
  return {code, std::move(why.detail)};
}

error sqlite_writer::stopped_error() const {
  return {errc::io_error, "the journal has stopped after an error; start again: " + why_stopped_};
}

/// After an error before COMMIT.
error sqlite_writer::undo(error why) {
  const bool is_over = !is_refusal(why.code);
  error undone = roll_back(std::move(why));
  return is_over ? stop(undone.code, undone) : undone;
}

error sqlite_writer::roll_back(error why) {
  if (sqlite3_get_autocommit(db_.raw()) == 0 && rollback_.run() != SQLITE_DONE)
    return stop(errc::io_error, std::move(why));
  return why;
}

error sqlite_writer::after_failed_commit(int code) {
  error why = sqlite_error(db_.raw(), code, "committing");
  commit_.reset();
  const bool may_be_written = (code & 0xff) == SQLITE_IOERR;
  if (!is_refusal(why.code) || may_be_written || guard_.sync_failed())
    return stop(errc::unknown_outcome, std::move(why));
  if (sqlite3_get_autocommit(db_.raw()) == 0 && rollback_.run() != SQLITE_DONE)
    return stop(errc::unknown_outcome, std::move(why));
  return why;
}

result<void> sqlite_writer::run(statement& which, std::string_view doing) {
  const int code = which.run();
  return code == SQLITE_DONE ? result<void>{} : sqlite_error(db_.raw(), code, doing);
}

result<void> sqlite_writer::write(const sealed_commit& sealed,
                                  const std::function<result<void>()>& along) {
#ifdef SKEIN_BUG_EFFECTS_TWO_TRANSACTIONS
  outcome_rows_->show(sealed);
  if (auto first = transact([&] { return run(add_outcomes_, "writing outcomes"); }); !first)
    return first;
#endif
#ifdef SKEIN_BUG_STATE_WITHOUT_COMPLETION
  if (auto first = transact([&] { return insert_states(*sealed.rows().staged); }); !first)
    return first;
#endif
  met_unreadable_ = false;
  if (auto begun = begin(); !begun)
    return begun;
  const std::uint64_t failed = guard_.failed_writes();
  if (auto before = along ? along() : result<void>{}; !before)
    return guard_.failed_writes() == failed ? roll_back(before.error()) : undo(before.error());
  if (auto rows = insert(sealed); !rows) {
    met_unreadable_ = is_unreadable(rows.error().code) && guard_.failed_writes() == failed;
    return met_unreadable_ ? roll_back(rows.error()) : undo(rows.error());
  }
  auto written = commit();
#ifdef SKEIN_BUG_DLQ_TWO_TRANSACTIONS
  if (written)
    for (const finish_op* each : sealed.rows().staged->outcomes)
      if (each->state == delivery_state::dead)
        written = run(add_dead_.bind(1, row_of(each->delivery)), "writing dead letters");
#endif
  return written;
}

result<void> sqlite_writer::write_rows(const sealed_commit& commit) {
  return transact([&] { return insert_rows(commit); });
}

result<void> sqlite_writer::insert(const sealed_commit& commit) {
  auto done = insert_rows(commit);
  return done ? insert_commit(commit) : done;
}

result<void> sqlite_writer::insert_rows(const sealed_commit& commit) {
  const commit_rows& rows = commit.rows();
  const staged_batch& staged = *rows.staged;
  std::int64_t number = static_cast<std::int64_t>(rows.first_agent);
  for (const std::string& name : rows.new_agents)
    if (auto done = run(add_agent_.bind(1, number++).bind_text(2, name), "writing agents"); !done)
      return done;
  event_rows_->show(commit);
  outcome_rows_->show(commit);
  if (!staged.events.empty())
    if (auto done = run(add_events_, "writing events"); !done)
      return done;
#ifndef SKEIN_BUG_EFFECTS_TWO_TRANSACTIONS
  if (!staged.outcomes.empty())
    if (auto done = run(add_outcomes_, "writing outcomes"); !done)
      return done;
#endif
#ifndef SKEIN_BUG_DLQ_TWO_TRANSACTIONS
  for (const finish_op* each : staged.outcomes)
    if (each->state == delivery_state::dead)
      if (auto done = run(add_dead_.bind(1, row_of(each->delivery)), "writing dead letters"); !done)
        return done;
#endif
  if (auto done = insert_timers(staged); !done)
    return done;
  if (auto done = insert_states(staged); !done)
    return done;
  if (auto done = insert_attempts(commit); !done)
    return done;
  if (auto done = insert_starts(staged); !done)
    return done;
  for (const std::uint64_t each : staged.late)
    if (auto done = run(add_late_.bind(1, staged.at).bind(2, each), "writing late ends"); !done)
      return done;
  return {};
}

result<void> sqlite_writer::insert_timers(const staged_batch& staged) {
  const auto add = [&](const staged_batch::new_event& of, instant at, int kind) {
    bind_timer(add_timer_,
               {timer_bucket(at, staged.at), static_cast<std::int64_t>(of.event.sequence), kind,
                to_ns(at), std::int64_t{raw(of.event.shard)}});
    return run(add_timer_, "writing timers");
  };
  for (const staged_batch::new_event& each : staged.events) {
    if (each.op->deliveries.empty())
      continue;
    const instant due = resolved(each.op->event.due, staged.at);
    const instant expires = resolved(each.op->event.expires, staged.at);
    if (due > staged.at)
      if (auto done = add(each, due, 0); !done)
        return done;
    if (expires != no_instant)
      if (auto done = add(each, expires, 1); !done)
        return done;
  }
  return {};
}

result<void> sqlite_writer::insert_states(const staged_batch& staged) {
  for (const auto& [agent, change] : staged.states) {
    statement& which = change->erase ? erase_state_ : set_state_;
    which.bind(1, std::int64_t{raw(agent)}).bind_text(2, change->key);
    if (!change->erase) {
      const state_columns row{
          .agent = std::int64_t{raw(agent)}, .key = change->key, .value = change->value.view()};
      which.bind_blob(3, row.value).bind(4, stored_crc(crc_of(row)));
    }
    if (auto done = run(which, "writing state"); !done)
      return done;
  }
  return {};
}

result<void> sqlite_writer::insert_attempts(const sealed_commit& commit) {
  std::size_t row = 0;
  for (const attempt_op* each : commit.rows().staged->attempts) {
    add_attempt_.bind(1, row_of(each->delivery)).bind(2, std::int64_t{each->attempt});
    add_attempt_.bind(3, std::int64_t{raw(each->agent)}).bind(4, each->started);
    add_attempt_.bind(5, each->finished).bind(6, static_cast<std::int64_t>(each->code));
    add_attempt_.bind_text(7, each->error).bind(8, each->next_due);
    add_attempt_.bind(9, stored_crc(commit.attempt_crcs()[row++]));
#ifdef SKEIN_BUG_RETRY_DUE_IN_MEMORY
    add_attempt_.bind_null(8);
#endif
    if (auto done = run(add_attempt_, "writing attempts"); !done)
      return done;
  }
  return {};
}

result<void> sqlite_writer::insert_starts(const staged_batch& staged) {
  for (const auto& [delivery, row] : staged.starts) {
    statement& which = row ? set_start_ : end_start_;
    which.bind(1, row_of(delivery));
    if (row)
      which.bind(2, static_cast<std::int64_t>(row->mark)).bind(3, std::int64_t{row->crashes});
    if (auto done = run(which, "writing starts"); !done)
      return done;
  }
  return {};
}

result<void> sqlite_writer::insert_commit(const sealed_commit& commit) {
  const commit_columns& row = commit.row();
  const std::string digest = digest_bytes(commit.digest());
  add_commit_.bind(1, row.no).bind(2, row.at).bind(3, row.first_event).bind(4, row.events);
  add_commit_.bind_blob(5, row.identities).bind_blob(6, row.outcomes).bind_text(7, row.ledger);
  add_commit_.bind(8, row.low_water);
  if (row.changes.empty())
    add_commit_.bind_null(9);
  else
    add_commit_.bind_blob(9, row.changes);
  add_commit_.bind(10, stored_crc(commit.crc())).bind_blob(11, digest);
  return run(add_commit_, "writing the commit");
}

int sqlite_writer::move_log(int& in_log, int& moved) {
  return sqlite3_wal_checkpoint_v2(db_.raw(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &moved);
}

/// SQLITE_BUSY: readers, our own or another program's, did not end in time.
int sqlite_writer::begin_log_anew(int& in_log, int& moved) {
  const read_gate::quiet quiet{*gate_, limits::journal_reader_patience};
  if (!quiet.is_alone()) {
    const int code = move_log(in_log, moved);
    return code == SQLITE_OK ? SQLITE_BUSY : code;
  }
  sqlite3_busy_timeout(db_.raw(), milliseconds_of(limits::journal_reader_patience));
  const int code =
      sqlite3_wal_checkpoint_v2(db_.raw(), nullptr, SQLITE_CHECKPOINT_RESTART, &in_log, &moved);
  sqlite3_busy_timeout(db_.raw(), milliseconds_of(limits::journal_busy_timeout));
  return code;
}

void sqlite_writer::checkpoint(bool always) {
  if (log_pages_ < tried_pages_)
    tried_pages_ = 0; // the log began anew
  const auto waiting = static_cast<std::size_t>(log_pages_ - tried_pages_) * page_bytes_;
  const bool is_due = waiting >= wal_bytes_ || (always && !log_is_moved());
  if (stopped() || !is_due)
    return;
  int in_log = 0;
  int moved = 0;
  // Readers that follow one another never all end by themselves at the moment at which the log
  // could begin anew. Once it is large, they are waited for, shorter than a commit.
  constexpr std::size_t patient_from = 4;
  const bool waits = log_bytes() >= patient_from * wal_bytes_;
  const int code = waits ? begin_log_anew(in_log, moved) : move_log(in_log, moved);
  ++checkpoints_;
  // A reader, a full disk or another program's lock can hold it up: the next try comes later.
  tried_pages_ = log_pages_;
  waited_in_vain_ = waits && code == SQLITE_BUSY;
  const bool is_done = code == SQLITE_OK || waited_in_vain_;
  all_moved_ = is_done && moved == in_log;
  checkpointed_ =
      is_done ? result<void>{} : sqlite_error(db_.raw(), code, "moving the log into the file");
  if (!checkpointed_ && !is_refusal(checkpointed_.error().code))
    static_cast<void>(stop(errc::io_error, checkpointed_.error()));
}

result<void> sqlite_writer::checkpoint_and_truncate() {
  int in_log = 0;
  int moved = 0;
  const int code =
      sqlite3_wal_checkpoint_v2(db_.raw(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, &in_log, &moved);
  ++checkpoints_;
  if (code != SQLITE_OK)
    return sqlite_error(db_.raw(), code, "moving the log into the file");
  log_pages_ = 0;
  tried_pages_ = 0;
  all_moved_ = true;
  return {};
}

} // namespace skein::journal
