#include "journal/sealed_tables.hpp"

#include "journal/byte_words.hpp"
#include "journal/checked_rows.hpp"
#include "journal/crc32c.hpp"
#include "journal/record_crc.hpp"

#include <algorithm>
#include <iterator>

namespace skein::journal {

namespace {

constexpr const char* crc_of_meta =
    "(SELECT row_crc(group_concat(name || '=' || quote(value), ';')) FROM (SELECT name, value FROM "
    "meta WHERE name IN ('boot', 'clean', 'hash', 'seed_high', 'seed_low', 'shards', 'store_id', "
    "'unchecked_commits', 'unchecked_events') ORDER BY name))";
constexpr std::string_view names_in_meta[] = {"boot",
                                              "clean",
                                              "hash",
                                              "seed_high",
                                              "seed_low",
                                              "shards",
                                              "store_id",
                                              "unchecked_commits",
                                              "unchecked_events"};

struct sealed_table {
  const char* name;
  const char* row_crc;
  const char* key;
  const char* what; // what a damaged row is called, before its key
};
constexpr sealed_table tables[] = {
    {"agent", "row_crc(no, name)", "no", "the name of agent "},
    {"fence", "row_crc(shard, epoch)", "shard", "the epoch of shard "},
    {"start", "row_crc(id, mark, crashes)", "id / 16", "a start of event "},
};

/// Integers as 8 bytes, all else as the length and the bytes of its text.
void row_crc(sqlite3_context* to, int count, sqlite3_value** values) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    if (sqlite3_value_type(values[i]) == SQLITE_INTEGER) {
      append_word(bytes, static_cast<std::uint64_t>(sqlite3_value_int64(values[i])));
      continue;
    }
    const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(values[i]));
    const auto size = static_cast<std::size_t>(sqlite3_value_bytes(values[i]));
    append_word(bytes, size);
    if (text != nullptr)
      bytes.append(text, size);
  }
  sqlite3_result_int64(to, stored_crc(crc32c(bytes)));
}

} // namespace

result<void> add_row_crc(database& db) {
  const int code =
      sqlite3_create_function_v2(db.raw(), "row_crc", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                 nullptr, row_crc, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? result<void>{} : sqlite_error(db.raw(), code, "adding row_crc");
}

bool is_sealed_in_meta(std::string_view name) {
  return std::find(std::begin(names_in_meta), std::end(names_in_meta), name) !=
         std::end(names_in_meta);
}

result<void> seal_meta(database& db) {
  return db.run(std::string{"INSERT OR REPLACE INTO meta(name, value) VALUES ('crc', "} +
                crc_of_meta + ")");
}

result<void> seal_small_tables(database& db) {
  for (const sealed_table& each : tables)
    if (auto sealed = db.run(std::string{"UPDATE "} + each.name + " SET crc = " + each.row_crc);
        !sealed)
      return sealed;
  return seal_meta(db);
}

result<void> check_small_tables(database& db) {
  const auto version = db.number("PRAGMA user_version");
  if (!version)
    return version.error();
  if (*version < version_with_ranges)
    return {};
  const auto meta = db.number(
      std::string{"SELECT (SELECT value FROM meta WHERE name = 'crc') IS "} + crc_of_meta);
  if (!meta)
    return meta.error();
  if (*meta != 1)
    return damaged_store("the table 'meta' is damaged: its rows do not match their checksum");
  for (const sealed_table& each : tables) {
    const auto damaged = db.number(std::string{"SELECT "} + each.key + " FROM " + each.name +
                                       " WHERE crc IS NOT " + each.row_crc + " LIMIT 1",
                                   -1);
    if (!damaged)
      return damaged.error();
    if (*damaged >= 0)
      return damaged_store(std::string{each.what} + std::to_string(*damaged) +
                           " is damaged: its bytes do not match its checksum");
  }
  return {};
}

} // namespace skein::journal
