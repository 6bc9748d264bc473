#include "journal/sqlite_identities.hpp"

#include "journal/chain.hpp"
#include "journal/kept_part.hpp"
#include "journal/sqlite_codec.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

result<void> sqlite_identities::prepare() {
  return db_.prepare_all(
      {{&last_, "SELECT max(no) FROM commits"},
       {&place_, "SELECT at, first_event, events FROM commits WHERE no = ?"},
       {&rows_, "SELECT " SKEIN_COMMIT_COLUMNS " FROM commits WHERE no >= ? ORDER BY no"},
       {&seal_, "SELECT first_event, events, digest FROM commits WHERE no = ?"}});
}

/// All that retention has left: one that is missing is found on the way.
result<sqlite_identities::range> sqlite_identities::commits() {
  const reset_at_end end{last_};
  if (const int code = last_.step(); code != SQLITE_ROW)
    return sqlite_error(db_.raw(), code, "looking for the commits");
  const auto kept = kept_part::of(db_);
  if (!kept)
    return kept.error();
  return range{.first = raw(kept->first_commit), .end = last_.natural(0) + 1};
}

template <class Before>
result<std::uint64_t> sqlite_identities::search(range among, Before is_before) {
  while (among.first < among.end) {
    const std::uint64_t middle = among.first + (among.end - among.first) / 2;
    const reset_at_end end{place_};
    if (place_.bind(1, middle).step() != SQLITE_ROW)
      return damaged_store("commit " + std::to_string(middle) + " is missing");
    (is_before(place_) ? among.first : among.end) = is_before(place_) ? middle + 1 : middle;
  }
  return among.first;
}

result<std::uint64_t> sqlite_identities::first_after(instant oldest) {
  auto all = commits();
  if (!all)
    return all.error();
  if (all->first >= all->end)
    return std::uint64_t{1};
  const range within{std::clamp(searched_from_, all->first, all->end), all->end};
  // Times grow with the numbers.
  const auto found = search(within, [&](statement& commit) { return commit.time(0) <= oldest; });
  if (!found)
    return found.error();
  searched_from_ = *found;
  const reset_at_end end{place_};
  if (place_.bind(1, std::min(*found, all->end - 1)).step() != SQLITE_ROW)
    return damaged_store("commit " + std::to_string(*found) + " is missing");
  return place_.natural(1) + (*found == all->end ? place_.natural(2) : 0);
}

result<bucket_seal> sqlite_identities::read(std::uint64_t first, std::uint64_t last,
                                            dedupe_window& into) {
  const auto all = commits();
  if (!all)
    return all.error();
  const auto behind = search(*all, [&](statement& commit) { return commit.natural(1) <= first; });
  if (!behind)
    return behind.error();
  std::uint64_t number = *behind > all->first ? *behind - 1 : *behind;
  const reset_at_end end{rows_};
  rows_.bind(1, number);
  int code = SQLITE_OK;
  while ((code = rows_.step()) == SQLITE_ROW) {
    const auto commit = commit_at(rows_, old_);
    if (!commit)
      return commit.error();
    if (static_cast<std::uint64_t>(commit->no) != number++)
      return damaged_store("commit " + std::to_string(number - 1) + " is missing");
    const auto events = static_cast<std::uint64_t>(commit->events);
    const auto sequence = static_cast<std::uint64_t>(commit->first_event);
    if (commit->identities.size() != events * identity_entry_bytes)
      return damaged_store("a commit's identities are not whole");
    for (std::size_t i = first > sequence ? first - sequence : 0;
         i < events && sequence + i <= last; ++i) {
      const identity_entry each = read_identity(commit->identities, i);
      into.insert(each.identity, each.content, sequence + i, from_ns(commit->at));
    }
    if (sequence + events > last)
      return bucket_seal{commit_no{number - 1},
                         digest_of_bytes(rows_.blob(10)).value_or(hash128{})};
  }
  return code == SQLITE_DONE
             ? damaged_store("the identity of event " + std::to_string(last) + " is missing")
             : sqlite_error(db_.raw(), code, "reading identities");
}

result<bool> sqlite_identities::has(const bucket_seal& seal, std::uint64_t last) {
  const reset_at_end end{seal_};
  const int code = seal_.bind(1, raw(seal.commit)).step();
  if (code == SQLITE_DONE)
    return false;
  if (code != SQLITE_ROW)
    return sqlite_error(db_.raw(), code, "reading a commit");
  return seal_.natural(0) <= last && last < seal_.natural(0) + seal_.natural(1) &&
         digest_of_bytes(seal_.blob(2)).value_or(hash128{}) == seal.digest;
}

} // namespace skein::journal
