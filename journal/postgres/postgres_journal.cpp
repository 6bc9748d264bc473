#include "journal/postgres/postgres_journal.hpp"

#include "journal/postgres/pg_reader.hpp"
#include "journal/sqlite_codec.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace skein::journal {

namespace {

/// A conflict that the server has ended by undoing one side.
constexpr int conflict_tries = 5;
constexpr std::chrono::milliseconds reconnect_pause{50};

const pg_statement find_outcome{"find_outcome",
                                "SELECT state FROM outcome WHERE shard = $1 AND id = $2"};
const pg_statement last_attempts{"last_attempts",
                                 "SELECT a.shard, a.id, max(a.attempt) FROM attempt a "
                                 "JOIN unnest($1::int4[], $2::int8[]) AS d(shard, id) "
                                 "ON a.shard = d.shard AND a.id = d.id GROUP BY a.shard, a.id"};
const pg_statement my_fences{"my_fences", "SELECT shard, epoch FROM fence WHERE owner = $1"};
// Either this row is the first of its number, then nothing that is still under way can be; or one
// that is under way is waited for, and is there.
const pg_statement claim_commit{
    "claim_commit",
    "INSERT INTO commits (owner, no, at, first, events, crc, void, accepted, outcomes, changes, "
    "digest) VALUES ($1, $2, $3, 0, 0, 0, true, '', '', '', '') ON CONFLICT DO NOTHING RETURNING "
    "1"};
const pg_statement find_commit{"find_commit",
                               "SELECT xid, void FROM commits WHERE owner = $1 AND no = $2"};
// A commit of its own, so that all before it is where commits must be once this one is.
const pg_statement probe{"probe", "UPDATE owner SET probed = probed + 1 WHERE no = $1"};
const pg_statement add_agent{"add_agent",
                             "INSERT INTO agent SELECT coalesce(max(no), -1) + 1, $1 FROM agent "
                             "ON CONFLICT DO NOTHING"};

bool is_conflict(std::string_view sqlstate) { return sqlstate == "40001" || sqlstate == "40P01"; }

} // namespace

postgres_journal::postgres_journal(postgres_parts parts)
  : parts_{std::move(parts)}, retention_{connection_of(parts_.options, "skein retention"),
                                         parts_.run},
    last_commit_{parts_.last_xid}, facts_{parts_.retained} {}

// ---- judging
// -------------------------------------------------------------------------------------

result<std::optional<delivery_state>> postgres_journal::ended(const delivery_id& delivery) {
  if (delivery.index >= limits::deliveries_per_event_max)
    return std::optional<delivery_state>{};
  pg_params params;
  params.int4(raw(delivery.event.shard)).int8(row_of(delivery));
  const auto rows = parts_.db->execute(find_outcome, params);
  if (!rows)
    return rows.error();
  if (rows->empty())
    return std::optional<delivery_state>{};
  return std::optional{static_cast<delivery_state>(rows->integer(0, 0))};
}

result<std::uint32_t> postgres_journal::last_attempt(const delivery_id& delivery) {
  const auto found = attempts_.find(delivery);
  return found == attempts_.end() ? 0u : found->second;
}

/// Of all deliveries that the batch has an attempt of, at once.
result<void> postgres_journal::look_up_attempts(batches all) {
  attempts_.clear();
  pg_array shards{pg_type::int4};
  pg_array ids{pg_type::int8};
  for (const auto& batch : all)
    for (const operation& each : batch)
      if (const auto* op = std::get_if<attempt_op>(&each)) {
        shards.add_int4(raw(op->delivery.event.shard));
        ids.add_int8(row_of(op->delivery));
      }
  if (ids.empty())
    return {};
  pg_params params;
  params.array(shards).array(ids);
  const auto rows = parts_.db->execute(last_attempts, params);
  if (!rows)
    return rows.error();
  for (int row = 0; row < rows->size(); ++row) {
    const std::uint64_t id = rows->natural(row, 1);
    attempts_[{{shard_id{static_cast<std::uint32_t>(rows->integer(row, 0))}, id / 16},
               static_cast<std::uint8_t>(id % 16)}] =
        static_cast<std::uint32_t>(rows->integer(row, 2));
  }
  return {};
}

/// A commit's numbers follow each other: what is left of a block that is too small is left out.
result<void> postgres_journal::have_numbers(batches all) {
  std::uint64_t most = 0;
  for (const auto& batch : all)
    for (const operation& each : batch)
      most += std::holds_alternative<accept_op>(each) ? 1 : emits_of(each).size();
  const auto fits = [&] { return parts_.state->next_sequence() + most <= parts_.block_end; };
  if (fits())
    return {};
  if (auto taken = take_numbers(parts_); !taken)
    return taken;
  return fits() ? result<void>{}
                : error{errc::batch_too_large, "a commit makes more events than have numbers"};
}

/// What the judgement needs of the database.
result<void> postgres_journal::look_up(batches all) {
  if (auto ready = have_numbers(all); !ready)
    return ready;
  if (auto ready = look_up_attempts(all); !ready)
    return ready;
  return parts_.state->look_ahead(all);
}

result<void> postgres_journal::judge(batches all, std::vector<op_result>& results) {
  parts_.state->begin(parts_.last_at, parts_.agents.size());
  return parts_.state->judge(all, *this, results);
}

result<commit_receipt> postgres_journal::commit(batches all, instant now) {
  SKEIN_CHECK(!closed_);
  SKEIN_CHECK(count_operations(all) <= limits::commit_operations_max);
  if (!why_stopped_.empty())
    return error{errc::io_error, "the journal has stopped; open it anew: " + why_stopped_};
  parts_.last_at = std::max(parts_.last_at, now);
  commit_receipt receipt{.commit = {}, .at = parts_.last_at, .results = {}};
  while (true) {
    if (auto there = reconnect(); !there)
      return there.error();
    if (auto ready = look_up(all); !ready)
      return failed(ready.error());
    if (auto done = judge(all, receipt.results); !done) {
      parts_.state->undo();
      return failed(done.error());
    }
    const bool has_changes =
        !parts_.state->staged().empty() || parts_.agents_told != parts_.agents.size();
    const auto done = has_changes ? write() : result<wrote>{wrote::all};
    if (done && *done == wrote::all)
      break;
    parts_.state->undo();
    if (!done)
      return is_refusal(done.error().code) ? done.error()
                                           : stop(done.error().code, done.error().detail);
    if (auto found = find_lost(); !found)
      return failed(found.error());
  }
  parts_.state->keep();
  receipt.commit = last_commit();
  show_window();
  return receipt;
}

// ---- writing
// -------------------------------------------------------------------------------------

error postgres_journal::stop(errc code, std::string why) {
  why_stopped_ = why;
  return {code, std::move(why)};
}

/// Before anything of a batch was sent: a lost connection is a definite no.
error postgres_journal::failed(const error& why) {
  if (parts_.db->is_lost())
    return {errc::store_unreachable, why.detail};
  return is_refusal(why.code) || why.code == errc::batch_too_large ? why
                                                                   : stop(why.code, why.detail);
}

result<void> postgres_journal::reconnect() {
  if (!parts_.db->is_lost())
    return {};
  const auto until = std::chrono::steady_clock::now() + parts_.options.answer_within;
  while (true) {
    auto made = pg_connection::open(connection_of(parts_.options, "skein writer"));
    if (made) {
      *parts_.db = std::move(*made);
      return {};
    }
    if (std::chrono::steady_clock::now() >= until)
      return made.error();
    std::this_thread::sleep_for(reconnect_pause);
  }
}

result<postgres_journal::wrote> postgres_journal::write() {
  for (int tries = 0;; ++tries) {
    const store_state& state = *parts_.state;
    const batch_place place{.owner = parts_.owner,
                            .owner_name = parts_.owner_name,
                            .number = parts_.last_number + 1,
                            .first = state.next_sequence() - state.staged().events.size(),
                            .before = parts_.last_digest};
    batch_.make(state.staged(), place, parts_.identity.hash, state, parts_.totals);
    bool again = false;
    auto done = try_write(place, again);
    if (!again || tries == conflict_tries)
      return done;
  }
}

result<std::vector<pg_rows>> postgres_journal::send() {
  auto steps = batch_.steps();
  if (!batch_.copies().empty()) {
    if (const auto held = parts_.db->execute_all(steps.first(pg_batch::before_copies)); !held)
      return held.error();
    steps = steps.subspan(pg_batch::before_copies);
    for (const pg_batch::copy& each : batch_.copies())
      if (auto done = parts_.db->copy_in(each.sql, each.rows); !done)
        return done.error();
  }
  return parts_.db->execute_all(steps);
}

result<postgres_journal::wrote> postgres_journal::try_write(const batch_place& place, bool& again) {
  static_cast<void>(parts_.db->take_commit_warning());
  const auto rows = send();
  if (rows) {
#ifndef SKEIN_BUG_STANDBY_WARNING_IGNORED
    if (parts_.db->take_commit_warning())
      return stop(
          errc::unknown_outcome,
          "the server stopped waiting for its standby: the commit is there, but not where it "
          "would survive the loss of the server");
#endif
    written((*rows)[rows->size() - 2].natural(0, 0));
    return wrote::all;
  }
  if (parts_.db->is_lost())
    return after_lost(place, again);
  const std::string state = parts_.db->sqlstate();
  parts_.db->roll_back();
  if (state == fence_lost_state)
    return wrote::lost_shards;
  again = is_conflict(state);
  return rows.error();
}

/// Nobody knows how far it came. What is found is durable once the claim, or the probe, is.
result<postgres_journal::wrote> postgres_journal::after_lost(const batch_place& place,
                                                             bool& again) {
#ifdef SKEIN_BUG_UNKNOWN_COMMIT_IS_FAILURE
  again = true;
  ++parts_.last_number;
  return reconnect() ? result<wrote>{wrote::all} : result<wrote>{errc::io_error};
#endif
  const auto until = std::chrono::steady_clock::now() + parts_.options.answer_within;
  error why{errc::unknown_outcome, "the connection was lost in a commit"};
  while (std::chrono::steady_clock::now() < until) {
    if (auto there = reconnect(); !there) {
      why.detail = there.error().detail;
      break;
    }
    pg_params claim, name, me;
    claim.int8(place.owner).int8(place.number).int8(to_ns(parts_.last_at));
    name.int8(place.owner).int8(place.number);
    me.int8(place.owner);
    static_cast<void>(parts_.db->take_commit_warning());
    const auto rows =
        parts_.db->execute_all({{&claim_commit, &claim}, {&probe, &me}, {&find_commit, &name}});
    if (!rows) {
      why.detail = rows.error().detail;
      if (!parts_.db->is_lost())
        std::this_thread::sleep_for(reconnect_pause);
      continue;
    }
    if (parts_.db->take_commit_warning() || (*rows)[2].empty())
      break;
    if ((*rows)[2].boolean(0, 1)) { // it is not there and never will be
      ++parts_.last_number;
      again = true;
      return error{errc::store_unreachable, "the connection was lost before the commit"};
    }
    written((*rows)[2].natural(0, 0));
    return wrote::all;
  }
  return stop(errc::unknown_outcome, why.detail);
}

void postgres_journal::written(std::uint64_t xid) {
  for (const auto& [shard, sum] : batch_.totals())
    parts_.totals[raw(shard)] = sum;
  parts_.last_number = batch_.place().number;
  parts_.last_digest = batch_.digest();
  parts_.last_xid = xid;
  parts_.agents_told = parts_.agents.size();
  parts_.window->keep(xid);
  last_commit_ = xid;
  ++commits_;
}

/// Which of the shards are another's by now.
result<void> postgres_journal::find_lost() {
  pg_params params;
  params.text(parts_.owner_name);
  const auto rows = parts_.db->execute(my_fences, params);
  if (!rows)
    return rows.error();
  std::map<shard_id, epoch_no> mine;
  for (int row = 0; row < rows->size(); ++row)
    mine[shard_id{static_cast<std::uint32_t>(rows->integer(row, 0))}] =
        epoch_no{rows->natural(row, 1)};
  std::vector<shard_id> lost;
  for (const auto& [shard, epoch] : parts_.held)
    if (const auto at = mine.find(shard); at == mine.end() || at->second != epoch)
      lost.push_back(shard);
  if (lost.empty())
    return error{errc::io_error, "the fences of a commit do not hold, and none is another's"};
  let_go(lost);
  return {};
}

// ---- what is held
// --------------------------------------------------------------------------------

std::vector<shard_id> postgres_journal::held() const {
  std::vector<shard_id> all;
  for (const auto& [shard, epoch] : parts_.held)
    all.push_back(shard);
  return all;
}

void postgres_journal::let_go(std::span<const shard_id> shards) {
  std::vector<shard_id> gone;
  ledgers totals = parts_.state->totals();
  for (const shard_id each : shards)
    if (parts_.held.erase(each) > 0) {
      gone.push_back(each);
      subtract(totals, parts_.totals[raw(each)]);
      parts_.totals[raw(each)] = {};
    }
  parts_.state->let_go(gone);
  parts_.state->resume(parts_.state->next_sequence(), totals);
  parts_.window->forget(gone);
  saved_.forget(gone);
  show_held();
}

result<void> postgres_journal::adopt(std::span<const held_shard> shards,
                                     const std::function<void(const pending_event&)>& each) {
  SKEIN_CHECK(!closed_);
  if (auto there = reconnect(); !there)
    return there;
  // One that is held at an older epoch was another's in between, who has let it go.
  std::vector<shard_id> again;
  for (const held_shard& one : shards)
    if (parts_.held.contains(one.shard))
      again.push_back(one.shard);
  let_go(again);
  auto adopted = adopt_shards(parts_, shards, saved_, each);
  last_commit_ = parts_.last_xid;
  show_held();
  show_window();
  return adopted;
}

void postgres_journal::release(std::span<const shard_id> shards) {
  std::vector<shard_id> mine;
  for (const shard_id each : shards)
    if (parts_.held.contains(each))
      mine.push_back(each);
  // What fails here costs the next owner a look at more commits, or a turn a crash that was none.
  if (!mine.empty() && why_stopped_.empty() && reconnect()) {
    static_cast<void>(saved_.save(*parts_.db, parts_.owner_name, *parts_.state, *parts_.window,
                                  parts_.held, parts_.last_xid));
    static_cast<void>(clear_marks(mine));
  }
  let_go(mine);
}

void postgres_journal::show_held() { shown_->set(held()); }

void postgres_journal::show_window() {
  const auto now = parts_.window->counted();
  const std::scoped_lock hold{facts_mutex_};
  dedupe_ = now;
}

result<void> postgres_journal::fence(shard_id shard, epoch_no epoch) {
  const auto at = parts_.held.find(shard);
  if (at != parts_.held.end() && at->second == epoch)
    return {};
  return error{errc::fenced, "the epoch of shard " + std::to_string(raw(shard)) +
                                 " comes with its lease, and is another one"};
}

// ---- names
// ---------------------------------------------------------------------------------------

result<agent_no> postgres_journal::agent_number(std::string_view name) {
  if (name.empty() || name.size() > limits::agent_name_bytes_max)
    return error{errc::invalid_argument, "an agent's name has 1 to 64 bytes"};
  for (int tries = 0; tries < 2; ++tries) {
    const auto& names = parts_.agents;
    const auto found = std::find(names.begin(), names.end(), name);
    if (found != names.end())
      return agent_no{static_cast<std::uint16_t>(found - names.begin())};
    if (names.size() >= limits::agents_max)
      return error{errc::too_large, "a store knows 65,535 agents' names at most"};
    if (auto there = reconnect(); !there)
      return there.error();
    // One after the other, so that numbers have no gaps.
    const auto added = parts_.db->transact([&]() -> result<void> {
      if (const auto locked = parts_.db->run("LOCK TABLE agent IN SHARE ROW EXCLUSIVE MODE");
          !locked)
        return locked.error();
      pg_params params;
      params.bytes(name);
      const auto done = parts_.db->execute(add_agent, params);
      return done ? result<void>{} : done.error();
    });
    if (!added)
      return added.error();
    if (auto loaded = load_agents(parts_); !loaded)
      return loaded.error();
  }
  return error{errc::internal, "an agent that was added is not there"};
}

/// One step of the index an agent, not one a key.
result<std::vector<agent_no>> postgres_journal::agents_with_state() {
  if (auto there = reconnect(); !there)
    return there.error();
  const auto rows = parts_.db->query(
      "WITH RECURSIVE found AS (SELECT min(agent) AS agent FROM state UNION ALL "
      "SELECT (SELECT min(agent) FROM state WHERE agent > f.agent) FROM found f "
      "WHERE f.agent IS NOT NULL) SELECT agent FROM found WHERE agent IS NOT NULL");
  if (!rows)
    return rows.error();
  std::vector<agent_no> all;
  for (int row = 0; row < rows->size(); ++row)
    all.push_back(agent_no{static_cast<std::uint16_t>(rows->integer(row, 0))});
  return all;
}

result<std::unique_ptr<reader>> postgres_journal::new_reader() {
  return open_postgres_reader({.database = connection_of(parts_.options, "skein reader"),
                               .hash = parts_.identity.hash,
                               .range_events = parts_.options.store.range_events,
                               .held = shown_});
}

engine::io_counters postgres_journal::counters() const {
  io_counters all;
  all.commits = commits_;
  all.syncs = commits_;
  const std::scoped_lock hold{facts_mutex_};
  all.dedupe_entries = dedupe_.identities;
  all.dedupe_in_memory = dedupe_.in_memory;
  all.dedupe_buckets = dedupe_.buckets;
  all.dedupe_bytes = dedupe_.bytes;
  all.dedupe_reads = dedupe_.reads;
  all.dedupe_false_reads = dedupe_.false_reads;
  all.dedupe_entries_max = parts_.options.store.dedupe_entries_max;
  return all;
}

engine::retention_facts postgres_journal::retention() const {
  const std::scoped_lock hold{facts_mutex_};
  return facts_;
}

} // namespace skein::journal
