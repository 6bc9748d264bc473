// Reading a store at start: what a commit is judged by. It does not look at history: the window
// reads its newest commits. What is pending: sqlite_recover.cpp.
#include "journal/checked_rows.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_journal.hpp"

#include <algorithm>
#include <sys/statvfs.h>
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

/// What this user may still take of the disk.
std::function<std::optional<std::uint64_t>()> free_of(const std::string& directory) {
  return [directory]() -> std::optional<std::uint64_t> {
    struct statvfs found {};
    if (::statvfs(directory.c_str(), &found) != 0)
      return std::nullopt;
    return std::uint64_t{found.f_bavail} * found.f_frsize;
  };
}

dedupe_buckets::settings window_settings(sqlite_parts& parts) {
  const sqlite_options& options = parts.options;
  job_runner run = options.run;
  if (!run) {
    parts.background = std::make_unique<background_thread>("skein-dedupe");
    run = [thread = parts.background.get()](std::function<void()> job) {
      thread->run(std::move(job));
    };
  }
  return {.window = options.store.dedupe_window,
          .entries_max = options.store.dedupe_entries_max,
          .memory_max = limits::dedupe_memory_identities_max,
          .place = {.vfs = parts.guard->name(),
                    .vfs_is_system = options.vfs.empty(),
                    .directory = options.directory + "/dedupe",
                    .store_id = parts.identity.store_id,
                    .size = options.dedupe_bucket},
          .run = std::move(run),
          .reserve = options.store.disk_reserve,
          .free = options.vfs.empty() ? free_of(options.directory)
                                      : std::function<std::optional<std::uint64_t>()>{}};
}

} // namespace

result<void> load_state(sqlite_parts& parts) {
  const auto old = unchecked_rows::of(parts.writer->db());
  if (!old)
    return old.error();
  parts.old = *old;
  parts.identities = std::make_unique<sqlite_identities>(parts.writer->db(), parts.old);
  if (auto ready = parts.identities->prepare(); !ready)
    return ready;
  auto window = std::make_unique<dedupe_buckets>(window_settings(parts), *parts.identities);
  parts.window = window.get();
  parts.state =
      std::make_unique<store_state>(parts.identity.hash.shards, epoch_no{parts.identity.boot},
                                    std::move(window), parts.options.store.range_events);
  parts.ranges = std::make_unique<saved_ranges>(*parts.writer);
  auto kept = kept_part::of(parts.writer->db());
  if (!kept)
    return kept.error();
  parts.state->set_swept_to(kept->swept_to);
  parts.retention = std::make_unique<sqlite_retention>(*parts.writer, parts.old, std::move(*kept),
                                                       parts.options.clock);
  if (auto ready = parts.retention->prepare(); !ready)
    return ready;
  parts.last_at = parts.options.store.now;
  for (const auto step : {load_agents, load_epochs, load_last_commit})
    if (auto done = step(parts); !done)
      return done;
  return parts.window->load(parts.last_at, parts.state->next_sequence());
}

} // namespace skein::journal
