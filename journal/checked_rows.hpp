// Rows as they are read back, each held against its CRC: what was damaged is named, not used.
#pragma once

#include "journal/record_crc.hpp"
#include "journal/sqlite_db.hpp"

namespace skein::journal {

// What a query asks for, so that the functions below can read its row.
#define SKEIN_EVENT_COLUMNS "no, shard, at, key, due, expires, priority, deliveries, body, crc"
#define SKEIN_OUTCOME_COLUMNS                                                                      \
  "id, state, agent, attempt, started, finished, at, code, error, reply_kind, reply, emitted, crc"
#define SKEIN_ATTEMPT_COLUMNS "id, attempt, agent, started, finished, code, error, next_due, crc"
#define SKEIN_COMMIT_COLUMNS                                                                       \
  "no, at, first_event, events, identities, outcomes, ledger, low_water, changes, crc, digest"

// The same without a body or a reply of more than 4 KiB, which may lie on many pages of its own,
// with the CRC behind it. Such a row is checked when it is read whole: before its turn at the
// latest.
#define SKEIN_EVENT_COLUMNS_SMALL                                                                  \
  "no, shard, at, key, due, expires, priority, deliveries, iif(length(body) > 4096, NULL, body), " \
  "iif(length(body) > 4096, NULL, crc), length(body) > 4096"
#define SKEIN_OUTCOME_COLUMNS_SMALL                                                                \
  "id, state, agent, attempt, started, finished, at, code, error, reply_kind, "                    \
  "iif(length(reply) > 4096, NULL, reply), emitted, iif(length(reply) > 4096, NULL, crc), "        \
  "length(reply) > 4096"

/// Rows that were written before there were CRCs have none.
struct unchecked_rows {
  std::int64_t events_to = 0; // those of events up to this number; 0 in a store made with CRCs
  std::int64_t commits_to = 0;

  static result<unchecked_rows> of(database& db);
};

// The row that a query is at, or store_corrupt, naming it. Texts are valid until the next step.
result<event_columns> event_at(statement& row, const unchecked_rows& old);
result<event_columns> small_event_at(statement& row, const unchecked_rows& old);
result<outcome_columns> outcome_at(statement& row, const unchecked_rows& old);
result<outcome_columns> small_outcome_at(statement& row, const unchecked_rows& old);
result<attempt_columns> attempt_at(statement& row, const unchecked_rows& old);
result<commit_columns> commit_at(statement& row, const unchecked_rows& old);
/// Of (agent, key): the query asks for value and crc.
result<std::string_view> state_at(statement& row, std::int64_t agent, std::string_view key,
                                  const unchecked_rows& old);

/// "journal.db: WHAT; keep a copy of the whole directory, ...".
error damaged_store(const std::string& what);
/// What such an error says, or that of a mark which does not fit, for a list of several.
std::string without_advice(std::string what);

} // namespace skein::journal
