#include "tests/actors/gateway_world.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

TEST_CASE("a batch is split by owner and the answers are put together in member order") {
  gateway_world world{two_loops()};
  world.publish(1, {offered(0), offered(1), offered(2), offered(3)}, 0);
  REQUIRE(world.sent.size() == 2);
  const auto frames = world.sent;
  CHECK(frames[0].header.to.name == "loop/0");
  CHECK(std::get<publish>(frames[0].body).events.size() == 2);
  CHECK(world.core.events_in_flight() == 4);
  world.acknowledge(frames[1], {durable(1, 11), durable(3, 12)}, 5);
  CHECK(world.published.empty());
  world.acknowledge(frames[0], {durable(0, 21), {errc::none, true, {shard_id{2}, 3}}}, 6);
  REQUIRE(world.published.size() == 1);
  const publish_reply& reply = world.published[0].reply;
  CHECK(world.published[0].ticket == 1);
  CHECK(reply.code == errc::none);
  REQUIRE(reply.members.size() == 4);
  CHECK(reply.members[0] == durable(0, 21));
  CHECK(reply.members[1] == durable(1, 11));
  CHECK(reply.members[2].duplicate);
  CHECK(reply.members[3] == durable(3, 12));
  CHECK(world.core.events_in_flight() == 0);
  CHECK(world.core.bytes_in_flight() == 0);
  CHECK(world.core.counted().accepted == 3);
  CHECK(world.core.counted().duplicates == 1);
}

TEST_CASE("at its limit of events the gateway says overloaded before anything is sent") {
  gateway_settings settings = two_loops();
  settings.events_max = 3;
  gateway_world world{settings};
  world.publish(1, {offered(0), offered(0)}, 0);
  const auto first = world.sent;
  world.publish(2, {offered(0), offered(1)}, 1);
  CHECK(world.sent.empty());
  REQUIRE(world.published.size() == 1);
  CHECK(world.published[0].reply.code == errc::overloaded);
  CHECK(world.published[0].reply.retry_after > 0s);
  CHECK(world.published[0].reply.members.size() == 2);
  world.publish(3, {offered(0)}, 2);
  CHECK(world.sent.size() == 1);
  world.acknowledge(first[0], {durable(0, 1), durable(0, 2)}, 3);
  world.publish(4, {offered(0), offered(0)}, 4);
  CHECK(world.sent.size() == 1);
}

TEST_CASE("at its limit of bytes the gateway says overloaded, and frees them with the answer") {
  gateway_settings settings = two_loops();
  settings.bytes_max = 10;
  gateway_world world{settings};
  world.publish(1, {offered(0, "12345678")}, 0);
  const auto first = world.sent;
  world.publish(2, {offered(0, "123")}, 1);
  REQUIRE(world.published.size() == 1);
  CHECK(world.published[0].reply.code == errc::overloaded);
  world.acknowledge(first[0], {durable(0, 1)}, 2);
  world.publish(3, {offered(0, "123")}, 3);
  CHECK(world.sent.size() == 1);
}

TEST_CASE("an unanswered publish is sent again, byte for byte, until it is answered") {
  gateway_world world{two_loops()};
  world.publish(1, {offered(0)}, 0);
  CHECK(world.woken_at == at(1'000).boot);
  const auto first = world.sent;
  world.step(tick_in{}, 1'000);
  REQUIRE(world.sent.size() == 1);
  CHECK(world.sent[0] == first[0]);
  world.acknowledge(first[0], {durable(0, 1)}, 1'500);
  REQUIRE(world.published.size() == 1);
  world.acknowledge(first[0], {durable(0, 1)}, 1'600);
  CHECK(world.published.empty());
  world.step(tick_in{}, 2'500);
  CHECK(world.sent.empty());
}

TEST_CASE("no answer in time means unknown for the members of that loop only") {
  gateway_world world{two_loops()};
  world.publish(1, {offered(0), offered(1)}, 0);
  const auto frames = world.sent;
  world.acknowledge(frames[0], {durable(0, 1)}, 10);
  world.step(tick_in{}, 29'999);
  CHECK(world.published.empty());
  world.step(tick_in{}, 30'000);
  REQUIRE(world.published.size() == 1);
  CHECK(world.published[0].reply.code == errc::unknown_outcome);
  CHECK(world.published[0].reply.members[0].code == errc::none);
  CHECK(world.published[0].reply.members[1].code == errc::unknown_outcome);
  CHECK(world.core.events_in_flight() == 0);
  world.acknowledge(frames[1], {durable(1, 2)}, 30'001);
  CHECK(world.published.empty());
  world.step(tick_in{}, 40'000);
  CHECK(world.sent.empty());
}

TEST_CASE("the reply's code is the worst of its members") {
  struct row {
    std::vector<errc> members;
    errc reply;
  };
  const auto each = GENERATE(values<row>({
      {{errc::none, errc::none}, errc::none},
      {{errc::none, errc::disk_full}, errc::disk_full},
      {{errc::disk_full, errc::identity_conflict}, errc::identity_conflict},
      {{errc::identity_conflict, errc::disk_full}, errc::identity_conflict},
      {{errc::identity_conflict, errc::unknown_outcome}, errc::unknown_outcome},
      {{errc::unknown_outcome, errc::disk_full}, errc::unknown_outcome},
  }));
  gateway_world world{two_loops()};
  world.publish(1, {offered(0), offered(0)}, 0);
  std::vector<publish_result> results;
  for (const errc code : each.members)
    results.push_back({code, false, {}});
  world.acknowledge(frame{world.sent[0]}, results, 1);
  REQUIRE(world.published.size() == 1);
  CHECK(world.published[0].reply.code == each.reply);
  CHECK((world.published[0].reply.retry_after > 0s) == (each.reply == errc::disk_full));
}

TEST_CASE("an acknowledgement of the wrong length never becomes a yes") {
  gateway_world world{two_loops()};
  world.publish(1, {offered(0), offered(0)}, 0);
  world.acknowledge(frame{world.sent[0]}, {durable(0, 1)}, 1);
  CHECK(world.published.empty());
  world.step(tick_in{}, 30'000);
  REQUIRE(world.published.size() == 1);
  CHECK(world.published[0].reply.code == errc::unknown_outcome);
}

TEST_CASE("while draining everything new is refused and what is in flight is told as it ends") {
  gateway_world world{two_loops()};
  world.publish(1, {offered(0)}, 0);
  const auto first = world.sent;
  world.step(refuse_in{}, 1);
  world.step(watch_progress_in{}, 2);
  CHECK(world.in_flight == std::vector<std::size_t>{1});
  world.publish(2, {offered(0)}, 3);
  CHECK(world.sent.empty());
  REQUIRE(world.published.size() == 1);
  CHECK(world.published[0].reply.code == errc::draining);
  CHECK(world.published[0].reply.retry_after > 0s);
  world.acknowledge(first[0], {durable(0, 1)}, 4);
  CHECK(world.published.size() == 1);
  CHECK(world.in_flight == std::vector<std::size_t>{1, 0});
}

TEST_CASE(
    "while intake is closed new events get its reason, what is in flight ends, and it opens") {
  gateway_world world{two_loops()};
  world.publish(1, {offered(0)}, 0);
  const auto first = world.sent;
  world.step(intake_in{{errc::disk_low, "12 MiB are free"}}, 1);
  world.publish(2, {offered(0), offered(1)}, 2);
  CHECK(world.sent.empty());
  REQUIRE(world.published.size() == 1);
  const publish_reply refused = world.published[0].reply;
  CHECK(refused.code == errc::disk_low);
  CHECK(refused.detail == "12 MiB are free");
  CHECK(refused.retry_after > 0s);
  CHECK(refused.members.size() == 2);
  world.acknowledge(first[0], {durable(0, 1)}, 3);
  REQUIRE(world.published.size() == 1);
  CHECK(world.published[0].reply.code == errc::none);
  world.step(intake_in{}, 4);
  world.publish(3, {offered(0)}, 5);
  CHECK(world.published.empty());
  CHECK(world.sent.size() == 1);
}

TEST_CASE("an empty publish is answered at once") {
  gateway_world world{two_loops()};
  world.publish(1, {}, 0);
  REQUIRE(world.published.size() == 1);
  CHECK(world.published[0].reply.code == errc::none);
}

TEST_CASE("a question goes to every loop and comes back when all have answered") {
  gateway_world world{two_loops()};
  world.step(ask_in{7, {}, R"({"op":"loop"})", 5s}, 0);
  REQUIRE(world.sent.size() == 2);
  world.answer_from(1, {7, errc::none, "one"}, 1);
  world.answer_from(1, {7, errc::none, "again"}, 2);
  CHECK(world.answered.empty());
  world.answer_from(0, {7, errc::none, "zero"}, 3);
  REQUIRE(world.answered.size() == 1);
  CHECK(world.answered[0].ticket == 7);
  CHECK(world.answered[0].answers[0].json == "zero");
  CHECK(world.answered[0].answers[1].json == "one");
}

TEST_CASE("an unanswered question is asked again, and times out loop by loop") {
  gateway_world world{two_loops()};
  world.step(ask_in{7, {}, "{}", 3s}, 0);
  world.answer_from(0, {7, errc::none, "zero"}, 1);
  world.step(tick_in{}, 1'000);
  REQUIRE(world.sent.size() == 1);
  CHECK(world.sent[0].header.to.name == "loop/1");
  world.step(tick_in{}, 3'000);
  REQUIRE(world.answered.size() == 1);
  CHECK(world.answered[0].answers[0].code == errc::none);
  CHECK(world.answered[0].answers[1].code == errc::timed_out);
  world.answer_from(1, {7, errc::none, "late"}, 3'001);
  CHECK(world.answered.empty());
}

TEST_CASE("a question ends when its time is over, however short that is") {
  gateway_world world{two_loops()};
  world.step(ask_in{7, {}, "{}", 60s}, 0);
  world.step(ask_in{8, loop_no{1}, "{}", 300ms}, 100);
  CHECK(world.woken_at == at(400).boot);
  world.step(tick_in{}, 400);
  REQUIRE(world.answered.size() == 1);
  CHECK(world.answered[0].ticket == 8);
  CHECK(world.woken_at == at(1'400).boot);
}

TEST_CASE("a question for one loop goes to that loop alone") {
  gateway_world world{two_loops()};
  world.step(ask_in{8, loop_no{1}, "{}", 3s}, 0);
  REQUIRE(world.sent.size() == 1);
  CHECK(world.sent[0].header.to.name == "loop/1");
  world.answer_from(1, {8, errc::not_found, "gone"}, 1);
  REQUIRE(world.answered.size() == 1);
  CHECK(world.answered[0].answers[0].code == errc::not_found);
}

TEST_CASE("at the end of a drain whoever waits gets what there is, and nobody waits any more") {
  gateway_world world{two_loops()};
  world.step(ask_in{7, {}, "{}", 60s}, 0);
  world.answer_from(0, {7, errc::none, "zero"}, 1);
  world.step(release_in{}, 2);
  REQUIRE(world.answered.size() == 1);
  CHECK(world.answered[0].answers[0].json == "zero");
  CHECK(world.answered[0].answers[1].code == errc::timed_out);
  world.step(ask_in{8, loop_no{1}, "{}", 60s}, 3);
  CHECK(world.sent.empty());
  REQUIRE(world.answered.size() == 1);
  CHECK(world.answered[0].ticket == 8);
  REQUIRE(world.answered[0].answers.size() == 1);
  CHECK(world.answered[0].answers[0].code == errc::timed_out);
}
