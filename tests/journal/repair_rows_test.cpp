// Repair where a page is whole and a row on it is not, and where the log holds rows that were never
// committed: what may have been lost is said, and nothing runs or comes back without a word.
#include "journal/btree_page.hpp"
#include "journal/chain.hpp"
#include "journal/high_water.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_db.hpp"
#include "tests/journal/damaged_files.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace skein;
using namespace skein::test;

namespace {

constexpr std::size_t page = limits::journal_page_bytes;
const instant noon = from_ns(1'700'000'000'000'000'000);

/// How many values a row has tells the large tables apart.
enum class table : std::size_t { event = 10, commits = 11, outcome = 13 };

/// A closed store that retention has been at, and where the rows of its file lie.
struct dropped_store {
  damaged_files made{60, false, true};
  temp_dir parent;
  std::string path = parent.path() + "/store";
  file_map files = made.whole();
  kept_rows rows;

  dropped_store() {
    lay_files(path, files);
    rows = read_rows(path);
  }
  std::string& bytes() { return files.at("journal.db"); }

  /// Where the record of this row begins; the last byte of its number is before it.
  std::size_t place_of(table of, std::int64_t row) {
    lay_files(path, files);
    page_source pages = must(page_source::open(path));
    for (std::uint32_t number = 1; number <= pages.pages(); ++number) {
      const std::string at{pages.read(number)};
      const page_cells found = cells_of(at, number);
      for (const cell_place& each : found.cells) {
        if (found.kind != page_kind::table_leaf || each.row != row)
          continue;
        const auto record = record_of(each, pages);
        const auto values = record ? values_of(*record) : std::nullopt;
        if (values && values->size() == static_cast<std::size_t>(of))
          return (number - 1) * page + static_cast<std::size_t>(each.local.data() - at.data());
      }
    }
    FAIL("row " << row << " is not found");
    return 0;
  }
  /// One bit of the values.
  void change(table of, std::int64_t row) { bytes()[place_of(of, row) + 24] ^= 1; }

  repair_report repair() {
    made.check(files);
    lay_files(path, files);
    return must(repair_sqlite(
        {.directory = path, .apply = true, .now = noon, .write_report = [](const repair_report&) {
           return "{}";
         }}));
  }
  /// An event that ended so before the oldest commit, with one delivery.
  std::int64_t old_outcome(delivery_state state) {
    for (const auto& [id, row] : rows.outcomes) {
      const bool is_alone =
          rows.outcomes.lower_bound(id / 16 * 16)->first == id && !rows.outcomes.contains(id + 1);
      if (row.commit == 0 && is_alone && id % 16 == 0 && state_of(row) == state)
        return id;
    }
    FAIL("there is no such outcome");
    return 0;
  }
  /// The second value of a row as text.
  static delivery_state state_of(const kept_row& row) {
    const std::size_t at = row.bytes.find('|') + 2;
    return static_cast<delivery_state>(std::stoi(row.bytes.substr(at)));
  }
};

bool names(const std::vector<delivery_id>& all, std::int64_t id) {
  return std::any_of(all.begin(), all.end(),
                     [&](const delivery_id& each) { return row_of(each) == id; });
}

} // namespace

TEST_CASE("a dead letter whose end cannot be read stays dead, and that is said") {
  dropped_store store;
  const std::int64_t id = store.old_outcome(delivery_state::dead);
  store.change(table::outcome, id);
  const auto report = store.repair();
  CHECK(names(report.dead_without_error, id));
  CHECK_FALSE(names(report.outcomes_uncertain, id));
  CHECK_FALSE(report.loses_nothing());
  const kept_rows now = read_rows(store.path);
  REQUIRE(now.outcomes.contains(id));
  CHECK(dropped_store::state_of(now.outcomes.at(id)) == delivery_state::dead);
}

TEST_CASE("an old end that cannot be read is named as one that may run again") {
  dropped_store store;
  const std::int64_t id = store.old_outcome(delivery_state::done);
  const bool is_its_number = GENERATE(false, true);
  if (is_its_number)
    store.bytes()[store.place_of(table::outcome, id) - 1] ^= 1;
  else
    store.change(table::outcome, id);
  const auto report = store.repair();
  CHECK(names(report.outcomes_uncertain, id));
  CHECK_FALSE(report.loses_nothing());
}

TEST_CASE("an end that cannot be read, and the commit that named it, is named") {
  dropped_store store;
  const auto found =
      std::find_if(store.rows.outcomes.begin(), store.rows.outcomes.end(), [&](const auto& each) {
        return each.second.commit != 0 && store.rows.events.at(each.first / 16).commit != 0 &&
               dropped_store::state_of(each.second) == delivery_state::done;
      });
  REQUIRE(found != store.rows.outcomes.end());
  store.change(table::outcome, found->first);
  store.change(table::commits, static_cast<std::int64_t>(found->second.commit));
  const auto report = store.repair();
  CHECK(names(report.outcomes_uncertain, found->first));
}

TEST_CASE("an old event whose number is damaged is not taken for one that was dropped") {
  dropped_store store;
  const auto old =
      std::find_if(store.rows.events.begin(), store.rows.events.end(), [&](const auto& each) {
        return each.second.commit == 0 && !store.rows.events.contains(each.first ^ 1);
      });
  REQUIRE(old != store.rows.events.end());
  store.bytes()[store.place_of(table::event, old->first) - 1] ^= 1;
  const auto report = store.repair();
  CHECK(report.old_events_unknown);
  CHECK_FALSE(report.loses_nothing());
}

namespace {

/// A store that is killed, and what two ways to go on from there leave in its log.
struct forked_store {
  temp_dir parent;
  std::string path = parent.path() + "/store";
  instant now = noon;
  file_map first;

  forked_store() { first = go_on({}, {"one", "two"}, false); }

  /// Accepts an event a commit, and is killed.
  file_map go_on(const file_map& from, const std::vector<std::string>& ids, bool marked) {
    if (!from.empty())
      lay_files(path, from);
    auto store = must(skein::journal::open(path, {.now = now, .seed = 7}));
    must(store->recover([](const pending_event&) {}));
    const agent_no agent = must(store->agent_number("agent"));
    for (const std::string& id : ids) {
      event value;
      value.id = id;
      value.source = "/s";
      value.type = "t";
      value.kind = data_kind::text;
      value.datacontenttype = "text/plain";
      value.data = "data of " + id;
      accept_op op;
      op.event = must(offer(value, store->identity().hash, {}, now));
      op.deliveries.add(agent);
      std::vector<operation> batch{op};
      set_epoch(batch, epoch_no{store->identity().boot});
      CHECK(must(store->commit(batch, now)).results.at(0).event.sequence > 0);
    }
    if (marked)
      must(store->upkeep(now + std::chrono::seconds{2}));
    return read_files(path);
  }
  repair_report repair(const file_map& files) {
    lay_files(path, files);
    return must(repair_sqlite(
        {.directory = path, .apply = true, .now = noon, .write_report = [](const repair_report&) {
           return "{}";
         }}));
  }
  /// As an upkeep would, if it wrote nothing else.
  void mark_last(file_map& files) {
    lay_files(path, files);
    auto db = must(database::open(path + "/journal.db", {.write = false, .vfs = {}}));
    auto last = must(db.prepare("SELECT no, digest FROM commits ORDER BY no DESC LIMIT 1"));
    REQUIRE(last.step() == SQLITE_ROW);
    guarded_vfs guard{""};
    high_water mark{path, guard};
    REQUIRE(must(mark.read()));
    const std::string slot = write_slot(
        {mark.mark().store_id, commit_no{last.natural(0)}, digest_of_bytes(last.blob(1)).value()});
    files["high-water"] = slot + slot;
  }
  bool has(const std::string& id) {
    const kept_rows rows = read_rows(path);
    return std::any_of(rows.events.begin(), rows.events.end(), [&](const auto& each) {
      return each.second.bytes.find("data of " + id) != std::string::npos;
    });
  }
  /// Every image of a page in the log that has this text is damaged.
  static void lose(file_map& files, const std::string& text) {
    std::string& log = files.at("journal.db-wal");
    for (std::size_t at = 0; (at = log.find(text, at)) != std::string::npos; ++at) {
      const std::size_t begin = 32 + (at - 32) / (24 + page) * (24 + page) + 24;
      log.replace(begin, page, std::string(page, '\0'));
    }
  }
};

constexpr std::size_t log_header_bytes = 32;

} // namespace

TEST_CASE("what a refused commit left in the log does not stand in for an event that is lost") {
  forked_store store;
  const file_map refused = store.go_on(store.first, {"refused"}, false);
  file_map real = store.go_on(store.first, {"real"}, true);
  forked_store::lose(real, "data of real");
  real.at("journal.db-wal") += refused.at("journal.db-wal").substr(log_header_bytes);
  const auto report = store.repair(real);
  CHECK(report.repaired);
  REQUIRE(report.events_lost.size() == 1);
  CHECK(report.events_lost[0].sequence == 3);
  CHECK_FALSE(store.has("refused"));
  CHECK(store.has("two"));
}

TEST_CASE("what stands behind the last commit in the log does not come back") {
  forked_store store;
  const file_map refused = store.go_on(store.first, {"refused"}, false);
  file_map real = store.go_on(store.first, {}, true);
  real.at("journal.db-wal") += refused.at("journal.db-wal").substr(log_header_bytes);
  real.erase("high-water"); // so that there is something to repair
  const auto report = store.repair(real);
  CHECK(report.repaired);
  CHECK(report.events == 2);
  CHECK_FALSE(store.has("refused"));
}

TEST_CASE("a commit that the mark names is found behind the last whole one of the log") {
  forked_store store;
  file_map files = store.go_on(store.first, {"real"}, false);
  const bool is_marked = GENERATE(true, false);
  if (is_marked)
    store.mark_last(files);
  std::string& log = files.at("journal.db-wal");
  // The frame that ends the last commit: a byte of its checksum.
  std::size_t last = 0;
  for (std::size_t at = log_header_bytes; at + 24 + page <= log.size(); at += 24 + page)
    if (log.compare(at + 8, 8, log, 16, 8) == 0)
      last = at;
  log[last + 16] ^= 1;
  if (!is_marked)
    files.erase("high-water"); // so that there is something to repair
  const auto report = store.repair(files);
  CHECK(report.repaired);
  CHECK_FALSE(report.commits_gone);
  CHECK(report.events_lost.empty());
  CHECK(store.has("two"));
  CHECK(store.has("real") == is_marked); // if not, nobody knows whether it was refused
}
