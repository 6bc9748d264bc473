#include "nodes/reload/generations.hpp"
#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>

#include <fstream>

using namespace skein;

namespace {

generation made(const std::string& hash, const std::string& text = "x") {
  return {0, hash, from_ns(1'700'000'000'000'000'000), "start", text};
}

} // namespace

TEST_CASE(
    "the first configuration is generation 1, another one is the next, the same keeps its own") {
  const generations first = begin_generations(std::nullopt, made("a"));
  CHECK(first.current.number == 1);
  CHECK_FALSE(first.previous.has_value());
  const generations second = begin_generations(first, made("b"));
  CHECK(second.current.number == 2);
  REQUIRE(second.previous.has_value());
  CHECK(second.previous->hash == "a");
  const generations again = begin_generations(second, made("b", "in other words"));
  CHECK(again.current.number == 2);
  CHECK(again.current.text == "in other words");
  CHECK(again.previous->hash == "a");
}

TEST_CASE("what is kept in a folder comes back, byte by byte, and what is damaged is told") {
  const test::temp_dir dir;
  CHECK_FALSE(load_generations(dir.path())->has_value());
  generations kept = begin_generations(std::nullopt, made("a", "name = \"\xc3\xa4\"\n\t# x"));
  kept = next_generation(kept, made("b", "y"));
  REQUIRE(save_generations(dir.path(), kept).ok());
  const auto read = load_generations(dir.path());
  REQUIRE(read.ok());
  REQUIRE(read->has_value());
  CHECK((**read).current.number == 2);
  CHECK((**read).current.at == kept.current.at);
  CHECK((**read).previous->text == kept.previous->text);
  std::ofstream{dir.path() + "/" + generations_file} << "{";
  CHECK(load_generations(dir.path()).error().code == errc::invalid_config);
}
