#include "actors/route_table.hpp"

#include <catch2/catch.hpp>

using namespace skein;

namespace {

agent_no number(unsigned value) { return static_cast<agent_no>(value); }

std::vector<unsigned> numbers(const result<journal::delivery_list>& list) {
  REQUIRE(list);
  std::vector<unsigned> out;
  for (const agent_no each : *list)
    out.push_back(raw(each));
  return out;
}

} // namespace

TEST_CASE("globs match as their table says") {
  struct row {
    const char* pattern;
    const char* text;
    bool matches;
  };
  const auto each = GENERATE(values<row>({
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "anything", true},
      {"a*", "a", true},
      {"a*", "ba", false},
      {"*a", "banana", true},
      {"a*b*c", "aXXbYYc", true},
      {"a*b*c", "aXXcYYb", false},
      {"a**b", "ab", true},
      {"?", "x", true},
      {"?", "", false},
      {"??", "x", false},
      {"a?c", "abc", true},
      {"*?", "", false},
      {"*.created", "order.created", true},
      {"*.created", "order.created.twice", false},
      {"*aab", "aaaaaab", true},
      {"[a]", "a", false},
      {"[a]", "[a]", true},
  }));
  CAPTURE(each.pattern, each.text);
  CHECK(glob_matches(each.pattern, each.text) == each.matches);
}

TEST_CASE("many stars against a long text take linear time a star, not exponential") {
  std::string pattern;
  for (int i = 0; i < 200; ++i)
    pattern += "*a";
  CHECK_FALSE(glob_matches(pattern + "b", std::string(5'000, 'a')));
  CHECK(glob_matches(pattern, std::string(5'000, 'a')));
}

TEST_CASE("a wildcard never matches what the engine says of itself, but skein.message") {
  struct row {
    const char* pattern;
    const char* type;
    bool matches;
  };
  const auto each = GENERATE(values<row>({
      {"*", "skein.reply", false},
      {"", "skein.reply", false},
      {"skein.*", "skein.reply", false},
      {"skein.repl?", "skein.reply", false},
      {"skein.reply", "skein.reply", true},
      {"*", "skein.message", true},
      {"", "skein.message", true},
      {"skein.*", "skein.message", true},
      {"*", "skeins.of.wool", true},
      {"*", "skein", true},
      {"*", "skein.", false},
  }));
  CAPTURE(each.pattern, each.type);
  CHECK(type_matches(each.pattern, each.type) == each.matches);
}

TEST_CASE("an event goes to each matching agent once, in order of its first route") {
  route_table table{{{"order.*", "", "", number(2)},
                     {"", "/shop*", "", number(0)},
                     {"order.created", "", "", number(2)},
                     {"chat", "", "", number(1)}}};
  CHECK(numbers(table.match({"1", "/shop/a", "order.created", "k"})) ==
        std::vector<unsigned>{2, 0});
  CHECK(numbers(table.match({"1", "/elsewhere", "chat", "k"})) == std::vector<unsigned>{1});
  CHECK(numbers(table.match({"1", "/elsewhere", "other", "k"})).empty());
  // the remembered answer is the same
  CHECK(numbers(table.match({"2", "/shop/a", "order.created", "k2"})) ==
        std::vector<unsigned>{2, 0});
}

TEST_CASE("routes that look at the key tell keys apart") {
  route_table table{{{"", "", "vip-*", number(1)}, {"", "", "", number(0)}}};
  CHECK(numbers(table.match({"1", "/s", "t", "vip-7"})) == std::vector<unsigned>{1, 0});
  CHECK(numbers(table.match({"1", "/s", "t", "plain"})) == std::vector<unsigned>{0});
}

TEST_CASE("type and source with the same concatenation are told apart") {
  route_table table{{{"ab", "c", "", number(1)}, {"a", "bc", "", number(2)}}};
  CHECK(numbers(table.match({"1", "c", "ab", "k"})) == std::vector<unsigned>{1});
  CHECK(numbers(table.match({"1", "bc", "a", "k"})) == std::vector<unsigned>{2});
}

TEST_CASE("more agents than an event may have deliveries are an error each time") {
  std::vector<route_table::route> routes;
  for (unsigned i = 0; i <= limits::deliveries_per_event_max; ++i)
    routes.push_back({"", "", "", number(i)});
  route_table table{routes};
  for (int i = 0; i < 2; ++i) {
    const auto got = table.match({"1", "/s", "t", "k"});
    REQUIRE_FALSE(got);
    CHECK(got.error().code == errc::too_many_deliveries);
  }
  routes.pop_back();
  route_table fits{routes};
  CHECK(numbers(fits.match({"1", "/s", "t", "k"})).size() == limits::deliveries_per_event_max);
}

TEST_CASE("more kinds of events than are remembered are still routed right") {
  route_table table{{{"even-*", "", "", number(1)}, {"odd-*", "", "", number(2)}}};
  for (int i = 0; i < 25'000; ++i) {
    const std::string type = (i % 2 == 0 ? "even-" : "odd-") + std::to_string(i);
    REQUIRE(numbers(table.match({"1", "/s", type, "k"})) ==
            std::vector<unsigned>{i % 2 == 0 ? 1u : 2u});
  }
}
