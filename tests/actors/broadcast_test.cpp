// What a broadcast becomes, and what it may not be.
#include "actors/broadcast.hpp"

#include <catch2/catch.hpp>

using namespace skein;

namespace {

event broadcast(const std::string& data) {
  event made;
  made.id = "1";
  made.source = "/ops";
  made.type = broadcast_type;
  made.kind = data_kind::json;
  made.data = data;
  return made;
}

const std::vector<broadcast_member> three{{"n2", 1}, {"n1", 2}, {"n3", 0}};

std::vector<std::string> keys(const std::vector<event>& made) {
  std::vector<std::string> all;
  for (const event& each : made)
    all.emplace_back(each.key());
  return all;
}

errc code_of(const std::string& data, const std::vector<broadcast_member>& members = three) {
  return broadcast_events(broadcast(data), members).error().code;
}

} // namespace

TEST_CASE("a broadcast becomes one event for each node, alike but for the key, for an hour") {
  const auto made =
      broadcast_events(broadcast(R"({"type":"cache.clear","data":{"n":1.50}})"), three);
  REQUIRE(made.ok());
  CHECK(keys(*made) == std::vector<std::string>{"node:n1", "node:n2", "node:n3"});
  for (const event& each : *made) {
    CHECK(each.type == "cache.clear");
    CHECK(each.source == "/ops");
    CHECK(each.id.empty()); // the engine's to give: the same at every try
    CHECK(each.kind == data_kind::json);
    CHECK(each.data == R"({"n":1.50})");
    CHECK(*each.text_extension("expires") == "+1h");
  }
}

TEST_CASE("a broadcast to loops becomes one for each loop of each node, once these are known") {
  const std::string data = R"({"to":"loops","type":"t","text":"hi"})";
  CHECK(code_of(data) == errc::not_ready);
  const auto made = broadcast_events(broadcast(data), {{"n2", 1}, {"n1", 2}});
  REQUIRE(made.ok());
  CHECK(keys(*made) ==
        std::vector<std::string>{"node:n1/loop:0", "node:n1/loop:1", "node:n2/loop:0"});
  CHECK(made->front().kind == data_kind::text);
  CHECK(made->front().data == "hi");
}

TEST_CASE("a broadcast that says nothing useful is refused for good") {
  CHECK(code_of("[]") == errc::invalid_argument);
  CHECK(code_of("{}") == errc::invalid_argument);
  CHECK(code_of(R"({"type":"t","to":"moons"})") == errc::invalid_argument);
  CHECK(code_of(R"({"type":"t","data":1,"text":"x"})") == errc::invalid_argument);
  CHECK(code_of(R"({"type":"t","texts":"x"})") == errc::invalid_argument);
  CHECK(code_of(R"({"type":"skein.broadcast"})") == errc::invalid_argument);
  CHECK(code_of(R"({"type":"t","to":"loops"})", {{"n1", limits::emits_per_turn_max + 1}}) ==
        errc::too_many_emits);
}

TEST_CASE("a broadcast waits while nobody knows who takes part") {
  CHECK(code_of(R"({"type":"t"})", {}) == errc::not_ready);
  std::vector<broadcast_member> known;
  std::vector<runner_news> told;
  broadcast_runner runner{{[&] { return known; }, [&](runner_news news) { told.push_back(news); }}};
  turn_start turn;
  turn.body = slice{encode_event(broadcast(R"({"type":"t"})"))};
  runner.start({turn});
  REQUIRE(told.size() == 1);
  CHECK(told[0].ended.at(0).verdict == turn_verdict::failed);
  known = three;
  runner.start({turn});
  CHECK(told[1].ended.at(0).verdict == turn_verdict::done);
  CHECK(told[1].ended.at(0).emits.size() == 3);
  CHECK(told[1].ended.at(0).reply == R"({"events":3,"keys":["node:n1","node:n2","node:n3"]})");
}
