#include "journal/checked_rows.hpp"

namespace skein::journal {

namespace {

constexpr std::string_view advice =
    "; keep a copy of the whole directory, then restore a backup or run 'skein journal repair'";

/// The CRC in `column` must be this one; none will do for an old row.
result<void> check(statement& row, int column, std::uint32_t crc, bool is_old, const char* what,
                   std::int64_t number) {
  if (row.is_null(column) ? is_old : row.integer(column) == stored_crc(crc))
    return {};
  return damaged_store(std::string{what} + " " + std::to_string(number) +
                       " is damaged: its bytes do not match its checksum");
}

event_columns read_event(statement& row) {
  return {.no = row.integer(0),
          .shard = row.integer(1),
          .at = row.integer(2),
          .key = row.text(3),
          .due = row.time(4),
          .expires = row.time(5),
          .priority = row.integer(6),
          .deliveries = row.text(7),
          .body = row.blob(8)};
}

outcome_columns read_outcome(statement& row) {
  return {.id = row.integer(0),
          .state = row.integer(1),
          .agent = row.integer(2),
          .attempt = row.integer(3),
          .started = row.time(4),
          .finished = row.time(5),
          .at = row.integer(6),
          .code = row.integer(7),
          .error = row.text(8),
          .reply_kind = row.integer(9),
          .reply = row.blob(10),
          .emitted = row.integer(11)};
}

} // namespace

error damaged_store(const std::string& what) {
  return {errc::store_corrupt, "journal.db: " + what + std::string{advice}};
}

std::string without_advice(std::string what) {
  if (const auto at = what.find(advice); at != std::string::npos)
    what.resize(at);
  return what;
}

result<unchecked_rows> unchecked_rows::of(database& db) {
  const auto events = db.number("SELECT value FROM meta WHERE name = 'unchecked_events'", -1);
  const auto commits = db.number("SELECT value FROM meta WHERE name = 'unchecked_commits'", -1);
  if (!events || !commits)
    return !events ? events.error() : commits.error();
  if (*events < 0 || *commits < 0)
    return damaged_store("the table 'meta' does not say where the checksums begin");
  return unchecked_rows{*events, *commits};
}

result<event_columns> event_at(statement& row, const unchecked_rows& old) {
  const event_columns found = read_event(row);
  if (auto whole = check(row, 9, crc_of(found), found.no <= old.events_to, "event", found.no);
      !whole)
    return whole.error();
  return found;
}

result<event_columns> small_event_at(statement& row, const unchecked_rows& old) {
  return row.integer(10) != 0 ? result<event_columns>{read_event(row)} : event_at(row, old);
}

result<outcome_columns> outcome_at(statement& row, const unchecked_rows& old) {
  const outcome_columns found = read_outcome(row);
  if (auto whole = check(row, 12, crc_of(found), found.id / 16 <= old.events_to,
                         "an outcome of event", found.id / 16);
      !whole)
    return whole.error();
  return found;
}

result<outcome_columns> small_outcome_at(statement& row, const unchecked_rows& old) {
  return row.integer(13) != 0 ? result<outcome_columns>{read_outcome(row)} : outcome_at(row, old);
}

result<attempt_columns> attempt_at(statement& row, const unchecked_rows& old) {
  const attempt_columns found{.id = row.integer(0),
                              .attempt = row.integer(1),
                              .agent = row.integer(2),
                              .started = row.time(3),
                              .finished = row.time(4),
                              .code = row.integer(5),
                              .error = row.text(6),
                              .next_due = row.time(7)};
  if (auto whole = check(row, 8, crc_of(found), found.id / 16 <= old.events_to,
                         "an attempt of event", found.id / 16);
      !whole)
    return whole.error();
  return found;
}

result<commit_columns> commit_at(statement& row, const unchecked_rows& old) {
  const commit_columns found{.no = row.integer(0),
                             .at = row.integer(1),
                             .first_event = row.integer(2),
                             .events = row.integer(3),
                             .identities = row.blob(4),
                             .outcomes = row.blob(5),
                             .ledger = row.text(6),
                             .low_water = row.integer(7),
                             .changes = row.blob(8)};
  if (auto whole = check(row, 9, crc_of(found), found.no <= old.commits_to, "commit", found.no);
      !whole)
    return whole.error();
  return found;
}

result<std::string_view> state_at(statement& row, std::int64_t agent, std::string_view key,
                                  const unchecked_rows& old) {
  const state_columns found{.agent = agent, .key = key, .value = row.blob(0)};
  if (auto whole = check(row, 1, crc_of(found), old.events_to > 0, "a state of agent", agent);
      !whole)
    return whole.error();
  return found.value;
}

} // namespace skein::journal
