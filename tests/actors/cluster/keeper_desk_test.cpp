// What is asked of the keepers at any node reaches them, and what changes something does so once.
#include "actors/cluster/keeper_desk.hpp"

#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>

using namespace skein;
using namespace std::chrono_literals;

namespace {

moment at(std::int64_t ms) {
  return {from_ns(1'700'000'000'000'000'000 + ms * 1'000'000),
          boot_time{std::chrono::milliseconds{ms}}};
}

/// Shard 0 is n2's, of three nodes.
shard_owners of_n2() { return {{"n1", "n2", "n3"}, {1, 0}}; }

struct desk {
  explicit desk(std::string node, std::uint64_t boot = 7) : core{{std::move(node), boot}} {}

  void step(desk_input input, std::int64_t ms) {
    std::vector<desk_effect> out;
    core.step(std::move(input), at(ms), out);
    sent.clear();
    asked.clear();
    answered.clear();
    for (desk_effect& each : out) {
      if (auto* bytes = std::get_if<send_effect>(&each))
        sent.push_back(decode_frame(bytes->bytes).value());
      else if (auto* ask = std::get_if<ask_keepers_effect>(&each))
        asked.push_back(*ask);
      else if (auto* said = std::get_if<desk_answer_effect>(&each))
        answered.push_back(*said);
      else if (const auto* wake = std::get_if<wake_effect>(&each))
        woken_at = wake->at;
    }
  }
  void ask(std::uint64_t ticket, std::string operation, std::int64_t ms) {
    step(desk_ask_in{ticket, {"ann", "10.0.0.9"}, std::move(operation), R"({"job":"j"})"}, ms);
  }
  void hear(const frame& told, std::int64_t ms) { step(frame_in{told}, ms); }
  void answer_from(const frame& asked_with, errc code, std::string body, std::int64_t ms) {
    const auto request = std::get<query>(asked_with.body).request;
    hear({{asked_with.header.to, asked_with.header.from, 0, 9, 7},
          answer{request, code, std::move(body)}},
         ms);
  }
  const api_answer& only_answer() const {
    REQUIRE(answered.size() == 1);
    return answered[0].answer;
  }

  keeper_desk core;
  std::vector<frame> sent;
  std::vector<ask_keepers_effect> asked;
  std::vector<desk_answer_effect> answered;
  boot_time woken_at{};
};

/// Knows who has them, and which process that is.
struct asker : desk {
  asker() : desk{"n1"} {
    step(desk_owners_in{of_n2()}, 0);
    hear({{{"n2", "keeper"}, {"n1", "keeper"}, 0, 9, 7}, answer{0, errc::none, "{}"}}, 0);
  }
};

/// Has them, as the process 9.
struct keeper : desk {
  keeper() : desk{"n2", 9} {
    step(desk_owners_in{of_n2()}, 0);
    step(desk_keepers_in{true}, 0);
  }
  errc said() const {
    REQUIRE(sent.size() == 1);
    return std::get<answer>(sent[0].body).code;
  }
};

} // namespace

TEST_CASE("where the keepers are, they are asked at once", "[keepers]") {
  keeper here;
  here.ask(1, "job.trigger", 1);
  REQUIRE(here.asked.size() == 1);
  CHECK(here.asked[0].operation == "job.trigger");
  CHECK(here.asked[0].by.who == "ann");
  CHECK(here.asked[0].by.from == "10.0.0.9");
  CHECK(here.asked[0].arguments == R"({"job":"j"})");
  here.step(desk_answer_in{here.asked[0].ask, {errc::state_conflict, "it runs"}}, 2);
  CHECK(here.only_answer().code == errc::state_conflict);
  CHECK(here.only_answer().body == "it runs");
  here.step(tick_in{}, 60'000);
  CHECK(here.answered.empty());
}

TEST_CASE("what is asked elsewhere goes to their node, and its answer comes back", "[keepers]") {
  asker n1;
  keeper n2;
  n1.ask(5, "job.create", 1);
  REQUIRE(n1.sent.size() == 1);
  CHECK(n1.sent[0].header.to == address{"n2", "keeper"});
  CHECK(n1.sent[0].header.to_boot == 9);
  n2.hear(n1.sent[0], 2);
  REQUIRE(n2.asked.size() == 1);
  CHECK(n2.asked[0].by.who == "ann");
  CHECK(n2.asked[0].by.from == "10.0.0.9");
  n2.step(desk_answer_in{n2.asked[0].ask, {errc::none, "{}"}}, 3);
  REQUIRE(n2.sent.size() == 1);
  CHECK(n2.sent[0].header.to_boot == 7);
  n1.hear(n2.sent[0], 4);
  CHECK(n1.only_answer().code == errc::none);
  n1.hear(n2.sent[0], 5);
  CHECK(n1.answered.empty());
}

TEST_CASE("a change waits until it is known which process will have it", "[keepers]") {
  desk n1{"n1"};
  keeper n2;
  n1.step(desk_owners_in{of_n2()}, 0);
  const bool changes = GENERATE(true, false);
  n1.ask(1, changes ? "job.trigger" : "job.list", 0);
  REQUIRE(n1.sent.size() == 1);
  CHECK((n1.sent[0].header.number == 0) == changes); // a greeting
  n2.hear(n1.sent[0], 1);
  CHECK(n2.asked.size() == (changes ? 0 : 1));
  if (!changes)
    return;
  const frame greeted = n2.sent.at(0);
  n1.step(tick_in{}, 199);
  CHECK(n1.sent.empty());
  n1.step(tick_in{}, 200);
  CHECK(n1.sent.size() == 1); // it may have been lost
  n1.hear(greeted, 210);
  REQUIRE(n1.sent.size() == 1);
  CHECK(n1.sent[0].header.to_boot == 9);
  n2.hear(n1.sent[0], 211);
  CHECK(n2.asked.size() == 1);
}

TEST_CASE("a question is sent again until it is answered, a change to the same process alone",
          "[keepers]") {
  asker n1;
  const bool changes = GENERATE(true, false);
  n1.ask(1, changes ? "job.trigger" : "job.list", 0);
  REQUIRE(n1.sent.size() == 1);
  const frame first = n1.sent[0];
  for (const std::int64_t ms : {1'000, 2'000}) {
    n1.step(tick_in{}, ms);
    CHECK(std::count(n1.sent.begin(), n1.sent.end(), first) == 1);
    CHECK(first.header.to_boot == (changes ? 9 : 0));
  }
  SECTION("no answer") {
    n1.step(tick_in{}, 19'999);
    CHECK(n1.answered.empty());
    n1.step(tick_in{}, 20'000);
    CHECK(n1.only_answer().code == errc::timed_out);
    n1.step(tick_in{}, 30'000);
    CHECK(n1.sent.empty());
  }
  SECTION("their node has gone") {
    n1.step(desk_owners_in{{{"n1", "n3"}, {1, 0}}}, 3'000);
    if (changes) {
      CHECK(n1.only_answer().code == errc::timed_out);
      CHECK(n1.sent.empty());
    } else {
      REQUIRE(n1.sent.size() == 1);
      CHECK(n1.sent[0].header.to.node == "n3");
    }
  }
  SECTION("their node has another process") {
    n1.hear({{{"n2", "keeper"}, {"n1", "keeper"}, 0, 10, 7}, answer{0, errc::none, "{}"}}, 3'000);
    CHECK(n1.answered.size() == (changes ? 1 : 0));
    n1.answer_from(first, errc::none, "{}", 3'001); // of the process before
    CHECK(n1.answered.empty());
  }
  SECTION("they move, and their node has its say") {
    n1.step(desk_owners_in{{{"n1", "n2", "n3"}, {2, 0}}}, 3'000);
    CHECK(n1.answered.empty());
    n1.answer_from(first, errc::none, "{}", 3'010);
    CHECK(n1.only_answer().code == errc::none);
  }
}

TEST_CASE("what came to a node without them goes on to the next one, once", "[keepers]") {
  asker n1;
  n1.ask(1, "job.list", 0);
  const frame first = n1.sent.at(0);
  n1.answer_from(first, errc::not_owner, "", 10);
  CHECK(n1.answered.empty());
  n1.step(tick_in{}, 60); // they may be there by now
  REQUIRE(n1.sent.size() == 1);
  const frame second = n1.sent[0];
  CHECK(second.header.number != first.header.number);
  n1.answer_from(first, errc::not_owner, "", 61); // once more, by the way
  n1.step(tick_in{}, 120);
  CHECK(n1.sent.empty()); // the second one is out
  n1.step(desk_owners_in{{{"n1", "n2", "n3"}, {2, 0}}}, 130);
  n1.answer_from(second, errc::not_owner, "", 131);
  n1.step(tick_in{}, 190);
  REQUIRE(n1.sent.size() == 1);
  CHECK(n1.sent[0].header.to.node == "n3");
}

TEST_CASE("while nobody keeps them a question waits, and is refused for certain in the end",
          "[keepers]") {
  desk n1{"n1"};
  n1.ask(1, "job.trigger", 0);
  CHECK(n1.sent.empty());
  CHECK(n1.woken_at == at(50).boot);
  SECTION("they come here") {
    n1.step(desk_owners_in{{{"n1"}, {0}}}, 100); // but are not read yet
    CHECK(n1.asked.empty());
    n1.step(desk_keepers_in{true}, 200);
    CHECK(n1.asked.size() == 1);
  }
  SECTION("they do not come") {
    n1.step(tick_in{}, 20'000);
    CHECK(n1.only_answer().code == errc::not_owner);
  }
}

TEST_CASE("a desk acts once upon a change that comes twice, and answers it again", "[keepers]") {
  asker n1;
  keeper n2;
  const bool changes = GENERATE(true, false);
  n1.ask(1, changes ? "token.revoke" : "token.list", 0);
  const frame told = n1.sent.at(0);
  n2.hear(told, 1);
  REQUIRE(n2.asked.size() == 1);
  const auto ask = n2.asked[0].ask;
  n2.hear(told, 2);
  CHECK(n2.asked.size() == (changes ? 0 : 1));
  if (!changes)
    return;
  CHECK(n2.sent.empty());
  n2.step(desk_answer_in{ask, {errc::none, "{}"}}, 3);
  const frame answered = n2.sent.at(0);
  n2.hear(told, 4);
  REQUIRE(n2.sent.size() == 1);
  CHECK(n2.sent[0] == answered);
}

TEST_CASE("when the keepers go, those that they were asked still have their answer", "[keepers]") {
  asker n1;
  keeper n2;
  n1.ask(1, "job.pause", 0);
  n2.hear(n1.sent.at(0), 1);
  const auto from_n1 = n2.asked.at(0).ask;
  n2.ask(1, "job.pause", 2);
  const auto own = n2.asked.at(0).ask;
  n2.step(desk_keepers_in{false}, 3);
  CHECK(n2.answered.empty());
  CHECK(n2.sent.empty());
  n2.ask(2, "job.pause", 3);
  CHECK(n2.asked.empty()); // nothing more
  SECTION("it was done") {
    n2.step(desk_answer_in{own, {errc::none, "{}"}}, 4);
    CHECK(n2.only_answer().code == errc::none);
    n2.step(desk_answer_in{from_n1, {errc::none, "{}"}}, 4);
    CHECK(n2.said() == errc::none);
  }
  SECTION("it came too late: nothing was done, and it goes to the next ones") {
    n2.step(desk_answer_in{from_n1, {errc::fenced, ""}}, 4);
    CHECK(n2.said() == errc::not_owner);
    n2.step(desk_answer_in{own, {errc::fenced, ""}}, 4);
    CHECK(n2.answered.empty());
    n2.hear({{{"n3", "keeper"}, {"n2", "keeper"}, 0, 3, 9}, answer{0, errc::none, "{}"}}, 5);
    n2.step(desk_owners_in{{{"n1", "n2", "n3"}, {2, 0}}}, 6);
    CHECK(n2.sent.size() == 2);
  }
  SECTION("nothing is heard of them") {
    n2.step(tick_in{}, 20'003);
    REQUIRE(n2.answered.size() == 2);
    CHECK(n2.answered[0].answer.code == errc::timed_out);
    CHECK(n2.answered[1].answer.code == errc::not_owner);
    n2.step(desk_answer_in{own, {errc::fenced, ""}}, 20'004);
    n2.step(desk_answer_in{from_n1, {errc::none, "{}"}}, 20'004);
    CHECK(n2.sent.empty());
    CHECK(n2.answered.empty());
  }
}

TEST_CASE("what a node is to do itself goes to that node, whoever has the keepers", "[keepers]") {
  keeper n2;
  desk n1{"n1"};
  n1.step(desk_owners_in{of_n2()}, 0);
  n1.step(desk_ask_in{1, {"ann", ""}, "node.drain", "{}", "n1"}, 1);
  REQUIRE(n1.asked.size() == 1);
  CHECK(n1.asked[0].operation == "node.drain");
  n2.step(desk_ask_in{1, {"ann", ""}, "node.undrain", "{}", "n1"}, 2);
  REQUIRE(n2.sent.size() == 1); // a greeting
  n1.hear(n2.sent[0], 3);
  n2.hear(n1.sent.at(0), 4);
  REQUIRE(n2.sent.size() == 1);
  CHECK(n2.sent[0].header.to == address{"n1", "keeper"});
  CHECK(n2.sent[0].header.to_boot == 7);
  n1.hear(n2.sent[0], 5);
  REQUIRE(n1.asked.size() == 1); // though it has no keepers
  n1.step(desk_answer_in{n1.asked[0].ask, {errc::none, "{}"}}, 6);
  n2.hear(n1.sent.at(0), 7);
  CHECK(n2.only_answer().code == errc::none);
}

TEST_CASE("a record is sent until it is written down", "[keepers]") {
  asker n1;
  keeper n2;
  n1.ask(1, std::string{note_operation}, 0);
  const frame told = n1.sent.at(0);
  n1.step(desk_owners_in{{{"n1", "n3"}, {1, 0}}}, 10); // with n2, perhaps
  REQUIRE(n1.sent.size() == 1);
  CHECK(n1.sent[0].header.to.node == "n3");
  n1.step(tick_in{}, 20'000);
  CHECK(n1.only_answer().code == errc::timed_out);
}

TEST_CASE("a desk takes nothing else from other desks", "[keepers]") {
  keeper n2;
  const auto hear = [&](std::string json, std::uint64_t number) {
    n2.hear({{{"n1", "keeper"}, {"n2", "keeper"}, number, 7, 9}, query{3, std::move(json)}}, 1);
  };
  hear("[]", 1);
  CHECK(n2.sent.empty());
  hear(R"({"op":"job.list","arguments":"{}"})", 0);
  CHECK(n2.asked.empty());
  hear(R"({"op":"event.cancel","arguments":"{}"})", 2);
  CHECK(n2.said() == errc::invalid_argument);
  n2.hear({{{"n1", "keeper"}, {"n2", "keeper"}, 0, 7, 9}, answer{99, errc::none, "{}"}}, 2);
  CHECK(n2.answered.empty());
}
