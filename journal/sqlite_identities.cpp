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
       {&whole_, "SELECT " SKEIN_COMMIT_COLUMNS " FROM commits WHERE no >= ? AND no < ? "
                 "ORDER BY no"},
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
  return range{.first = {raw(kept->first_commit), kept->first_event},
               .end = std::max(last_.natural(0) + 1, raw(kept->first_commit))};
}

result<std::optional<sqlite_identities::whole_commit>>
sqlite_identities::next_whole(std::uint64_t number, std::uint64_t end) {
  const reset_at_end end_of_rows{whole_};
  whole_.bind(1, number).bind(2, end);
  int code = SQLITE_OK;
  while ((code = whole_.step()) == SQLITE_ROW) {
#ifndef SKEIN_BUG_WINDOW_START_UNCHECKED
    if (!commit_at(whole_, old_))
      continue;
#endif
    return std::optional{
        whole_commit{{whole_.natural(0), whole_.natural(2)}, whole_.natural(3), whole_.time(1)}};
  }
  if (code != SQLITE_DONE)
    return sqlite_error(db_.raw(), code, "reading commits");
  return std::optional<whole_commit>{};
}

template <class Before>
result<sqlite_identities::place> sqlite_identities::search(range among, Before is_before) {
  while (among.first.commit < among.end) {
    const std::uint64_t middle = among.first.commit + (among.end - among.first.commit) / 2;
    const auto found = next_whole(middle, among.end);
    if (!found)
      return found.error();
    if (const auto& commit = *found; commit && is_before(*commit))
      among.first = {commit->begin.commit + 1, commit->begin.event + commit->events};
    else
      among.end = middle;
  }
  return among.first;
}

result<std::uint64_t> sqlite_identities::first_after(instant oldest) {
  auto all = commits();
  if (!all)
    return all.error();
  // Times grow with the numbers.
  if (searched_from_.commit > all->first.commit && searched_from_.commit <= all->end)
    all->first = searched_from_;
  const auto found = search(*all, [&](const whole_commit& commit) { return commit.at <= oldest; });
  if (!found)
    return found.error();
  searched_from_ = *found;
  return found->event;
}

result<bucket_seal> sqlite_identities::read(std::uint64_t first, std::uint64_t last,
                                            dedupe_window& into) {
  const auto all = commits();
  if (!all)
    return all.error();
  const auto behind =
      search(*all, [&](const whole_commit& commit) { return commit.begin.event <= first; });
  if (!behind)
    return behind.error();
  std::uint64_t number = behind->commit > all->first.commit ? behind->commit - 1 : behind->commit;
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
    if (sequence + events <= last)
      continue;
    if (into.size() == 0 || into.first() != std::max(first, all->first.event))
      return damaged_store("the identity of event " + std::to_string(first) + " is missing");
    return bucket_seal{commit_no{number - 1}, digest_of_bytes(rows_.blob(10)).value_or(hash128{})};
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
