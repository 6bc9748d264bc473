#include "actors/reply_event.hpp"
#include "tests/actors/agent_world.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

TEST_CASE("an agent opens its slots at start, and tells them again in case that was lost") {
  agent_world world{agent_kind::exec, true};
  CHECK(world.credits == std::vector<credit>{{"bot", 8}, {std::string{alone_slot}, 1}});
  world.step(tick_in{}, 1'999);
  CHECK(world.credits.empty());
  world.step(tick_in{}, 2'000);
  CHECK(world.credits == std::vector<credit>{{"bot", 8}, {std::string{alone_slot}, 1}});
}

TEST_CASE("echo replies with what came and noop with nothing, at once, and both open a slot") {
  agent_world echo{agent_kind::echo};
  echo.dispatch_turns({dispatched(turn(1))}, 5);
  CHECK(echo.acks == 1);
  CHECK(echo.only_outcome().verdict == turn_verdict::done);
  CHECK(echo.only_outcome().reply_kind == data_kind::text);
  CHECK(echo.only_outcome().reply.view() == "hello");
  CHECK(echo.only_outcome().epoch == epoch_no{4});
  CHECK(echo.credits == std::vector<credit>{{"bot", 9}});
  agent_world noop{agent_kind::noop};
  noop.dispatch_turns({dispatched(turn(1)), dispatched(turn(2))}, 5);
  REQUIRE(noop.said.size() == 1);
  CHECK(noop.said[0].turns.size() == 2);
  CHECK(noop.said[0].turns[0].reply.empty());
  CHECK(noop.credits == std::vector<credit>{{"bot", 10}});
}

TEST_CASE("a runner is told name, token and state") {
  agent_world world;
  auto given = dispatched(turn(42, 3));
  given.has_state = true;
  given.state = slice{"7"};
  world.dispatch_turns({given}, 100);
  REQUIRE(world.started.size() == 1);
  CHECK(world.started[0].name == "0-42.bot/3");
  CHECK(world.started[0].token == "00c0ffee00c0ffee.0-42.bot.0");
  CHECK(world.started[0].has_state);
  CHECK(world.started[0].state.view() == "7");
  CHECK(world.core.running() == 1);
}

TEST_CASE("the token is the same for every attempt") {
  agent_world world;
  world.dispatch_turns({dispatched(turn(42, 1)), dispatched(turn(42, 2))}, 0);
  REQUIRE(world.started.size() == 2);
  CHECK(world.started[0].token == world.started[1].token);
}

TEST_CASE("after a sleep the attempt is the same, and the token another one") {
  agent_world world;
  dispatched_turn resumed = dispatched(turn(7, 4));
  resumed.sleeps = 2;
  world.dispatch_turns({resumed}, 0);
  CHECK(world.started.at(0).name == "0-7.bot/4");
  CHECK(world.started[0].attempt == 2);
  CHECK(world.started[0].sleeps == 2);
  CHECK(world.started[0].token == "00c0ffee00c0ffee.0-7.bot.2");
}

TEST_CASE("a turn that sleeps tells its loop for how long and what to keep, so many times") {
  for (const std::uint32_t sleeps : {0u, limits::sleeps_max}) {
    agent_world world;
    dispatched_turn given = dispatched(turn(1, sleeps + 1));
    given.sleeps = sleeps;
    world.dispatch_turns({given}, 0);
    turn_report slept = report(given.turn, turn_verdict::slept);
    slept.retry_after = 10min;
    slept.sets_state = true;
    slept.state = "5";
    world.step(ended({slept}), 1);
    const turn_outcome outcome = world.only_outcome();
    CHECK(outcome.verdict == (sleeps == 0 ? turn_verdict::slept : turn_verdict::rejected));
    CHECK(outcome.retry_after == 10min);
    CHECK(outcome.state.view() == (sleeps == 0 ? "5" : ""));
    CHECK(world.core.counted().slept == (sleeps == 0 ? 1 : 0));
  }
}

TEST_CASE("a dispatch that comes twice runs once") {
  agent_world world;
  world.dispatch_turns({dispatched(turn(1))}, 0);
  --world.number;
  world.dispatch_turns({dispatched(turn(1))}, 1);
  CHECK(world.started.empty());
  CHECK(world.acks == 1);
  world.dispatch_turns({dispatched(turn(1))}, 2); // another frame, the same attempt
  CHECK(world.started.empty());
  CHECK(world.core.running() == 1);
}

TEST_CASE("an outcome is sent again until the loop has acknowledged it") {
  agent_world world;
  world.dispatch_turns({dispatched(turn(1))}, 0);
  world.step(ended({report(turn(1))}), 10);
  const auto first = world.only_outcome();
  const auto frame_number = world.said_frames[0];
  world.step(tick_in{}, 1'009);
  CHECK(world.said.empty());
  world.step(tick_in{}, 1'010);
  CHECK(world.only_outcome() == first);
  CHECK(world.said_frames[0] == frame_number);
  world.step(frame_in{{{loop, {"n1", "agent/bot"}, 0}, ack{frame_number}}}, 1'100);
  world.step(tick_in{}, 5'000);
  CHECK(world.said.empty());
}

TEST_CASE("a turn beyond its time is terminated, then killed, at exact times, and has failed") {
  agent_world world;
  world.run_turns({dispatched(turn(1))}, 0);
  world.step(tick_in{}, 9'999);
  CHECK(world.stopped.empty());
  world.step(tick_in{}, 10'000);
  CHECK(world.stopped == std::vector{stop_stage::terminate});
  world.step(tick_in{}, 12'999);
  CHECK(world.stopped.empty());
  world.step(tick_in{}, 13'000);
  CHECK(world.stopped == std::vector{stop_stage::kill});
  world.step(tick_in{}, 60'000);
  CHECK(world.stopped.empty());
  world.step(ended({report(turn(1), turn_verdict::returned)}), 60'001);
  CHECK(world.only_outcome().verdict == turn_verdict::failed);
  CHECK(world.only_outcome().code == errc::agent_timeout);
  CHECK(world.only_outcome().error.find("10s") != std::string::npos);
  CHECK(world.core.counted().timeouts == 1);
}

TEST_CASE("the time of a turn begins when a program has it, not when it is dispatched") {
  agent_world world;
  world.dispatch_turns({dispatched(turn(1))}, 0);
  world.step(tick_in{}, 3'600'000); // it waits for a program, however long
  CHECK(world.stopped.empty());
  world.begin({turn(1)}, 3'600'000);
  world.begin({turn(1)}, 3'605'000); // told once more: the first counts
  world.step(tick_in{}, 3'609'999);
  CHECK(world.stopped.empty());
  world.step(tick_in{}, 3'610'000);
  CHECK(world.stopped == std::vector{stop_stage::terminate});
  auto returned = report(turn(1), turn_verdict::returned);
  returned.hint = "it printed a line that is no answer";
  world.step(ended({returned}), 3'610'001);
  CHECK(world.only_outcome().started == at(3'600'000).wall);
  CHECK(world.only_outcome().error ==
        "the turn took longer than 10s and was stopped; it printed a line that is no answer");
}

TEST_CASE("a turn that is being stopped does not begin to be timed") {
  agent_world world;
  world.dispatch_turns({dispatched(turn(1))}, 0);
  world.cancel(turn(1), 1'000);
  world.begin({turn(1)}, 1'001);
  world.step(tick_in{}, 3'000);
  CHECK(world.stopped == std::vector{stop_stage::terminate});
  world.step(ended({report(turn(1), turn_verdict::returned)}), 3'100);
  CHECK(world.only_outcome().verdict == turn_verdict::returned);
}

TEST_CASE("an agent that is fed lines opens as many slots as its programs take turns") {
  agent_core_settings settings = agent_world::settings_of(agent_kind::exec, false);
  settings.agent.exec.processes = 2;
  settings.agent.exec.turns_per_process = 3;
  agent_core core{settings};
  std::vector<agent_effect> out;
  core.start(at(0), out);
  const auto* sent = std::get_if<send_effect>(&out.at(0));
  REQUIRE(sent != nullptr);
  CHECK(std::get<credit>(decode_frame(sent->bytes).value().body) == credit{"bot", 6});
}

TEST_CASE("what the runner says of its programs is kept") {
  agent_world world;
  CHECK(world.core.health() == runner_health{});
  const runner_health told{runner_state::failing, 0, 3, "no such program", at(5).wall};
  world.step(news_in{{{}, {}, told}}, 5);
  world.step(tick_in{}, 6);
  CHECK(world.core.health() == told);
}

TEST_CASE("an answer that arrives while the turn is being terminated still counts") {
  agent_world world;
  world.run_turns({dispatched(turn(1))}, 0);
  world.step(tick_in{}, 10'000);
  world.step(ended({report(turn(1))}), 10'500);
  CHECK(world.only_outcome().verdict == turn_verdict::done);
  world.step(tick_in{}, 13'000);
  CHECK(world.stopped.empty());
}

TEST_CASE("a cancelled turn is told, then terminated, then killed, at exact times") {
  agent_world world;
  world.run_turns({dispatched(turn(1))}, 0);
  world.cancel(turn(1), 1'000);
  CHECK(world.stopped == std::vector{stop_stage::tell});
  world.cancel(turn(1), 1'500);
  CHECK(world.stopped.empty());
  world.step(tick_in{}, 2'999);
  CHECK(world.stopped.empty());
  world.step(tick_in{}, 3'000);
  CHECK(world.stopped == std::vector{stop_stage::terminate});
  world.step(tick_in{}, 5'999);
  CHECK(world.stopped.empty());
  world.step(tick_in{}, 6'000);
  CHECK(world.stopped == std::vector{stop_stage::kill});
  world.step(ended({report(turn(1), turn_verdict::returned)}), 6'100);
  CHECK(world.only_outcome().verdict == turn_verdict::returned);
}

TEST_CASE("cancelling what does not run does nothing but acknowledge") {
  agent_world world;
  world.cancel(turn(9), 0);
  CHECK(world.stopped.empty());
  CHECK(world.acks == 1);
}

TEST_CASE("a timer of an earlier run of the same attempt is stale") {
  agent_world world;
  world.run_turns({dispatched(turn(1))}, 0);
  world.step(ended({report(turn(1), turn_verdict::returned)}), 5'000);
  world.run_turns({dispatched(turn(1))}, 6'000);
  world.step(tick_in{}, 10'000);
  CHECK(world.stopped.empty());
  world.step(tick_in{}, 16'000);
  CHECK(world.stopped == std::vector{stop_stage::terminate});
}

TEST_CASE("hasten tells all that run, lists them, and what returns is not counted against them") {
  agent_world world;
  world.dispatch_turns({dispatched(turn(2)), dispatched(turn(1, 2))}, 0);
  world.step(hasten_in{}, 1'000);
  CHECK(world.left == std::vector<std::string>{"0-1.bot/2", "0-2.bot/1"});
  CHECK(world.stopped == std::vector{stop_stage::tell, stop_stage::tell});
  world.step(ended({report(turn(1, 2), turn_verdict::returned)}), 1'100);
  CHECK(world.only_outcome().verdict == turn_verdict::returned);
  CHECK(world.core.counted().returned == 1);
}

TEST_CASE("an emitted event is completed from its cause") {
  agent_world world;
  world.dispatch_turns({dispatched(turn(42))}, 0);
  auto done = report(turn(42));
  event plain;
  plain.type = "invoice.wanted";
  event full = plain;
  full.id = "own-id";
  full.source = "/own";
  full.set_extension("partitionkey", "own-key");
  full.set_extension("traceparent", "00-11111111111111111111111111111111-2222222222222222-01");
  full.set_extension("skeinhops", "0"); // not theirs to say
  done.emits = {plain, full};
  world.step(ended({done}), 10);
  const auto outcome = world.only_outcome();
  REQUIRE(outcome.emits.size() == 2);
  const event first = decode_event(outcome.emits[0].body.view()).value();
  CHECK(first.id == "0-42.bot.0");
  CHECK(first.source == "skein/agent/bot");
  CHECK(first.key() == "customer-7");
  CHECK(*first.text_extension("skeinhops") == "1");
  CHECK(*first.text_extension("traceparent") == *cause().text_extension("traceparent"));
  CHECK(outcome.emits[0].hops == 1);
  const event second = decode_event(outcome.emits[1].body.view()).value();
  CHECK(second.id == "own-id");
  CHECK(second.source == "/own");
  CHECK(second.key() == "own-key");
  CHECK(*second.text_extension("skeinhops") == "1");
  CHECK(*second.text_extension("traceparent") == *full.text_extension("traceparent"));
}

TEST_CASE("hops grow by one an emit, and an event that went around too often ends there") {
  agent_world world;
  event tired = cause();
  tired.set_extension("skeinhops", std::to_string(limits::hops_max - 1));
  event exhausted = cause();
  exhausted.set_extension("skeinhops", std::to_string(limits::hops_max));
  world.dispatch_turns({dispatched(turn(1), tired), dispatched(turn(2), exhausted)}, 0);
  event next;
  next.type = "again";
  auto done = report(turn(1));
  done.emits = {next};
  world.step(ended({done}), 1);
  CHECK(world.only_outcome().verdict == turn_verdict::done);
  CHECK(world.only_outcome().emits[0].hops == limits::hops_max);
  done = report(turn(2));
  done.emits = {next};
  world.step(ended({done}), 2);
  CHECK(world.only_outcome().verdict == turn_verdict::rejected);
  CHECK(world.only_outcome().code == errc::too_many_hops);
  CHECK(world.only_outcome().error.starts_with("emitted event 0: The event comes from "));
  CHECK(world.only_outcome().emits.empty());
  CHECK(world.core.counted().failed == 1);
  CHECK(world.core.counted().rejected == 1);
}

TEST_CASE("an emitted event's key that is no text is refused, not taken from its cause") {
  agent_world world;
  world.dispatch_turns({dispatched(turn(1))}, 0);
  auto done = report(turn(1));
  event with_number;
  with_number.type = "reply";
  with_number.set_extension("partitionkey", 5);
  done.emits = {with_number};
  world.step(ended({done}), 1);
  const auto outcome = world.only_outcome();
  CHECK(outcome.verdict == turn_verdict::rejected);
  CHECK(outcome.code == errc::agent_output_invalid);
  CHECK(outcome.error.find("partitionkey") != std::string::npos);
}

TEST_CASE("one emitted event that is none drops all effects of the turn") {
  agent_world world;
  world.dispatch_turns({dispatched(turn(1))}, 0);
  auto done = report(turn(1));
  event good;
  good.type = "good";
  done.emits = {good, event{}};
  done.reply = "reply";
  done.sets_state = true;
  done.state = "1";
  world.step(ended({done}), 1);
  const auto outcome = world.only_outcome();
  CHECK(outcome.verdict == turn_verdict::rejected);
  CHECK(outcome.code == errc::agent_output_invalid);
  CHECK(outcome.error.starts_with("emitted event 1: invalid-event: "));
  CHECK(outcome.emits.empty());
  CHECK(outcome.reply.empty());
  CHECK_FALSE(outcome.sets_state);
}

TEST_CASE("no agent emits what only a job may say of itself") {
  agent_world world;
  world.dispatch_turns({dispatched(turn(1))}, 0);
  turn_report said = report(turn(1));
  said.emits.emplace_back();
  said.emits[0].type = "skein.job";
  said.emits[0].source = "skein/job/nightly";
  said.emits[0].set_extension("skeinagent", "other");
  world.step(ended({said}), 1);
  CHECK(world.only_outcome().verdict == turn_verdict::rejected);
  CHECK(world.only_outcome().code == errc::agent_output_invalid);
  CHECK(world.only_outcome().error.find("skein/job/nightly") != std::string::npos);
  CHECK(world.only_outcome().emits.empty());
}

TEST_CASE("replies, states and emits beyond their limits are rejected by name") {
  struct row {
    std::size_t reply, state, emits;
    errc code;
  };
  const auto each = GENERATE(values<row>({
      {limits::reply_bytes_max, limits::state_bytes_max, limits::emits_per_turn_max, errc::none},
      {limits::reply_bytes_max + 1, 0, 0, errc::agent_output_invalid},
      {0, limits::state_bytes_max + 1, 0, errc::state_too_large},
      {0, 0, limits::emits_per_turn_max + 1, errc::too_many_emits},
  }));
  agent_world world;
  world.dispatch_turns({dispatched(turn(1))}, 0);
  auto done = report(turn(1));
  done.reply.assign(each.reply, 'r');
  done.state.assign(each.state, '1');
  event emitted;
  emitted.type = "e";
  done.emits.assign(each.emits, emitted);
  world.step(ended({done}), 1);
  CHECK(world.only_outcome().code == each.code);
  CHECK((world.only_outcome().verdict == turn_verdict::done) == (each.code == errc::none));
  CHECK(world.only_outcome().emits.size() == (each.code == errc::none ? each.emits : 0));
}

TEST_CASE("a turn's effects are bounded together, and outcomes go in frames that hold them") {
  const auto emitting = [](std::uint64_t which, std::size_t events, std::size_t bytes) {
    turn_report out = report(turn(which));
    for (std::size_t i = 0; i < events; ++i) {
      event each;
      each.type = "t";
      each.kind = data_kind::text;
      each.data = std::string(bytes, 'x');
      out.emits.push_back(each);
    }
    return out;
  };
  agent_world world;
  world.dispatch_turns({dispatched(turn(1)), dispatched(turn(2)), dispatched(turn(3))}, 0);
  world.step(ended({emitting(1, 9, 1'000'000)}), 1);
  const turn_outcome refused = world.only_outcome();
  CHECK(refused.verdict == turn_verdict::rejected);
  CHECK(refused.code == errc::agent_output_invalid);
  CHECK(refused.emits.empty());
  CHECK_THAT(refused.error,
             Catch::Contains("at most " + std::to_string(limits::effects_bytes_max)));
  world.step(ended({emitting(2, 8, 1'000'000), emitting(3, 8, 1'000'000)}), 2);
  REQUIRE(world.said.size() == 2); // 16 MB would not fit one frame
  CHECK(world.said[0].turns.at(0).emits.size() == 8);
  CHECK(world.said[1].turns.at(0).emits.size() == 8);
}

TEST_CASE("an error text beyond its limit is cut, and remains UTF-8") {
  agent_world world;
  world.dispatch_turns({dispatched(turn(1))}, 0);
  auto failed = report(turn(1), turn_verdict::failed);
  failed.error = "x";
  while (failed.error.size() < limits::error_text_bytes_max + 100)
    failed.error += "\xe2\x82\xac"; // the limit falls inside one
  world.step(ended({failed}), 1);
  const std::string error = world.only_outcome().error;
  CHECK(error.size() <= limits::error_text_bytes_max);
  CHECK(error.size() > limits::error_text_bytes_max - 4);
  CHECK(error.ends_with("\xe2\x82\xac"));
}

TEST_CASE("a report of a turn that does not run is ignored") {
  agent_world world;
  world.step(ended({report(turn(5))}), 0);
  CHECK(world.said.empty());
  world.dispatch_turns({dispatched(turn(1))}, 1);
  world.step(ended({report(turn(1)), report(turn(1))}), 2);
  CHECK(world.only_outcome().verdict == turn_verdict::done);
  CHECK(world.credits == std::vector<credit>{{"bot", 9}});
}

TEST_CASE(
    "a reply becomes an event of its own only where routes ask for it, and no reply to one does") {
  for (const agent_kind kind : {agent_kind::echo, agent_kind::exec}) {
    for (const bool asked : {false, true}) {
      INFO(static_cast<int>(kind) << asked);
      agent_core_settings settings = agent_world::settings_of(kind, false);
      settings.replies_are_events = asked;
      agent_world world{settings};
      const auto reply_to = [&](const turn_id& which, const event& body) {
        world.dispatch_turns({dispatched(which, body)}, 1);
        if (kind == agent_kind::exec) {
          turn_report said = report(which);
          said.reply_kind = data_kind::json;
          said.reply = "1.0";
          world.step(ended({said}), 2);
        }
        return world.only_outcome();
      };
      const turn_outcome out = reply_to(turn(5), cause());
      CHECK(out.verdict == turn_verdict::done);
      REQUIRE(out.emits.size() == (asked ? 1 : 0));
      if (asked) {
        const event made = decode_event(out.emits[0].body.view()).value();
        CHECK(made.type == reply_event_type);
        CHECK(made.id == "0-5.bot.reply");
        CHECK(made.source == "skein/agent/bot");
        CHECK(made.key() == "customer-7");
        CHECK(made.data == out.reply.view());
        CHECK(made.kind == out.reply_kind);
        CHECK(*made.text_extension(attribute::hops) == "1");
      }
      event answer = cause();
      answer.type = reply_event_type;
      CHECK(reply_to(turn(6), answer).emits.empty());
    }
  }
}

TEST_CASE("only a route that names the type literally asks for replies") {
  CHECK_FALSE(
      routes_replies({{"*", "", "", "bot"}, {"skein.*", "", "", "bot"}, {"", "", "", "bot"}}));
  CHECK(routes_replies({{"*", "", "", "bot"}, {"skein.reply", "", "", "log"}}));
}
