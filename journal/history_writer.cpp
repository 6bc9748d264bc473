#include "journal/history_writer.hpp"

#include "journal/sqlite_journal.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace skein::journal {

namespace {

/// Of one commit: what is gathered in memory.
constexpr std::size_t rows_max = limits::commit_operations_max;
constexpr std::size_t bytes_max = 32 << 20;
constexpr std::size_t states_max = 256;

error out_of_order(std::uint64_t sequence, const std::string& why) {
  return {errc::invalid_argument, "event " + std::to_string(sequence) + " " + why};
}

void add_ledger(ledger& to, const ledger& more) {
  for (const auto part : {&ledger::accepted, &ledger::done, &ledger::dead, &ledger::cancelled,
                          &ledger::superseded, &ledger::expired, &ledger::purged})
    to.*part += more.*part;
}

delivery_list agents_of(const event_record& record) {
  delivery_list agents;
  for (const delivery_record& each : record.deliveries)
    agents.add(each.agent);
  return agents;
}

sqlite_options options_of(const std::string& directory, std::uint32_t shards) {
  sqlite_options options{.directory = directory, .store = {.shards = shards}};
  // What a store held it may hold again.
  options.store.dedupe_entries_max = std::size_t{1} << 31;
  return options;
}

} // namespace

history_writer::history_writer(std::unique_ptr<sqlite_parts> parts, std::vector<std::string> agents)
  : parts_{std::move(parts)}, agents_{std::move(agents)} {}

history_writer::~history_writer() = default;

result<std::unique_ptr<history_writer>> history_writer::make(const std::string& directory,
                                                             const store_identity& identity,
                                                             std::vector<std::string> agents) {
  sqlite_options options = options_of(directory, identity.hash.shards);
  options.identity = identity;
  auto parts = open_parts(options);
  if (!parts)
    return parts.error();
  SKEIN_CHECK(raw(parts->last_commit) == 0);
  // Nothing counts before finish(), which syncs what was moved into the file.
  if (auto set = parts->writer->db().run("PRAGMA synchronous=NORMAL"); !set)
    return set.error();
  return std::unique_ptr<history_writer>{
      new history_writer{std::make_unique<sqlite_parts>(std::move(*parts)), std::move(agents)}};
}

void history_writer::begin_at(const kept_part& kept, instant oldest) {
  SKEIN_CHECK(next_ == 1 && raw(parts_->last_commit) == 0);
  if (raw(kept.first_commit) == 1)
    return;
  kept_ = kept;
  oldest_ = oldest;
  is_old_ = true;
  parts_->last_commit = commit_no{raw(kept.first_commit) - 1};
  parts_->last_digest = kept.before;
}

result<void> history_writer::check(const past_event& event) const {
  const event_record& record = event.record;
  const bool is_after_gap = record.event.sequence > next_ && next_ < kept_.swept_to &&
                            record.event.sequence <= kept_.swept_to;
  if (record.event.sequence != next_ && !is_after_gap)
    return out_of_order(record.event.sequence,
                        "stands where number " + std::to_string(next_) + " must be");
  if (raw(record.event.shard) >= parts_->identity.hash.shards)
    return out_of_order(next_, "is of a shard that the store has not");
  if (record.accepted < parts_->last_at)
    return out_of_order(next_, "was accepted before the one that stands before it");
  for (const delivery_record& each : record.deliveries) {
    if (raw(each.agent) >= agents_.size())
      return out_of_order(next_, "has an agent that is not known");
    if (is_terminal(each.state) && each.committed < record.accepted)
      return out_of_order(next_, "ended before it was accepted");
  }
  return {};
}

result<void> history_writer::add(past_event event) {
  if (auto fits = check(event); !fits)
    return fits;
  const event_record& record = event.record;
  if (auto done = go_on_to(record.accepted); !done)
    return done;
  if (is_old_ && record.event.sequence >= kept_.first_event)
    if (auto done = end_old_part(); !done)
      return done;
  if (auto done = join(record.accepted); !done)
    return done;
  next_ = record.event.sequence + 1;
  accept_op op;
  op.event.shard = record.event.shard;
  op.event.identity = event.identity;
  op.event.content = event.content;
  op.event.priority = record.priority;
  op.event.due = record.due;
  op.event.expires = record.expires;
  op.event.body = record.body;
  op.deliveries = agents_of(record);
  bytes_ += record.body.size();
  accepted_.push_back(std::move(op));
  staged_.events.push_back({record.event, &accepted_.back()});
  ++totals_.events.accepted;
  totals_.deliveries.accepted += record.deliveries.size();
  if (record.deliveries.empty())
    ++totals_.events.done;
  else
    pending_.add(record.event,
                 static_cast<pending_set::mask>((1u << record.deliveries.size()) - 1));
  expect_ends(event);
  return {};
}

/// The last end of an event says what became of the event.
void history_writer::expect_ends(const past_event& event) {
  const event_record& record = event.record;
  const delivery_state whole = record.state();
  std::size_t last = 0;
  for (std::size_t i = 0; i < record.deliveries.size(); ++i)
    if (record.deliveries[i].committed >= record.deliveries[last].committed)
      last = i;
  for (std::size_t i = 0; i < record.deliveries.size(); ++i) {
    const delivery_record& each = record.deliveries[i];
    const delivery_id delivery{record.event, static_cast<std::uint8_t>(i)};
    for (const attempt_record& failed : each.attempts)
      expect_attempt(delivery, each.agent, failed, record.accepted);
    if (each.slept.attempt != 0) // the earlier ones are known by the numbers of the turns
      expect_attempt(delivery, each.agent, each.slept, record.accepted);
    if (!is_terminal(each.state)) {
      if (i < event.starts.size() && event.starts[i].crashes > 0)
        starts_.emplace_back(delivery, event.starts[i]);
      continue;
    }
    later one;
    one.at = each.committed;
    one.is_end = true;
    one.end.delivery = delivery;
    one.end.agent = each.agent;
    one.end.state = each.state;
    one.end.event_state = is_terminal(whole) && i == last ? whole : delivery_state::pending;
    one.end.attempt = each.attempt;
    one.end.started = each.started;
    one.end.finished = each.finished;
    one.end.code = each.code;
    one.end.error = each.error;
    one.end.reply_kind = each.reply_kind;
    one.end.reply = each.reply;
    one.end.emits.resize(each.emitted);
    push(std::move(one));
  }
}

void history_writer::expect_attempt(const delivery_id& delivery, agent_no agent,
                                    const attempt_record& of, instant accepted) {
  later one;
  one.at = std::max(accepted, of.finished);
  one.failed.delivery = delivery;
  one.failed.agent = agent;
  one.failed.attempt = of.attempt;
  one.failed.started = of.started;
  one.failed.finished = of.finished;
  one.failed.code = of.code;
  one.failed.error = of.error;
  one.failed.next_due = of.next_due;
  push(std::move(one));
}

void history_writer::push(later what) {
  what.order = order_++;
  later_.push(std::move(what));
}

/// Everything that happened before this time.
result<void> history_writer::go_on_to(instant at) {
  while (!later_.empty() && later_.top().at < at) {
    later next = std::move(const_cast<later&>(later_.top()));
    later_.pop();
    if (auto done = stage(std::move(next)); !done)
      return done;
  }
  return {};
}

/// What comes next belongs to a commit of this time.
result<void> history_writer::join(instant at) {
  const std::size_t rows =
      staged_.events.size() + staged_.outcomes.size() + staged_.attempts.size();
  const bool has_time = !staged_.events.empty() || !staged_.outcomes.empty();
  if ((has_time && at != staged_.at) || rows >= rows_max || bytes_ >= bytes_max)
    if (auto done = seal(); !done)
      return done;
  staged_.at = at;
  parts_->last_at = at;
  return {};
}

/// A failed attempt goes with whatever is written next: no row says when it was committed.
result<void> history_writer::stage(later what) {
  if (!what.is_end) {
    failed_.push_back(std::move(what.failed));
    staged_.attempts.push_back(&failed_.back());
    return {};
  }
  if (is_old_ && what.at >= oldest_)
    if (auto done = end_old_part(); !done)
      return done;
  if (auto done = join(what.at); !done)
    return done;
  ended_.push_back(std::move(what.end));
  const finish_op& end = ended_.back();
  bytes_ += end.reply.size();
  staged_.outcomes.push_back(&end);
  count_terminal(totals_.deliveries, end.state);
  if (pending_.remove(end.delivery).live == 0) {
    SKEIN_CHECK(is_terminal(end.event_state));
    count_terminal(totals_.events, end.event_state);
    if (end.delivery.event.sequence < kept_.swept_to && end.event_state != delivery_state::dead)
      staged_.late.push_back(end.delivery.event.sequence);
  }
  return {};
}

/// From here on there are commits.
result<void> history_writer::end_old_part() {
  if (!staged_.empty())
    if (auto done = seal(); !done)
      return done;
  is_old_ = false;
  if (next_ < kept_.swept_to)
    next_ = kept_.swept_to;
  if (next_ != kept_.first_event)
    return out_of_order(next_, "is missing");
  fit_dropped();
  totals_written_ = totals_;
  low_water_ = pending_.lowest(next_);
  written_at_ = oldest_;
  return parts_->writer->transact([&] { return kept_.save(parts_->writer->db()); });
}

/// So many as there are numbers; which of them are lost and which were dropped nobody knows.
void history_writer::fit_dropped() {
  ledger& gone = kept_.dropped.events;
  const std::uint64_t numbers = kept_.first_event - 1 - totals_.events.accepted;
  std::uint64_t more = gone.accepted > numbers ? gone.accepted - numbers : 0;
  gone.purged += gone.accepted < numbers ? numbers - gone.accepted : 0;
  for (std::uint64_t* each :
       {&gone.done, &gone.purged, &gone.superseded, &gone.cancelled, &gone.expired}) {
    const std::uint64_t taken = std::min(*each, more);
    *each -= taken;
    more -= taken;
  }
  gone.accepted = numbers;
  add_ledger(totals_.events, gone);
  add_ledger(totals_.deliveries, kept_.dropped.deliveries);
}

/// With the number that it had, if no other has it.
result<void> history_writer::seal() {
  if (!is_old_)
    if (auto done = fill_up_to(staged_.at); !done)
      return done;
  if (auto done = write_commit(); !done)
    return done;
  accepted_.clear();
  ended_.clear();
  failed_.clear();
  states_.clear();
  bytes_ = 0;
  staged_ = {};
  return {};
}

/// Commits of which nothing is left keep their numbers, as empty ones.
result<void> history_writer::fill_up_to(instant at) {
  staged_batch gathered;
  std::swap(gathered, staged_);
  result<void> done;
  while (done) {
    const std::uint64_t next = raw(parts_->last_commit) + 1;
    while (!known_.empty() && raw(known_.front().number) < next)
      known_.pop_front();
    if (known_.empty() || known_.front().at > at)
      break;
    const known_commit first = known_.front();
    if (raw(first.number) == next)
      known_.pop_front();
    if (raw(first.number) == next && first.at == at)
      break; // the number of what is gathered
    staged_.at = raw(first.number) == next ? std::max(first.at, written_at_) : written_at_;
    done = write_empty(next_ - gathered.events.size());
  }
  std::swap(gathered, staged_);
  return done;
}

result<void> history_writer::write_empty(std::uint64_t first_event) {
  return write({.number = {},
                .staged = &staged_,
                .first_event = first_event,
                .totals = &totals_written_,
                .low_water = low_water_,
                .new_agents = {},
                .first_agent = agents_written_});
}

result<void> history_writer::write_commit() {
  low_water_ = pending_.lowest(next_);
  totals_written_ = totals_;
  auto written = write({.number = {},
                        .staged = &staged_,
                        .first_event = next_ - staged_.events.size(),
                        .totals = &totals_,
                        .low_water = low_water_,
                        .new_agents = std::span{std::as_const(agents_)}.subspan(agents_written_),
                        .first_agent = agents_written_});
  agents_written_ = agents_.size();
  return written;
}

result<void> history_writer::write(commit_rows rows) {
  rows.number = commit_no{raw(parts_->last_commit) + 1};
  sealed_.make(rows, parts_->last_digest);
  if (is_old_) {
    auto done = parts_->writer->write_rows(sealed_);
    parts_->writer->checkpoint(false);
    return done;
  }
  if (auto written = parts_->writer->write(sealed_); !written)
    return written;
  written_at_ = rows.staged->at;
  parts_->last_commit = rows.number;
  parts_->last_digest = sealed_.digest();
  parts_->writer->checkpoint(false);
  return {};
}

/// All that came of the events, and the numbers that are left.
result<void> history_writer::write_events() {
  if (std::exchange(events_written_, true))
    return {};
  if (auto done = go_on_to(instant::max()); !done)
    return done;
  if (is_old_)
    if (auto done = end_old_part(); !done)
      return done;
  if (staged_.at == no_instant)
    staged_.at = written_at_;
  if (!staged_.empty() || agents_written_ < agents_.size())
    if (auto done = seal(); !done)
      return done;
  return fill_up_to(instant::max());
}

result<void> history_writer::add_state(agent_no agent, std::string key, slice value) {
  if (raw(agent) >= agents_.size())
    return error{errc::invalid_argument, "a state is of an agent that is not known"};
  if (auto done = write_events(); !done)
    return done;
  staged_.at = written_at_;
  states_.push_back({std::move(key), false, std::move(value)});
  staged_.states.push_back({agent, &states_.back()});
  return staged_.states.size() < states_max ? result<void>{} : seal();
}

result<void> history_writer::finish() {
  if (auto done = write_events(); !done)
    return done;
  staged_.at = written_at_;
  staged_.starts = std::move(starts_);
  if (!staged_.empty())
    if (auto done = seal(); !done)
      return done;
  sqlite_writer& writer = *parts_->writer;
  if (auto set = writer.db().run("PRAGMA synchronous=FULL"); !set)
    return set;
  if (auto moved = writer.checkpoint_and_truncate(); !moved)
    return moved;
  if (auto marked = parts_->mark->write(parts_->last_commit, parts_->last_digest); !marked)
    return marked;
  const std::string directory = parts_->options.directory;
  const std::uint32_t shards = parts_->identity.hash.shards;
  parts_.reset();
  return settle_store(directory, shards);
}

result<void> settle_store(const std::string& directory, std::uint32_t shards) {
  auto opened = open_sqlite(options_of(directory, shards));
  if (!opened)
    return opened.error();
  if (auto read = (*opened)->recover([](const pending_event&) {}); !read)
    return read;
  if (auto closed = (*opened)->close(); !closed)
    return closed;
  opened->reset();
  // Only the file is moved from where it was made.
  std::error_code absent;
  const std::string log = directory + "/journal.db-wal";
  if (std::filesystem::file_size(log, absent) > 0 && !absent)
    return error{errc::store_locked, log + " is not empty: another program reads the new store"};
  return {};
}

} // namespace skein::journal
