// What the CRC of a record covers: every column of its row but the CRC itself. The same columns
// give the same value when they are written and when they are read back.
#pragma once

#include "protocol/time.hpp"

#include <cstdint>
#include <string_view>

namespace skein::journal {

/// A row of `event`.
struct event_columns {
  std::int64_t no = 0;
  std::int64_t shard = 0;
  std::int64_t at = 0;
  std::string_view key;
  instant due = no_instant;
  instant expires = no_instant;
  std::int64_t priority = 0;
  std::string_view deliveries;
  std::string_view body;
};

/// A row of `outcome`.
struct outcome_columns {
  std::int64_t id = 0;
  std::int64_t state = 0;
  std::int64_t agent = 0;
  std::int64_t attempt = 0;
  instant started = no_instant;
  instant finished = no_instant;
  std::int64_t at = 0;
  std::int64_t code = 0;
  std::string_view error;
  std::int64_t reply_kind = 0;
  std::string_view reply;
  std::int64_t emitted = 0;
};

/// A row of `attempt`.
struct attempt_columns {
  std::int64_t id = 0;
  std::int64_t attempt = 0;
  std::int64_t agent = 0;
  instant started = no_instant;
  instant finished = no_instant;
  std::int64_t code = 0;
  std::string_view error;
  instant next_due = no_instant;
};

/// A row of `state`.
struct state_columns {
  std::int64_t agent = 0;
  std::string_view key;
  std::string_view value;
};

/// A row of `commits`, without its CRC and its digest.
struct commit_columns {
  std::int64_t no = 0;
  std::int64_t at = 0;
  std::int64_t first_event = 0;
  std::int64_t events = 0;
  std::string_view identities;
  std::string_view outcomes;
  std::string_view ledger;
  std::int64_t low_water = 0;
  std::string_view changes;
};

std::uint32_t crc_of(const event_columns& row) noexcept;
std::uint32_t crc_of(const outcome_columns& row) noexcept;
std::uint32_t crc_of(const attempt_columns& row) noexcept;
std::uint32_t crc_of(const state_columns& row) noexcept;
std::uint32_t crc_of(const commit_columns& row) noexcept;

/// As it stands in a column: signed, so that half of the values do not take six bytes.
constexpr std::int64_t stored_crc(std::uint32_t crc) noexcept {
  return static_cast<std::int32_t>(crc);
}

} // namespace skein::journal
