// What the engine does between commits, and when it is closed.
#include "journal/postgres/postgres_journal.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

namespace {

/// Old identities that one upkeep sweeps out at most: some milliseconds.
constexpr std::size_t sweep_per_upkeep = 65'536;
/// A takeover replays the commits since then.
constexpr std::chrono::seconds save_every{2};
constexpr int timers_a_step = 2'048;

const pg_statement past_timers{
    "past_timers",
    "SELECT shard, second, no, kind FROM timer WHERE shard = ANY($1) AND second <= $2 "
    "AND (shard, second, no, kind) > ($3, $4, $5, $6) "
    "ORDER BY shard, second, no, kind LIMIT $7"};
const pg_statement drop_timers{
    "drop_timers",
    "DELETE FROM timer t USING unnest($1::int4[], $2::int8[], $3::int8[], $4::int2[]) "
    "AS d(shard, second, no, kind) WHERE t.shard = d.shard AND t.second = d.second "
    "AND t.no = d.no AND t.kind = d.kind"};
const pg_statement clear_starts{"clear_starts",
                                "UPDATE start SET mark = 0 WHERE shard = ANY($1) AND mark <> 0"};
const pg_statement leave{"leave", "UPDATE owner SET closed = true WHERE no = $1"};

} // namespace

result<bool> postgres_journal::upkeep(instant now) {
  SKEIN_CHECK(!closed_);
  if (!why_stopped_.empty())
    return error{errc::io_error, "the journal has stopped; open it anew: " + why_stopped_};
  parts_.last_at = std::max(parts_.last_at, now);
  if (auto there = reconnect(); !there)
    return error{errc::store_unreachable, there.error().detail};
  const bool is_idle = commits_at_upkeep_ == commits_;
  commits_at_upkeep_ = commits_;
  const bool swept = parts_.window->sweep(parts_.last_at, sweep_per_upkeep);
  const auto window = parts_.window->upkeep(parts_.last_at);
  show_window();
  const auto saved = save(now, is_idle);
  const auto timers = clean_timers();
  const bool dropping = drop_old();
  for (const auto& each : {window.ok() ? result<void>{} : window.error(), saved,
                           timers.ok() ? result<void>{} : timers.error(),
                           retention_.is_busy() ? result<void>{} : retention_.last().ended})
    if (!each) // put off; a commit that meets the same says what it is
      return error{is_refusal(each.error().code) ? each.error().code : errc::store_unreachable,
                   each.error().detail};
  return swept || *window || *timers || dropping;
}

result<void> postgres_journal::save(instant now, bool is_idle) {
  const bool is_due = is_idle || now >= saved_at_ + save_every || now < saved_at_;
  if (!is_due || parts_.held.empty() ||
      (saved_xid_ == parts_.last_xid && parts_.state->pending().changed_ranges().empty()))
    return {};
  auto done = saved_.save(*parts_.db, parts_.owner_name, *parts_.state, *parts_.window, parts_.held,
                          parts_.last_xid);
  if (done) {
    saved_at_ = now;
    saved_xid_ = parts_.last_xid;
  } else if (done.error().code == errc::fenced) {
    return find_lost();
  }
  return done;
}

/// Times of events that are over, once they have come; a page at a time, in turn.
result<bool> postgres_journal::clean_timers() {
  if (parts_.held.empty())
    return false;
  pg_array shards{pg_type::int4};
  for (const auto& [shard, epoch] : parts_.held)
    shards.add_int4(raw(shard));
  const std::int64_t second =
      std::chrono::floor<std::chrono::seconds>(parts_.last_at.time_since_epoch()).count();
  pg_params params;
  params.array(shards).int8(second).int4(timers_after_.shard).int8(timers_after_.second);
  params.int8(timers_after_.no).int2(timers_after_.kind).int8(std::int64_t{timers_a_step});
  const auto rows = parts_.db->execute(past_timers, params);
  if (!rows)
    return rows.error();
  const int last = rows->size() - 1;
  const bool is_full = rows->size() == timers_a_step;
  timers_after_ = is_full ? timer_place{rows->integer(last, 0), rows->integer(last, 1),
                                        rows->integer(last, 2), rows->integer(last, 3)}
                          : timer_place{};
  pg_array shard{pg_type::int4}, at{pg_type::int8}, no{pg_type::int8}, kind{pg_type::int2};
  for (int row = 0; row <= last; ++row) {
    if (parts_.state->pending().holds(rows->natural(row, 2)))
      continue;
    shard.add_int4(rows->integer(row, 0));
    at.add_int8(rows->integer(row, 1));
    no.add_int8(rows->integer(row, 2));
    kind.add_int2(rows->integer(row, 3));
  }
  if (no.empty())
    return false;
  pg_params gone;
  gone.array(shard).array(at).array(no).array(kind);
  const auto done = parts_.db->execute(drop_timers, gone);
  return done ? result<bool>{is_full} : done.error();
}

/// True while there is more to do.
bool postgres_journal::drop_old() {
  instant before = parts_.last_at - parts_.options.store.retention;
#ifdef SKEIN_BUG_RETENTION_BELOW_WINDOW
  before = std::max(before, parts_.last_at - parts_.options.store.dedupe_window / 2);
#endif
  if (!retention_.is_busy())
    retention_.begin(before);
  if (retention_.is_busy())
    return false; // it goes on beside the commits
  const pg_retention::facts& last = retention_.last();
  const std::scoped_lock hold{facts_mutex_};
  facts_.oldest = last.oldest;
  facts_.next =
      last.oldest == no_instant ? no_instant : last.oldest + parts_.options.store.retention;
  facts_.dropped_events = last.dropped_events;
  facts_.dropped_rows = last.dropped_rows;
  facts_.longest_step = last.longest_step;
  facts_.bytes_used = last.bytes_used;
  facts_.ranges = parts_.state->pending().ranges_held();
  return last.has_more;
}

/// A turn that a stop in order ended did not crash: its start goes with it.
result<void> postgres_journal::clear_marks(std::span<const shard_id> shards) {
  return parts_.db->transact([&]() -> result<void> {
    pg_array which{pg_type::int4}, epochs{pg_type::int8};
    for (const shard_id each : shards) {
      which.add_int4(raw(each));
      epochs.add_int8(raw(parts_.held.at(each)));
    }
    pg_params lock, marks;
    lock.array(which).array(epochs).text(parts_.owner_name).int8(which.size());
    marks.array(which);
    const auto done = parts_.db->execute_all({{&lock_fences, &lock}, {&clear_starts, &marks}});
    return done ? result<void>{} : done.error();
  });
}

result<void> postgres_journal::close() {
  SKEIN_CHECK(!closed_);
  closed_ = true;
  if (!why_stopped_.empty())
    return error{errc::io_error, "the journal has stopped; open it anew: " + why_stopped_};
  if (auto there = reconnect(); !there)
    return there;
  release(held());
  pg_params me;
  me.int8(parts_.owner);
  const auto done = parts_.db->execute(leave, me);
  return done ? result<void>{} : done.error();
}

} // namespace skein::journal
