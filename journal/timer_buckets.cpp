#include "journal/timer_buckets.hpp"

#include "journal/timer_row.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace skein::journal {

namespace {

constexpr int level_shift = 48; // of a bucket's number: its level, then the second it begins at
constexpr std::size_t rows_a_step = 2'048;
constexpr std::chrono::seconds swept_every{60};
/// Loops read a little ahead, and late: what has just passed may still be asked for.
constexpr std::chrono::seconds swept_after{10};

constexpr std::int64_t width_s(int level) noexcept { return std::int64_t{1} << (6 * level); }

std::int64_t second_of(instant at) noexcept {
  return std::max<std::int64_t>(0, to_ns(at) / 1'000'000'000);
}

constexpr std::int64_t bucket_at(int level, std::int64_t second) noexcept {
  return std::int64_t{level} << level_shift | (second / width_s(level) * width_s(level));
}

constexpr std::int64_t last_bucket(int level) noexcept {
  return ((std::int64_t{level} + 1) << level_shift) - 1;
}

result<std::vector<timer_row>> all_rows(statement& query) {
  const reset_at_end end{query};
  std::vector<timer_row> rows;
  int code = SQLITE_OK;
  while ((code = query.step()) == SQLITE_ROW) {
    const auto row = timer_at(query);
    if (!row)
      return row.error();
    rows.push_back(*row);
  }
  if (code != SQLITE_DONE)
    return sqlite_error(query.db(), code, "reading timers");
  return rows;
}

result<void> run(statement& which) {
  const int code = which.run();
  return code == SQLITE_DONE ? result<void>{} : sqlite_error(which.db(), code, "moving timers");
}

} // namespace

std::int64_t timer_bucket(instant at, instant now) noexcept {
  const std::int64_t second = second_of(at);
  const std::int64_t ahead = second - second_of(now);
  int level = 0;
  while (level + 1 < timer_levels && ahead >= width_s(level + 1))
    ++level;
  return bucket_at(level, second);
}

std::array<std::int64_t, timer_levels> timer_places(instant at) noexcept {
  std::array<std::int64_t, timer_levels> places{};
  for (int level = 0; level < timer_levels; ++level)
    places[static_cast<std::size_t>(level)] = bucket_at(level, second_of(at));
  return places;
}

// ---- reading ----------------------------------------------------------------------------------

result<void> timer_reader::prepare(database& db) {
  auto rows = db.prepare("SELECT " SKEIN_TIMER_COLUMNS " FROM timer "
                         "WHERE (bucket, no, kind) >= (?, ?, 0) AND bucket <= ?");
  auto next = db.prepare("SELECT bucket FROM timer WHERE bucket > ? AND bucket <= ? LIMIT 1");
  if (!rows || !next)
    return !rows ? rows.error() : next.error();
  rows_ = std::move(*rows);
  next_ = std::move(*next);
  return {};
}

/// The first ones in order: a heap of the smallest so far, its largest on top.
result<timer_page> timer_reader::read(const timer_query& which) {
  timer_page found;
  auto& heap = found.timers;
  for (int level = 0; level < timer_levels; ++level) {
    const reset_at_end end{rows_};
    rows_.bind(1, bucket_at(level, second_of(which.after.at)));
    rows_.bind(2, level == 0 ? which.after.event.sequence : 0);
    rows_.bind(3, bucket_at(level, second_of(which.until)));
    int code = SQLITE_OK;
    while ((code = rows_.step()) == SQLITE_ROW) {
      const auto row = timer_at(rows_);
      if (!row)
        return row.error();
      const auto shard = static_cast<std::uint32_t>(row->shard);
      const timer each{
          from_ns(row->at), {shard_id{shard}, static_cast<std::uint64_t>(row->no)}, row->kind != 0};
      if (shard % which.loops != raw(which.loop) || each <= which.after ||
          (which.only_expiries && !each.expiry))
        continue;
      if (each.at > which.until) {
        found.next = std::min(found.next, each.at);
        continue;
      }
      if (heap.size() == which.limit) {
        found.more = true;
        if (heap.front() < each) {
          if (level > 0)
            continue;
          code = SQLITE_DONE; // of this level all that follows is later still
          break;
        }
        std::pop_heap(heap.begin(), heap.end());
        heap.pop_back();
      }
      heap.push_back(each);
      std::push_heap(heap.begin(), heap.end());
    }
    if (code != SQLITE_DONE)
      return sqlite_error(rows_.db(), code, "reading timers");
    const auto next = next_begin(level, which.until);
    if (!next)
      return next.error();
    found.next = std::min(found.next, *next);
  }
  std::sort_heap(heap.begin(), heap.end());
  return found;
}

/// When the first bucket of this level begins that lies wholly behind `until`.
result<instant> timer_reader::next_begin(int level, instant until) {
  const reset_at_end end{next_};
  next_.bind(1, bucket_at(level, second_of(until))).bind(2, last_bucket(level));
  const int code = next_.step();
  if (code == SQLITE_DONE)
    return instant::max();
  if (code != SQLITE_ROW)
    return sqlite_error(next_.db(), code, "reading timers");
  return instant{std::chrono::seconds{next_.integer(0) & last_bucket(0)}};
}

// ---- upkeep -----------------------------------------------------------------------------------

result<void> timer_upkeep::prepare(database& db) {
  return db.prepare_all(
      {{&next_coarse_, "SELECT bucket FROM timer WHERE bucket >= ? AND bucket <= ? LIMIT 1"},
       {&coarse_rows_, "SELECT " SKEIN_TIMER_COLUMNS " FROM timer WHERE bucket = ? "
                       "ORDER BY no, kind LIMIT ?"},
       {&add_, "INSERT OR REPLACE INTO timer VALUES(?, ?, ?, ?, ?, ?)"},
       {&remove_, "DELETE FROM timer WHERE bucket = ? AND no = ? AND kind = ?"},
       {&passed_, "SELECT " SKEIN_TIMER_COLUMNS " FROM timer "
                  "WHERE (bucket, no, kind) > (?, ?, ?) AND bucket <= ? "
                  "ORDER BY bucket, no, kind LIMIT ?"}});
}

result<bool> timer_upkeep::step(sqlite_writer& writer, const pending_set& pending, instant now) {
  const auto split_more = split(writer, now);
  if (!split_more)
    return split_more.error();
  const auto sweep_more = sweep(writer, pending, now);
  if (!sweep_more)
    return sweep_more.error();
  return *split_more || *sweep_more;
}

/// One step of the first coarse bucket that begins within its own width from now.
result<bool> timer_upkeep::split(sqlite_writer& writer, instant now) {
  for (int level = 1; level < timer_levels; ++level) {
    const reset_at_end end{next_coarse_};
    next_coarse_.bind(1, bucket_at(level, 0));
    next_coarse_.bind(2, bucket_at(level, second_of(now) + width_s(level)));
    const int code = next_coarse_.step();
    if (code == SQLITE_DONE)
      continue;
    if (code != SQLITE_ROW)
      return sqlite_error(next_coarse_.db(), code, "reading timers");
    coarse_rows_.bind(1, next_coarse_.integer(0)).bind(2, std::int64_t{rows_a_step});
    next_coarse_.reset();
    const auto rows = all_rows(coarse_rows_);
    if (!rows)
      return rows.error();
    auto moved = writer.try_transact([&]() -> result<void> {
      for (const timer_row& each : *rows) {
        remove_.bind(1, each.bucket).bind(2, each.no).bind(3, each.kind);
        timer_row finer = each;
        finer.bucket = bucket_at(level - 1, each.at / 1'000'000'000);
        bind_timer(add_, finer);
        for (statement* which : {&remove_, &add_})
          if (auto done = run(*which); !done)
            return done;
      }
      return {};
    });
    if (!moved)
      return moved.error();
    return true;
  }
  return false;
}

bool timer_upkeep::is_sweep_due(instant now) const {
  return swept_bucket_ >= 0 || now >= swept_all_at_ + swept_every || now < swept_all_at_;
}

/// Walks over the buckets that have passed. Rows of events that still wait stay: they tell a start
/// when their events were due.
result<bool> timer_upkeep::sweep(sqlite_writer& writer, const pending_set& pending, instant now) {
  if (!is_sweep_due(now))
    return false;
  passed_.bind(1, swept_bucket_).bind(2, swept_no_).bind(3, swept_kind_);
  passed_.bind(4, bucket_at(0, std::max<std::int64_t>(0, second_of(now - swept_after))));
  passed_.bind(5, std::int64_t{rows_a_step});
  const auto rows = all_rows(passed_);
  if (!rows)
    return rows.error();
  std::vector<timer_row> over;
  for (const timer_row& each : *rows)
    if (!pending.holds(static_cast<std::uint64_t>(each.no)))
      over.push_back(each);
  if (!over.empty()) {
    auto removed = writer.try_transact([&]() -> result<void> {
      for (const timer_row& each : over) {
        remove_.bind(1, each.bucket).bind(2, each.no).bind(3, each.kind);
        if (auto done = run(remove_); !done)
          return done;
      }
      return {};
    });
    if (!removed)
      return removed.error();
  }
  if (rows->size() < rows_a_step) {
    swept_bucket_ = -1;
    swept_no_ = swept_kind_ = 0;
    swept_all_at_ = now;
    return false;
  }
  swept_bucket_ = rows->back().bucket;
  swept_no_ = rows->back().no;
  swept_kind_ = rows->back().kind;
  return true;
}

} // namespace skein::journal
