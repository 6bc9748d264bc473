// The reading side, on a connection of its own. Connects anew by itself when that was lost.
#pragma once

#include "journal/postgres/held_shards.hpp"
#include "journal/postgres/pg_connection.hpp"

#include <memory>

namespace skein::journal {

struct reader_settings {
  pg_settings database;
  hash_settings hash;
  std::uint64_t range_events = 0;
  std::shared_ptr<held_shards> held; // whose timers are told
};

result<std::unique_ptr<reader>> open_postgres_reader(reader_settings how);

} // namespace skein::journal
