#include "journal/sqlite_retention.hpp"

#include "journal/chain.hpp"
#include "journal/rows_by_delivery.hpp"
#include "protocol/check.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace skein::journal {

namespace {

/// Of a stride that the disk does not give, each of them minutes after the one before.
constexpr int tries_max = 3;

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
  dropping(sqlite_retention& of, const rule& how, const pending_set& pending,
           const step_budget& most)
    : of_{of}, how_{how}, pending_{pending}, most_{most}, began_{of.clock_()}, done{.kept =
                                                                                        of.kept_} {}

  result<void> run_all() {
    for (const auto part : {&dropping::drop_commits, &dropping::drop_late, &dropping::sweep})
      if (auto made = (this->*part)(); !made)
        return made;
    auto saved = is_changed() ? done.kept.save(of_.writer_.db()) : result<void>{};
    of_.longest_ = std::max(of_.longest_, of_.clock_() - began_);
    return saved;
  }

 private:
  bool is_changed() const { return commits_ != 0 || events_ != 0 || done.rows != 0; }
  bool is_time_up() const {
#ifdef SKEIN_BUG_RETENTION_WITHOUT_CLOCK
    return false;
#endif
    return of_.clock_() - began_ >= most_.time;
  }

  /// The oldest of them, up to the first that must stay; none while there is enough to sweep.
  result<void> drop_commits() {
    std::uint64_t events = of_.is_waiting_ ? 0 : done.kept.first_event - done.kept.swept_to;
    while (true) {
      const auto more = drop_stride_of_commits(events);
      if (!more || !*more)
        return more ? result<void>{} : more.error();
      if (is_time_up()) {
        done.more = true;
        return {};
      }
    }
  }

  /// So many that what they hold is not more than a look at the clock may be apart from the next.
  /// `events`: how many are to be swept already. True if more of them may go.
  result<bool> drop_stride_of_commits(std::uint64_t& events) {
    kept_part& kept = done.kept;
    const commit_no from = kept.first_commit;
    statement& all = of_.commits_;
    bool has_more = false;
    {
      const reset_at_end end{all};
      all.bind(1, raw(from));
      std::size_t bytes = 0;
      int code = SQLITE_OK;
      while ((code = all.step()) == SQLITE_ROW) {
        done.oldest = all.time(1);
        const bool goes = done.oldest <= how_.before && all.natural(0) < raw(how_.below);
        const bool is_enough = events >= most_.events || commits_ >= most_.events;
        has_more = goes && !is_enough && bytes >= limits::retention_commit_bytes;
        done.more = done.more || (goes && is_enough);
        if (!goes || is_enough || has_more)
          break;
        kept.first_commit = commit_no{all.natural(0) + 1};
        kept.first_event = all.natural(2) + all.natural(3);
        events += 1 + all.natural(3);
        bytes += bytes_of_small_commit + all.natural(4);
        ++commits_;
      }
      if (code != SQLITE_ROW && code != SQLITE_DONE)
        return failed(all, code);
    }
    if (kept.first_commit == from)
      return false;
    auto dropped = keep_digest();
    if (dropped)
      dropped = run(of_.drop_commits_.bind(1, raw(kept.first_commit)));
#ifdef SKEIN_BUG_CHAIN_START_NOT_MOVED
    kept.first_commit = of_.kept_.first_commit;
    has_more = false;
#endif
    return dropped ? result<bool>{has_more} : dropped.error();
  }

  /// Of the last commit that goes. It stands behind all else in its row, so of the others it is not
  /// read. Commits from before the chain have none; it begins after them.
  result<void> keep_digest() {
    kept_part& kept = done.kept;
    const reset_at_end end{of_.digest_};
    const int code = of_.digest_.bind(1, raw(kept.first_commit) - 1).step();
    if (code != SQLITE_ROW)
      return failed(of_.digest_, code);
    kept.before = digest_of_bytes(of_.digest_.blob(0)).value_or(kept.before);
    return {};
  }

  /// The next events before the oldest commit that is kept, stride by stride.
  result<void> sweep() {
    const std::uint64_t from = done.kept.swept_to;
#ifdef SKEIN_BUG_SWEEP_PASSES_ENDING
    const std::uint64_t below = done.kept.first_event;
#else
    const std::uint64_t below = std::min(done.kept.first_event, how_.events_below);
#endif
    const std::uint64_t end = std::min(below, from + most_.events);
    while (done.kept.swept_to < end && !done.is_waiting) {
      const duration began = of_.clock_();
      if (auto swept = sweep_stride(end); !swept)
        return swept;
      of_.stride_.took(of_.clock_() - began);
      if (is_time_up())
        break;
    }
    done.more = done.more || done.kept.swept_to < done.kept.first_event;
    return {};
  }

  result<void> sweep_stride(std::uint64_t end) {
    const std::uint64_t from = done.kept.swept_to;
    std::uint64_t to = std::min<std::uint64_t>(end, from + of_.stride_.events());
    for (const stride& each : of_.passed_by_) {
      if (from >= each.from && from < each.to)
        return pass_by(std::min(end, each.to));
      if (from < each.from)
        to = std::min(to, each.from);
    }
    of_.under_way_ = {from, to};
    if (auto bounded = bound_by_size(from, to); !bounded)
      return bounded;
    outcome_cursor outcomes{of_.outcomes_, from, to};
    rows_by_delivery dead{of_.dead_.bind(1, from * 16).bind(2, to * 16)};
    std::uint64_t run_from = from;
    for (std::uint64_t sequence = from; sequence < to; ++sequence) {
      const auto judged = judge(sequence, outcomes, dead);
      if (!judged)
        return judged.error();
      done.is_waiting = *judged == fate::is_soon_over;
      if (done.is_waiting)
        to = sequence;
      else if (outcomes.bytes > limits::retention_stride_bytes)
        to = sequence + 1;
      if (*judged != fate::stays)
        continue;
      if (auto dropped = drop(run_from, sequence); !dropped)
        return dropped;
      run_from = sequence + 1;
    }
    if (auto whole = dead.check(); !whole)
      return whole;
    if (auto dropped = drop(run_from, to); !dropped)
      return dropped;
    of_.under_way_ = {};
    return pass_by(to);
  }

  result<void> pass_by(std::uint64_t to) {
    events_ += to - done.kept.swept_to;
    done.kept.swept_to = to;
    return {};
  }

  /// Ends before the event with which the payloads are more than a stride may free.
  result<void> bound_by_size(std::uint64_t from, std::uint64_t& to) {
    const reset_at_end end{of_.sizes_};
    of_.sizes_.bind(1, from).bind(2, to).bind(3, std::uint64_t{limits::retention_small_bytes});
    std::uint64_t bytes = 0;
    int code = SQLITE_OK;
    while ((code = of_.sizes_.step()) == SQLITE_ROW) {
      bytes += of_.sizes_.natural(1);
      if (bytes <= limits::retention_stride_bytes || of_.sizes_.natural(0) == from)
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
    std::uint64_t bytes = 0; // of replies that were passed
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
    std::optional<error> damage;
  };
  result<ending> read_end(std::uint64_t sequence, outcome_cursor& from, rows_by_delivery& dead) {
    ending found;
    std::uint32_t dead_by_outcome = 0;
    std::uint32_t dead_by_table = 0;
    for (; from.code == SQLITE_ROW && from.rows.natural(0) / 16 <= sequence;
         from.code = from.rows.step()) {
      if (from.rows.natural(0) / 16 < sequence || found.deliveries == found.states.size())
        continue;
      const auto outcome = outcome_at(from.rows, of_.old_);
      if (!outcome) {
        found.damage = outcome.error();
        continue;
      }
      from.bytes += outcome->reply.size();
      const auto state = static_cast<delivery_state>(outcome->state);
      if (!is_terminal(state))
        found.damage =
            damaged_store("an outcome of event " + std::to_string(sequence) + " is damaged");
      found.states[found.deliveries++] = state;
      found.at = std::max(found.at, from_ns(outcome->at));
      found.dead = found.dead || state == delivery_state::dead;
      dead_by_outcome |= (state == delivery_state::dead ? 1u : 0u) << outcome->id % 16;
    }
    if (from.code != SQLITE_ROW && from.code != SQLITE_DONE)
      return failed(from.rows, from.code);
    for (std::uint32_t i = 0; i < limits::deliveries_per_event_max; ++i)
      dead_by_table |= (dead.is_at(static_cast<std::int64_t>(sequence * 16 + i)) ? 1u : 0u) << i;
    if (!found.damage && dead_by_outcome != dead_by_table)
      found.damage = damaged_store("the dead letters of event " + std::to_string(sequence) +
                                   " do not fit its outcomes");
    return found;
  }

  enum class fate : std::uint8_t { goes, stays, is_soon_over };
  /// One that only goes later is remembered, unless the sweep can wait for it.
  result<fate> judge(std::uint64_t sequence, outcome_cursor& outcomes, rows_by_delivery& dead) {
    const auto end = read_end(sequence, outcomes, dead);
    if (!end)
      return end.error();
#ifndef SKEIN_BUG_RETENTION_DROPS_PENDING
    if (pending_.at(sequence).live != 0)
      return fate::stays;
#endif
    if (is_damaged(*end))
      return fate::stays;
#ifndef SKEIN_BUG_RETENTION_DROPS_DEAD
    if (end->dead)
      return fate::stays;
#endif
#ifndef SKEIN_BUG_RETENTION_DROPS_LATE
    if (end->at >= done.oldest) { // its outcome is one of a commit that stays
      if (end->at - done.oldest < most_.patience)
        return fate::is_soon_over;
      if (auto added = run(of_.add_late_.bind(1, end->at).bind(2, sequence)); !added)
        return added.error();
      return fate::stays;
    }
#endif
    count(*end);
    return fate::goes;
  }

  /// Nothing is known of it for certain, so that it stays.
  bool is_damaged(const ending& end) {
#ifdef SKEIN_BUG_RETENTION_BELIEVES_DAMAGE
    return false;
#endif
    if (end.damage)
      done.damage.push_back(*end.damage);
    return end.damage.has_value();
  }

  void count(const ending& end) {
    const auto states = std::span{end.states}.first(end.deliveries);
    ledgers& dropped = done.kept.dropped;
    ++dropped.events.accepted;
    count_terminal(dropped.events, event_state(states));
    dropped.deliveries.accepted += states.size();
    for (const delivery_state each : states)
      count_terminal(dropped.deliveries, each);
  }

  /// The rows of events [from, to), none of which stays.
  result<void> drop(std::uint64_t from, std::uint64_t to) {
    if (from >= to)
      return {};
    const std::pair<statement*, std::uint64_t> all[] = {
        {&of_.drop_events_, 1}, {&of_.drop_outcomes_, 16}, {&of_.drop_attempts_, 16}};
    for (const auto& [which, factor] : all) {
      if (auto dropped = run(which->bind(1, from * factor).bind(2, to * factor)); !dropped)
        return dropped;
      done.rows += static_cast<std::uint64_t>(sqlite3_changes(of_.writer_.db().raw()));
    }
    return {};
  }

  /// Those that ended before the oldest commit that is kept; they leave the sweep half of the time.
  result<void> drop_late() {
    std::vector<std::pair<instant, std::uint64_t>> due;
    {
      const reset_at_end end{of_.late_};
      of_.late_.bind(1, done.oldest).bind(2, std::uint64_t{late_max});
      int code = SQLITE_OK;
      while ((code = of_.late_.step()) == SQLITE_ROW)
        due.emplace_back(of_.late_.time(0), of_.late_.natural(1));
      if (code != SQLITE_DONE)
        return failed(of_.late_, code);
    }
    done.more = done.more || due.size() == late_max;
    for (const auto& [ended, sequence] : due) {
      if (auto dropped = drop_one_late(ended, sequence); !dropped)
        return dropped;
      ++done.rows;
      if (of_.clock_() - began_ < most_.time / 2)
        continue;
      done.more = true;
      break;
    }
    return {};
  }

  result<void> drop_one_late(instant ended, std::uint64_t sequence) {
    if (how_.ending.contains(sequence))
      return {};
    if (auto dropped = run(of_.drop_late_.bind(1, ended).bind(2, sequence)); !dropped)
      return dropped;
    outcome_cursor outcomes{of_.outcomes_, sequence, sequence + 1};
    rows_by_delivery dead{of_.dead_.bind(1, sequence * 16).bind(2, (sequence + 1) * 16)};
    const auto end = read_end(sequence, outcomes, dead);
    if (!end)
      return end.error();
    if (auto whole = dead.check(); !whole)
      return whole;
    if (pending_.at(sequence).live != 0 || is_damaged(*end) || end->dead)
      return {};
    if (end->at >= done.oldest) // what was remembered was another end of it
      return run(of_.add_late_.bind(1, end->at).bind(2, sequence));
    count(*end);
    return drop(sequence, sequence + 1);
  }

  static constexpr std::size_t late_max = limits::retention_step_events / 4;
  static constexpr std::size_t bytes_of_small_commit = 256;

  sqlite_retention& of_;
  const rule& how_;
  const pending_set& pending_;
  const step_budget& most_;
  const duration began_;
  std::uint64_t commits_ = 0;
  std::uint64_t events_ = 0;

 public:
  changes done;
};

result<void> sqlite_retention::prepare() {
  if (auto prepared = writer_.db().prepare_all(
          {{&commits_,
            "SELECT no, at, first_event, events, length(identities) + length(outcomes) + "
            "coalesce(length(changes), 0) "
            "FROM commits WHERE no >= ? ORDER BY no"},
           {&digest_, "SELECT digest FROM commits WHERE no = ?"},
           {&drop_commits_, "DELETE FROM commits WHERE no < ?"},
           {&sizes_, "SELECT no, length(body) FROM event WHERE no >= ? AND no < ? AND "
                     "length(body) > ? ORDER BY no"},
           {&outcomes_,
            "SELECT " SKEIN_OUTCOME_COLUMNS " FROM outcome WHERE id >= ? AND id < ? ORDER BY id"},
           {&dead_, "SELECT id FROM dead WHERE id >= ? AND id < ? ORDER BY id"},
           {&drop_events_, "DELETE FROM event WHERE no >= ? AND no < ?"},
           {&drop_outcomes_, "DELETE FROM outcome WHERE id >= ? AND id < ?"},
           {&drop_attempts_, "DELETE FROM attempt WHERE id >= ? AND id < ?"},
           {&add_late_, "INSERT OR IGNORE INTO late VALUES (?, ?)"},
           {&late_, "SELECT ended, no FROM late WHERE ended < ? ORDER BY ended, no LIMIT ?"},
           {&drop_late_, "DELETE FROM late WHERE ended = ? AND no = ?"},
           {&pages_, "PRAGMA page_count"},
           {&free_pages_, "PRAGMA freelist_count"}});
      !prepared)
    return prepared;
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

result<bool> sqlite_retention::step(const rule& how, const pending_set& pending,
                                    const step_budget& most) {
  auto done = writer_.try_transact([&] { return drop_along(how, pending, most); });
  if (done)
    return keep();
  // What a disk does not give now it may give later, for a while; damage stays.
  tries_ = tried_ == under_way_.from ? tries_ + 1 : 1;
  tried_ = under_way_.from;
  const errc code = done.error().code;
  const bool is_lost =
      code == errc::store_corrupt || (code == errc::io_error && tries_ >= tries_max);
  passes_by_ = is_lost && under_way_.from < under_way_.to;
  if (passes_by_)
    passed_by_.push_back(under_way_);
  return done.error();
}

result<void> sqlite_retention::drop_along(const rule& how, const pending_set& pending,
                                          const step_budget& most) {
  along_.reset();
  under_way_ = {};
  dropping one{*this, how, pending, most};
  if (auto done = one.run_all(); !done)
    return done;
  along_ = std::move(one.done);
  return {};
}

result<void> sqlite_retention::remember_late(const pending_set& pending) {
  auto ends = writer_.db().prepare("SELECT max(at), id / 16 FROM outcome WHERE id < ? "
                                   "GROUP BY id / 16");
  if (!ends)
    return ends.error();
  ends->bind(1, kept_.swept_to * 16);
  int code = SQLITE_OK;
  while ((code = ends->step()) == SQLITE_ROW)
    if (!pending.holds(ends->natural(1)))
      if (auto added = run(add_late_.bind(1, ends->time(0)).bind(2, ends->natural(1))); !added)
        return added;
  return code == SQLITE_DONE ? result<void>{} : failed(*ends, code);
}

bool sqlite_retention::keep() {
  SKEIN_CHECK(along_);
  const changes made = *std::exchange(along_, std::nullopt);
  kept_ = made.kept;
  std::erase_if(passed_by_, [this](const stride& each) { return each.to <= kept_.swept_to; });
  oldest_ = made.oldest;
  is_waiting_ = made.is_waiting;
  rows_ += made.rows;
  damage_.insert(damage_.end(), made.damage.begin(), made.damage.end());
  return made.more;
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
