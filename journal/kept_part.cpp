#include "journal/kept_part.hpp"

#include "journal/chain.hpp"
#include "journal/checked_rows.hpp"
#include "journal/crc32c.hpp"
#include "journal/sealed_tables.hpp"
#include "journal/sqlite_codec.hpp"

namespace skein::journal {

namespace {

std::uint32_t crc_of_kept(const kept_part& kept, std::string_view dropped) {
  return crc32c(std::to_string(raw(kept.first_commit)) + ' ' + std::to_string(kept.first_event) +
                ' ' + std::to_string(kept.swept_to) + ' ' + digest_bytes(kept.before) +
                std::string{dropped});
}

} // namespace

std::optional<kept_part> kept_part::of_row(std::uint64_t first_commit, std::string_view before,
                                           std::uint64_t first_event, std::uint64_t swept_to,
                                           std::string_view dropped, std::int64_t crc) {
  const auto digest = digest_of_bytes(before);
  const auto totals = read_ledgers(dropped);
  const kept_part found{commit_no{first_commit}, digest.value_or(hash128{}), first_event, swept_to,
                        totals.value_or(ledgers{})};
  if (!digest || !totals || crc != stored_crc(crc_of_kept(found, dropped)))
    return std::nullopt;
  return found;
}

result<kept_part> kept_part::of(database& db) {
  const auto version = db.number("PRAGMA user_version");
  if (!version)
    return version.error();
  if (*version < version_with_ranges)
    return kept_part{};
  auto row = db.prepare("SELECT first_commit, before, first_event, swept_to, dropped, crc "
                        "FROM kept WHERE id = 1");
  if (!row)
    return row.error();
  const int code = row->step();
  if (code == SQLITE_DONE)
    return kept_part{};
  if (code != SQLITE_ROW)
    return sqlite_error(db.raw(), code, "reading where the store begins");
  const auto found = of_row(row->natural(0), row->blob(1), row->natural(2), row->natural(3),
                            row->text(4), row->integer(5));
  if (!found)
    return damaged_store("the table 'kept' is damaged: it does not match its checksum");
  return *found;
}

result<void> kept_part::save(database& db) const {
  auto row = db.prepare("INSERT OR REPLACE INTO kept VALUES (1, ?, ?, ?, ?, ?, ?)");
  if (!row)
    return row.error();
  const std::string digest = digest_bytes(before);
  const std::string totals = write_ledgers(dropped);
  row->bind(1, raw(first_commit)).bind_blob(2, digest).bind(3, first_event).bind(4, swept_to);
  row->bind_text(5, totals).bind(6, stored_crc(crc_of_kept(*this, totals)));
  const int code = row->run();
  return code == SQLITE_DONE ? result<void>{}
                             : sqlite_error(db.raw(), code, "writing where the store begins");
}

} // namespace skein::journal
