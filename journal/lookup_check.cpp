#include "journal/lookup_check.hpp"

#include "journal/checked_rows.hpp"
#include "journal/kept_part.hpp"
#include "journal/lookup_summary.hpp"
#include "protocol/text.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

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
    const auto has_summaries =
        db.number("SELECT count(*) FROM sqlite_master WHERE name = 'lookup_summary'");
    if (!has_summaries || *has_summaries == 0)
      return has_summaries ? result<index_check>{std::move(opened)} : has_summaries.error();
    auto summary = db.prepare("SELECT words, crc FROM lookup_summary WHERE no = ?");
    if (!summary)
      return summary.error();
    opened.summary_ = std::move(*summary);
    return opened;
  }
  bool has_summaries() const { return static_cast<bool>(summary_); }

  /// The events of the range, which the others hold against the index.
  result<void> read(std::uint64_t range, const lookup_layout& layout) {
    auto expected = read_events(range, layout);
    if (!expected)
      return expected.error();
    range_ = range;
    layout_ = layout;
    expected_ = std::move(*expected);
    return {};
  }
  /// True if the blocks of the range are as they must be.
  result<bool> blocks_fit() {
    const bool whole = layout_.first_of(range_) >= swept_to_;
    const std::int64_t first = layout_.row_of(range_, lookup_kind::key, 0);
    for (std::size_t i = 0; i < expected_.size(); ++i) {
      const auto fits = check_block(first + static_cast<std::int64_t>(i), expected_[i], whole);
      if (!fits || !*fits)
        return fits;
    }
    return true;
  }
  /// True if the summary names the range for all that it has. That it names it for more does no
  /// harm.
  result<bool> summary_fits() {
    const summary_layout layout{layout_};
    constexpr std::uint32_t parts = summary_layout::group_ranges;
    std::vector<std::vector<std::uint16_t>> remainders(parts);
    const std::int64_t first = layout.row_of(summary_layout::group_of(range_), lookup_kind::key, 0);
    for (std::size_t i = 0; i < expected_.size(); ++i) {
      const auto block = static_cast<std::uint32_t>(i % layout_.blocks());
      for (auto& each : remainders)
        each.clear();
      for (const lookup_entry& each : expected_[i]) {
        const auto place = summary_place::of(block, each.remainder);
        remainders[place.block % parts].push_back(place.remainder);
      }
      for (std::uint32_t part = 0; part < parts; ++part) {
        const auto fits =
            names_range(first + static_cast<std::int64_t>(i * parts + part), remainders[part]);
        if (!fits || !*fits)
          return fits;
      }
    }
    return true;
  }

 private:
  result<bool> names_range(std::int64_t row, const std::vector<std::uint16_t>& remainders) {
    const reset_at_end end{summary_};
    const int code = summary_.bind(1, row).step();
    if (code != SQLITE_ROW && code != SQLITE_DONE)
      return sqlite_error(summary_.db(), code, "reading the index of look-ups");
    if (code != SQLITE_ROW || summary_.integer(1) != stored_crc(block_crc(row, summary_.blob(0))))
      return false;
    const std::string_view words = summary_.blob(0);
    return std::all_of(remainders.begin(), remainders.end(), [&](std::uint16_t each) {
      const auto found = find_in_summary(words, each);
      return found && (*found & summary_layout::bit_of(range_)) != 0;
    });
  }
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

  statement events_, block_, summary_;
  hash_settings hash_;
  std::uint64_t swept_to_ = 1;
  std::uint64_t range_ = 0; // that was read last
  lookup_layout layout_;
  range_entries expected_;
  std::string bytes_;
};

/// What there is to be checked of a range.
struct checked_range {
  bool is_indexed = false;
  bool is_summarized = false;
};
using checked_ranges = std::map<std::pair<std::uint64_t, std::uint64_t>, checked_range>; // no, size

/// Adds the ranges that the rows (number, size) of a table name, `ranges_each` a row.
result<void> add_ranges(database& db, std::string_view table, std::uint64_t ranges_each,
                        bool checked_range::*what, checked_ranges& into) {
  auto rows = db.prepare("SELECT no, size FROM " + std::string{table});
  if (!rows)
    return rows.error();
  int code = SQLITE_OK;
  while ((code = rows->step()) == SQLITE_ROW)
    for (std::uint64_t i = 0; i < ranges_each; ++i)
      into[{rows->natural(0) * ranges_each + i, rows->natural(1)}].*what = true;
  return code == SQLITE_DONE ? result<void>{}
                             : sqlite_error(db.raw(), code, "reading which ranges are indexed");
}

std::string name_of(std::uint64_t range) {
  return "journal.db: the index of look-ups of range " + std::to_string(range);
}

std::string name_of_summary(std::uint64_t group) {
  const std::uint64_t first = summary_layout::first_of(group);
  return "journal.db: the summary of look-ups of ranges " + std::to_string(first) + " to " +
         std::to_string(first + summary_layout::group_ranges - 1);
}

/// Tells what is wrong, of each summary once.
class index_report {
 public:
  void tell(const std::string& name, const result<bool>& fits) {
    if (fits && *fits)
      return;
    if (named_.insert(name).second)
      wrong.push_back(fits ? name + " is damaged; it is built anew when a look-up meets the damage"
                           : name + " cannot be checked: " + fits.error().detail);
  }
  std::vector<std::string> wrong;

 private:
  std::set<std::string> named_;
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
  auto check = index_check::open(db, hash);
  if (!check)
    return check.error();
  checked_ranges ranges;
  if (auto added = add_ranges(db, "lookup_range", 1, &checked_range::is_indexed, ranges); !added)
    return added.error();
  if (check->has_summaries())
    if (auto added = add_ranges(db, "lookup_group", summary_layout::group_ranges,
                                &checked_range::is_summarized, ranges);
        !added)
      return added.error();
  index_report report;
  for (const auto& [which, what] : ranges) {
    if (report.wrong.size() >= most)
      break;
    const auto& [range, size] = which;
    if (size == 0 || (size & (size - 1)) != 0 || size > limits::range_events) {
      report.wrong.push_back(name_of(range) + " has an impossible size");
      continue;
    }
    if (auto read = check->read(range, lookup_layout{size}); !read) {
      report.tell(name_of(range), read.error());
      continue;
    }
    if (what.is_indexed)
      report.tell(name_of(range), check->blocks_fit());
    if (what.is_summarized)
      report.tell(name_of_summary(summary_layout::group_of(range)), check->summary_fits());
  }
  return std::move(report.wrong);
}

} // namespace skein::journal
