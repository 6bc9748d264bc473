#include "journal/salvage_rows.hpp"

#include "journal/byte_words.hpp"
#include "journal/crc32c.hpp"

#include <string>

namespace skein::journal {

namespace {

instant time_of(const stored_value& value) {
  return value.is_null() ? no_instant : from_ns(value.integer());
}

/// The checksum of a row fits, or it is from before there were any.
bool holds(const row_values& row, std::size_t at, std::uint32_t crc, bool is_old) {
#ifdef SKEIN_BUG_SALVAGE_WITHOUT_CHECKSUMS
  return row.size() > at || is_old;
#endif
  if (row.size() <= at || row[at].is_null())
    return is_old;
  return row[at].integer() == stored_crc(crc);
}

} // namespace

std::optional<event_columns> columns_of(const row_values& row, std::int64_t number,
                                        std::int64_t old_to, event_columns*) {
  if (row.size() < 9)
    return std::nullopt;
  const event_columns found{.no = number,
                            .shard = row[1].integer(),
                            .at = row[2].integer(),
                            .key = row[3].bytes,
                            .due = time_of(row[4]),
                            .expires = time_of(row[5]),
                            .priority = row[6].integer(),
                            .deliveries = row[7].bytes,
                            .body = row[8].bytes};
  return holds(row, 9, crc_of(found), number <= old_to) ? std::optional{found} : std::nullopt;
}

std::optional<outcome_columns> columns_of(const row_values& row, std::int64_t number,
                                          std::int64_t old_to, outcome_columns*) {
  if (row.size() < 12)
    return std::nullopt;
  const outcome_columns found{.id = number,
                              .state = row[1].integer(),
                              .agent = row[2].integer(),
                              .attempt = row[3].integer(),
                              .started = time_of(row[4]),
                              .finished = time_of(row[5]),
                              .at = row[6].integer(),
                              .code = row[7].integer(),
                              .error = row[8].bytes,
                              .reply_kind = row[9].integer(),
                              .reply = row[10].bytes,
                              .emitted = row[11].integer()};
  return holds(row, 12, crc_of(found), number / 16 <= old_to) ? std::optional{found} : std::nullopt;
}

std::optional<commit_columns> columns_of(const row_values& row, std::int64_t number,
                                         std::int64_t old_to, commit_columns*) {
  if (row.size() < 8)
    return std::nullopt;
  const commit_columns found{.no = number,
                             .at = row[1].integer(),
                             .first_event = row[2].integer(),
                             .events = row[3].integer(),
                             .identities = row[4].bytes,
                             .outcomes = row[5].bytes,
                             .ledger = row[6].bytes,
                             .low_water = row[7].integer(),
                             .changes = row.size() > 8 ? row[8].bytes : std::string_view{}};
  return holds(row, 9, crc_of(found), number <= old_to) ? std::optional{found} : std::nullopt;
}

std::optional<attempt_columns> attempt_of(const row_values& row, std::int64_t old_to) {
  if (row.size() < 8)
    return std::nullopt;
  const attempt_columns found{.id = row[0].integer(),
                              .attempt = row[1].integer(),
                              .agent = row[2].integer(),
                              .started = time_of(row[3]),
                              .finished = time_of(row[4]),
                              .code = row[5].integer(),
                              .error = row[6].bytes,
                              .next_due = time_of(row[7])};
  return holds(row, 8, crc_of(found), found.id / 16 <= old_to) ? std::optional{found}
                                                               : std::nullopt;
}

bool is_state(const row_values& row, bool has_old) {
  if (row.size() < 3 || row[1].kind != stored_value::type::text)
    return false;
  const state_columns found{.agent = row[0].integer(), .key = row[1].bytes, .value = row[2].bytes};
  return holds(row, 3, crc_of(found), has_old);
}

std::int64_t crc_of_texts(std::initializer_list<std::int64_t> numbers,
                          std::optional<std::string_view> text) {
  std::string bytes;
  for (const std::int64_t each : numbers)
    append_word(bytes, static_cast<std::uint64_t>(each));
  if (text) {
    append_word(bytes, text->size());
    bytes += *text;
  }
  return stored_crc(crc32c(bytes));
}

bool is_sealed(const row_values& row, std::size_t at, std::initializer_list<std::int64_t> numbers) {
  return row.size() <= at || row[at].is_null() ||
         row[at].integer() == crc_of_texts(numbers, std::nullopt);
}

std::string quoted(const stored_value& value) {
  if (value.kind == stored_value::type::integer)
    return std::to_string(value.number);
  std::string text{"'"};
  for (const char each : value.bytes)
    text += each == '\'' ? std::string{"''"} : std::string{each};
  return text + "'";
}

bool is_agent(std::int64_t number, const row_values& row) {
  return row.size() == 3 && row[0].is_null() && row[1].kind == stored_value::type::text &&
         row[2].integer() == crc_of_texts({number}, row[1].bytes);
}
bool is_start(std::int64_t id, const row_values& row) {
  return row.size() == 4 && row[0].is_null() &&
         row[3].integer() == crc_of_texts({id, row[1].integer(), row[2].integer()}, {});
}

} // namespace skein::journal
