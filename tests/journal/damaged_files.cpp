#include "tests/journal/damaged_files.hpp"

#include "journal/high_water.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_verify.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sqlite3.h>

namespace skein::test {

namespace {

const instant start_time = from_ns(1'700'000'000'000'000'000);

std::string row_text(sqlite3_stmt* row) {
  std::string text;
  for (int i = 0; i < sqlite3_column_count(row); ++i) {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(row, i));
    text += static_cast<char>('0' + sqlite3_column_type(row, i));
    if (bytes != nullptr)
      text.append(bytes, static_cast<std::size_t>(sqlite3_column_bytes(row, i)));
    text += '|';
  }
  return text;
}

template <class Each>
void each_row(sqlite3* db, const char* sql, const Each& each) {
  INFO(sql);
  sqlite3_stmt* row = nullptr;
  REQUIRE(sqlite3_prepare_v2(db, sql, -1, &row, nullptr) == SQLITE_OK);
  int code = SQLITE_OK;
  while ((code = sqlite3_step(row)) == SQLITE_ROW)
    each(row);
  sqlite3_finalize(row);
  REQUIRE(code == SQLITE_DONE);
}

std::string blob(sqlite3_stmt* row, int column) {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(row, column));
  return bytes == nullptr
             ? std::string{}
             : std::string{bytes, static_cast<std::size_t>(sqlite3_column_bytes(row, column))};
}

} // namespace

file_map read_files(const std::string& directory) {
  file_map files;
  for (const char* name : {"journal.db", "journal.db-wal", "high-water"}) {
    std::ifstream file{directory + "/" + name, std::ios::binary};
    if (file)
      files[name] = {std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
  }
  return files;
}

void lay_files(const std::string& directory, const file_map& files) {
  std::filesystem::remove_all(directory);
  std::filesystem::create_directory(directory);
  std::filesystem::permissions(directory, std::filesystem::perms::owner_all);
  for (const auto& [name, bytes] : files) {
    std::ofstream{directory + "/" + name, std::ios::binary} << bytes;
    std::filesystem::permissions(directory + "/" + name, std::filesystem::perms::owner_read |
                                                             std::filesystem::perms::owner_write);
  }
}

kept_rows read_rows(const std::string& directory) {
  kept_rows all;
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open((directory + "/journal.db").c_str(), &db) == SQLITE_OK);
  each_row(db, "SELECT * FROM event", [&](sqlite3_stmt* row) {
    all.events[sqlite3_column_int64(row, 0)].bytes = row_text(row);
  });
  each_row(db, "SELECT * FROM outcome", [&](sqlite3_stmt* row) {
    all.outcomes[sqlite3_column_int64(row, 0)].bytes = row_text(row);
  });
  each_row(db, "SELECT * FROM attempt", [&](sqlite3_stmt* row) {
    all.attempts[{sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1)}].bytes =
        row_text(row);
  });
  each_row(db, "SELECT * FROM state", [&](sqlite3_stmt* row) {
    all.states[{sqlite3_column_int64(row, 0), blob(row, 1)}].bytes = row_text(row);
  });
  each_row(db, "SELECT no, first_event, events, outcomes, changes FROM commits ORDER BY no",
           [&](sqlite3_stmt* row) {
             const auto number = static_cast<std::uint64_t>(sqlite3_column_int64(row, 0));
             all.last = std::max(all.last, number);
             if (all.first == 0) {
               all.first = number;
               all.first_event = sqlite3_column_int64(row, 1);
             }
             for (std::int64_t i = 0; i < sqlite3_column_int64(row, 2); ++i)
               all.events[sqlite3_column_int64(row, 1) + i].commit = number;
             const auto ended = read_outcome_list(blob(row, 3));
             const auto failed = read_attempts(blob(row, 4));
             for (const delivery_id& each : ended.value())
               all.outcomes[row_of(each)].commit = number;
             for (const attempt_name& each : failed.value())
               all.attempts[{each.id, each.attempt}].commit = number;
           });
  sqlite3_close(db);
  return all;
}

damaged_files::damaged_files(int commits, bool killed, bool dropping) {
  instant now = start_time;
  skein::journal::open_options options{.now = now, .seed = 7};
  if (dropping)
    options.dedupe_window = options.retention = std::chrono::seconds{commits / 3};
  auto store = must(skein::journal::open(path_, options));
  must(store->recover([](const pending_event&) {}));
  for (const std::string& name : workload_agents())
    (void)store->agent_number(name);
  random_workload work{11};
  for (int i = 0; i < commits; ++i) {
    now += std::chrono::seconds{1};
    auto batch = work.next(store->identity().hash, now);
    set_epoch(batch, epoch_no{store->identity().boot});
    work.committed(batch, must(store->commit(batch, now)));
    if (i == commits / 3 || i == commits * 2 / 3)
      must(store->upkeep(now));
    while (dropping && must(store->upkeep(now)))
      ;
    if (i == commits / 3)
      must(store->upkeep(now)); // nothing came in between: the log is moved into the file
  }
  if (!killed)
    must(store->close());
  whole_ = read_files(path_);
  store.reset();
  lay_files(path_, whole_);
  rows_ = read_rows(path_);
  guarded_vfs guard{""};
  high_water mark{path_, guard};
  marked_ = raw(must(mark.read())->commit);
}

/// Either it is refused, by name, or all is there that was marked.
void damaged_files::check_start(const file_map& files) {
  lay_files(path_, files);
  const auto verified = verify_sqlite(path_);
  const bool is_whole = verified.ok() && verified->problems.empty();
  lay_files(path_, files);
  auto opened = skein::journal::open(path_, {.now = start_time, .seed = 8});
  if (!opened) {
    ++refused_;
    CHECK(opened.error().code != errc::none);
    CHECK(opened.error().detail.size() > 10);
    return;
  }
  CHECK(raw((*opened)->last_commit()) >= marked_);
  opened->reset();
  if (!is_whole)
    return; // each damaged record is refused when it is read, and verify names it
  const kept_rows now = read_rows(path_);
  for (const auto& [number, row] : rows_.events)
    if (row.commit <= now.last)
      CHECK((now.events.contains(number) && now.events.at(number).bytes == row.bytes));
  for (const auto& [number, row] : rows_.outcomes)
    if (row.commit <= now.last)
      CHECK((now.outcomes.contains(number) && now.outcomes.at(number).bytes == row.bytes));
  if (now.last == rows_.last)
    for (const auto& [name, row] : rows_.states)
      CHECK((now.states.contains(name) && now.states.at(name).bytes == row.bytes));
}

void damaged_files::check(const file_map& files) {
  check_start(files);
  lay_files(path_, files);
  repair_options options{.directory = path_, .apply = false, .now = start_time, .write_report = {}};
  options.write_report = [](const repair_report&) { return "{}"; };
  const auto told = repair_sqlite(options);
  const auto without_empty_log = [](file_map all) {
    if (all["journal.db-wal"].empty()) // SQLite makes one, with nothing in it
      all.erase("journal.db-wal");
    return all;
  };
  const file_map after = without_empty_log(read_files(path_));
  const file_map before = without_empty_log(files);
  CHECK((after == before));
  options.apply = true;
  const auto done = repair_sqlite(options);
  INFO((told ? std::string{} : "told: " + to_string(told.error())));
  INFO((done ? std::string{} : "done: " + to_string(done.error())));
  REQUIRE(told.ok() == done.ok());
  if (!done) {
    INFO(to_string(done.error()));
    CHECK(done.error().code == errc::store_corrupt);
    ++beyond_repair_;
    return;
  }
  CHECK(told->is_needed() == done->is_needed());
  CHECK(told->events_lost.size() == done->events_lost.size());
  CHECK(told->outcomes_lost.size() == done->outcomes_lost.size());
  const auto verified = must(verify_sqlite(path_));
  CHECK(verified.problems == std::vector<std::string>{});
  auto store = must(skein::journal::open(path_, {.now = start_time, .seed = 9}));
  must(store->recover([](const pending_event&) {}));
  CHECK(must(store->events_ledger()).balanced());
  CHECK(must(store->deliveries_ledger()).balanced());
  store.reset();
  repaired_ += done->repaired ? 1u : 0u;
  without_loss_ += done->repaired && done->loses_nothing() ? 1u : 0u;
  if (done->repaired)
    for (const auto& [name, bytes] : before)
      CHECK((read_files(done->aside)[name] == bytes)); // nothing is deleted
  check_loss(*done);
}

/// The commit is gone, and the report says so; or nobody was told that it would stay.
bool damaged_files::is_excused(std::uint64_t commit, const repair_report& report) const {
  if (commit <= raw(report.last))
    return false;
  return !report.marked || commit > raw(*report.marked) ||
         (report.commits_gone && commit >= report.commits_gone->first &&
          commit <= report.commits_gone->last);
}

void damaged_files::check_loss(const repair_report& report) {
  const kept_rows now = read_rows(path_);
  INFO("problem: " << (report.problems.empty() ? "none" : report.problems.front())
                   << ", damage: " << (report.damages.empty() ? "none" : report.damages.front()));
  // What no commit names: nobody knows which of them are lost, or nothing is left at all.
  const bool old_unknown = report.old_events_unknown || raw(report.last) < rows_.first;
  std::set<std::uint64_t> lost;
  for (const lost_event& each : report.events_lost)
    lost.insert(each.sequence);
  std::set<std::int64_t> lost_ends;
  for (const lost_outcome& each : report.outcomes_lost)
    lost_ends.insert(row_of(each.delivery));
  for (const delivery_id& each : report.outcomes_uncertain)
    lost_ends.insert(row_of(each));
  for (const delivery_id& each : report.dead_without_error) {
    lost_ends.insert(row_of(each));
    CHECK(now.outcomes.contains(row_of(each)));
  }
  std::set<std::pair<std::int64_t, std::int64_t>> lost_attempts;
  for (const auto& [delivery, number] : report.attempts_lost)
    lost_attempts.emplace(row_of(delivery), number);
  const auto is_same = [](const auto& rows, const auto& key, const kept_row& row) {
    const auto at = rows.find(key);
    return at != rows.end() && at->second.bytes == row.bytes;
  };
  for (const auto& [number, row] : rows_.events) {
    INFO("event " << number << " of commit " << row.commit);
    const bool named = lost.contains(static_cast<std::uint64_t>(number));
    const bool is_left = row.commit == 0 && old_unknown;
    CHECK((named || is_left || is_excused(row.commit, report) || is_same(now.events, number, row)));
    CHECK_FALSE((named && is_same(now.events, number, row)));
  }
  for (const auto& [id, row] : rows_.outcomes) {
    INFO("outcome " << id << " of commit " << row.commit);
    const bool is_left = old_unknown && rows_.events.at(id / 16).commit == 0;
    CHECK((lost_ends.contains(id) || is_left ||
           lost.contains(static_cast<std::uint64_t>(id / 16)) || is_excused(row.commit, report) ||
           is_same(now.outcomes, id, row)));
  }
  for (const auto& [name, row] : rows_.attempts) {
    INFO("attempt " << name.second << " of " << name.first << " of commit " << row.commit);
    const bool is_left = old_unknown && rows_.events.at(name.first / 16).commit == 0;
    CHECK((lost_attempts.contains(name) || is_left || report.attempts_unknown ||
           lost.contains(static_cast<std::uint64_t>(name.first / 16)) ||
           is_excused(row.commit, report) || is_same(now.attempts, name, row)));
  }
  const bool is_shorter = raw(report.last) < rows_.last;
  const auto names = [](const std::vector<repair_report::state_name>& all, const auto& name) {
    return std::any_of(all.begin(), all.end(), [&](const repair_report::state_name& each) {
      return std::int64_t{raw(each.agent)} == name.first && each.key == name.second;
    });
  };
  for (const auto& [name, row] : rows_.states) {
    INFO("state of " << name.first << " " << name.second);
    CHECK((is_shorter || report.states_unknown || names(report.states_lost, name) ||
           names(report.states_uncertain, name) || is_same(now.states, name, row)));
  }
  for (const auto& [number, row] : now.events)
    CHECK((rows_.events.contains(number) || number < rows_.first_event));
}

} // namespace skein::test
