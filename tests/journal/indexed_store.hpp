// A store of small ranges whose file can be looked at, and damaged, beside it.
#pragma once

#include "journal/sqlite_verify.hpp"
#include "tests/journal/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>
#include <sqlite3.h>

#include <memory>
#include <string>
#include <vector>

namespace skein::test {

struct indexed_store {
  static constexpr std::uint64_t range_events = 16;

  temp_dir parent;
  std::string path = parent.path() + "/store";
  instant now = from_ns(1'700'000'000'000'000'000);
  std::unique_ptr<engine> store;
  std::unique_ptr<reader> view;

  indexed_store() { open(); }

  void open() {
    view.reset();
    store.reset();
    open_options options;
    options.now = now;
    options.seed = 4;
    options.range_events = range_events;
    store = must(skein::journal::open(path, options));
    view = must(store->new_reader());
  }
  std::uint64_t add(const std::string& id, const std::string& key) {
    event value;
    value.id = id;
    value.source = "/s";
    value.type = "t";
    value.kind = data_kind::text;
    value.datacontenttype = "text/plain";
    value.data = data;
    value.set_extension(std::string{attribute::partitionkey}, key);
    accept_op op;
    op.epoch = epoch_no{store->identity().boot};
    op.event = must(offer(value, store->identity().hash, {}, now));
    if (!agent.empty())
      op.deliveries.add(must(store->agent_number(agent)));
    const std::vector<operation> batch{std::move(op)};
    return must(store->commit(batch, now)).results.at(0).event.sequence;
  }
  /// An id that is no part of another.
  static std::string id(std::size_t number) { return "event-" + std::to_string(number) + "-"; }
  /// Events of the ids 0, 1, ... and of the keys "k0", "k1", "k2" by turns.
  void add_many(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i, ++added)
      add(id(added), "k" + std::to_string(added % 3));
  }
  std::size_t added = 0;
  std::string data;
  std::string agent; // of what is added; empty: none

  int keep_up() {
    int steps = 1;
    while (must(store->upkeep(now)))
      ++steps;
    return steps;
  }
  event_page list(const event_filter& filter) { return must(view->list(filter)); }
  std::int64_t number(const std::string& query) const {
    sqlite3* db = nullptr;
    sqlite3_stmt* row = nullptr;
    REQUIRE(sqlite3_open((path + "/journal.db").c_str(), &db) == SQLITE_OK);
    REQUIRE(sqlite3_prepare_v2(db, query.c_str(), -1, &row, nullptr) == SQLITE_OK);
    const int code = sqlite3_step(row);
    const std::int64_t value = code == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0;
    CHECK((code == SQLITE_ROW || code == SQLITE_DONE));
    sqlite3_finalize(row);
    sqlite3_close(db);
    return value;
  }
  std::int64_t indexed() const { return number("SELECT count(*) FROM lookup_range"); }
  std::vector<std::string> problems() const { return must(verify_sqlite(path)).problems; }
};

} // namespace skein::test
