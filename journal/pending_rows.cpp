#include "journal/pending_rows.hpp"

#include "journal/sqlite_codec.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

namespace {

/// Numbers that lie closer together than this are read in one go, with what lies between them.
constexpr std::uint64_t gap_max = 32;

std::int64_t first_row(std::uint64_t sequence) { return static_cast<std::int64_t>(sequence * 16); }

/// Of a delivery of this event, or one whose state is known to be terminal.
result<void> read_states(pending_delivery& event, rows_by_delivery& outcomes,
                         const unchecked_rows& old) {
  delivery_id each = event.delivery;
  for (each.index = 0; each.index < event.siblings.size(); ++each.index) {
    delivery_state& state = event.sibling_states[each.index];
    state = delivery_state::pending;
    if (!outcomes.is_at(row_of(each)))
      continue;
    const auto outcome = small_outcome_at(outcomes.row(), old);
    if (!outcome)
      return outcome.error();
    state = static_cast<delivery_state>(outcome->state);
  }
  return {};
}

result<void> read_attempts(pending_delivery& delivery, rows_by_delivery& attempts,
                           const unchecked_rows& old) {
  std::uint32_t failed = 0;
  bool has_slept = false;
  for (; attempts.is_at(row_of(delivery.delivery)); attempts.next()) {
    const auto attempt = attempt_at(attempts.row(), old);
    if (!attempt)
      return attempt.error();
    delivery.attempts = static_cast<std::uint32_t>(attempt->attempt);
    delivery.asleep = static_cast<errc>(attempt->code) == errc::none;
    delivery.next_due = attempt->next_due;
    failed += delivery.asleep ? 0u : 1u;
    has_slept = has_slept || delivery.asleep;
  }
  delivery.sleeps = has_slept ? std::max(delivery.attempts, failed) - failed : 0;
#ifdef SKEIN_BUG_ATTEMPT_RESET_AT_BOOT
  delivery.attempts = 0;
#endif
  return {};
}

/// All that the row of an event says of its deliveries.
result<pending_delivery> read_event(statement& row, const unchecked_rows& old) {
  const auto event = small_event_at(row, old);
  if (!event)
    return event.error();
  pending_delivery found;
  found.delivery.event = {shard_id{static_cast<std::uint32_t>(event->shard)},
                          static_cast<std::uint64_t>(event->no)};
  const auto deliveries = read_deliveries(event->deliveries);
  if (!deliveries)
    return damaged_store("event " + std::to_string(event->no) + " is not readable");
  found.siblings = *deliveries;
  found.accepted = from_ns(event->at);
  found.key = event->key;
  found.due = event->due;
  found.expires = event->expires;
  found.priority = static_cast<priority_class>(event->priority);
  found.body = event->body.empty() ? slice{} : slice{std::string{event->body}};
  return found;
}

} // namespace

result<void> pending_rows::prepare(database& db) {
  return db.prepare_all(
      {{&events_,
        "SELECT " SKEIN_EVENT_COLUMNS_SMALL " FROM event WHERE no >= ? AND no <= ? ORDER BY no"},
       {&outcomes_,
        "SELECT " SKEIN_OUTCOME_COLUMNS_SMALL " FROM outcome WHERE id >= ? AND id < ? ORDER BY id"},
       {&attempts_, "SELECT " SKEIN_ATTEMPT_COLUMNS
                    " FROM attempt WHERE id >= ? AND id < ? ORDER BY id, attempt"},
       {&starts_, "SELECT id, mark, crashes FROM start WHERE id >= ? AND id < ? ORDER BY id"}});
}

result<pending_rows::found> pending_rows::read(std::span<const std::uint64_t> sequences,
                                               const unchecked_rows& old) {
  found all;
  all.rows.reserve(sequences.size());
  std::size_t first = 0;
  for (std::size_t next = 1; next <= sequences.size(); ++next) {
    if (next < sequences.size() && sequences[next] - sequences[next - 1] <= gap_max)
      continue;
    if (auto done = read_run(sequences.subspan(first, next - first), old, all); !done)
      return done.error();
    first = next;
  }
  return all;
}

/// What cannot be read is narrowed down by halves: the others do not wait for it.
result<void> pending_rows::read_run(run_of_events run, const unchecked_rows& old, found& into) {
  if (run.empty())
    return {};
  const std::size_t rows = into.rows.size();
  const std::size_t unread = into.unread.size();
  auto done = try_run(run, old, into);
  if (done || !is_unreadable(done.error().code))
    return done;
  into.rows.resize(rows);
  into.unread.resize(unread);
  if (run.size() == 1) {
    into.unread.push_back({run.front(), done.error(), true, read_alone(run.front(), old)});
    return {};
  }
  for (const run_of_events half : {run.first(run.size() / 2), run.subspan(run.size() / 2)})
    if (done = read_run(half, old, into); !done)
      return done;
  return {};
}

struct pending_rows::cursors {
  statement& event;
  rows_by_delivery outcomes, attempts, starts;
};

result<void> pending_rows::try_run(run_of_events run, const unchecked_rows& old, found& into) {
  const reset_at_end end{events_};
  events_.bind(1, run.front()).bind(2, run.back());
  for (statement* which : {&outcomes_, &attempts_, &starts_})
    which->bind(1, first_row(run.front())).bind(2, first_row(run.back() + 1));
  cursors at{events_, rows_by_delivery{outcomes_}, rows_by_delivery{attempts_},
             rows_by_delivery{starts_}};
  auto wanted = run.begin();
  const auto is_missing = [&](std::uint64_t below) {
    for (; wanted != run.end() && *wanted < below; ++wanted)
      into.unread.push_back({*wanted,
                             damaged_store("event " + std::to_string(*wanted) + " is not there"),
                             false,
                             {}});
  };
  int code = SQLITE_OK;
  while ((code = events_.step()) == SQLITE_ROW) {
    is_missing(events_.natural(0));
    if (wanted == run.end() || *wanted != events_.natural(0))
      continue;
    const std::size_t before = into.rows.size();
    if (auto added = add_event(at, old, into); !added) {
      into.rows.resize(before);
      into.unread.push_back({*wanted, added.error(), false, {}});
    }
    ++wanted;
  }
  if (code != SQLITE_DONE)
    return sqlite_error(events_.db(), code, "reading what is pending");
  is_missing(run.back() + 1);
  for (rows_by_delivery* rows : {&at.outcomes, &at.attempts, &at.starts})
    if (auto whole = rows->check(); !whole)
      return whole;
  return {};
}

/// What the event's row says, if that can be read.
std::optional<pending_delivery> pending_rows::read_alone(std::uint64_t sequence,
                                                         const unchecked_rows& old) {
  const reset_at_end end{events_};
  if (events_.bind(1, sequence).bind(2, sequence).step() != SQLITE_ROW)
    return std::nullopt;
  auto event = read_event(events_, old);
  return event ? std::optional{std::move(*event)} : std::nullopt;
}

/// The deliveries that are pending of the event that the cursors are at.
result<void> pending_rows::add_event(cursors& at, const unchecked_rows& old, found& into) {
  auto event = read_event(at.event, old);
  if (!event)
    return event.error();
  if (auto done = read_states(*event, at.outcomes, old); !done)
    return done;
  for (std::size_t i = 0; i < event->siblings.size(); ++i) {
    if (is_terminal(event->sibling_states[i]))
      continue;
    pending_delivery each = *event;
    each.delivery.index = static_cast<std::uint8_t>(i);
    each.agent = each.siblings[i];
    if (auto done = read_attempts(each, at.attempts, old); !done)
      return done;
    if (at.starts.is_at(row_of(each.delivery))) {
      each.mark = static_cast<start_mark>(at.starts.row().integer(1));
      each.crashes = static_cast<std::uint32_t>(at.starts.row().integer(2));
    }
    into.rows.push_back(std::move(each));
  }
  return {};
}

} // namespace skein::journal
