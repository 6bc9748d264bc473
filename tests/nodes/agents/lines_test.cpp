// Goal: mode = "lines" as documented, with real programs. Method: the small worker of
// tests/support, told by flags and by the events' data how to behave.
#include "exec_fixture.hpp"

#include "actors/turn_slots.hpp"
#include "protocol/cloudevents.hpp"

#include <set>

using namespace skein;
using namespace skein::test;

namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

} // namespace

TEST_CASE("lines: a turn is answered and its reply reported once") {
  exec_fixture f;
  f.lines().run();
  const turn_report report = f.ask("hello");
  CHECK(report.turn == exec_fixture::id_of(1));
  CHECK(report.verdict == turn_verdict::done);
  CHECK(report.code == errc::none);
  CHECK(report.reply_kind == data_kind::text);
  CHECK(report.reply == "hello");
  CHECK(f.repeated_reports() == 0);
}

TEST_CASE("lines: the program gets turn, event, attempt, state, deadline and token") {
  exec_fixture f;
  f.lines().run();
  std::string line = f.ask("!show", R"({"n":1})").reply;
  CHECK(contains(line, R"({"turn":"17-1.bot/1","event":{)"));
  CHECK(contains(line, R"("type":"skein.message")"));
  CHECK(contains(line, R"("data":"!show")"));
  CHECK(contains(line, R"("attempt":1,"state":{"n":1},)"));
  CHECK(contains(line, R"("deadline":"2023-11-14T22:14:20Z","token":"token-1"})")); // now + 60 s

  line = f.report_of(f.begin("!show")).reply;
  CHECK(contains(line, R"("state":null,)"));
}

TEST_CASE("lines: effects and errors of an answer are in the report") {
  exec_fixture f;
  f.lines().run();
  turn_report report =
      f.ask(R"(!raw {"turn":"%T","reply":{"a":1},"state":[2],"emit":[{"type":"x","due":"+1s"}]})");
  CHECK(report.verdict == turn_verdict::done);
  CHECK(report.reply == R"({"a":1})");
  CHECK(report.state == "[2]");
  REQUIRE(report.emits.size() == 1);
  CHECK(report.emits[0].type == "x");
  report = f.ask(R"(!raw {"turn":"%T","error":{"kind":"retry","message":"busy","after":"90s"}})");
  CHECK(report.verdict == turn_verdict::failed);
  CHECK(report.retry_after == std::chrono::seconds{90});
  report = f.ask(R"(!raw {"turn":"%T","error":{"kind":"fail","message":"never"}})");
  CHECK(report.verdict == turn_verdict::rejected);
  CHECK(report.error == "never");
}

TEST_CASE("lines: turns run beside each other in one program, up to turns_per_process") {
  exec_fixture f;
  f.lines({}, 1, 3).run();
  const auto turns = f.begin_all({"!hold", "a", "b", "!hold", "c"});
  for (const auto turn : turns)
    CHECK(f.report_of(turn).verdict == turn_verdict::done);
}

TEST_CASE("lines: turns_per_process of 1 keeps a turn back until the one before is answered") {
  exec_fixture f;
  f.lines({}, 1, 1).run();
  const auto first = f.begin_held("!wait");
  const auto second = f.begin("second");
  f.stop(second, stop_stage::tell);
  const turn_report report = f.report_of(second);
  CHECK(report.verdict == turn_verdict::returned);
  CHECK(report.error == "stopped before a program had it");
  const auto third = f.begin("third");
  f.stop(first, stop_stage::tell);
  CHECK(f.report_of(third).reply == "third");
}

TEST_CASE("lines: turns spread over several programs, started as they are needed") {
  exec_fixture f;
  f.lines({"--pid"}, 3, 4).run();
  std::set<std::string> pids;
  for (const auto turn : f.begin_all({"a", "b", "c", "d", "e", "f"}))
    pids.insert(f.report_of(turn).reply);
  CHECK(pids.size() == 3);
  pids.clear();
  for (int i = 0; i < 10; ++i) // one at a time: an idle program is used again
    pids.insert(f.ask("x").reply);
  CHECK(pids.size() == 1);
}

TEST_CASE("lines: with processes = 0 there are as many programs as turns may run at once") {
  exec_fixture f;
  f.lines({"--pid"}, 0, 1);
  f.settings.concurrency = 4;
  CHECK(turn_slots(f.settings) == 4);
  f.run();
  std::set<std::string> pids;
  for (const auto turn : f.begin_all({"a", "b", "c", "d"}))
    pids.insert(f.report_of(turn).reply);
  CHECK(pids.size() == 4);
}

TEST_CASE("lines: an agent is worth as many slots as its programs take turns") {
  exec_fixture f;
  f.lines({}, 4, 2);
  CHECK(turn_slots(f.settings) == 8);
  f.settings.concurrency = 5;
  CHECK(turn_slots(f.settings) == 5);
  f.settings.exec.mode = exec_mode::oneshot;
  CHECK(turn_slots(f.settings) == 5);
}

TEST_CASE("lines: thousands of turns with a full pipe all get their own answer") {
  exec_fixture f;
  f.lines({}, 2, 500);
  f.settings.concurrency = 4000;
  f.run();
  std::vector<std::string> data;
  for (int i = 0; i < 4000; ++i)
    data.push_back(std::to_string(i) + std::string(1000, 'x')); // 5 MB, far more than pipes hold
  const auto turns = f.begin_all(data);
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const turn_report report = f.report_of(turns[i]);
    REQUIRE(report.verdict == turn_verdict::done);
    REQUIRE(report.reply == data[i]);
  }
  CHECK(f.repeated_reports() == 0);
}

TEST_CASE("lines: output that is no answer is logged and ignored") {
  exec_fixture f;
  f.lines({"--babble"}).run();
  CHECK(f.ask("hello").reply == "hello");
  CHECK(f.ask("again").reply == "again");
  const log_entry told = f.log_with("agent-output-ignored", "starting up...");
  CHECK(told.level == exec_log_level::warning);
  CHECK(told.turn == exec_fixture::name_of(1));
  f.log_with("agent-output-ignored", "{\"note\":1}");
  f.log_with("agent-output-ignored", "[1,2]");
  CHECK(f.log_with("agent-output-ignored", "does not have").turn == "9-9.nobody/1");
  f.log_with("agent-output-ignored", "\\xff\\xfe no text");
  f.log_with("agent-output-ignored", "it names no \"turn\"): {\"reply\":\"whose?\"}");
}

TEST_CASE("lines: a second answer to a turn is logged and ignored") {
  exec_fixture f;
  f.lines().run();
  CHECK(f.ask("!twice").reply == "1");
  CHECK(f.ask("next").reply == "next");
  CHECK(f.log_with("agent-output-ignored", "answered twice or late").turn ==
        exec_fixture::name_of(1));
  CHECK(f.repeated_reports() == 0);
}

TEST_CASE("lines: a program may not answer for a turn of another program") {
  exec_fixture f;
  f.lines({}, 2, 1).run();
  const auto waiting = f.begin_held("!wait");
  f.begin(R"(!raw {"turn":"17-1.bot/1","reply":"stolen"})");
  f.log_with("agent-output-ignored", "does not have");
  CHECK_FALSE(f.has_report(waiting));
}

TEST_CASE("lines: an answer with a mistake rejects its turn at once and says what is wrong") {
  exec_fixture f;
  f.lines().run();
  struct row {
    const char* answer;
    const char* why;
    errc code = errc::agent_output_invalid;
  };
  const std::string state = R"(!raw {"turn":"%T","state":")" + std::string(300'000, 's') + "\"}";
  for (const row& each : {
           row{R"(!raw {"turn":"%T","emits":[]})", "unknown member \"emits\""},
           row{R"(!raw {"turn":"%T","reply":1,"emit":[{"type":7}]})", "\"emit\" 0: "},
           row{R"(!raw {"emit":{},"turn":"%T"})", "\"emit\" must be an array of events"},
           row{R"(!raw {"turn":"%T","error":"busy"})", "\"error\" must be an object"},
           row{R"(!raw {"turn":"%T","reply":NaN})", "\"reply\""},
           row{state.c_str(), "\"state\" is over 262144 bytes", errc::state_too_large},
       }) {
    const turn_report report = f.ask(each.answer);
    CHECK(report.verdict == turn_verdict::rejected);
    CHECK(report.code == each.code);
    CHECK(contains(report.error, each.why));
    f.log_with("agent-answer-rejected", each.why);
  }
  CHECK(f.ask("fine").reply == "fine");
}

TEST_CASE("lines: broken JSON is ignored, though it names the turn, and explains a later stop") {
  exec_fixture f;
  f.lines().run();
  const auto turn = f.begin(R"(!raw {"turn":"%T","reply":{"cut")");
  CHECK(f.log_with("agent-output-ignored", "not valid JSON").turn == exec_fixture::name_of(turn));
  CHECK_FALSE(f.has_report(turn));
  f.stop(turn, stop_stage::terminate);
  const turn_report report = f.report_of(turn);
  CHECK(report.verdict == turn_verdict::returned);
  CHECK(contains(report.hint, "it printed a line that is no answer (not valid JSON"));
  CHECK(f.ask("fine").reply == "fine");
}

TEST_CASE("lines: a giant line rejects its turn, and the next line counts again") {
  exec_fixture f;
  f.lines().run();
  for (const char* data : {"!giant", "!giant-late"}) {
    const turn_report report = f.ask(data);
    CHECK(report.verdict == turn_verdict::rejected);
    CHECK(report.code == errc::agent_output_invalid);
    CHECK(contains(report.error, "its answer is a line of over 1048576 bytes"));
    f.log_with("agent-answer-rejected", "its answer is a line of over 1048576 bytes");
    CHECK(f.ask("fine").reply == "fine");
  }
}

TEST_CASE("lines: a program that prints without end and newline is ended; its turn fails clearly") {
  exec_fixture f;
  f.lines().run();
  f.ask("warm");
  const turn_report named = f.ask("!endless {\"turn\":\"%T\",\"reply\":\"");
  CHECK(named.verdict == turn_verdict::rejected); // long before its end
  CHECK(contains(named.error, "a line of over 1048576 bytes"));
  const turn_report unnamed = f.ask("!endless x");
  CHECK(unnamed.code == errc::agent_crashed);
  CHECK(contains(unnamed.error, "without a newline"));
  f.log_with("agent-output-endless", "printed 16777216 bytes without a newline and is ended");
  CHECK(f.ask("fine").reply == "fine");
}

TEST_CASE("lines: a turn begins when its line is written, not while it waits") {
  exec_fixture f;
  f.lines({}, 1, 1).run();
  const auto first = f.begin_held("!wait");
  const auto second = f.begin("second");
  f.runner().start(exec_fixture::one(f.make(90, exec_fixture::text_event("third"))));
  CHECK(f.begun() == std::vector<std::uint64_t>{first});
  f.stop(first, stop_stage::tell);
  f.report_of(second);
  f.report_of(90);
  CHECK(f.begun() == std::vector<std::uint64_t>{first, second, 90});
}

TEST_CASE("lines: turns behind a full pipe have not begun, and do not pay for it") {
  exec_fixture f;
  f.lines({"--never-read"}, 1, 10).run();
  const std::string big(100'000, 'x'); // over the pipe: one line is begun, the next is not
  const auto turns = f.begin_all({big, big, big});
  f.wait_for_begun(turns[0]);
  f.stop(turns[0], stop_stage::kill);
  CHECK(f.report_of(turns[0]).verdict == turn_verdict::returned);
  f.wait_for_begun(turns[1]); // with the next program
  CHECK(f.begun() == std::vector<std::uint64_t>{turns[0], turns[1]});
  for (const auto turn : {turns[1], turns[2]})
    f.stop(turn, stop_stage::kill);
}

TEST_CASE("lines: a turn that does not fit a line is rejected, its neighbours run") {
  exec_fixture f;
  f.lines().run();
  const turn_report report = f.ask(std::string(limits::agent_line_bytes_max, 'x'));
  CHECK(report.verdict == turn_verdict::rejected);
  CHECK(report.code == errc::too_large);
  CHECK(f.ask("fine").reply == "fine");
  const std::string long_but_legal(limits::agent_line_bytes_max - 1000, 'y');
  CHECK(f.ask(long_but_legal).reply == long_but_legal);
}

TEST_CASE("lines: standard error goes to the log with the turn, or with the process") {
  exec_fixture f;
  f.lines({}, 1, 2).run();
  f.ask("!say careful \x1b[31mred");
  const log_entry alone = f.log_with("agent-program-said", "careful \\x1b[31mred");
  CHECK(alone.turn == exec_fixture::name_of(1));
  CHECK(alone.text == "careful \\x1b[31mred");
  f.begin_held("!wait");
  f.ask("!say two are here");
  const log_entry shared = f.log_with("agent-program-said", "two are here");
  CHECK(shared.turn.empty());
  CHECK(contains(shared.text, "pid "));
}

TEST_CASE("lines: a flood on standard error is cut down and what was dropped is counted") {
  exec_fixture f;
  f.lines().run();
  CHECK(f.ask("!flood 5000").reply == "!flood 5000");
  f.destroy(); // the rest of the count is told at the end
  f.log_with("agent-program-said", "lines were dropped, too many at once");
  CHECK(f.count_logs("agent-program-said", "flood") < 1000);
}

TEST_CASE("lines: a body that is no event is rejected") {
  exec_fixture f;
  f.lines().run();
  turn_start start = f.make(77, exec_fixture::text_event("x"));
  start.body = slice{std::string{"garbage"}};
  f.runner().start(exec_fixture::one(std::move(start)));
  CHECK(f.report_of(77).verdict == turn_verdict::rejected);
  CHECK(f.ask("fine").reply == "fine");
}

TEST_CASE("lines: a turn started twice has one report") {
  exec_fixture f;
  f.lines().run();
  const auto waiting = f.begin_held("!wait");
  f.runner().start(exec_fixture::one(f.make(waiting, exec_fixture::text_event("again"))));
  f.log_with("agent-turn-repeated", "started while it is here");
  f.stop(waiting, stop_stage::tell);
  CHECK(f.report_of(waiting).error == "told to cancel");
  CHECK(f.ask("fine").reply == "fine");
  CHECK(f.repeated_reports() == 0);
}

TEST_CASE("lines: more turns than slots and queue are given back, not kept") {
  exec_fixture f;
  f.lines();
  f.settings.concurrency = 2;
  f.run();
  const auto turns = f.begin_all({"!wait", "!wait", "!wait", "!wait", "!wait", "!wait"});
  const turn_report report = f.report_of(turns.back());
  CHECK(report.verdict == turn_verdict::returned);
  CHECK(contains(report.error, "more turns than the agent's concurrency"));
}
