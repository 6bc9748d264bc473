#include "nodes/reload/settling.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace std::chrono_literals;

namespace {
boot_time at(std::chrono::milliseconds ms) { return boot_time{ms}; }
} // namespace

TEST_CASE("a file is read once it has stayed as it is for a while, and once") {
  settling file{"a"};
  CHECK_FALSE(file.look("a", at(0ms), 500ms));
  CHECK_FALSE(file.next(500ms).has_value());
  CHECK_FALSE(file.look("b", at(100ms), 500ms));
  CHECK(file.next(500ms) == at(600ms));
  CHECK_FALSE(file.look("c", at(500ms), 500ms)); // it is still being written
  CHECK_FALSE(file.look("c", at(999ms), 500ms));
  CHECK(file.look("c", at(1'000ms), 500ms));
  CHECK_FALSE(file.look("c", at(2'000ms), 500ms));
  CHECK_FALSE(file.next(500ms).has_value());
}

TEST_CASE("a file that changes while it is read is read again once it rests") {
  settling file{"a"};
  CHECK_FALSE(file.look("b", at(0ms), 500ms));
  CHECK(file.look("b", at(500ms), 500ms));
  file.know("half");
  file.changed("half", at(510ms));
  CHECK_FALSE(file.look("half", at(600ms), 500ms));
  CHECK_FALSE(file.look("c", at(700ms), 500ms));
  CHECK(file.next(500ms) == at(1'200ms));
  CHECK(file.look("c", at(1'200ms), 500ms));
  file.know("c");
  file.changed("half", at(1'300ms));
  CHECK(file.look("half", at(1'800ms), 500ms)); // it stays like that: then it is that
}

TEST_CASE("a file that is as it was again is not read") {
  settling file{"a"};
  CHECK_FALSE(file.look("", at(0ms), 500ms)); // renamed away
  CHECK_FALSE(file.look("a", at(100ms), 500ms));
  CHECK_FALSE(file.look("a", at(5'000ms), 500ms));
}

TEST_CASE("what was read for another reason is not read again") {
  settling file{"a"};
  CHECK_FALSE(file.look("b", at(0ms), 500ms));
  file.know("b");
  CHECK_FALSE(file.look("b", at(5'000ms), 500ms));
}
