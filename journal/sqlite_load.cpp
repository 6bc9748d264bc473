// Reading a store at start: what a commit is judged by. It does not look at history: the window
// reads the commits of its time. What is pending: sqlite_recover.cpp.
#include "journal/checked_rows.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_journal.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

namespace {

result<void> load_agents(sqlite_parts& parts) {
  auto query = parts.writer->db().prepare("SELECT no, name FROM agent ORDER BY no");
  if (!query)
    return query.error();
  int code = SQLITE_OK;
  while ((code = query->step()) == SQLITE_ROW) {
    if (query->natural(0) != parts.agents.size())
      return damaged_store("an agent's number is missing");
    parts.agents.emplace_back(query->text(1));
  }
  return code == SQLITE_DONE ? result<void>{} : sqlite_error(query->db(), code, "reading agents");
}

result<void> load_epochs(sqlite_parts& parts) {
  auto query = parts.writer->db().prepare("SELECT shard, epoch FROM fence");
  if (!query)
    return query.error();
  int code = SQLITE_OK;
  while ((code = query->step()) == SQLITE_ROW) {
    if (query->natural(0) >= parts.identity.hash.shards)
      return damaged_store("an epoch of a shard that does not exist");
    parts.state->set_epoch(shard_id{static_cast<std::uint32_t>(query->natural(0))},
                           epoch_no{query->natural(1)});
  }
  return code == SQLITE_DONE ? result<void>{} : sqlite_error(query->db(), code, "reading epochs");
}

/// The last commit says where to go on.
result<void> load_last_commit(sqlite_parts& parts) {
  auto query = parts.writer->db().prepare("SELECT " SKEIN_COMMIT_COLUMNS
                                          " FROM commits ORDER BY no DESC LIMIT 1");
  if (!query)
    return query.error();
  const int code = query->step();
  if (code == SQLITE_DONE)
    return {};
  if (code != SQLITE_ROW)
    return sqlite_error(query->db(), code, "reading the last commit");
  const auto last = commit_at(*query, parts.old);
  if (!last)
    return last.error();
  const auto totals = read_ledgers(last->ledger);
  if (!totals)
    return damaged_store("the last commit's ledger is not readable");
  parts.last_at = std::max(parts.last_at, from_ns(last->at));
  auto next = static_cast<std::uint64_t>(last->first_event);
#ifndef SKEIN_BUG_NUMBERS_REUSED
  next += static_cast<std::uint64_t>(last->events);
#endif
  parts.state->resume(next, *totals);
  return {};
}

/// The first commit that is within the window: times grow with the numbers, so it is searched by
/// halves.
result<std::uint64_t> first_in_window(sqlite_parts& parts) {
  auto query = parts.writer->db().prepare("SELECT at FROM commits WHERE no = ?");
  if (!query)
    return query.error();
  const instant oldest = parts.last_at - parts.state->window().window();
  std::uint64_t low = raw(parts.retention->kept().first_commit);
  std::uint64_t high = raw(parts.last_commit) + 1;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const int code = query->bind(1, middle).step();
    if (code != SQLITE_ROW)
      return damaged_store("commit " + std::to_string(middle) + " is missing");
    const bool is_old = query->time(0) <= oldest;
    query->reset();
    (is_old ? low : high) = is_old ? middle + 1 : middle;
  }
  return low;
}

result<void> load_window(sqlite_parts& parts) {
  const auto first = first_in_window(parts);
  if (!first)
    return first.error();
  auto query = parts.writer->db().prepare("SELECT " SKEIN_COMMIT_COLUMNS
                                          " FROM commits WHERE no >= ? ORDER BY no");
  if (!query)
    return query.error();
  query->bind(1, *first);
  auto next_commit = static_cast<std::int64_t>(*first);
  int code = SQLITE_OK;
  while ((code = query->step()) == SQLITE_ROW) {
    const auto commit = commit_at(*query, parts.old);
    if (!commit)
      return commit.error();
    if (commit->no != next_commit++)
      return damaged_store("commit " + std::to_string(next_commit - 1) + " is missing");
    const auto events = static_cast<std::uint64_t>(commit->events);
    if (commit->identities.size() != events * identity_entry_bytes)
      return damaged_store("a commit's identities are not whole");
    for (std::size_t i = 0; i < events; ++i) {
      const identity_entry each = read_identity(commit->identities, i);
      if (!parts.state->window().insert(each.identity, each.content,
                                        static_cast<std::uint64_t>(commit->first_event) + i,
                                        from_ns(commit->at)))
        return error{errc::dedupe_full, "the identities of the dedupe window are more than may be "
                                        "kept in memory; raise the limit"};
    }
  }
  return code == SQLITE_DONE ? result<void>{}
                             : sqlite_error(query->db(), code, "reading identities");
}

} // namespace

result<void> load_state(sqlite_parts& parts) {
  const open_options& options = parts.options.store;
  parts.state = std::make_unique<store_state>(
      parts.identity.hash.shards, epoch_no{parts.identity.boot},
      dedupe_window{options.dedupe_window, options.dedupe_entries_max}, options.range_events);
  parts.ranges = std::make_unique<saved_ranges>(*parts.writer);
  auto kept = kept_part::of(parts.writer->db());
  if (!kept)
    return kept.error();
  parts.state->set_swept_to(kept->swept_to);
  parts.retention = std::make_unique<sqlite_retention>(*parts.writer, std::move(*kept));
  if (auto ready = parts.retention->prepare(); !ready)
    return ready;
  parts.last_at = options.now;
  const auto old = unchecked_rows::of(parts.writer->db());
  if (!old)
    return old.error();
  parts.old = *old;
  for (const auto step : {load_agents, load_epochs, load_last_commit})
    if (auto done = step(parts); !done)
      return done;
#ifdef SKEIN_BUG_DEDUP_KEPT_IN_CACHE_ONLY
  return {};
#endif
  return load_window(parts);
}

} // namespace skein::journal
