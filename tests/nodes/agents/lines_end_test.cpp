// Goal: how programs of mode = "lines" end (by themselves, for a turn, with the node) and what that
// means for the turns they have. Method: real programs that crash, hang and ignore signals.
#include "exec_fixture.hpp"

#include <sys/stat.h>

#include <fstream>

using namespace skein;
using namespace skein::test;
using std::chrono::milliseconds;

namespace {

// The pid that a worker with --grandchild names on its standard error.
int grandchild(exec_fixture& f) {
  const std::string text = f.log_with("agent-program-said", "grandchild ").text;
  return std::atoi(text.c_str() + text.rfind(' '));
}

class temporary_program {
 public:
  explicit temporary_program(const std::string& script) {
    REQUIRE(::mkdtemp(directory_.data()) != nullptr);
    write(script);
  }
  temporary_program() { REQUIRE(::mkdtemp(directory_.data()) != nullptr); }
  ~temporary_program() {
    for (const char* name : {"/program", "/new", "/mark"})
      ::unlink((directory_ + name).c_str());
    ::rmdir(directory_.c_str());
  }
  // In place at once: it may be started at any time.
  void write(const std::string& script) const {
    std::ofstream{directory_ + "/new"} << "#!/bin/sh\n" << script << "\n";
    REQUIRE(::chmod((directory_ + "/new").c_str(), 0755) == 0);
    REQUIRE(::rename((directory_ + "/new").c_str(), path().c_str()) == 0);
  }
  std::string path() const { return directory_ + "/program"; }
  std::string mark() const { return directory_ + "/mark"; }

 private:
  std::string directory_ = "/tmp/skein-lines-test-XXXXXX";
};

} // namespace

TEST_CASE("lines: a dead program fails only the turns it had; the others go to the next one") {
  exec_fixture f;
  f.lines({}, 1, 2).run();
  f.ask("warm");
  const auto turns = f.begin_all({"!wait", "!crash", "third", "fourth"});
  for (const std::size_t at : {0u, 1u}) {
    const turn_report report = f.report_of(turns[at]);
    CHECK(report.verdict == turn_verdict::failed);
    CHECK(report.code == errc::agent_crashed);
    CHECK(report.error == "the program ended (signal 11 (SIGSEGV)) before it answered; "
                          "its last words: has " +
                              exec_fixture::name_of(turns[0]));
  }
  CHECK(f.report_of(turns[2]).reply == "third");
  CHECK(f.report_of(turns[3]).reply == "fourth");
  CHECK(f.log_with("agent-program-ended", "signal 11 (SIGSEGV)").level == exec_log_level::warning);
}

TEST_CASE("lines: poisonous events cost their own turns only, beside them all others run") {
  exec_fixture f;
  f.lines({}, 2, 1);
  f.settings.concurrency = 8;
  f.run();
  for (int round = 0; round < 20; ++round) {
    const auto turns = f.begin_all({"!crash", "fine", "!exit 1", "fine", "fine"});
    for (const std::size_t poison : {0u, 2u})
      CHECK(f.report_of(turns[poison]).code == errc::agent_crashed);
    for (const std::size_t fine : {1u, 3u, 4u})
      CHECK(f.report_of(turns[fine]).verdict == turn_verdict::done);
  }
}

TEST_CASE("lines: a key whose turns crash the program keeps no other waiting, answers or not") {
  exec_fixture f;
  f.lines().run();
  for (int i = 0; i < 8; ++i) // nothing succeeds in between
    CHECK(f.ask("!crash").code == errc::agent_crashed);
  CHECK(f.ask("fine").reply == "fine");
  CHECK(f.count_logs("agent-program-ended", "the next start is at least") == 0);
  CHECK(f.count_logs("agent-program-ended", "it answered nothing") == 8);
}

TEST_CASE("lines: after a crash on a turn a program is there before the next turn comes") {
  exec_fixture f;
  f.lines({"--pid"}).run();
  CHECK(f.ask("!crash").code == errc::agent_crashed);
  const runner_health health = f.health_with(runner_state::up, "SIGSEGV");
  CHECK(health.programs == 1);
  CHECK(health.restarts == 1);
}

TEST_CASE("lines: an agent is failing once programs crash on one turn after another") {
  exec_fixture f;
  f.lines().run();
  for (int i = 0; i < 3; ++i)
    f.ask("!crash");
  f.health_with(runner_state::failing, "keeps ending before it answers");
  f.ask("fine");
  f.health_with(runner_state::up, "SIGSEGV");
}

TEST_CASE("lines: an agent with a program that has answered is up, though another cannot live") {
  const temporary_program program{""};
  program.write("if mkdir " + program.mark() + " 2>/dev/null; then exec " +
                std::string{WORKER_LINES} + "; fi; exit 3");
  exec_fixture f;
  f.lines({}, 2, 1);
  f.settings.concurrency = 2;
  f.settings.exec.command = {program.path()};
  f.run();
  f.ask("fine");
  const auto held = f.begin_held("!wait");
  CHECK(f.ask("for the second").code == errc::agent_crashed);
  f.health_with(runner_state::up, "keeps ending before it answers");
  f.stop(held, stop_stage::tell);
  f.report_of(held);
  ::rmdir(program.mark().c_str());
}

TEST_CASE("lines: turns that the dead program had not been written to count nothing") {
  // The first program reads one byte. By then the pipe's 64 KiB are full: one line and a part of
  // the next.
  const temporary_program program{""};
  program.write("if mkdir " + program.mark() +
                " 2>/dev/null; then head -c1 >/dev/null; exit 3; fi; exec " +
                std::string{WORKER_LINES});
  exec_fixture f;
  f.lines({}, 1, 10);
  f.settings.exec.command = {program.path()};
  f.run();
  const std::string big(50'000, 'x');
  const auto turns = f.begin_all({big, big, big, big});
  CHECK(f.report_of(turns[0]).code == errc::agent_crashed);
  CHECK(f.report_of(turns[1]).code == errc::agent_crashed); // partly written
  CHECK(f.report_of(turns[2]).reply == big);
  CHECK(f.report_of(turns[3]).reply == big);
  ::rmdir(program.mark().c_str());
}

TEST_CASE("lines: the last words of a dead program are in the error, harmless") {
  const temporary_program program{R"(printf 'Traceback: \033[31mno module\n' >&2; read x; exit 3)"};
  exec_fixture f;
  f.lines();
  f.settings.exec.command = {program.path()};
  f.run();
  CHECK(f.ask("x").error == "the program ended (exit status 3) before it answered; its last words: "
                            "Traceback: \\x1b[31mno module");
}

TEST_CASE("lines: a proven program is started again at once, a broken one ever later") {
  exec_fixture f;
  f.lines().run();
  for (int i = 0; i < 5; ++i) {
    CHECK(f.ask("fine").reply == "fine");
    CHECK(f.ask("!exit 0").code == errc::agent_crashed);
  }
  CHECK(f.count_logs("agent-program-ended", "answered nothing") == 0);

  exec_fixture broken;
  broken.lines({"--exit-at-start", "7"}).run();
  for (int i = 0; i < 3; ++i)
    CHECK(broken.ask("x").code == errc::agent_crashed);
  broken.log_with("agent-program-ended", "exit status 7; it answered nothing, the next start is at "
                                         "least 100ms away");
  broken.log_with("agent-program-ended", "200ms away");
}

TEST_CASE(
    "lines: a program that cannot be started is told of with the remedy; no turn pays for it") {
  exec_fixture f;
  f.lines();
  f.settings.exec.command = {"/no/such/bot"};
  f.timing.program_wait = milliseconds{300};
  f.run();
  const log_entry told = f.log_with("agent-start-failed", "there is no program /no/such/bot");
  CHECK(told.level == exec_log_level::error);
  const turn_report report = f.ask("x");
  CHECK(report.verdict == turn_verdict::returned);
  CHECK(f.begun().empty());
  const runner_health health = f.health_with(runner_state::failing, "/no/such/bot");
  CHECK(health.error == "there is no program /no/such/bot; install it there or correct `command`");
  CHECK(health.error_at == test_now);
  CHECK(health.programs == 0);
  CHECK(health.restarts >= 1);
}

TEST_CASE("lines: turns wait while a program cannot be started, and run once it can") {
  const temporary_program program;
  exec_fixture f;
  f.lines();
  f.settings.exec.command = {program.path()};
  f.run();
  const auto turn = f.begin("patient");
  f.log_with("agent-start-failed", "there is no program");
  program.write("exec " + std::string{WORKER_LINES});
  CHECK(f.report_of(turn).reply == "patient");
  f.wait_for_begun(turn);
  const runner_health health = f.health_with(runner_state::up);
  CHECK(health.programs == 1);
}

TEST_CASE("lines: turns that no program has had are not charged however often programs end") {
  const temporary_program program{"exit 1"}; // before it could be given anything, or soon after
  exec_fixture f;
  f.lines({}, 1, 1);
  f.timing.program_wait = milliseconds{500};
  f.settings.concurrency = 8;
  f.settings.exec.command = {program.path()};
  f.run();
  const auto turns = f.begin_all({"a", "b", "c", "d", "e", "f"});
  std::size_t charged = 0;
  for (const auto turn : turns)
    if (f.report_of(turn).verdict == turn_verdict::returned)
      continue;
    else
      ++charged;
  CHECK(charged <= f.begun().size()); // only those whose line was written
  const runner_health health = f.health_with(runner_state::failing, "exit status 1");
  CHECK(health.restarts >= 1);
}

TEST_CASE("lines: a program that closes a pipe and stays is ended, and its turn fails") {
  for (const char* flag : {"--close-output", "--close-input"}) {
    exec_fixture f;
    f.lines({flag}).run();
    const turn_report report = f.ask("x");
    CHECK(report.verdict == turn_verdict::failed);
    CHECK(report.code == errc::agent_crashed);
  }
}

TEST_CASE("lines: what a dead program started is killed, though it holds the pipes") {
  exec_fixture f;
  f.lines({"--grandchild"}).run();
  const int child = grandchild(f);
  CHECK(f.ask("!exit 0").code == errc::agent_crashed);
  CHECK(process_ends(child));
}

TEST_CASE("lines: tell asks the program to give up the turn") {
  exec_fixture f;
  f.lines({}, 1, 2).run();
  const auto other = f.begin_held("!wait");
  const auto turn = f.begin_held("!wait");
  f.stop(turn, stop_stage::tell);
  const turn_report report = f.report_of(turn);
  CHECK(report.verdict == turn_verdict::failed); // as the program answered
  CHECK(report.error == "told to cancel");
  CHECK_FALSE(f.has_report(other));
}

TEST_CASE("lines: terminate ends the program; its turns are given back, those after it run") {
  exec_fixture f;
  f.lines({}, 1, 2).run();
  const auto stopped = f.begin_held("!hang");
  const auto beside = f.begin_held("!wait");
  const auto third = f.begin("third");
  f.stop(stopped, stop_stage::tell);
  f.stop(stopped, stop_stage::terminate);
  CHECK(f.report_of(stopped).verdict == turn_verdict::returned);
  CHECK(f.report_of(beside).verdict == turn_verdict::returned);
  CHECK(f.report_of(beside).error == "its program was ended for another turn");
  CHECK(f.report_of(third).reply == "third");
  CHECK(f.count_logs("agent-program-ended", "") == 0); // nobody's fault
}

TEST_CASE("lines: kill ends a program that ignores SIGTERM") {
  exec_fixture f;
  f.lines({"--ignore-term", "--ignore-eof"}, 1, 2);
  f.timing.terminate_grace = std::chrono::minutes{10};
  f.run();
  const auto stopped = f.begin_held("!hang");
  const auto beside = f.begin_held("!freeze");
  f.stop(stopped, stop_stage::terminate);
  f.stop(stopped, stop_stage::kill);
  CHECK(f.report_of(stopped).verdict == turn_verdict::returned);
  CHECK(f.report_of(beside).verdict == turn_verdict::returned);
  CHECK(f.ask("next").reply == "next");
  const auto last = f.begin_held("!hang"); // or the end of the test would wait for the grace
  f.stop(last, stop_stage::kill);
  f.report_of(last);
}

TEST_CASE("lines: a program that ignores SIGTERM is killed even if nobody asks") {
  exec_fixture f;
  f.lines({"--ignore-term", "--ignore-eof"}).run();
  const auto turn = f.begin_held("!hang");
  f.stop(turn, stop_stage::terminate);
  CHECK(f.report_of(turn).verdict == turn_verdict::returned);
}

TEST_CASE("lines: terminate reaches what the program started") {
  exec_fixture f;
  f.lines({"--grandchild"}).run();
  const int child = grandchild(f);
  const auto turn = f.begin_held("!hang");
  f.stop(turn, stop_stage::terminate);
  CHECK(f.report_of(turn).verdict == turn_verdict::returned);
  CHECK(process_ends(child));
}

TEST_CASE("lines: a turn that the stopped program has not begun to read runs elsewhere") {
  exec_fixture f;
  f.lines({"--never-read"}, 1, 10).run();
  const std::string big(200'000, 'x'); // over the pipe: the second has not been begun
  const auto turns = f.begin_all({big, "second"});
  f.stop(turns[0], stop_stage::terminate);
  CHECK(f.report_of(turns[0]).verdict == turn_verdict::returned);
  f.stop(turns[1], stop_stage::kill); // by now with the next program
  CHECK(f.report_of(turns[1]).error == "stopped");
}

TEST_CASE("lines: a frozen program whose pipe is full holds up nobody else") {
  exec_fixture f;
  f.lines({}, 2, 1000);
  f.settings.concurrency = 5000;
  f.run();
  f.ask("up");
  f.begin_held("!freeze");
  for (int i = 0; i < 20; ++i)
    CHECK(f.ask("one by one").reply == "one by one"); // the idle program is chosen
  const auto turns = f.begin_all(std::vector<std::string>(1500, std::string(1000, 'x')));
  f.wait_for_reports(1 + 20 + 750); // the frozen one was given half at most
  f.destroy();
  for (const auto turn : turns)
    REQUIRE(f.has_report(turn));
  CHECK(f.repeated_reports() == 0);
}

TEST_CASE("the node's end: idle programs see the end of their input and are gone, nothing leaks") {
  const std::size_t before = count_descriptors();
  {
    exec_fixture f;
    f.lines({}, 4, 2);
    f.settings.concurrency = 8;
    f.timing = {std::chrono::minutes{10}, std::chrono::minutes{10},
                milliseconds{300}}; // no signal is needed
    f.run();
    for (const auto turn : f.begin_all({"a", "b", "c", "d", "e", "f", "g", "h"}))
      f.report_of(turn);
    CHECK(has_children());
    CHECK(count_descriptors() > before);
  }
  CHECK_FALSE(has_children());
  CHECK(count_descriptors() == before);
}

TEST_CASE("the node's end: a running turn may finish, queued ones and later ones are given back") {
  const temporary_program program{
      "read line; echo has 17-1.bot/1 >&2; while read more; do :; done\n"
      "printf '{\"turn\":\"17-1.bot/1\",\"reply\":\"at last\"}\\n'"};
  exec_fixture f;
  f.lines();
  f.timing.close_grace = std::chrono::minutes{1};
  f.settings.exec.command = {program.path()};
  f.run();
  const auto running = f.begin_held("first");
  const auto queued = f.begin("second");
  f.runner().close();
  CHECK(f.report_of(queued).verdict == turn_verdict::returned);
  CHECK(f.report_of(running).reply == "at last");
  CHECK(f.ask("third").error == "the node is stopping");
}

TEST_CASE("the node's end: turns behind one that is stopped are given back as well") {
  exec_fixture f;
  f.timing.close_grace = std::chrono::minutes{10}; // the stop ends it, not the node's end
  f.lines({"--never-read"}, 1, 10).run();
  const auto turns = f.begin_all({std::string(200'000, 'x'), "behind it"});
  f.wait_for_begun(turns[0]); // both are with the program
  f.runner().close();
  f.stop(turns[0], stop_stage::terminate);
  CHECK(f.report_of(turns[1]).error == "the node is stopping");
  CHECK(f.report_of(turns[0]).verdict == turn_verdict::returned);
}

TEST_CASE("the node's end: a program that hangs is terminated, one that ignores that is killed") {
  const std::size_t before = count_descriptors();
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"--ignore-eof"}, {"--ignore-eof", "--ignore-term"}}) {
    exec_fixture f;
    f.lines(flags, 1, 2).run();
    const auto turn = f.begin_held("!hang");
    f.destroy();
    CHECK(f.report_of(turn).verdict == turn_verdict::returned);
    CHECK_FALSE(has_children());
  }
  CHECK(count_descriptors() == before);
}

TEST_CASE("the node's end: a program that goes on is killed when the node's time is over") {
  exec_fixture f;
  f.timing = {std::chrono::minutes{10}, std::chrono::minutes{10}, std::chrono::minutes{1}};
  f.lines({"--ignore-eof"}, 1, 2).run();
  const auto turn = f.begin_held("!hang");
  f.runner().close(milliseconds{20});
  f.destroy();
  CHECK(f.report_of(turn).verdict == turn_verdict::returned);
  CHECK_FALSE(has_children());
}

TEST_CASE("a drain does not wait for programs that cannot be started") {
  exec_fixture f;
  f.lines();
  f.timing.program_wait = std::chrono::minutes{10};
  f.settings.exec.command = {"/no/such/bot"};
  f.run();
  const auto before = f.begin("waits already");
  f.log_with("agent-start-failed", "");
  f.runner().drain();
  CHECK(f.report_of(before).verdict == turn_verdict::returned);
  CHECK(f.ask("comes later").verdict == turn_verdict::returned);
}

TEST_CASE("a drain lets what a program has run to its end, and what waits behind it") {
  exec_fixture f;
  f.lines({}, 1, 1).run();
  const auto turns = f.begin_all({"first", "second"});
  f.runner().drain();
  CHECK(f.report_of(turns[0]).reply == "first");
  CHECK(f.report_of(turns[1]).reply == "second");
}

TEST_CASE("the node's end comes while programs cannot be started, too") {
  exec_fixture f;
  f.lines();
  f.timing.program_wait = std::chrono::minutes{1};
  f.settings.exec.command = {"/no/such/bot"};
  f.run();
  const auto turn = f.begin("x");
  f.log_with("agent-start-failed", "");
  f.destroy();
  CHECK(f.report_of(turn).verdict == turn_verdict::returned);
}
