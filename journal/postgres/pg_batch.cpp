#include "journal/postgres/pg_batch.hpp"

#include "journal/byte_words.hpp"
#include "journal/chain.hpp"
#include "journal/postgres/copy_row.hpp"
#include "journal/sqlite_codec.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace skein::journal {

const pg_statement begin_statement{"begin", "BEGIN"};
const pg_statement commit_statement{"commit", "COMMIT"};

// In order of shard, as takeovers lock them: nobody waits in a circle. Zero shards by zero: whoever
// is not the owner of all of them does nothing.
const pg_statement lock_fences{
    "lock_fences", "SELECT 1 / (count(*) = $4)::int FROM ("
                   "SELECT 1 FROM fence f JOIN unnest($1::int4[], $2::int8[]) AS d(shard, epoch) "
                   "ON f.shard = d.shard AND f.epoch = d.epoch AND f.owner = $3 "
                   "ORDER BY f.shard FOR NO KEY UPDATE OF f) AS held"};

namespace {

// The check, the lock and the new totals in one statement. What another transaction has changed
// before the lock was got is looked at anew: a taken shard is none of `held`.
#ifdef SKEIN_BUG_FENCE_WITHOUT_LOCK
const pg_statement take_fences{
    "take_fences", "SELECT 1 / (count(*) = $4)::int, $5::int8, ($6::int8[])[1] FROM fence f "
                   "JOIN unnest($1::int4[], $2::int8[]) AS d(shard, epoch) "
                   "ON f.shard = d.shard AND f.epoch = d.epoch AND f.owner = $3"};
#else
const pg_statement take_fences{
    "take_fences", "WITH held AS ("
                   "SELECT f.shard, d.place FROM fence f "
                   "JOIN unnest($1::int4[], $2::int8[]) WITH ORDINALITY AS d(shard, epoch, place) "
                   "ON f.shard = d.shard AND f.epoch = d.epoch AND f.owner = $3 "
                   "ORDER BY f.shard FOR NO KEY UPDATE OF f), "
                   "counted AS ("
                   "UPDATE fence f SET at = $5, last = pg_current_xact_id(), "
                   "totals = ($6::int8[])[h.place * 14 - 13 : h.place * 14] "
                   "FROM held h WHERE f.shard = h.shard RETURNING 1) "
                   "SELECT 1 / (count(*) = $4)::int FROM counted"};
#endif

const pg_statement add_events_sql{
    "add_events",
    "INSERT INTO event (no, at, due, expires, shard, crc, priority, deliveries, key, id, body) "
    "SELECT $1 + e.place - 1, $2, e.due, e.expires, e.shard, e.crc, e.priority, e.deliveries, "
    "e.key, e.id, e.body "
    "FROM unnest($3::int8[], $4::int8[], $5::int4[], $6::int4[], $7::int2[], $8::text[], "
    "$9::bytea[], $10::bytea[], $11::bytea[]) "
    "WITH ORDINALITY AS e(due, expires, shard, crc, priority, deliveries, key, id, body, place)"};
const pg_statement add_timers_sql{
    "add_timers",
    "INSERT INTO timer (shard, second, no, kind, at) "
    "SELECT * FROM unnest($1::int4[], $2::int8[], $3::int8[], $4::int2[], $5::int8[])"};
const pg_statement add_outcomes_sql{
    "add_outcomes",
    "INSERT INTO outcome (id, at, started, finished, shard, agent, attempt, emitted, crc, state, "
    "code, reply_kind, error, reply) "
    "SELECT o.id, $1, o.started, o.finished, o.shard, o.agent, o.attempt, o.emitted, o.crc, "
    "o.state, o.code, o.reply_kind, o.error, o.reply "
    "FROM unnest($2::int8[], $3::int8[], $4::int8[], $5::int4[], $6::int4[], $7::int4[], "
    "$8::int4[], $9::int4[], $10::int2[], $11::int2[], $12::int2[], $13::bytea[], $14::bytea[]) "
    "AS o(id, started, finished, shard, agent, attempt, emitted, crc, state, code, reply_kind, "
    "error, reply)"};
const pg_statement add_dead_sql{
    "add_dead", "INSERT INTO dead (shard, id) SELECT * FROM unnest($1::int4[], $2::int8[])"};
const pg_statement add_attempts_sql{
    "add_attempts",
    "INSERT INTO attempt (id, started, finished, next_due, shard, attempt, agent, crc, code, "
    "error) "
    "SELECT * FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::int4[], $6::int4[], "
    "$7::int4[], $8::int4[], $9::int2[], $10::bytea[])"};
const pg_statement set_starts_sql{
    "set_starts", "INSERT INTO start (shard, id, mark, crashes) "
                  "SELECT * FROM unnest($1::int4[], $2::int8[], $3::int2[], $4::int4[]) "
                  "ON CONFLICT (shard, id) DO UPDATE SET mark = excluded.mark, "
                  "crashes = excluded.crashes"};
const pg_statement end_starts_sql{
    "end_starts", "DELETE FROM start s USING unnest($1::int4[], $2::int8[]) AS d(shard, id) "
                  "WHERE s.shard = d.shard AND s.id = d.id"};
const pg_statement set_states_sql{
    "set_states",
    "INSERT INTO state (shard, agent, crc, key, value) "
    "SELECT * FROM unnest($1::int4[], $2::int4[], $3::int4[], $4::bytea[], $5::bytea[]) "
    "ON CONFLICT (shard, agent, key) DO UPDATE SET value = excluded.value, "
    "crc = excluded.crc"};
const pg_statement erase_states_sql{
    "erase_states",
    "DELETE FROM state s USING unnest($1::int4[], $2::int4[], $3::bytea[]) AS d(shard, agent, key) "
    "WHERE s.shard = d.shard AND s.agent = d.agent AND s.key = d.key"};
const pg_statement add_commit_sql{
    "add_commit", "INSERT INTO commits (owner, no, at, first, events, crc, accepted, outcomes, "
                  "changes, digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
                  "RETURNING xid"};
#ifdef SKEIN_BUG_FENCE_WITHOUT_LOCK
const pg_statement count_late_sql{"count_late",
                                  "UPDATE fence f SET at = $2, last = pg_current_xact_id(), "
                                  "totals = ($3::int8[])[d.place * 14 - 13 : d.place * 14] "
                                  "FROM unnest($1::int4[]) WITH ORDINALITY AS d(shard, place) "
                                  "WHERE f.shard = d.shard"};
#endif

/// Rows from which on the round trips of COPY cost less than the arrays.
constexpr std::size_t large_batch = 128;

constexpr const char* copy_events = "COPY event (no, at, due, expires, shard, crc, priority, "
                                    "deliveries, key, id, body) FROM STDIN (FORMAT binary)";
constexpr const char* copy_outcomes =
    "COPY outcome (id, at, started, finished, shard, agent, attempt, emitted, crc, state, code, "
    "reply_kind, error, reply) FROM STDIN (FORMAT binary)";

constexpr std::array counted{&ledger::accepted,  &ledger::done,       &ledger::dead,
                             &ledger::cancelled, &ledger::superseded, &ledger::expired,
                             &ledger::purged};

} // namespace

struct pg_batch::columns {
  pg_array fence_shard{pg_type::int4}, fence_epoch{pg_type::int8}, fence_totals{pg_type::int8};
  pg_array due{pg_type::int8}, expires{pg_type::int8}, shard{pg_type::int4}, crc{pg_type::int4},
      priority{pg_type::int2}, deliveries{pg_type::text}, key{pg_type::bytea}, id{pg_type::bytea},
      body{pg_type::bytea};
  pg_array timer_shard{pg_type::int4}, timer_second{pg_type::int8}, timer_no{pg_type::int8},
      timer_kind{pg_type::int2}, timer_at{pg_type::int8};
  pg_array out_id{pg_type::int8}, out_started{pg_type::int8}, out_finished{pg_type::int8},
      out_shard{pg_type::int4}, out_agent{pg_type::int4}, out_attempt{pg_type::int4},
      out_emitted{pg_type::int4}, out_crc{pg_type::int4}, out_state{pg_type::int2},
      out_code{pg_type::int2}, out_kind{pg_type::int2}, out_error{pg_type::bytea},
      out_reply{pg_type::bytea};
  pg_array dead_shard{pg_type::int4}, dead_id{pg_type::int8};
  pg_array try_id{pg_type::int8}, try_started{pg_type::int8}, try_finished{pg_type::int8},
      try_due{pg_type::int8}, try_shard{pg_type::int4}, try_attempt{pg_type::int4},
      try_agent{pg_type::int4}, try_crc{pg_type::int4}, try_code{pg_type::int2},
      try_error{pg_type::bytea};
  pg_array start_shard{pg_type::int4}, start_id{pg_type::int8}, start_mark{pg_type::int2},
      start_crashes{pg_type::int4}, ended_shard{pg_type::int4}, ended_id{pg_type::int8};
  pg_array state_shard{pg_type::int4}, state_agent{pg_type::int4}, state_crc{pg_type::int4},
      state_key{pg_type::bytea}, state_value{pg_type::bytea};
  pg_array gone_shard{pg_type::int4}, gone_agent{pg_type::int4}, gone_key{pg_type::bytea};
  std::int64_t at = 0;
  std::int64_t events = 0;
  pg_params fences, add_events, add_timers, add_outcomes, add_dead, add_attempts, set_starts,
      end_starts, set_states, erase_states, add_commit, count_late;

  void clear() {
    for (pg_array* each :
         {&fence_shard, &fence_epoch,  &fence_totals, &due,           &expires,      &shard,
          &crc,         &priority,     &deliveries,   &key,           &id,           &body,
          &timer_shard, &timer_second, &timer_no,     &timer_kind,    &timer_at,     &out_id,
          &out_started, &out_finished, &out_shard,    &out_agent,     &out_attempt,  &out_emitted,
          &out_crc,     &out_state,    &out_code,     &out_kind,      &out_error,    &out_reply,
          &dead_shard,  &dead_id,      &try_id,       &try_started,   &try_finished, &try_due,
          &try_shard,   &try_attempt,  &try_agent,    &try_crc,       &try_code,     &try_error,
          &start_shard, &start_id,     &start_mark,   &start_crashes, &ended_shard,  &ended_id,
          &state_shard, &state_agent,  &state_crc,    &state_key,     &state_value,  &gone_shard,
          &gone_agent,  &gone_key})
      each->clear();
    for (pg_params* each :
         {&fences, &add_events, &add_timers, &add_outcomes, &add_dead, &add_attempts, &set_starts,
          &end_starts, &set_states, &erase_states, &add_commit, &count_late})
      *each = {};
  }
};

pg_batch::pg_batch() : rows_{std::make_shared<columns>()} {}

void pg_batch::make(const staged_batch& staged, const batch_place& place, const hash_settings& hash,
                    const store_state& state, std::span<const ledgers> totals) {
  place_ = place;
  clear();
  is_large_ = staged.events.size() + staged.outcomes.size() >= large_batch;
  rows_->at = to_ns(staged.at);
  rows_->events = static_cast<std::int64_t>(staged.events.size());
  add_shards(staged, state, totals);
  add_events(staged);
  add_outcomes(staged);
  add_attempts(staged);
  add_starts(staged);
  add_states(staged, hash);
  add_commit(staged);
  list_steps();
}

void pg_batch::clear() {
  rows_->clear();
  steps_.clear();
  totals_.clear();
  crcs_.clear();
  accepted_.clear();
  outcomes_.clear();
  changes_.clear();
  event_rows_.clear();
  outcome_rows_.clear();
  copies_.clear();
}

/// Which shards there are, and what is counted in each.
void pg_batch::add_shards(const staged_batch& staged, const store_state& state,
                          std::span<const ledgers> totals) {
  const auto of = [&](shard_id shard) -> ledgers& {
    return totals_.try_emplace(shard, totals[raw(shard)]).first->second;
  };
  for (const auto& each : staged.events) {
    ledgers& sum = of(each.event.shard);
    ++sum.events.accepted;
    sum.events.done += each.op->deliveries.empty() ? 1u : 0u;
    sum.deliveries.accepted += each.op->deliveries.size();
  }
  for (const finish_op* each : staged.outcomes)
    count_terminal(of(each->delivery.event.shard).deliveries, each->state);
  for (const auto& [event, end] : staged.ends)
    count_terminal(of(event.shard).events, end);
  for (const attempt_op* each : staged.attempts)
    of(each->delivery.event.shard);
  for (const auto& [delivery, row] : staged.starts)
    of(delivery.event.shard);
  for (const shard_id each : staged.kept)
    of(each);
  for (const auto& [shard, sum] : totals_) {
    rows_->fence_shard.add_int4(raw(shard));
    rows_->fence_epoch.add_int8(raw(state.epoch_of(shard)));
    for (const ledger* part : {&sum.events, &sum.deliveries})
      for (const auto column : counted)
        rows_->fence_totals.add_int8(part->*column);
  }
}

void pg_batch::add_event(const staged_batch::new_event& each, const event_columns& row,
                         std::string_view id) {
  const std::int64_t crc = static_cast<std::int32_t>(crcs_.back());
  if (is_large_) {
    copy_row{event_rows_, 11}
        .int8(row.no)
        .int8(row.at)
        .time(row.due)
        .time(row.expires)
        .int4(row.shard)
        .int4(crc)
        .int2(row.priority)
        .bytes(row.deliveries)
        .bytes(row.key)
        .bytes(id)
        .bytes(row.body);
    return;
  }
  columns& rows = *rows_;
  rows.due.add_time(row.due);
  rows.expires.add_time(row.expires);
  rows.shard.add_int4(raw(each.event.shard));
  rows.crc.add_int4(crc);
  rows.priority.add_int2(row.priority);
  rows.deliveries.add_bytes(row.deliveries);
  rows.key.add_bytes(row.key);
  rows.id.add_bytes(id);
  rows.body.add_bytes(row.body);
}

void pg_batch::add_events(const staged_batch& staged) {
  columns& rows = *rows_;
  delivery_text text;
  const auto add_timer = [&](event_id event, instant at, int kind) {
    rows.timer_shard.add_int4(raw(event.shard));
    rows.timer_second.add_int8(
        std::chrono::floor<std::chrono::seconds>(at.time_since_epoch()).count());
    rows.timer_no.add_int8(event.sequence);
    rows.timer_kind.add_int2(kind);
    rows.timer_at.add_int8(to_ns(at));
  };
  for (const staged_batch::new_event& each : staged.events) {
    const auto& [event, op] = each;
    const offered_event& offered = op->event;
    const event_head head = offered.head();
    const event_columns row{.no = static_cast<std::int64_t>(event.sequence),
                            .shard = raw(event.shard),
                            .at = rows.at,
                            .key = head.key,
                            .due = resolved(offered.due, staged.at),
                            .expires = resolved(offered.expires, staged.at),
                            .priority = static_cast<std::int64_t>(offered.priority),
                            .deliveries = text.write(op->deliveries),
                            .body = offered.body.view()};
    crcs_.push_back(crc_of(row));
    add_event(each, row, head.id);
    append_accepted(accepted_, {{offered.identity, offered.content},
                                event.shard,
                                op->deliveries,
                                is_delayed(row.due, staged.at),
                                row.expires != no_instant});
    if (op->deliveries.empty())
      continue;
    if (row.due > staged.at)
      add_timer(event, row.due, 0);
    if (row.expires != no_instant)
      add_timer(event, row.expires, 1);
  }
}

void pg_batch::add_outcome(const finish_op& op, const outcome_columns& row) {
  const std::int64_t crc = static_cast<std::int32_t>(crcs_.back());
  const std::int64_t shard = raw(op.delivery.event.shard);
  if (is_large_) {
    copy_row{outcome_rows_, 14}
        .int8(row.id)
        .int8(row.at)
        .time(row.started)
        .time(row.finished)
        .int4(shard)
        .int4(row.agent)
        .int4(row.attempt)
        .int4(row.emitted)
        .int4(crc)
        .int2(row.state)
        .int2(row.code)
        .int2(row.reply_kind)
        .bytes(row.error)
        .bytes(row.reply);
    return;
  }
  columns& rows = *rows_;
  rows.out_id.add_int8(row.id);
  rows.out_started.add_time(row.started);
  rows.out_finished.add_time(row.finished);
  rows.out_shard.add_int4(shard);
  rows.out_agent.add_int4(row.agent);
  rows.out_attempt.add_int4(row.attempt);
  rows.out_emitted.add_int4(row.emitted);
  rows.out_crc.add_int4(crc);
  rows.out_state.add_int2(row.state);
  rows.out_code.add_int2(row.code);
  rows.out_kind.add_int2(row.reply_kind);
  rows.out_error.add_bytes(row.error);
  rows.out_reply.add_bytes(row.reply);
}

void pg_batch::add_outcomes(const staged_batch& staged) {
  for (const finish_op* each : staged.outcomes) {
    const bool has_reply = each->reply_kind != data_kind::none;
    const outcome_columns row{.id = row_of(each->delivery),
                              .state = static_cast<std::int64_t>(each->state),
                              .agent = raw(each->agent),
                              .attempt = each->attempt,
                              .started = each->started,
                              .finished = each->finished,
                              .at = rows_->at,
                              .code = static_cast<std::int64_t>(each->code),
                              .error = each->error,
                              .reply_kind = static_cast<std::int64_t>(each->reply_kind),
                              .reply = has_reply ? each->reply.view() : std::string_view{},
                              .emitted = static_cast<std::int64_t>(each->emits.size())};
    outcomes_.add(each->delivery);
    crcs_.push_back(crc_of(row));
    add_outcome(*each, row);
    if (each->state != delivery_state::dead)
      continue;
    rows_->dead_shard.add_int4(raw(each->delivery.event.shard));
    rows_->dead_id.add_int8(row.id);
  }
}

void pg_batch::add_attempts(const staged_batch& staged) {
  columns& rows = *rows_;
  for (const attempt_op* each : staged.attempts) {
    const std::int64_t id = row_of(each->delivery);
    crcs_.push_back(crc_of(attempt_columns{.id = id,
                                           .attempt = each->attempt,
                                           .agent = raw(each->agent),
                                           .started = each->started,
                                           .finished = each->finished,
                                           .code = static_cast<std::int64_t>(each->code),
                                           .error = each->error,
                                           .next_due = each->next_due}));
    rows.try_id.add_int8(id);
    rows.try_started.add_time(each->started);
    rows.try_finished.add_time(each->finished);
    rows.try_due.add_time(each->next_due);
    rows.try_shard.add_int4(raw(each->delivery.event.shard));
    rows.try_attempt.add_int4(each->attempt);
    rows.try_agent.add_int4(raw(each->agent));
    rows.try_crc.add_int4(crcs_.back());
    rows.try_code.add_int2(static_cast<std::int64_t>(each->code));
    rows.try_error.add_bytes(each->error);
  }
}

/// Of several of one delivery the last one.
void pg_batch::add_starts(const staged_batch& staged) {
  columns& rows = *rows_;
  std::map<delivery_id, std::optional<start_row>> last;
  for (const auto& [delivery, row] : staged.starts)
    last[delivery] = row;
  for (const auto& [delivery, row] : last) {
    (row ? rows.start_shard : rows.ended_shard).add_int4(raw(delivery.event.shard));
    (row ? rows.start_id : rows.ended_id).add_int8(row_of(delivery));
    if (!row)
      continue;
    rows.start_mark.add_int2(static_cast<std::int64_t>(row->mark));
    rows.start_crashes.add_int4(row->crashes);
  }
}

/// Of several of one (agent, key) the last one.
void pg_batch::add_states(const staged_batch& staged, const hash_settings& hash) {
  columns& rows = *rows_;
  std::map<std::pair<agent_no, std::string_view>, const state_change*> last;
  for (const auto& [agent, change] : staged.states)
    last[{agent, change->key}] = change;
  for (const auto& [which, change] : last) {
    const auto& [agent, key] = which;
    const shard_id shard = shard_of(key, hash);
    (change->erase ? rows.gone_shard : rows.state_shard).add_int4(raw(shard));
    (change->erase ? rows.gone_agent : rows.state_agent).add_int4(raw(agent));
    (change->erase ? rows.gone_key : rows.state_key).add_bytes(key);
    if (change->erase)
      continue;
    rows.state_crc.add_int4(
        crc_of(state_columns{.agent = raw(agent), .key = key, .value = change->value.view()}));
    rows.state_value.add_bytes(change->value.view());
  }
}

/// Its row, whose CRC covers what is in it, and the digest, which covers the records too.
void pg_batch::add_commit(const staged_batch& staged) {
  if (!staged.attempts.empty()) {
    append_number(changes_, 0, changes_crc_bytes);
    for (const attempt_op* each : staged.attempts)
      append_attempt(changes_, {row_of(each->delivery), each->attempt});
  }
  const commit_columns row{.no = static_cast<std::int64_t>(place_.number),
                           .at = rows_->at,
                           .first_event = static_cast<std::int64_t>(place_.first),
                           .events = rows_->events,
                           .identities = accepted_,
                           .outcomes = outcomes_.bytes(),
                           .ledger = {},
                           .low_water = place_.owner,
                           .changes = changes_};
  const std::uint32_t crc = crc_of(row);
  digest_ = next_digest(place_.before, place_.number, crc, crcs_);
  digest_bytes_ = digest_bytes(digest_);
  rows_->add_commit.int8(place_.owner).int8(place_.number).int8(rows_->at).int8(place_.first);
  rows_->add_commit.int4(rows_->events).int4(static_cast<std::int32_t>(crc)).bytes(accepted_);
  rows_->add_commit.bytes(outcomes_.bytes()).bytes(changes_).bytes(digest_bytes_);
}

void pg_batch::list_steps() {
  columns& r = *rows_;
  const auto add = [this](const pg_statement& which, const pg_params& params) {
    steps_.push_back({&which, &params});
  };
  const auto place = static_cast<std::int64_t>(place_.first);
  steps_.push_back({&begin_statement, nullptr});
  if (!event_rows_.empty())
    copies_.push_back({copy_events, event_rows_});
  if (!outcome_rows_.empty())
    copies_.push_back({copy_outcomes, outcome_rows_});
  r.fences.array(r.fence_shard).array(r.fence_epoch).text(place_.owner_name);
  r.fences.int8(r.fence_shard.size()).int8(r.at).array(r.fence_totals);
  if (!r.fence_shard.empty())
    add(take_fences, r.fences);
  r.add_events.int8(place).int8(r.at).array(r.due).array(r.expires).array(r.shard).array(r.crc);
  r.add_events.array(r.priority).array(r.deliveries).array(r.key).array(r.id).array(r.body);
  if (!r.shard.empty())
    add(add_events_sql, r.add_events);
  r.add_timers.array(r.timer_shard).array(r.timer_second).array(r.timer_no);
  r.add_timers.array(r.timer_kind).array(r.timer_at);
  if (!r.timer_no.empty())
    add(add_timers_sql, r.add_timers);
  r.add_outcomes.int8(r.at).array(r.out_id).array(r.out_started).array(r.out_finished);
  r.add_outcomes.array(r.out_shard).array(r.out_agent).array(r.out_attempt).array(r.out_emitted);
  r.add_outcomes.array(r.out_crc).array(r.out_state).array(r.out_code).array(r.out_kind);
  r.add_outcomes.array(r.out_error).array(r.out_reply);
  if (!r.out_id.empty())
    add(add_outcomes_sql, r.add_outcomes);
  r.add_dead.array(r.dead_shard).array(r.dead_id);
  if (!r.dead_id.empty())
    add(add_dead_sql, r.add_dead);
  r.add_attempts.array(r.try_id).array(r.try_started).array(r.try_finished).array(r.try_due);
  r.add_attempts.array(r.try_shard).array(r.try_attempt).array(r.try_agent).array(r.try_crc);
  r.add_attempts.array(r.try_code).array(r.try_error);
  if (!r.try_id.empty())
    add(add_attempts_sql, r.add_attempts);
  r.set_starts.array(r.start_shard).array(r.start_id).array(r.start_mark).array(r.start_crashes);
  if (!r.start_id.empty())
    add(set_starts_sql, r.set_starts);
  r.end_starts.array(r.ended_shard).array(r.ended_id);
  if (!r.ended_id.empty())
    add(end_starts_sql, r.end_starts);
  r.set_states.array(r.state_shard).array(r.state_agent).array(r.state_crc);
  r.set_states.array(r.state_key).array(r.state_value);
  if (!r.state_key.empty())
    add(set_states_sql, r.set_states);
  r.erase_states.array(r.gone_shard).array(r.gone_agent).array(r.gone_key);
  if (!r.gone_key.empty())
    add(erase_states_sql, r.erase_states);
#ifdef SKEIN_BUG_FENCE_WITHOUT_LOCK
  r.count_late.array(r.fence_shard).int8(r.at).array(r.fence_totals);
  if (!r.fence_shard.empty())
    add(count_late_sql, r.count_late);
#endif
  add(add_commit_sql, r.add_commit);
  steps_.push_back({&commit_statement, nullptr});
}

} // namespace skein::journal
