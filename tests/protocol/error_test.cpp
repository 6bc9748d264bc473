// The list of errors is complete, distinct and stable.
#include "protocol/error.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

using namespace skein;

TEST_CASE("every error has a slug and a sentence of its own") {
  std::set<std::string_view> slugs;
  std::set<std::string_view> sentences;
  for (const errc code : all_errc()) {
    CAPTURE(static_cast<int>(code));
    CHECK(slugs.insert(slug(code)).second);
    CHECK(sentences.insert(sentence(code)).second);
    CHECK(slug(code).find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == std::string_view::npos);
    CHECK(sentence(code).ends_with('.'));
  }
}

TEST_CASE("the errors are listed in order of number and found by it") {
  CHECK(std::is_sorted(all_errc().begin(), all_errc().end()));
  for (const errc code : all_errc())
    CHECK(errc_from_number(static_cast<std::uint16_t>(code)) == code);
}

TEST_CASE("no error of the enumeration is missing from the list") {
  // The ranges of the enumeration; a number added there without a row fails here.
  const auto present = [](int low, int high) {
    int count = 0;
    for (int number = low; number <= high; ++number)
      count += errc_from_number(static_cast<std::uint16_t>(number)) != errc::internal;
    return count;
  };
  CHECK(present(100, 199) == static_cast<int>(errc::needs_restart) - 99);
  CHECK(present(200, 299) == static_cast<int>(errc::clock_implausible) - 199);
  CHECK(present(300, 399) == static_cast<int>(errc::store_unreachable) - 299);
  CHECK(present(400, 499) == static_cast<int>(errc::agent_unknown) - 399);
  CHECK(all_errc().size() == 27 + 13 + 14 + 6 + 2);
}

TEST_CASE("an unknown number is an internal error") {
  CHECK(errc_from_number(99) == errc::internal);
  CHECK(errc_from_number(65535) == errc::internal);
}

TEST_CASE("an error reads as slug, sentence and what it was about") {
  CHECK(to_string(error{errc::disk_full, {}}) == "disk-full: The disk has too little free space.");
  CHECK(to_string(error{errc::invalid_event, "id is missing."}) ==
        "invalid-event: The event is not a valid CloudEvent. id is missing.");
}
