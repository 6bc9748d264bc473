// sqlite_journal: what nobody waits for. The pending set is saved, the newest commit marked, old
// events dropped, the index of look-ups and the times kept up, the log moved into the file.
#include "journal/derived_table.hpp"
#include "journal/sqlite_journal.hpp"
#include "journal/timer_remake.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

namespace {

/// Old identities that one upkeep sweeps out at most: some milliseconds.
constexpr std::size_t sweep_per_upkeep = 65'536;

/// A high-water mark is a sync of its own.
constexpr std::chrono::seconds mark_every{1};
/// A start replays the commits since then.
constexpr std::chrono::seconds save_every{1};

/// Further than loops read the times of events ahead.
constexpr duration times_ahead = 5 * limits::timers_ahead;

} // namespace

result<bool> sqlite_journal::upkeep(instant now) {
  SKEIN_CHECK(!closed_);
  parts_.last_at = std::max(parts_.last_at, now);
  const bool more = parts_.window->sweep(parts_.last_at, sweep_per_upkeep);
  const auto removed = keep_window();
  if (auto there = parts_.watch.check(); !there)
    return parts_.writer->stop(there.error().code, there.error());
  const bool is_idle = commits_at_upkeep_ == commits_;
  commits_at_upkeep_ = commits_;
  const auto saved = save_ranges(now, is_idle);
  const auto marked = mark_high_water(now);
  const auto dropped = drop_old(is_idle);
  const auto indexed = keep_index();
  parts_.writer->checkpoint(is_idle);
  show_retention();
  if (parts_.writer->stopped())
    return parts_.writer->stopped_error();
  if (const auto& moved = parts_.writer->checkpointed(); !moved)
    return moved.error();
  if (parts_.writer->is_held_up())
    return error{errc::store_locked,
                 "a reader of journal.db does not end its transaction, a long look-up of this node "
                 "or another program; until it ends, the log grows with all that is written"};
  for (const auto* each : {&marked, &removed, &saved})
    if (!*each)
      return each->error();
  for (const auto* each : {&dropped, &indexed})
    if (!*each)
      return each->error();
  if (!recovered_)
    return more || *indexed; // what is pending is not known yet
  const auto timers = keep_timers();
  if (!timers)
    return timers.error();
  const bool unsaved = is_idle && !parts_.state->pending().changed_ranges().empty();
  return more || *dropped || *indexed || *timers || unsaved;
}

/// Once a second, and when there is nothing else to do.
result<void> sqlite_journal::save_ranges(instant now, bool is_idle) {
  const bool is_due = is_idle || now >= saved_at_ + save_every || now < saved_at_;
  if (!recovered_ || parts_.writer->stopped() || !is_due)
    return {};
  saved_at_ = now;
  if (trouble_->pending.exchange(false)) {
    parts_.ranges->forget();
    tell_unreadable("what was saved of the pending events is damaged, and is saved anew",
                    damaged_store("a reader found it"));
  }
  const auto save = [&] {
    return parts_.ranges->save(*parts_.state, parts_.last_commit, parts_.options.range_save_bytes);
  };
  auto saved = save();
  if (saved || parts_.writer->stopped() || !is_unreadable(saved.error().code))
    return saved;
  tell_unreadable("what was saved of the pending events is damaged, and is saved anew",
                  saved.error());
  saved = save(); // all of it: nothing is there for the set as it lies on disk
  if (saved || parts_.writer->stopped() || !is_unreadable(saved.error().code))
    return saved;
  tell_unreadable("the pending events cannot be saved: a start will read their rows",
                  saved.error());
  return {};
}

/// Commits stay that a start needs: those from the high-water mark on, those after the saved
/// ranges, the last one.
sqlite_retention::rule sqlite_journal::what_is_old() const {
  const open_options& options = parts_.options.store;
  sqlite_retention::rule how{.before = parts_.last_at - options.retention,
                             .below = std::min({parts_.mark->mark().commit, parts_.last_commit,
                                                commit_no{raw(parts_.ranges->upto()) + 1}})};
  if (is_too_large_)
    how.before = std::max(how.before, parts_.last_at - options.dedupe_window);
#ifdef SKEIN_BUG_RETENTION_BELOW_WINDOW
  how.before = std::max(how.before, parts_.last_at - options.dedupe_window / 2);
#endif
  return how;
}

/// A step of retention, unless those that go along with commits see to it.
result<bool> sqlite_journal::drop_old(bool is_idle) {
  if (!recovered_ || parts_.writer->stopped())
    return false;
  const auto bytes = parts_.retention->look_at_file();
  if (!bytes)
    return bytes.error();
  is_too_large_ = bytes->used > parts_.options.store.retention_bytes;
  if ((std::exchange(has_dropped_along_, false) && !is_idle) || parts_.last_at < drops_again_)
    return false;
  const auto more = drop_step();
  drops_along_ = more.ok();
  return more || parts_.writer->stopped() || !is_unreadable(more.error().code)
             ? more
             : rest_from_dropping(more.error());
}

result<bool> sqlite_journal::drop_step() {
  sqlite_retention& retention = *parts_.retention;
  const sqlite_retention::rule how = what_is_old();
  const auto due = retention.has_work(how);
  if (!due || !*due)
    return due;
  const std::uint64_t from = retention.kept().swept_to;
  const auto more = retention.step(how, parts_.state->pending(), {});
  if (more)
    tell_dropped(from);
  return more;
}

/// What cannot be read stops retention for a while, not the store.
result<bool> sqlite_journal::rest_from_dropping(const error& why) {
  drops_again_ = parts_.last_at + limits::retention_again_after;
  tell_unreadable("what is out of the retention time cannot be read, and stays as long", why);
  if (parts_.retention->passes_by())
    drops_again_ = no_instant;
  const auto has_late = is_readable(parts_.writer->db(), late_table);
  if (!has_late || *has_late)
    return has_late ? result<bool>{false} : has_late;
  const auto made = make_late_anew();
  if (!made && parts_.writer->stopped())
    return made.error();
  drops_again_ = made ? no_instant : drops_again_;
  return made.ok();
}

/// Which events go once their time is over is told by the rows that the sweep has left.
result<void> sqlite_journal::make_late_anew() {
  database& db = parts_.writer->db();
  const auto readable = is_readable(db, late_table);
  if (!readable)
    return readable.error();
  auto made = parts_.writer->try_transact([&]() -> result<void> {
    auto emptied = empty(db, late_table, *readable);
    return emptied ? parts_.retention->remember_late(parts_.state->pending()) : emptied;
  });
  if (made)
    parts_.notes.push_back("what was saved of events that ended late is damaged; it was made anew "
                           "from their outcomes");
  return made;
}

/// Damage to the table of times stops nothing: it is made anew. What the disk does not give now is
/// tried again.
result<bool> sqlite_journal::keep_timers() {
  errc trouble = trouble_->timers.exchange(errc::none);
  if (trouble == errc::none) {
    const auto more = timers_.step(*parts_.writer, parts_.state->pending(), parts_.last_at);
    if (more || parts_.writer->stopped() || !is_unreadable(more.error().code))
      return more;
    tell_unreadable("the times of pending events cannot be read", more.error());
    trouble = more.error().code;
  }
  const auto readable = is_readable(parts_.writer->db(), timer_table);
  if (!readable || (*readable && trouble != errc::store_corrupt))
    return readable ? result<bool>{false} : readable;
  const auto made = make_timers_anew(parts_.state->next_sequence());
  if (made)
    return true;
  if (parts_.writer->stopped() || !is_unreadable(made.error().code))
    return made.error();
  tell_unreadable("the times of pending events could not be made anew", made.error());
  return false;
}

/// A time that nobody knows any more is one that loops have not come to.
result<void> sqlite_journal::make_timers_anew(std::uint64_t below) {
  auto made = remake_timers(parts_, parts_.last_at + times_ahead, below);
  if (made)
    parts_.notes.push_back("what was saved of the times of pending events is damaged; it was made "
                           "anew from their rows");
  return made;
}

/// The trouble is counted each time, and told once of a kind: those who ask for more are told more,
/// and `verify` names all.
void sqlite_journal::tell_unreadable(const std::string& what, const error& why) {
  ++unreadable_;
  if (told_.insert(what).second)
    parts_.notes.push_back(what + ": " + why.detail);
}

/// After a step that began at this event.
void sqlite_journal::tell_dropped(std::uint64_t from) {
  const std::uint64_t to = parts_.retention->kept().swept_to;
  parts_.state->set_swept_to(to);
  const pending_set& pending = parts_.state->pending();
  lookups_.leave_out_below(pending.range_of(to));
  for (const error& each : parts_.retention->take_damage())
    tell_unreadable("an event that is out of the retention time stays, as it is damaged", each);
  if (pending.range_of(from) != pending.range_of(to))
    parts_.notes.push_back("the events up to " +
                           std::to_string(pending.range_of(to) * pending.range_events() - 1) +
                           " are out of the retention time and gone, but for those that are "
                           "pending or dead letters");
}

void sqlite_journal::show_retention() {
  const sqlite_retention& kept = *parts_.retention;
  const auto bytes = parts_.retention->look_at_file();
  const std::scoped_lock hold{facts_mutex_};
  retention_facts_.oldest = kept.oldest();
  retention_facts_.next =
      kept.oldest() == no_instant ? no_instant : kept.oldest() + parts_.options.store.retention;
  retention_facts_.dropped_events = kept.kept().dropped.events.accepted;
  retention_facts_.dropped_rows = kept.rows_dropped();
  retention_facts_.longest_step = kept.longest_step();
  retention_facts_.ranges = parts_.state->pending().ranges_held();
  retention_facts_.bytes_max = parts_.options.store.retention_bytes;
  if (bytes) {
    retention_facts_.bytes_used = bytes->used;
    retention_facts_.bytes_free = bytes->free;
  }
}

engine::retention_facts sqlite_journal::retention() const {
  const std::scoped_lock hold{facts_mutex_};
  return retention_facts_;
}

/// A step of the index of look-ups: of ranges that are gone it goes, of those that closed it is
/// made.
result<bool> sqlite_journal::keep_index() {
  if (parts_.writer->stopped())
    return false;
  auto more = lookups_.step();
  if (const auto trouble = lookups_.take_trouble())
    tell_unreadable("the index of look-ups is not whole, and they read the rows in its place",
                    *trouble);
  return more;
}

result<void> sqlite_journal::keep_window() {
  auto kept = parts_.window->upkeep(parts_.last_at);
  show_window();
  if (!kept && !is_refusal(kept.error().code))
    return parts_.writer->stop(errc::io_error, kept.error());
  return kept;
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

} // namespace skein::journal
