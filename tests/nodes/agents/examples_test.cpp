// Goal: what people copy from examples/ works as its README says. Method: the example's own
// programs, run by the runner.
#include "exec_fixture.hpp"

#include "nodes/config/load_config.hpp"

#include <fstream>
#include <sstream>

using namespace skein;
using namespace skein::test;

namespace {

// Keeps the state between turns, as the engine does.
class conversation {
 public:
  explicit conversation(exec_fixture& fixture) : fixture_{fixture} {}

  std::string say(const std::string& text, const std::string& type = "skein.message") {
    event value = exec_fixture::text_event(text);
    value.type = type;
    last = fixture_.report_of(fixture_.begin(value, state));
    if (last.sets_state)
      state = last.state;
    if (last.deletes_state)
      state.clear();
    return last.reply;
  }

  turn_report last;
  std::string state;

 private:
  exec_fixture& fixture_;
};

void run_example(exec_fixture& f, const std::string& folder, const std::string& program) {
  f.settings.exec.directory = std::string{EXAMPLES} + "/" + folder;
  f.settings.exec.command = {"./" + program};
  f.settings.exec.environment = {
      {"PYTHONDONTWRITEBYTECODE", "1"}}; // the source tree stays as it is
  f.run();
}

} // namespace

TEST_CASE("the examples' configurations are valid") {
  for (const char* folder : {"echo_bot", "python_bot", "shell", "webhook"}) {
    const std::string file = std::string{EXAMPLES} + "/" + folder + "/cluster.toml";
    std::ifstream in{file};
    std::stringstream text;
    text << in.rdbuf();
    config_surroundings around;
    around.folder = std::string{EXAMPLES} + "/" + folder;
    const loaded_config loaded = load_config(text.str(), file, around);
    INFO(problem_lines(loaded));
    CHECK(loaded.ok());
    CHECK(loaded.problems.empty()); // no warnings either: the programs are there
    CHECK_FALSE(loaded.config.agents.empty());
  }
}

TEST_CASE("example python_bot: notes are kept, shown and forgotten") {
  exec_fixture f;
  f.lines({}, 2, 1);
  run_example(f, "python_bot", "bot.py");
  conversation chat{f};
  CHECK(chat.say("notes") == "No notes yet.");
  CHECK(chat.say("note buy milk") == "Noted. That makes 1.");
  CHECK(chat.say("note grüße 🎉\n\"quoted\"") == "Noted. That makes 2.");
  CHECK(chat.say("notes") == "1. buy milk\n2. grüße 🎉\n\"quoted\"");
  CHECK(chat.say("forget") == "All forgotten.");
  CHECK(chat.state.empty());
  CHECK(chat.say("what?").find("I keep notes") == 0);
}

TEST_CASE(
    "example python_bot: a reminder is an event that is due later, and comes back as a reply") {
  exec_fixture f;
  f.lines({}, 1, 1);
  run_example(f, "python_bot", "bot.py");
  conversation chat{f};
  CHECK(chat.say("remind 10m tea") == "I will remind you in 10m.");
  REQUIRE(chat.last.emits.size() == 1);
  CHECK(chat.last.emits[0].type == "reminder.due");
  REQUIRE(chat.last.emits[0].text_extension("due") != nullptr);
  CHECK(*chat.last.emits[0].text_extension("due") == "+10m");
  CHECK(chat.say("tea", "reminder.due") == "Reminder: tea");
}

TEST_CASE("example python_bot: what is no text is rejected, and the bot goes on") {
  exec_fixture f;
  f.lines({}, 1, 1);
  run_example(f, "python_bot", "bot.py");
  event value = exec_fixture::text_event(R"({"a":1})");
  value.kind = data_kind::json;
  const turn_report report = f.report_of(f.begin(value));
  CHECK(report.verdict == turn_verdict::rejected);
  CHECK(report.error == "this bot reads text only");
  CHECK(conversation{f}.say("notes") == "No notes yet.");
}

TEST_CASE("the Python loop: exceptions, retries and answers that are no JSON fail one turn each") {
  exec_fixture f;
  f.lines({}, 1, 1);
  f.settings.exec.command = {"python3", "-c", R"(
import skein_worker
def handle(turn):
    print("seen", turn.data)
    if turn.data == "raise": raise KeyError("gone")
    if turn.data == "retry": raise skein_worker.Retry("busy", "30s")
    if turn.data == "seconds": raise skein_worker.Retry("busy", 1.5)
    if turn.data == "soon": raise skein_worker.Retry("busy", "soon")
    if turn.data == "before": raise skein_worker.Retry("busy", -1)
    if turn.data == "later": raise skein_worker.Retry("busy")
    if turn.data == "sleep":
        turn.state = turn.sleeps
        raise skein_worker.Sleep("10m")
    if turn.data == "nan": return float("nan")
    if turn.data == "object": return object()
    return [turn.attempt, turn.token, turn.deadline]
skein_worker.run(handle)
)"};
  f.settings.exec.environment = {{"PYTHONPATH", std::string{EXAMPLES} + "/python_bot"},
                                 {"PYTHONDONTWRITEBYTECODE", "1"}};
  f.run();
  turn_report report = f.ask("raise");
  CHECK(report.verdict == turn_verdict::failed);
  CHECK(report.error == "KeyError: 'gone'");
  f.log_with("agent-program-said", "Traceback");
  f.log_with("agent-program-said", "seen raise");
  report = f.ask("retry");
  CHECK(report.error == "busy");
  CHECK(report.retry_after == std::chrono::seconds{30});
  report = f.ask("seconds");
  CHECK(report.error == "busy");
  CHECK(report.retry_after == std::chrono::milliseconds{1500});
  report = f.ask("soon"); // the mistake is told, and the event is not lost for it
  CHECK(report.verdict == turn_verdict::failed);
  CHECK(report.error ==
        R"(ValueError: Retry after 'soon': write seconds, or a text such as "1m30s")");
  report = f.ask("before");
  CHECK(report.verdict == turn_verdict::failed);
  CHECK(report.error == R"(ValueError: Retry after -1: write seconds, or a text such as "1m30s")");
  report = f.ask("later");
  CHECK(report.verdict == turn_verdict::failed);
  CHECK(report.retry_after == duration{0});
  report = f.ask("sleep");
  CHECK(report.verdict == turn_verdict::slept);
  CHECK(report.retry_after == std::chrono::minutes{10});
  CHECK(report.state == "0");
  report = f.ask("object");
  CHECK(report.verdict == turn_verdict::failed);
  CHECK(report.error == "TypeError: Object of type object is not JSON serializable");
  report = f.ask("nan"); // Python writes it, but JSON has none
  CHECK(report.verdict == turn_verdict::failed);
  CHECK_THAT(report.error, Catch::StartsWith("ValueError: Out of range float values"));
  CHECK(f.ask("fine").reply == R"([1, "token-10", "2023-11-14T22:14:20Z"])");
}

TEST_CASE("example shell: uppercase.sh replies with the data in capitals") {
  exec_fixture f;
  f.oneshot({});
  run_example(f, "shell", "uppercase.sh");
  CHECK(conversation{f}.say("hello") == "HELLO");
}

TEST_CASE("example shell: counter.sh counts in its state") {
  exec_fixture f;
  f.oneshot({});
  run_example(f, "shell", "counter.sh");
  conversation chat{f};
  CHECK(chat.say("x") == "chat-7: event number 1");
  CHECK(chat.say("x") == "chat-7: event number 2");
  CHECK(chat.say("x") == "chat-7: event number 3");
  CHECK(chat.state == "3");
}

TEST_CASE("example shell: effects.sh emits an event for later, answers it, and can be busy") {
  exec_fixture f;
  f.oneshot({}, exec_output::effects);
  run_example(f, "shell", "effects.sh");
  conversation chat{f};
  CHECK(chat.say("hello", "shell.effects") == "see you in five seconds");
  REQUIRE(chat.last.emits.size() == 1);
  CHECK(chat.last.emits[0].type == "shell.later");
  CHECK(chat.say("", "shell.later") == "five seconds have passed");
  chat.say("busy", "shell.effects");
  CHECK(chat.last.verdict == turn_verdict::failed);
  CHECK(chat.last.error == "exit status 75 (later): try me later");
}
