#include "journal/lookup_check.hpp"

#include "journal/checked_rows.hpp"
#include "journal/kept_part.hpp"
#include "protocol/text.hpp"

#include <algorithm>
#include <array>

namespace skein::journal {

namespace {

/// What the events of a range give: the entries of each block, of both kinds.
using range_entries = std::vector<std::vector<lookup_entry>>;

class index_check {
 public:
  static result<index_check> open(database& db, const hash_settings& hash) {
    auto events = db.prepare("SELECT no, key, body FROM event WHERE no >= ? AND no < ?");
    auto block = db.prepare("SELECT entries, crc FROM lookup WHERE no = ?");
    const auto kept = kept_part::of(db);
    if (!events || !block || !kept)
      return !events ? events.error() : !block ? block.error() : kept.error();
    index_check opened;
    opened.events_ = std::move(*events);
    opened.block_ = std::move(*block);
    opened.hash_ = hash;
    opened.swept_to_ = kept->swept_to;
    return opened;
  }

  /// True if the index of the range is as it must be.
  result<bool> check(std::uint64_t range, const lookup_layout& layout) {
    auto expected = read_events(range, layout);
    if (!expected)
      return expected.error();
    const bool whole = layout.first_of(range) >= swept_to_;
    const std::int64_t first = layout.row_of(range, lookup_kind::key, 0);
    for (std::size_t i = 0; i < expected->size(); ++i) {
      const auto fits = check_block(first + static_cast<std::int64_t>(i), (*expected)[i], whole);
      if (!fits || !*fits)
        return fits;
    }
    return true;
  }

 private:
  result<range_entries> read_events(std::uint64_t range, const lookup_layout& layout) {
    range_entries found(2 * std::size_t{layout.blocks()});
    const reset_at_end end{events_};
    events_.bind(1, layout.first_of(range)).bind(2, layout.first_of(range + 1));
    int code = SQLITE_OK;
    while ((code = events_.step()) == SQLITE_ROW) {
      const std::array texts{events_.text(1), read_head(events_.blob(2)).id};
      for (std::size_t kind = 0; kind < texts.size(); ++kind) {
        const std::uint64_t hash = lookup_hash(texts[kind], hash_);
        found[kind * layout.blocks() + layout.block_of(hash)].push_back(
            {layout.remainder_of(hash), layout.slot_of(events_.natural(0))});
      }
    }
    if (code != SQLITE_DONE)
      return sqlite_error(events_.db(), code, "reading events");
    return found;
  }

  /// A block of a range that is not `whole` may name events that retention has dropped, too.
  result<bool> check_block(std::int64_t row, std::vector<lookup_entry>& expected, bool whole) {
    const reset_at_end end{block_};
    const int code = block_.bind(1, row).step();
    if (code != SQLITE_ROW && code != SQLITE_DONE)
      return sqlite_error(block_.db(), code, "reading the index of look-ups");
    if (code != SQLITE_ROW || block_.integer(1) != stored_crc(block_crc(row, block_.blob(0))))
      return false;
    if (!whole)
      return has_all(block_.blob(0), expected);
    write_block(expected, bytes_);
    return block_.blob(0) == bytes_;
  }

  static bool has_all(std::string_view block, const std::vector<lookup_entry>& expected) {
    std::vector<std::uint32_t> slots;
    for (const lookup_entry& each : expected) {
      slots.clear();
      if (!find_in_block(block, each.remainder, slots) ||
          std::find(slots.begin(), slots.end(), each.slot) == slots.end())
        return false;
    }
    return true;
  }

  statement events_, block_;
  hash_settings hash_;
  std::uint64_t swept_to_ = 1;
  std::string bytes_;
};

} // namespace

result<hash_settings> hash_settings_of(database& db) {
  auto query = db.prepare("SELECT (SELECT value FROM meta WHERE name = 'seed_high'), "
                          "(SELECT value FROM meta WHERE name = 'seed_low')");
  if (!query)
    return query.error();
  if (const int code = query->step(); code != SQLITE_ROW)
    return sqlite_error(db.raw(), code, "reading the table 'meta'");
  const auto high = word_of_hex(query->text(0));
  const auto low = word_of_hex(query->text(1));
  if (!high || !low)
    return damaged_store("the hash's seed in the table 'meta' is not readable");
  return hash_settings{.seed_high = *high, .seed_low = *low};
}

result<std::vector<std::string>> check_lookup_index(database& db, const hash_settings& hash,
                                                    std::size_t most) {
  auto ranges = db.prepare("SELECT no, size FROM lookup_range ORDER BY no");
  auto check = index_check::open(db, hash);
  if (!ranges || !check)
    return !ranges ? ranges.error() : check.error();
  std::vector<std::string> wrong;
  int code = SQLITE_OK;
  while ((code = ranges->step()) == SQLITE_ROW && wrong.size() < most) {
    const std::string name =
        "journal.db: the index of look-ups of range " + std::to_string(ranges->natural(0));
    const std::uint64_t size = ranges->natural(1);
    if (size == 0 || (size & (size - 1)) != 0 || size > limits::range_events) {
      wrong.push_back(name + " has an impossible size");
      continue;
    }
    const auto fits = check->check(ranges->natural(0), lookup_layout{size});
    if (!fits)
      wrong.push_back(name + " cannot be checked: " + fits.error().detail);
    else if (!*fits)
      wrong.push_back(name + " is damaged; it is built anew when a look-up meets the damage");
  }
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    return sqlite_error(ranges->db(), code, "reading which ranges are indexed");
  return wrong;
}

} // namespace skein::journal
