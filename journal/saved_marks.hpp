// The rows of the saved pending set, as they are written and read back: each held against its CRC.
#pragma once

#include "journal/journal.hpp"
#include "journal/pending_set.hpp"
#include "journal/sqlite_db.hpp"

#include <optional>
#include <string_view>

namespace skein::journal {

// What a query asks for, so that the functions below can read its row.
#define SKEIN_PENDING_SAVED_COLUMNS "upto, range_events, routes, crc"
#define SKEIN_PENDING_RANGE_COLUMNS "no, upto, events, marks, crc"
#define SKEIN_ROUTE_COLUMNS "code, deliveries, crc"

struct saved_position {
  commit_no upto{}; // a range without a row has had no pending event since this commit
  std::uint64_t range_events = 0;
  route_code routes = 0;
};

std::int64_t crc_of_position(const saved_position& position);
std::int64_t crc_of_range(std::uint64_t number, commit_no upto, std::uint64_t events,
                          std::string_view packed);
std::int64_t crc_of_route(std::int64_t code, std::string_view deliveries);

// The row that a query is at; empty if it is damaged.
std::optional<saved_position> position_at(statement& row);
std::optional<placed_marks> marks_at(statement& row, std::uint64_t range_events);
std::optional<delivery_list> route_at(statement& row);

} // namespace skein::journal
