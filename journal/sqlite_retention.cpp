#include "journal/sqlite_retention.hpp"

#include "journal/chain.hpp"
#include "journal/checked_rows.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace skein::journal {

namespace {

result<void> run(statement& which) {
  const int code = which.run();
  return code == SQLITE_DONE ? result<void>{}
                             : sqlite_error(which.db(), code, "dropping what is old");
}

error failed(statement& which, int code) {
  return sqlite_error(which.db(), code, "looking for what is old");
}

} // namespace

/// One step, inside of its transaction: works on a copy of what is known, which counts once it is
/// on disk.
class sqlite_retention::dropping {
 public:
  dropping(sqlite_retention& of, const rule& how, const pending_set& pending)
    : of_{of}, how_{how}, pending_{pending}, kept{of.kept_} {}

  result<void> run_all() {
    for (const auto part : {&dropping::drop_commits, &dropping::sweep, &dropping::drop_late})
      if (auto done = (this->*part)(); !done)
        return done;
    return is_changed() ? kept.save(of_.writer_.db()) : result<void>{};
  }
  bool is_changed() const { return commits_ != 0 || events_ != 0 || rows != 0; }

 private:
  /// The oldest of them, up to the first that must stay.
  result<void> drop_commits() {
    statement& all = of_.commits_;
    const reset_at_end end{all};
    all.bind(1, raw(kept.first_commit));
    std::uint64_t events = 0;
    int code = SQLITE_OK;
    while ((code = all.step()) == SQLITE_ROW) {
      oldest = all.time(1);
      const bool goes = oldest <= how_.before && all.natural(0) < raw(how_.below);
      if (!goes || events >= limits::retention_step_events ||
          commits_ >= limits::retention_step_events) {
        more = more || goes;
        break;
      }
      // Commits from before the chain have no digest; it begins after them.
      kept.before = digest_of_bytes(all.blob(4)).value_or(kept.before);
      kept.first_commit = commit_no{all.natural(0) + 1};
      kept.first_event = all.natural(2) + all.natural(3);
      events += 1 + all.natural(3);
      ++commits_;
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE)
      return failed(all, code);
    all.reset();
    if (commits_ == 0)
      return {};
    auto dropped = run(of_.drop_commits_.bind(1, raw(kept.first_commit)));
#ifdef SKEIN_BUG_CHAIN_START_NOT_MOVED
    kept.first_commit = of_.kept_.first_commit;
#endif
    return dropped;
  }

  /// The next events before the oldest commit that is kept.
  result<void> sweep() {
    const std::uint64_t from = kept.swept_to;
    std::uint64_t to = std::min(kept.first_event, from + limits::retention_step_events);
    if (from >= to)
      return {};
    if (auto bounded = bound_by_size(from, to); !bounded)
      return bounded;
    outcome_cursor outcomes{of_.outcomes_, from, to};
    std::uint64_t run_from = from;
    for (std::uint64_t sequence = from; sequence < to; ++sequence) {
      const auto goes = judge(sequence, outcomes);
      if (!goes)
        return goes.error();
      if (*goes)
        continue;
      if (auto done = drop(run_from, sequence); !done)
        return done;
      run_from = sequence + 1;
    }
    if (auto done = drop(run_from, to); !done)
      return done;
    events_ += to - from;
    kept.swept_to = to;
    more = more || to < kept.first_event;
    return {};
  }

  /// Ends before the event with which the payloads are more than a step may free.
  result<void> bound_by_size(std::uint64_t from, std::uint64_t& to) {
    const reset_at_end end{of_.sizes_};
    of_.sizes_.bind(1, from).bind(2, to);
    std::uint64_t bytes = 0;
    int code = SQLITE_OK;
    while ((code = of_.sizes_.step()) == SQLITE_ROW) {
      bytes += of_.sizes_.natural(1);
      if (bytes <= limits::retention_step_bytes || of_.sizes_.natural(0) == from)
        continue;
      to = of_.sizes_.natural(0);
      return {};
    }
    return code == SQLITE_DONE ? result<void>{} : failed(of_.sizes_, code);
  }

  /// Outcomes in order, read along with the events.
  struct outcome_cursor {
    statement& rows;
    int code;
    outcome_cursor(statement& of, std::uint64_t from, std::uint64_t to) : rows{of}, code{} {
      rows.bind(1, from * 16).bind(2, to * 16);
      code = rows.step();
    }
    ~outcome_cursor() { rows.reset(); }
    outcome_cursor(const outcome_cursor&) = delete;
    outcome_cursor& operator=(const outcome_cursor&) = delete;
  };

  struct ending {
    std::array<delivery_state, limits::deliveries_per_event_max> states{};
    std::size_t deliveries = 0;
    instant at = no_instant;
    bool dead = false;
  };
  result<ending> read_end(std::uint64_t sequence, outcome_cursor& from) {
    ending found;
    for (; from.code == SQLITE_ROW && from.rows.natural(0) / 16 <= sequence;
         from.code = from.rows.step()) {
      if (from.rows.natural(0) / 16 < sequence || found.deliveries == found.states.size())
        continue;
      const auto state = static_cast<delivery_state>(from.rows.integer(1));
      if (!is_terminal(state))
        return damaged_store("an outcome of event " + std::to_string(sequence) + " is damaged");
      found.states[found.deliveries++] = state;
      found.at = std::max(found.at, from.rows.time(2));
      found.dead = found.dead || state == delivery_state::dead;
    }
    if (from.code != SQLITE_ROW && from.code != SQLITE_DONE)
      return failed(from.rows, from.code);
    return found;
  }

  /// Whether the event goes now; one that only goes later is remembered.
  result<bool> judge(std::uint64_t sequence, outcome_cursor& outcomes) {
    const auto end = read_end(sequence, outcomes);
    if (!end)
      return end.error();
#ifndef SKEIN_BUG_RETENTION_DROPS_PENDING
    if (pending_.at(sequence).live != 0)
      return false;
#endif
#ifndef SKEIN_BUG_RETENTION_DROPS_DEAD
    if (end->dead)
      return false;
#endif
#ifndef SKEIN_BUG_RETENTION_DROPS_LATE
    if (end->at >= oldest) { // its outcome is one of a commit that stays
      if (auto added = run(of_.add_late_.bind(1, end->at).bind(2, sequence)); !added)
        return added.error();
      return false;
    }
#endif
    count(*end);
    return true;
  }

  void count(const ending& end) {
    const auto states = std::span{end.states}.first(end.deliveries);
    ++kept.dropped.events.accepted;
    count_terminal(kept.dropped.events, event_state(states));
    kept.dropped.deliveries.accepted += states.size();
    for (const delivery_state each : states)
      count_terminal(kept.dropped.deliveries, each);
  }

  /// The rows of events [from, to), none of which stays.
  result<void> drop(std::uint64_t from, std::uint64_t to) {
    if (from >= to)
      return {};
    const std::pair<statement*, std::uint64_t> all[] = {
        {&of_.drop_events_, 1}, {&of_.drop_outcomes_, 16}, {&of_.drop_attempts_, 16}};
    for (const auto& [which, factor] : all) {
      if (auto done = run(which->bind(1, from * factor).bind(2, to * factor)); !done)
        return done;
      rows += static_cast<std::uint64_t>(sqlite3_changes(of_.writer_.db().raw()));
    }
    return {};
  }

  /// Those that ended before the oldest commit that is kept.
  result<void> drop_late() {
    std::vector<std::pair<instant, std::uint64_t>> due;
    {
      const reset_at_end end{of_.late_};
      of_.late_.bind(1, oldest).bind(2, std::uint64_t{limits::retention_step_events / 4});
      int code = SQLITE_OK;
      while ((code = of_.late_.step()) == SQLITE_ROW)
        due.emplace_back(of_.late_.time(0), of_.late_.natural(1));
      if (code != SQLITE_DONE)
        return failed(of_.late_, code);
    }
    for (const auto& [ended, sequence] : due) {
      if (auto done = run(of_.drop_late_.bind(1, ended).bind(2, sequence)); !done)
        return done;
      outcome_cursor outcomes{of_.outcomes_, sequence, sequence + 1};
      const auto end = read_end(sequence, outcomes);
      if (!end)
        return end.error();
      if (end->dead || pending_.at(sequence).live != 0)
        continue;
      count(*end);
      if (auto done = drop(sequence, sequence + 1); !done)
        return done;
    }
    rows += due.size();
    more = more || due.size() == limits::retention_step_events / 4;
    return {};
  }

  sqlite_retention& of_;
  const rule& how_;
  const pending_set& pending_;
  std::uint64_t commits_ = 0;
  std::uint64_t events_ = 0;

 public:
  kept_part kept;
  instant oldest = no_instant; // commit that stays
  std::uint64_t rows = 0;
  bool more = false;
};

result<void> sqlite_retention::prepare() {
  const std::pair<statement*, std::string_view> all[] = {
      {&commits_, "SELECT no, at, first_event, events, digest FROM commits WHERE no >= ? "
                  "ORDER BY no"},
      {&drop_commits_, "DELETE FROM commits WHERE no < ?"},
      {&sizes_, "SELECT no, length(body) FROM event WHERE no >= ? AND no < ? ORDER BY no"},
      {&outcomes_, "SELECT id, state, at FROM outcome WHERE id >= ? AND id < ? ORDER BY id"},
      {&drop_events_, "DELETE FROM event WHERE no >= ? AND no < ?"},
      {&drop_outcomes_, "DELETE FROM outcome WHERE id >= ? AND id < ?"},
      {&drop_attempts_, "DELETE FROM attempt WHERE id >= ? AND id < ?"},
      {&add_late_, "INSERT INTO late VALUES (?, ?)"},
      {&late_, "SELECT ended, no FROM late WHERE ended < ? ORDER BY ended, no LIMIT ?"},
      {&drop_late_, "DELETE FROM late WHERE ended = ? AND no = ?"},
      {&pages_, "PRAGMA page_count"},
      {&free_pages_, "PRAGMA freelist_count"},
  };
  for (const auto& [which, sql] : all) {
    auto prepared = writer_.db().prepare(sql);
    if (!prepared)
      return prepared.error();
    *which = std::move(*prepared);
  }
  const auto page = writer_.db().number("PRAGMA page_size");
  if (!page)
    return page.error();
  page_bytes_ = static_cast<std::uint64_t>(*page);
  return find_oldest();
}

/// The oldest commit that is kept; nothing changes it but a step, once there is one.
result<void> sqlite_retention::find_oldest() {
  if (oldest_ != no_instant)
    return {};
  const reset_at_end end{commits_};
  const int code = commits_.bind(1, raw(kept_.first_commit)).step();
  if (code == SQLITE_ROW)
    oldest_ = commits_.time(1);
  return code == SQLITE_ROW || code == SQLITE_DONE ? result<void>{} : failed(commits_, code);
}

result<bool> sqlite_retention::has_work(const rule& how) {
  if (auto found = find_oldest(); !found)
    return found.error();
  if (kept_.swept_to < kept_.first_event ||
      (oldest_ != no_instant && oldest_ <= how.before && kept_.first_commit < how.below))
    return true;
  const reset_at_end end{late_};
  const int code = late_.bind(1, oldest_).bind(2, std::int64_t{1}).step();
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    return failed(late_, code);
  return code == SQLITE_ROW;
}

result<bool> sqlite_retention::step(const rule& how, const pending_set& pending) {
  dropping one{*this, how, pending};
  auto done = writer_.transact([&] { return one.run_all(); });
  if (!done)
    return done.error();
  kept_ = one.kept;
  oldest_ = one.oldest;
  rows_ += one.rows;
  return one.more;
}

result<sqlite_retention::file_bytes> sqlite_retention::look_at_file() {
  std::array<std::uint64_t, 2> pages{};
  statement* const both[] = {&pages_, &free_pages_};
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const reset_at_end end{*both[i]};
    if (const int code = both[i]->step(); code != SQLITE_ROW)
      return sqlite_error(both[i]->db(), code, "looking at the size of the store");
    pages[i] = both[i]->natural(0);
  }
  return file_bytes{(pages[0] - pages[1]) * page_bytes_, pages[1] * page_bytes_};
}

} // namespace skein::journal
