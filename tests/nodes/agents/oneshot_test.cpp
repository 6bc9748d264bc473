// Goal: mode = "oneshot" as documented. Method: shell scripts that look at what they get and end as
// told.
#include "exec_fixture.hpp"

#include <fstream>

using namespace skein;
using namespace skein::test;
using namespace std::string_literals;

namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// TMPDIR of its own for the time of a test.
class temporary_place {
 public:
  temporary_place() {
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
    ::setenv("TMPDIR", path_.c_str(), 1);
  }
  ~temporary_place() {
    ::unsetenv("TMPDIR");
    ::rmdir(path_.c_str());
  }
  std::size_t entries() const {
    std::size_t count = 0;
    DIR* listing = ::opendir(path_.c_str());
    while (const dirent* entry = ::readdir(listing))
      count += entry->d_name[0] != '.' ? 1u : 0u;
    ::closedir(listing);
    return count;
  }

 private:
  std::string path_ = "/tmp/skein-oneshot-test-XXXXXX";
};

} // namespace

TEST_CASE("oneshot: data is standard input, standard output is the reply, byte by byte") {
  exec_fixture f;
  f.oneshot({"cat"}).run();
  const turn_report report = f.ask("grüße\n");
  CHECK(report.verdict == turn_verdict::done);
  CHECK(report.reply_kind == data_kind::text);
  CHECK(report.reply == "grüße\n");
  event binary = exec_fixture::text_event("\xff\0\x01"s);
  binary.kind = data_kind::binary;
  const turn_report bytes = f.report_of(f.begin(binary));
  CHECK(bytes.reply_kind == data_kind::binary);
  CHECK(bytes.reply == "\xff\0\x01"s);
}

TEST_CASE("oneshot: no output is no reply, and input may be left unread") {
  exec_fixture f;
  f.oneshot({"true"}).run();
  const turn_report report = f.ask(std::string(900'000, 'x'));
  CHECK(report.verdict == turn_verdict::done);
  CHECK(report.reply_kind == data_kind::none);
}

TEST_CASE("oneshot: large data goes in and out without blocking") {
  exec_fixture f;
  f.oneshot({"cat"}).run();
  const std::string data(limits::reply_bytes_max - 1000, 'd');
  CHECK(f.ask(data).reply == data);
}

TEST_CASE("oneshot: the attributes are SKEIN_ variables, and nothing else is there") {
  exec_fixture f;
  f.shell("env | grep ^SKEIN_ | grep -v ^SKEIN_STATE= | sort").run();
  event value = exec_fixture::text_event("x");
  value.time = "2024-01-02T03:04:05Z";
  value.datacontenttype = "text/plain";
  value.set_extension("partitionkey", "key-1"s);
  value.set_extension("flag", true);
  value.set_extension("number", std::int32_t{-5});
  CHECK(f.report_of(f.begin(value)).reply == "SKEIN_ATTEMPT=1\n"
                                             "SKEIN_CONTENTTYPE=text/plain\n"
                                             "SKEIN_DEADLINE=2023-11-14T22:14:20Z\n"
                                             "SKEIN_EXT_FLAG=true\n"
                                             "SKEIN_EXT_NUMBER=-5\n"
                                             "SKEIN_EXT_PARTITIONKEY=key-1\n"
                                             "SKEIN_ID=id-1\n"
                                             "SKEIN_KEY=key-1\n"
                                             "SKEIN_SLEEPS=0\n"
                                             "SKEIN_SOURCE=/test\n"
                                             "SKEIN_SUBJECT=chat-7\n"
                                             "SKEIN_TIME=2024-01-02T03:04:05Z\n"
                                             "SKEIN_TOKEN=token-1\n"
                                             "SKEIN_TURN=17-1.bot/1\n"
                                             "SKEIN_TYPE=skein.message\n");
}

TEST_CASE("oneshot: configured variables are there but do not hide those of the turn") {
  exec_fixture f;
  f.shell("echo \"$COLOUR $SKEIN_ID $HOME\"");
  f.settings.exec.environment = {{"COLOUR", "blue"}, {"SKEIN_ID", "fake"}, {"HOME", "/nowhere"}};
  f.run();
  CHECK(f.ask("x").reply == "blue id-1 /nowhere\n");
}

TEST_CASE("oneshot: attributes that a C string cannot hold are repaired") {
  exec_fixture f;
  f.shell("printf %s \"$SKEIN_SUBJECT|$SKEIN_EXT_A\"").run();
  event value = exec_fixture::text_event("x");
  value.subject = "a\0b"s;
  value.set_extension("a", "\xff\xfe"s);
  CHECK(f.report_of(f.begin(value)).reply == "a\xef\xbf\xbd"
                                             "b|\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("oneshot: exit 75 and any other status have failed; signals have crashed") {
  exec_fixture f;
  f.shell(
       "cat >/dev/null; case $SKEIN_TOKEN in token-1) echo busy >&2; exit 75;; "
       "token-2) printf 'bad \\033[1m\\nthings' >&2; echo lost; exit 3;; *) kill -SEGV $$;; esac")
      .run();
  turn_report report = f.ask("x");
  CHECK(report.verdict == turn_verdict::failed);
  CHECK(report.code == errc::agent_failed);
  CHECK(report.error == "exit status 75 (later): busy");
  report = f.ask("x");
  CHECK(report.verdict == turn_verdict::failed);
  CHECK(report.code == errc::agent_failed);
  CHECK(report.error == "exit status 3: bad \\x1b[1m\\nthings");
  CHECK(report.reply_kind == data_kind::none);
  report = f.ask("x");
  CHECK(report.verdict == turn_verdict::failed);
  CHECK(report.code == errc::agent_crashed);
  CHECK(report.error == "signal 11 (SIGSEGV)");
}

TEST_CASE("oneshot: only the end of standard error is in the error; all of it may be in the log") {
  exec_fixture f;
  f.shell("printf 'first\\n' >&2; yes 0123456789 | head -c 5000 >&2; exit 1").run();
  const turn_report report = f.ask("x");
  CHECK(report.error.size() < limits::program_last_words_bytes * 2 + 50);
  CHECK_FALSE(contains(report.error, "first"));
  CHECK(f.log_with("agent-program-said", "first").turn == exec_fixture::name_of(1));
}

TEST_CASE("oneshot: more than 1 MiB of output is refused and the program ended") {
  exec_fixture f;
  f.oneshot({"yes"}).run(); // would never end
  const turn_report report = f.ask("x");
  CHECK(report.verdict == turn_verdict::rejected);
  CHECK(report.code == errc::agent_output_invalid);
  CHECK(report.error == "it printed more than 1048576 bytes");
}

TEST_CASE("oneshot: the state goes into the file and its change comes out") {
  exec_fixture f;
  f.shell("cat \"$SKEIN_STATE\"; stat -c %a \"$SKEIN_STATE\" \"$(dirname \"$SKEIN_STATE\")\"; "
          "echo '{\"n\": 2}' > \"$SKEIN_STATE\"")
      .run();
  turn_report report = f.ask("x", R"({"n":1})");
  CHECK(report.reply == "{\"n\":1}\n600\n700\n");
  CHECK(report.sets_state);
  CHECK(report.state == "{\"n\": 2}");
  report = f.ask("x");
  CHECK(report.reply == "600\n700\n");
  CHECK(report.sets_state);
}

TEST_CASE("oneshot: a removed file deletes the state, an untouched one changes nothing") {
  exec_fixture f;
  f.shell("if [ \"$(cat)\" = remove ]; then rm \"$SKEIN_STATE\"; fi").run();
  CHECK(f.ask("remove", "5").deletes_state);
  const turn_report report = f.ask("leave", "5");
  CHECK_FALSE(report.deletes_state);
  CHECK_FALSE(report.sets_state);
}

TEST_CASE("oneshot: state counts only after exit 0, and must be JSON") {
  exec_fixture f;
  f.shell("cat > \"$SKEIN_STATE\"; [ \"$SKEIN_TOKEN\" != token-1 ]").run();
  turn_report report = f.ask("6", "5");
  CHECK(report.verdict == turn_verdict::failed);
  CHECK_FALSE(report.sets_state);
  report = f.ask("no json", "5");
  CHECK(report.code == errc::agent_output_invalid);
  CHECK(contains(report.error, "the state file does not hold one JSON value"));
  report = f.ask("\"" + std::string(limits::state_bytes_max, 's') + "\"", "5");
  CHECK(report.code == errc::agent_output_invalid);
  CHECK(f.ask("7", "5").state == "7");
}

TEST_CASE("oneshot: no state file is left behind") {
  const temporary_place place;
  {
    exec_fixture f;
    f.shell("echo more > \"$SKEIN_STATE.backup\"; echo has $SKEIN_TURN >&2; [ \"$(cat)\" = end ] "
            "|| sleep 1000")
        .run();
    const auto turn = f.begin_held("x");
    CHECK(place.entries() == 1);
    f.stop(turn, stop_stage::kill);
    f.report_of(turn);
    CHECK(f.ask("end").verdict == turn_verdict::done);
  }
  CHECK(place.entries() == 0);
}

TEST_CASE("oneshot effects: standard output is the answer's JSON") {
  exec_fixture f;
  f.shell("cat", exec_output::effects).run();
  turn_report report = f.ask(R"({"reply":"hi","emit":[{"type":"x"}],"state":{"n":1}})"
                             "\n");
  CHECK(report.verdict == turn_verdict::done);
  CHECK(report.reply == "hi");
  CHECK(report.state == R"({"n":1})");
  CHECK(report.emits.size() == 1);
  report = f.ask(R"({"error":{"kind":"fail","message":"no"}})");
  CHECK(report.verdict == turn_verdict::rejected);
  report = f.ask(R"({"error":{"kind":"retry","message":"busy","after":"5s"}})");
  CHECK(report.verdict == turn_verdict::failed);
  CHECK(report.retry_after == std::chrono::seconds{5});
  report = f.ask("");
  CHECK(report.verdict == turn_verdict::done);
  CHECK(report.reply_kind == data_kind::none);
}

TEST_CASE("oneshot effects: a program may go to sleep, with the state in its file or its answer") {
  exec_fixture f;
  f.shell("echo '{\"at\":1}' > \"$SKEIN_STATE\"; cat", exec_output::effects).run();
  turn_report report = f.ask(R"({"sleep":"10m"})");
  CHECK(report.verdict == turn_verdict::slept);
  CHECK(report.retry_after == std::chrono::minutes{10});
  CHECK(report.state == R"({"at":1})");
  CHECK(f.ask(R"({"sleep":"10m","state":2})").state == "2");
  report = f.ask(R"({"sleep":"10m","reply":"x"})");
  CHECK(report.code == errc::agent_output_invalid);
  CHECK_FALSE(report.sets_state);
}

TEST_CASE("oneshot effects: what is no such JSON is refused") {
  exec_fixture f;
  f.shell("cat", exec_output::effects).run();
  for (const char* output : {"hello", "{\"reply\":1", "{\"rpely\":1}", "{} {}", "\xff"}) {
    event value = exec_fixture::text_event(output);
    const turn_report report = f.report_of(f.begin(value));
    CHECK(report.verdict == turn_verdict::rejected);
    CHECK(report.code == errc::agent_output_invalid);
  }
}

TEST_CASE("oneshot effects: a state in the JSON wins over the file; an error drops both") {
  exec_fixture f;
  f.shell("echo 8 > \"$SKEIN_STATE\"; cat", exec_output::effects).run();
  CHECK(f.ask(R"({"state":9})", "5").state == "9");
  CHECK(f.ask(R"({"state":null})", "5").deletes_state);
  CHECK(f.ask(R"({"reply":1})", "5").state == "8");
  const turn_report report = f.ask(R"({"error":{"kind":"retry"}})", "5");
  CHECK_FALSE(report.sets_state);
}

TEST_CASE("oneshot: as many programs at once as the agent's concurrency, the rest wait") {
  exec_fixture f;
  f.settings.concurrency = 2;
  f.shell("cat >/dev/null; echo has $SKEIN_TURN >&2; exec sleep 1000");
  f.run();
  const auto first = f.begin_held("x");
  const auto second = f.begin_held("x");
  const auto third = f.begin("x");
  f.stop(third, stop_stage::tell);
  CHECK(f.report_of(third).error == "stopped before a program had it");
  for (const auto turn : {first, second})
    f.stop(turn, stop_stage::kill);
  for (const auto turn : {first, second})
    CHECK(f.report_of(turn).verdict == turn_verdict::returned);
}

TEST_CASE("oneshot: tell is SIGINT; a program that ends by it is given back, with 0 it is done") {
  exec_fixture f;
  f.shell("trap 'echo tidied up; exit 0' INT; echo has $SKEIN_TURN >&2; "
          "[ \"$SKEIN_TOKEN\" = token-1 ] || trap - INT; while :; do sleep 1000 & wait $!; done")
      .run();
  const auto polite = f.begin_held("x");
  f.stop(polite, stop_stage::tell);
  CHECK(f.report_of(polite).reply == "tidied up\n");
}

TEST_CASE("oneshot: stops reach the whole group and are not the turn's fault") {
  for (const stop_stage stage : {stop_stage::tell, stop_stage::terminate, stop_stage::kill}) {
    exec_fixture f;
    f.oneshot({WORKER_LINES, "--grandchild", "--never-read"}).run();
    const auto turn = f.begin("x");
    const std::string text = f.log_with("agent-program-said", "grandchild ").text;
    f.stop(turn, stage);
    CHECK(f.report_of(turn).verdict == turn_verdict::returned);
    CHECK(process_ends(std::atoi(text.c_str() + text.rfind(' '))));
  }
}

TEST_CASE("oneshot: a program that ignores SIGTERM is killed after the grace") {
  exec_fixture f;
  f.shell("trap '' TERM INT; echo has $SKEIN_TURN >&2; while :; do sleep 1000; done").run();
  const auto turn = f.begin_held("x");
  f.stop(turn, stop_stage::tell);
  f.stop(turn, stop_stage::terminate);
  CHECK(f.report_of(turn).verdict == turn_verdict::returned);
}

TEST_CASE("oneshot: what a script leaves running is killed when it ends") {
  exec_fixture f;
  f.shell("sleep 1000 & echo $!").run(); // holds the pipes
  const turn_report holding = f.ask("x");
  CHECK(holding.verdict == turn_verdict::done);
  CHECK(process_ends(std::atoi(holding.reply.c_str())));

  exec_fixture g;
  g.shell("sleep 1000 </dev/null >/dev/null 2>&1 & echo $!").run(); // does not
  const turn_report quiet = g.ask("x");
  CHECK(quiet.verdict == turn_verdict::done);
  CHECK(process_ends(std::atoi(quiet.reply.c_str())));
}

TEST_CASE("oneshot: a program may close its pipes and work on") {
  exec_fixture f;
  f.shell("echo early; exec 0<&- 1>&- 2>&-; for i in 1 2 3; do /bin/true; done; exit 0").run();
  CHECK(f.ask("x").reply == "early\n");
}

TEST_CASE(
    "oneshot: a program that cannot be started is told of at the start; no turn pays for it") {
  exec_fixture f;
  f.timing.program_wait = std::chrono::milliseconds{300};
  f.oneshot({"/no/such/script"}).run();
  f.log_with("agent-start-failed", "there is no program /no/such/script");
  f.health_with(runner_state::failing, "/no/such/script");
  CHECK(f.ask("x").verdict == turn_verdict::returned);
  CHECK(f.begun().empty());
}

TEST_CASE("oneshot: a body that is no event is rejected") {
  exec_fixture f;
  f.oneshot({"cat"}).run();
  turn_start start = f.make(77, exec_fixture::text_event("x"));
  start.body = slice{std::string{"garbage"}};
  f.runner().start(exec_fixture::one(std::move(start)));
  CHECK(f.report_of(77).verdict == turn_verdict::rejected);
}

TEST_CASE("oneshot: hundreds of turns leave no process, no descriptor and no report behind") {
  const std::size_t before = count_descriptors();
  {
    exec_fixture f;
    f.oneshot({"cat"});
    f.settings.concurrency = 8;
    f.run();
    for (int round = 0; round < 40; ++round)
      for (const auto turn : f.begin_all({"1", "2", "3", "4", "5", "6", "7", "8"}))
        CHECK(f.report_of(turn).verdict == turn_verdict::done);
    CHECK(f.repeated_reports() == 0);
  }
  CHECK_FALSE(has_children());
  CHECK(count_descriptors() == before);
}

TEST_CASE("oneshot, the node's end: a running program may finish, one that does not is ended") {
  exec_fixture f;
  f.shell("echo has $SKEIN_TURN >&2; case $SKEIN_TOKEN in token-1) exec sleep 1000;; "
          "*) while [ -e \"$0\" ]; do :; done; echo finished;; esac");
  const std::string mark = "/tmp/skein-oneshot-mark-" + std::to_string(::getpid());
  std::ofstream{mark} << "x";
  f.settings.exec.command.push_back(mark); // $0 of the script
  f.timing.close_grace = std::chrono::seconds{2};
  f.run();
  const auto stuck = f.begin_held("x");
  const auto quick = f.begin_held("x");
  f.runner().close();
  ::unlink(mark.c_str());
  CHECK(f.report_of(quick).reply == "finished\n");
  CHECK(f.report_of(stuck).verdict == turn_verdict::returned);
  f.destroy();
  CHECK_FALSE(has_children());
}
