#include "actors/access/token_book.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace std::chrono_literals;

namespace {

const instant now = from_ns(1'769'860'800'000'000'000);

access_token made(const std::string& name, std::uint8_t byte, role may = role::read,
                  instant expires = no_instant) {
  access_token token;
  token.name = name;
  token.may = may;
  token.digest.fill(byte);
  token.expires = expires;
  return token;
}

} // namespace

TEST_CASE("a token is found by its digest alone, while it is in the book and has not expired") {
  token_book book;
  book.write({made("a", 1), made("b", 2, role::admin), made("c", 3, role::read, now + 1h)});
  REQUIRE(book.find(made("", 2).digest, now));
  CHECK(book.find(made("", 2).digest, now)->name == "b");
  CHECK(book.find(made("", 2).digest, now)->may == role::admin);
  CHECK_FALSE(book.find(made("", 9).digest, now));
  CHECK(book.find(made("", 3).digest, now + 59min));
  CHECK_FALSE(book.find(made("", 3).digest, now + 1h));
  book.write({made("a", 1)});
  CHECK_FALSE(book.find(made("", 2).digest, now)); // at once
}

TEST_CASE("whether a token still allows something is looked at without noting that it was used") {
  token_book book;
  book.write({made("a", 1, role::read, now), made("b", 2, role::read, now + 1h)});
  CHECK_FALSE(book.still_allows(made("", 1).digest, role::read, now));
  CHECK(book.still_allows(made("", 2).digest, role::read, now));
  CHECK_FALSE(book.still_allows(made("", 2).digest, role::admin, now));
  CHECK_FALSE(book.still_allows(made("", 2).digest, role::read, now + 1h));
  CHECK(book.uses().empty());
  book.write({});
  CHECK_FALSE(book.still_allows(made("", 2).digest, role::read, now));
}

TEST_CASE("uses are told of those who were let in, also when the book was written anew") {
  token_book book;
  book.write({made("a", 1), made("b", 2)});
  CHECK(book.uses().empty());
  book.find(made("", 2).digest, now);
  book.find(made("", 7).digest, now);
  book.write({made("b", 2), made("c", 3)});
  REQUIRE(book.uses().size() == 1);
  CHECK(book.uses()[0] == std::pair{std::string{"b"}, now});
}
