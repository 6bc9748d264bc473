// Where the rows of a table lie, found from the bytes of the file alone.
#include "journal/btree_page.hpp"
#include "journal/page_hints.hpp"
#include "journal/page_source.hpp"
#include "journal/sqlite_db.hpp"
#include "tests/journal/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

using namespace skein;
using namespace skein::journal;
using namespace skein::test;

namespace {

constexpr std::size_t page = 512; // small, so that few rows make a deep table
constexpr std::int64_t rows = 40'000;

/// The rows 10, 20, 30, ... of a table of four levels, closed.
struct deep_table {
  temp_dir place;
  std::string file = place.path() + "/journal.db";
  std::uint32_t root = 0;

  deep_table() {
    auto db = must(database::open(file, {.write = true, .vfs = {}}));
    must(db.run("PRAGMA page_size = 512; CREATE TABLE other (no INTEGER PRIMARY KEY);"
                "CREATE TABLE row (no INTEGER PRIMARY KEY, text TEXT); BEGIN;"));
    auto insert = must(db.prepare("INSERT INTO row VALUES (?, 'some twenty bytes or so')"));
    for (std::int64_t i = 1; i <= rows; ++i)
      REQUIRE(insert.bind(1, i * 10).run() == SQLITE_DONE);
    must(db.run("COMMIT"));
    root = static_cast<std::uint32_t>(
        must(db.number("SELECT rootpage FROM sqlite_schema WHERE name = 'row'")));
  }
  std::shared_ptr<const page_hints> hints() const { return page_hints::open(file, page); }
};

} // namespace

TEST_CASE("the leaf page of each row is found", "[hints]") {
  const deep_table table;
  page_source pages = must(page_source::open(table.place.path()));
  std::vector<std::int64_t> wanted;
  for (std::int64_t i = 1; i <= rows; i += 7)
    wanted.push_back(i * 10);
  std::shuffle(wanted.begin(), wanted.end(), std::mt19937{1});
  const auto leaves = table.hints()->leaves_of(table.root, wanted);
  REQUIRE(leaves.size() == wanted.size());
  std::size_t found = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::string bytes{pages.read(leaves[i])};
    const page_cells cells = cells_of(bytes, leaves[i]);
    found += cells.kind == page_kind::table_leaf &&
             std::any_of(cells.cells.begin(), cells.cells.end(),
                         [&](const cell_place& each) { return each.row == wanted[i]; });
  }
  CHECK(found == wanted.size());
}

TEST_CASE("rows that are not there, an empty table and no table have hints that do no harm",
          "[hints]") {
  const deep_table table;
  const std::vector<std::int64_t> absent{-5, 0, 11, rows * 10 + 1, INT64_MAX};
  for (const std::uint32_t leaf : table.hints()->leaves_of(table.root, absent))
    CHECK(leaf > 0); // where they would be
  CHECK(table.hints()->leaves_of(2, std::vector<std::int64_t>{7}) == std::vector<std::uint32_t>{2});
  for (const std::uint32_t root : {0u, 1'000'000u})
    CHECK(table.hints()->leaves_of(root, absent) == std::vector<std::uint32_t>(5, 0));
  CHECK(page_hints::open(table.place.path() + "/none", page) == nullptr);
}

TEST_CASE("any bytes for pages give hints", "[hints]") {
  const deep_table table;
  std::mt19937 dice{7};
  const auto pages = std::filesystem::file_size(table.file) / page;
  std::vector<std::int64_t> wanted;
  for (std::int64_t i = 1; i <= rows; i += 97)
    wanted.push_back(i * 10);
  std::fstream bytes{table.file, std::ios::in | std::ios::out | std::ios::binary};
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 40; ++i) { // inner pages too: a page in ten is one
      bytes.seekp(static_cast<std::streamoff>(page * (dice() % pages) + dice() % 16));
      bytes.put(static_cast<char>(dice()));
    }
    bytes.flush();
    table.hints()->will_read(table.root, wanted);
    CHECK(table.hints()->leaves_of(table.root, wanted).size() == wanted.size());
  }
}
