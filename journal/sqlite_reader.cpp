#include "journal/sqlite_reader.hpp"

#include "journal/checked_rows.hpp"
#include "journal/event_match.hpp"
#include "journal/event_time.hpp"
#include "journal/lookup_search.hpp"
#include "journal/payload_bytes.hpp"
#include "journal/pending_rows.hpp"
#include "journal/pending_view.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_db.hpp"
#include "journal/timer_buckets.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace skein::journal {

namespace {

/// Pending events of one snapshot: read in about limits::journal_reader_patience.
constexpr std::size_t rows_of_snapshot = 256;

error unreadable(const event_record& record) {
  return damaged_store("event " + std::to_string(record.event.sequence) + " is not readable");
}

event_id event_of(const event_columns& row) {
  return {shard_id{static_cast<std::uint32_t>(row.shard)}, static_cast<std::uint64_t>(row.no)};
}

slice copy(std::string_view bytes) { return bytes.empty() ? slice{} : slice{std::string{bytes}}; }

bool is_head_needed(const event_filter& filter) {
  return filter.source || filter.id || filter.type;
}
bool is_head_needed(const dead_filter& filter) { return filter.type.has_value(); }

bool head_matches(const event_filter& filter, const event_head& head) {
  return (!filter.source || head.source == *filter.source) &&
         (!filter.id || head.id == *filter.id) && (!filter.type || head.type == *filter.type);
}
bool head_matches(const dead_filter& filter, const event_head& head) {
  return head.type == *filter.type;
}

/// What a filter says of the columns of an event, before its deliveries are read. The body, which
/// may lie on many pages, is looked at only if it must be.
template <class Filter>
bool may_match(const Filter& filter, statement& row) {
  return (!filter.key || row.text(3) == *filter.key) &&
         (!is_head_needed(filter) || head_matches(filter, read_head(row.blob(8))));
}

class sqlite_reader final : public reader {
 public:
  sqlite_reader(database db, lookup_view lookups, of_writer shared)
    : pages_{std::move(shared.pages)}, db_{std::move(db)}, lookups_{std::move(lookups)},
      trouble_{std::move(shared.trouble)}, gate_{shared.gate ? std::move(shared.gate)
                                                             : std::make_shared<read_gate>()} {}

  result<void> prepare();

  result<std::optional<event_record>> find(event_id event) override;
  result<std::vector<slice>> bodies(std::span<const event_id> events) override;
  result<event_page> list(const event_filter& filter) override;
  result<event_page> list_dead(const dead_filter& filter) override;
  result<std::vector<pending_delivery>> pending(std::span<const std::uint64_t> sequences) override;
  result<timer_page> timers(const timer_query& which) override;
  result<std::optional<slice>> state_of(agent_no agent, std::string_view key) override;
  result<state_page> states(agent_no agent, std::string_view after, std::string_view before,
                            std::size_t limit) override;
  result<feed> commits_after(commit_no after, std::size_t limit) override;

 private:
  /// All statements in the life of one see one state of the store.
  class snapshot {
   public:
    explicit snapshot(sqlite_reader& of) : visit_{*of.gate_}, commit_{of.commit_} {
      if (const int code = of.begin_.run(); code != SQLITE_DONE)
        begun_ = of.failed(code);
    }
    ~snapshot() { commit_.run(); }
    snapshot(const snapshot&) = delete;
    snapshot& operator=(const snapshot&) = delete;
    const result<void>& begun() const noexcept { return begun_; }

   private:
    read_gate::visit visit_; // ends after the transaction
    statement& commit_;
    result<void> begun_;
  };
  error failed(int code) { return sqlite_error(db_.raw(), code, "reading the store"); }

  /// The record of the event that `row` is at.
  result<event_record> read_event(statement& row);
  result<void> read_outcomes(event_record& record);
  result<void> read_attempts(event_record& record);
  result<event_bounds> bounds_of(std::uint64_t before);
  result<event_bounds> bounds_of(const event_filter& filter);
  std::unique_ptr<event_walk> walk_for(const event_filter& filter, const event_bounds& within,
                                       lookup_tail::ranges tail, pending_view* pending);
  result<std::vector<pending_delivery>> pending_portion(std::span<const std::uint64_t> sequences);
  template <class Filter>
  result<event_page> page(event_walk& walk, const Filter& filter);
  result<void> read_accepted(std::int64_t first, std::int64_t count, feed_commit& into);

  std::shared_ptr<const page_hints> pages_; // outlives the connection
  database db_;
  statement begin_, commit_;
  statement find_, dead_, failed_, outcomes_, attempts_, state_, states_, commits_, accepted_;
  lookup_view lookups_;
  lookup_statements search_;
  pending_rows pending_;
  unread_pending unread_;
  pending_statements pending_marks_;
  timer_reader timers_;
  std::shared_ptr<reader_trouble> trouble_; // null: nobody makes anything anew
  std::shared_ptr<read_gate> gate_;
  unchecked_rows old_;
};

result<void> sqlite_reader::prepare() {
  if (auto prepared = db_.prepare_all(
          {{&begin_, "BEGIN"},
           {&commit_, "COMMIT"},
           {&find_, "SELECT " SKEIN_EVENT_COLUMNS " FROM event WHERE no = ? AND shard = ?"},
           {&dead_, "SELECT id FROM dead WHERE id < ? AND id >= ? ORDER BY id DESC"},
           {&failed_, "SELECT id FROM attempt WHERE id < ? AND id >= ? ORDER BY id DESC"},
           {&outcomes_,
            "SELECT " SKEIN_OUTCOME_COLUMNS " FROM outcome WHERE id >= ? AND id < ? ORDER BY id"},
           {&attempts_, "SELECT " SKEIN_ATTEMPT_COLUMNS
                        " FROM attempt WHERE id >= ? AND id < ? ORDER BY id, attempt"},
           {&state_, "SELECT value, crc FROM state WHERE agent = ? AND key = ?"},
           {&states_, "SELECT value, crc, key FROM state WHERE agent = ? AND key > ? ORDER BY key"},
           {&commits_,
            "SELECT " SKEIN_COMMIT_COLUMNS " FROM commits WHERE no > ? ORDER BY no LIMIT ?"},
           {&accepted_, "SELECT " SKEIN_EVENT_COLUMNS_SMALL
                        " FROM event WHERE no >= ? AND no < ? ORDER BY no"}});
      !prepared)
    return prepared;
  auto old = unchecked_rows::of(db_);
  if (!old)
    return old.error();
  old_ = *old;
  for (auto ready : {pending_.prepare(db_), pending_marks_.prepare(db_), timers_.prepare(db_),
                     search_.prepare(db_, pages_)})
    if (!ready)
      return ready;
  return {};
}

result<event_record> sqlite_reader::read_event(statement& row) {
  const auto event = event_at(row, old_);
  if (!event)
    return event.error();
  event_record record;
  record.event = event_of(*event);
  record.accepted = from_ns(event->at);
  record.due = event->due;
  record.expires = event->expires;
  record.priority = static_cast<priority_class>(event->priority);
  const auto agents = read_deliveries(event->deliveries);
  if (!agents)
    return unreadable(record);
  record.body = copy(event->body);
  record.deliveries.resize(agents->size());
  for (std::size_t i = 0; i < agents->size(); ++i)
    record.deliveries[i].agent = (*agents)[i];
  if (agents->empty())
    return record;
  if (auto done = read_attempts(record); !done)
    return done.error();
  if (auto done = read_outcomes(record); !done)
    return done.error();
  return record;
}

result<void> sqlite_reader::read_outcomes(event_record& record) {
  const reset_at_end end{outcomes_};
  const delivery_id first{record.event, 0};
  outcomes_.bind(1, row_of(first)).bind(2, row_of(first) + 16);
  int code = SQLITE_OK;
  while ((code = outcomes_.step()) == SQLITE_ROW) {
    const auto outcome = outcome_at(outcomes_, old_);
    if (!outcome)
      return outcome.error();
    const std::uint64_t index = static_cast<std::uint64_t>(outcome->id) % 16;
    if (index >= record.deliveries.size())
      return unreadable(record);
    delivery_record& each = record.deliveries[index];
    each.state = static_cast<delivery_state>(outcome->state);
    each.attempt = static_cast<std::uint32_t>(outcome->attempt);
    each.started = outcome->started;
    each.finished = outcome->finished;
    each.committed = from_ns(outcome->at);
    each.code = static_cast<errc>(outcome->code);
    each.error = outcome->error;
    each.reply_kind = static_cast<data_kind>(outcome->reply_kind);
    each.reply = copy(outcome->reply);
    each.emitted = static_cast<std::uint32_t>(outcome->emitted);
  }
  return code == SQLITE_DONE ? result<void>{} : failed(code);
}

result<void> sqlite_reader::read_attempts(event_record& record) {
  const reset_at_end end{attempts_};
  const delivery_id first{record.event, 0};
  attempts_.bind(1, row_of(first)).bind(2, row_of(first) + 16);
  int code = SQLITE_OK;
  while ((code = attempts_.step()) == SQLITE_ROW) {
    const auto attempt = attempt_at(attempts_, old_);
    if (!attempt)
      return attempt.error();
    const std::uint64_t index = static_cast<std::uint64_t>(attempt->id) % 16;
    if (index >= record.deliveries.size())
      return unreadable(record);
    record.deliveries[index].add({static_cast<std::uint32_t>(attempt->attempt), attempt->started,
                                  attempt->finished, static_cast<errc>(attempt->code),
                                  std::string{attempt->error}, attempt->next_due});
  }
  return code == SQLITE_DONE ? result<void>{} : failed(code);
}

result<std::optional<event_record>> sqlite_reader::find(event_id event) {
  const snapshot seen{*this};
  if (!seen.begun())
    return seen.begun().error();
  const reset_at_end end{find_};
  find_.bind(1, event.sequence).bind(2, std::int64_t{raw(event.shard)});
  const int code = find_.step();
  if (code == SQLITE_DONE)
    return std::optional<event_record>{};
  if (code != SQLITE_ROW)
    return failed(code);
  auto record = read_event(find_);
  if (!record)
    return record.error();
  return std::optional{std::move(*record)};
}

result<std::vector<slice>> sqlite_reader::bodies(std::span<const event_id> events) {
  const snapshot seen{*this};
  if (!seen.begun())
    return seen.begun().error();
  std::vector<slice> all;
  all.reserve(events.size());
  for (const event_id each : events) {
    const reset_at_end end{find_};
    const int code = find_.bind(1, each.sequence).bind(2, std::int64_t{raw(each.shard)}).step();
    if (code != SQLITE_ROW && code != SQLITE_DONE)
      return failed(code);
    if (code == SQLITE_DONE) {
      all.emplace_back();
      continue;
    }
    const auto event = event_at(find_, old_);
    // A damaged one is as good as absent: its deliveries end dead as store-corrupt, and the others
    // of this call do not wait for it.
    all.push_back(event ? copy(event->body) : slice{});
  }
  return all;
}

/// Rows of one event are of one state; a long call between two snapshots lets the log begin anew.
result<std::vector<pending_delivery>>
sqlite_reader::pending(std::span<const std::uint64_t> sequences) {
  std::vector<pending_delivery> all;
  while (!sequences.empty()) {
    const auto portion = sequences.first(std::min(sequences.size(), rows_of_snapshot));
    auto rows = pending_portion(portion);
    if (!rows)
      return rows;
    all.insert(all.end(), std::move_iterator{rows->begin()}, std::move_iterator{rows->end()});
    sequences = sequences.subspan(portion.size());
  }
  return all;
}

result<std::vector<pending_delivery>>
sqlite_reader::pending_portion(std::span<const std::uint64_t> sequences) {
  const snapshot seen{*this};
  if (!seen.begun())
    return seen.begun().error();
  auto found = pending_.read(sequences, old_);
  if (!found)
    return found.error();
  unread_.were_read(sequences, found->unread);
  if (found->unread.empty())
    return std::move(found->rows);
  const auto end =
      db_.number("SELECT first_event + events FROM commits ORDER BY no DESC LIMIT 1", 1);
  if (!end)
    return end.error();
  std::erase_if(found->unread, [end = static_cast<std::uint64_t>(*end)](const unread_event& each) {
    return each.sequence >= end; // somebody asked for what never was
  });
  if (found->unread.empty())
    return std::move(found->rows);
  pending_view view{pending_marks_, lookups_.layout.range_events, std::nullopt};
  saved_in_view saved{view, old_};
  auto told = unread_.resolve(found->unread, saved, found->rows);
  if (trouble_ && view.met_damage())
    trouble_->pending = true;
  if (!told)
    return told.error();
  return std::move(found->rows);
}

result<timer_page> sqlite_reader::timers(const timer_query& which) {
  const snapshot seen{*this};
  if (!seen.begun())
    return seen.begun().error();
  auto found = timers_.read(which);
  if (!found && trouble_ && is_unreadable(found.error().code))
    trouble_->timers = found.error().code;
  return found;
}

result<event_bounds> sqlite_reader::bounds_of(std::uint64_t before) {
  const auto newest = db_.number("SELECT max(no) FROM event");
  if (!newest)
    return newest.error();
  const std::uint64_t end = static_cast<std::uint64_t>(*newest) + 1;
  return event_bounds{0, before == 0 ? end : std::min(before, end)};
}

result<event_bounds> sqlite_reader::bounds_of(const event_filter& filter) {
  auto bounds = bounds_of(filter.before);
  if (!bounds)
    return bounds;
  if (filter.since != no_instant) {
    const auto first = first_accepted_at(db_, filter.since, old_);
    if (!first)
      return first.error();
    bounds->from = *first;
  }
  if (filter.until != no_instant) {
    const auto end = first_accepted_at(db_, filter.until, old_);
    if (!end)
      return end.error();
    bounds->below = std::min(bounds->below, *end);
  }
  if (filter.state && !is_terminal(*filter.state)) {
    // What is not over lies at the low-water mark or above it.
    const auto low = db_.number("SELECT low_water FROM commits ORDER BY no DESC LIMIT 1");
    if (!low)
      return low.error();
    bounds->from = std::max(bounds->from, static_cast<std::uint64_t>(*low));
  }
  return bounds;
}

std::unique_ptr<event_walk> sqlite_reader::walk_for(const event_filter& filter,
                                                    const event_bounds& within,
                                                    lookup_tail::ranges tail,
                                                    pending_view* pending) {
  if (filter.id || filter.key)
    return std::make_unique<lookup_walk>(search_, lookups_, std::move(tail),
                                         filter.id ? lookup_kind::id : lookup_kind::key,
                                         filter.id ? *filter.id : *filter.key, within, pending);
  if (filter.state == delivery_state::dead)
    return std::make_unique<delivery_walk>(dead_, search_.find, within);
  if (filter.state == delivery_state::retrying)
    return std::make_unique<delivery_walk>(failed_, search_.find, within);
  if (pending != nullptr)
    return std::make_unique<pending_walk>(*pending, search_.find, within);
  return std::make_unique<row_walk>(search_.rows, within);
}

result<event_page> sqlite_reader::list(const event_filter& filter) {
  // Before the moment that is read: what has left memory until then is in the index by then.
  auto tail = lookups_.tail ? lookups_.tail->all() : lookup_tail::ranges{};
  const snapshot seen{*this};
  if (!seen.begun())
    return seen.begun().error();
  const auto within = bounds_of(filter);
  if (!within)
    return within.error();
  pending_view pending{pending_marks_, lookups_.layout.range_events, filter.agent};
  result<bool> is_known = false;
  if (filter.state && !is_terminal(*filter.state))
    if (is_known = pending.open(old_); !is_known)
      return is_known.error();
  return page(*walk_for(filter, *within, std::move(tail), *is_known ? &pending : nullptr), filter);
}

result<event_page> sqlite_reader::list_dead(const dead_filter& filter) {
  const snapshot seen{*this};
  if (!seen.begun())
    return seen.begun().error();
  const auto within = bounds_of(filter.before);
  if (!within)
    return within.error();
  delivery_walk walk{dead_, search_.find, *within};
  return page(walk, filter);
}

template <class Filter>
result<event_page> sqlite_reader::page(event_walk& walk, const Filter& filter) {
  const auto limit = std::clamp<std::size_t>(filter.limit, 1, limits::page_rows_max);
  event_page found;
  std::uint64_t at = 0;
  instant reached = no_instant;
  std::size_t bytes = 0;
  while (true) {
    const bool is_full = found.events.size() >= limit || bytes >= page_bytes_max ||
                         found.scanned >= limits::scan_budget_rows;
    const auto next = walk.next();
    if (!next && !is_full)
      return next.error();
    if (next && *next == nullptr)
      return found;
    if (is_full) // what cannot be read is for the next page to tell
      break;
    statement& row = **next;
    ++found.scanned;
    at = row.natural(0);
    reached = row.time(2);
    if (!may_match(filter, row))
      continue;
    auto record = read_event(row);
    if (!record)
      return record.error();
    if (!matches(filter, *record))
      continue;
    bytes += payload_bytes(*record);
    found.events.push_back(std::move(*record));
  }
  found.next = at;
  found.budget_spent = found.scanned >= limits::scan_budget_rows;
  found.reached = found.budget_spent ? reached : no_instant;
  return found;
}

result<std::optional<slice>> sqlite_reader::state_of(agent_no agent, std::string_view key) {
  const reset_at_end end{state_};
  const int code = state_.bind(1, std::int64_t{raw(agent)}).bind_text(2, key).step();
  if (code == SQLITE_DONE)
    return std::optional<slice>{};
  if (code != SQLITE_ROW)
    return failed(code);
  const auto value = state_at(state_, std::int64_t{raw(agent)}, key, old_);
  if (!value)
    return value.error();
  return std::optional{copy(*value)};
}

result<reader::state_page> sqlite_reader::states(agent_no agent, std::string_view after,
                                                 std::string_view before, std::size_t limit) {
  const reset_at_end end{states_};
  states_.bind(1, std::int64_t{raw(agent)}).bind_text(2, after);
  state_page page;
  std::size_t bytes = 0;
  int code = SQLITE_OK;
  while ((code = states_.step()) == SQLITE_ROW) {
    const std::string_view key = states_.text(2);
    if (!before.empty() && key >= before)
      return page;
    page.more = page.states.size() >= limit || bytes >= page_bytes_max;
    if (page.more) // what cannot be read is for the next page to tell
      return page;
    const auto value = state_at(states_, std::int64_t{raw(agent)}, key, old_);
    if (!value)
      return value.error();
    bytes += key.size() + value->size();
    page.states.emplace_back(key, copy(*value));
  }
  if (code != SQLITE_DONE)
    return failed(code);
  return page;
}

result<void> sqlite_reader::read_accepted(std::int64_t first, std::int64_t count,
                                          feed_commit& into) {
  const reset_at_end end{accepted_};
  accepted_.bind(1, first).bind(2, first + count);
  int code = SQLITE_OK;
  while ((code = accepted_.step()) == SQLITE_ROW) {
    const auto event = small_event_at(accepted_, old_);
    if (!event)
      return event.error();
    into.items.push_back({feed_item::what::accepted, {event_of(*event), 0}});
  }
  return code == SQLITE_DONE ? result<void>{} : failed(code);
}

result<reader::feed> sqlite_reader::commits_after(commit_no after, std::size_t limit) {
  const snapshot seen{*this};
  if (!seen.begun())
    return seen.begun().error();
  const auto newest = db_.number("SELECT max(no) FROM commits");
  if (!newest)
    return newest.error();
  feed found;
  const auto first = db_.number("SELECT first_commit FROM kept", 1);
  if (!first)
    return first.error();
#ifdef SKEIN_BUG_OLD_CURSOR_ACCEPTED
  const std::uint64_t oldest = 1;
#else
  const auto oldest = static_cast<std::uint64_t>(*first);
#endif
  // A cursor of another store or of commits that were lost; or one older than what is kept.
  if (raw(after) > static_cast<std::uint64_t>(*newest) || raw(after) + 1 < oldest) {
    found.reset = true;
    return found;
  }
  const reset_at_end end{commits_};
  commits_.bind(1, raw(after)).bind(2, static_cast<std::int64_t>(limit));
  int code = SQLITE_OK;
  while ((code = commits_.step()) == SQLITE_ROW) {
    const auto commit = commit_at(commits_, old_);
    if (!commit)
      return commit.error();
    feed_commit each{commit_no{static_cast<std::uint64_t>(commit->no)}, from_ns(commit->at), {}};
    if (auto done = read_accepted(commit->first_event, commit->events, each); !done)
      return done.error();
    const auto ended = read_outcome_list(commit->outcomes);
    if (!ended)
      return damaged_store("a commit's outcomes are not readable");
    for (const delivery_id& delivery : *ended)
      each.items.push_back({feed_item::what::outcome, delivery});
    found.commits.push_back(std::move(each));
  }
  if (code != SQLITE_DONE)
    return failed(code);
  return found;
}

} // namespace

result<std::unique_ptr<reader>> open_sqlite_reader(const std::string& file, const std::string& vfs,
                                                   lookup_view lookups, of_writer shared) {
  auto db = database::open(file, {.write = false, .vfs = vfs});
  if (!db)
    return db.error();
  auto made =
      std::make_unique<sqlite_reader>(std::move(*db), std::move(lookups), std::move(shared));
  if (auto ready = made->prepare(); !ready)
    return ready.error();
  return std::unique_ptr<reader>{std::move(made)};
}

} // namespace skein::journal
