// CRC-32C by the processor's instruction and by the table: the published value, and each other.
#include "journal/crc32c.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <string>

using namespace skein::journal;

TEST_CASE("the published check value comes out both ways") {
  CHECK(crc32c("123456789") == 0xe3069283u);
  CHECK(crc32c_by_table("123456789") == 0xe3069283u);
  CHECK(crc32c("") == 0);
  CHECK(crc32c_by_table("") == 0);
}

TEST_CASE("instruction and table agree on any bytes, at any place and length") {
  std::mt19937_64 random{1};
  std::string bytes(300, '\0');
  for (char& each : bytes)
    each = static_cast<char>(random());
  for (std::size_t from = 0; from < 9; ++from)
    for (std::size_t size = 0; size + from <= bytes.size(); ++size) {
      const std::string_view part = std::string_view{bytes}.substr(from, size);
      REQUIRE(crc32c(part) == crc32c_by_table(part));
    }
}

TEST_CASE("a value that goes on over two parts is that of both together") {
  const std::string_view whole = "the end of a store is where it is lost";
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    CHECK(crc32c(whole.substr(cut), crc32c(whole.substr(0, cut))) == crc32c(whole));
    CHECK(crc32c_by_table(whole.substr(cut), crc32c_by_table(whole.substr(0, cut))) ==
          crc32c(whole));
  }
}
