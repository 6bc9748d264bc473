// Goal: what a program prints is read strictly, and what is wrong is named. Method: one line a
// case.
#include "nodes/agents/answer.hpp"

#include "protocol/limits.hpp"

#include <catch2/catch.hpp>
#include <simdjson.h>

#include <string>

using namespace skein;

namespace {

agent_answer read(std::string line) {
  answer_reader reader;
  line.reserve(line.size() + simdjson::SIMDJSON_PADDING);
  return reader.read(line);
}

// The error of a line that names the turn but is no valid answer.
std::string refusal(const std::string& rest, errc code = errc::agent_output_invalid) {
  const agent_answer answer = read("{\"turn\":\"17-1.bot/1\"" + rest);
  CHECK(answer.is == answer_kind::mistake);
  CHECK(answer.turn == "17-1.bot/1");
  CHECK(answer.report.verdict == turn_verdict::rejected);
  CHECK(answer.report.code == code);
  CHECK_FALSE(answer.report.sets_state);
  CHECK(answer.report.emits.empty());
  CHECK(answer.report.reply.empty());
  return answer.report.error;
}

// Whether a line that names the turn is no answer at all.
bool unreadable(const std::string& rest) {
  const agent_answer answer = read("{\"turn\":\"17-1.bot/1\"" + rest);
  CHECK(answer.turn == "17-1.bot/1");
  CHECK_FALSE(answer.report.error.empty());
  return answer.is == answer_kind::noise;
}

std::string repeated(std::size_t count, const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i)
    out += text;
  return out;
}

} // namespace

TEST_CASE("an answer without effects is done and changes nothing") {
  const agent_answer answer = read(R"({"turn":"17-1.bot/1"})");
  CHECK(answer.is == answer_kind::answer);
  CHECK(answer.turn == "17-1.bot/1");
  CHECK(answer.report.verdict == turn_verdict::done);
  CHECK(answer.report.reply_kind == data_kind::none);
  CHECK_FALSE(answer.report.sets_state);
  CHECK_FALSE(answer.report.deletes_state);
}

TEST_CASE("a reply that is a string is text, any other value stays JSON as it was written") {
  agent_answer answer = read(R"({"turn":"t","reply":"h\u00e9llo\n"})");
  CHECK(answer.report.reply_kind == data_kind::text);
  CHECK(answer.report.reply == "héllo\n");
  answer = read(R"({"turn":"t","reply": {"a": 1.50, "n": 123456789012345678901234567890} })");
  CHECK(answer.is == answer_kind::answer);
  CHECK(answer.report.reply_kind == data_kind::json);
  CHECK(answer.report.reply == R"({"a": 1.50, "n": 123456789012345678901234567890})");
  answer = read(R"({"turn":"t","reply":[1, 2] })");
  CHECK(answer.report.reply == "[1, 2]");
  answer = read(R"({"turn":"t","reply":false })");
  CHECK(answer.report.reply == "false");
}

TEST_CASE("a reply of null is no reply") {
  const agent_answer answer = read(R"({"turn":"t","reply":null})");
  CHECK(answer.is == answer_kind::answer);
  CHECK(answer.report.reply_kind == data_kind::none);
}

TEST_CASE("an absent state is unchanged, null deletes it, any other value sets it") {
  CHECK_FALSE(read(R"({"turn":"t"})").report.sets_state);
  CHECK(read(R"({"turn":"t","state":null})").report.deletes_state);
  const agent_answer answer = read(R"({"turn":"t","state":{"n":[1,2]}})");
  CHECK(answer.report.sets_state);
  CHECK_FALSE(answer.report.deletes_state);
  CHECK(answer.report.state == R"({"n":[1,2]})");
  CHECK(read(R"({"turn":"t","state":"text"})").report.state == "\"text\"");
}

TEST_CASE("emitted events are read as the agent wrote them") {
  const agent_answer answer = read(R"({"turn":"t","emit":[{"type":"a.b","data":{"x":1}},)"
                                   R"({"type":"c","due":"+10s","data":"later"}]})");
  REQUIRE(answer.is == answer_kind::answer);
  REQUIRE(answer.report.emits.size() == 2);
  CHECK(answer.report.emits[0].type == "a.b");
  CHECK(answer.report.emits[0].data == R"({"x":1})");
  CHECK(answer.report.emits[0].id.empty());
  REQUIRE(answer.report.emits[1].text_extension("due") != nullptr);
  CHECK(*answer.report.emits[1].text_extension("due") == "+10s");
}

TEST_CASE("an error says whether to try again and when; effects beside it are dropped") {
  agent_answer answer = read(R"({"turn":"t","reply":"no","state":1,"emit":[{"type":"x"}],)"
                             R"("error":{"kind":"retry","message":"busy","after":"5s"}})");
  REQUIRE(answer.is == answer_kind::answer);
  CHECK(answer.report.verdict == turn_verdict::failed);
  CHECK(answer.report.code == errc::agent_failed);
  CHECK(answer.report.error == "busy");
  CHECK(answer.report.retry_after == std::chrono::seconds{5});
  CHECK(answer.report.reply_kind == data_kind::none);
  CHECK_FALSE(answer.report.sets_state);
  CHECK(answer.report.emits.empty());
  answer = read(R"({"turn":"t","error":{"kind":"fail","message":"no such city"}})");
  CHECK(answer.report.verdict == turn_verdict::rejected);
  CHECK(answer.report.code == errc::agent_rejected);
}

TEST_CASE("an error of null is no error") {
  const agent_answer answer = read(R"({"turn":"t","reply":"yes","error":null,"emit":null})");
  CHECK(answer.is == answer_kind::answer);
  CHECK(answer.report.verdict == turn_verdict::done);
  CHECK(answer.report.reply == "yes");
}

TEST_CASE("a turn that sleeps says for how long, and may keep a state") {
  agent_answer answer = read(R"({"turn":"t","sleep":"1h30m","state":{"n":1}})");
  CHECK(answer.is == answer_kind::answer);
  CHECK(answer.report.verdict == turn_verdict::slept);
  CHECK(answer.report.retry_after == std::chrono::minutes{90});
  CHECK(answer.report.sets_state);
  CHECK(answer.report.state == R"({"n":1})");
  answer =
      read(R"({"turn":"t","state":null,"sleep":"366d","reply":null,"emit":null,"error":null})");
  CHECK(answer.report.verdict == turn_verdict::slept);
  CHECK(answer.report.retry_after == limits::sleep_max);
  CHECK(answer.report.deletes_state);
  answer = read(R"({"turn":"t","sleep":"200ms"})");
  CHECK_FALSE(answer.report.sets_state);
  CHECK_FALSE(answer.report.deletes_state);
  CHECK(read(R"({"turn":"t","sleep":null,"reply":1})").report.verdict == turn_verdict::done);
}

TEST_CASE("a sleep without a time that it can be is refused, and names the bounds") {
  const std::string bounds = "\"sleep\" must be longer than 0 and at most 366d";
  CHECK(refusal(R"(,"sleep":"0s"})") == bounds);
  CHECK(refusal(R"(,"sleep":"366d1ms","state":1})") == bounds);
  CHECK(refusal(R"(,"sleep":"999999999999d"})") == bounds);
  for (const char* wrong : {R"(,"sleep":"soon"})", R"(,"sleep":""})", R"(,"sleep":10})",
                            R"(,"sleep":"-5s"})", R"(,"sleep":{"for":"5s"}})"})
    CHECK(refusal(wrong) == "\"sleep\" must be a duration such as \"10m\"");
  CHECK(refusal(R"(,"sleep":"1s","sleep":"2s"})") == "\"sleep\" twice");
}

TEST_CASE("a sleep goes with nothing that ends the turn, and names what is too much") {
  const std::string what = "\"sleep\" goes with no other member than \"state\", but there is";
  CHECK(refusal(R"(,"sleep":"1s","reply":"later"})") == what + " \"reply\"");
  CHECK(refusal(R"(,"sleep":"1s","reply":[1],"emit":[]})") == what + " \"reply\" \"emit\"");
  CHECK(refusal(R"(,"error":{"kind":"retry"},"sleep":"1s"})") == what + " \"error\"");
}

TEST_CASE("a long error message is cut between characters") {
  const agent_answer answer =
      read(R"({"turn":"t","error":{"kind":"retry","message":")" + repeated(3000, "ö") + "\"}}");
  REQUIRE(answer.is == answer_kind::answer);
  CHECK(answer.report.error.size() == limits::error_text_bytes_max);
}

TEST_CASE("errors of the wrong shape are refused") {
  CHECK(refusal(R"(,"error":"text"})") == "\"error\" must be an object");
  CHECK(refusal(R"(,"error":{"message":"m"}})") == "\"error.kind\" must be \"retry\" or \"fail\"");
  CHECK(refusal(R"(,"error":{"kind":"maybe"}})") == "\"error.kind\" must be \"retry\" or \"fail\"");
  CHECK(refusal(R"(,"error":{"kind":"retry","message":5}})") ==
        "\"error.message\" must be a string");
  CHECK(refusal(R"(,"error":{"kind":"retry","after":"soon"}})") ==
        "\"error.after\" must be a duration such as \"5s\"");
  CHECK(refusal(R"(,"error":{"kind":"retry","why":"x"}})") ==
        "unknown member \"why\" in \"error\"; known are kind, message, after");
}

TEST_CASE("members that are unknown, repeated or of the wrong type are refused") {
  CHECK(refusal(R"(,"emits":[]})") ==
        "unknown member \"emits\"; known are turn, reply, emit, state, error, sleep");
  CHECK(refusal(R"(,"reply":1,"reply":2})") == "\"reply\" twice");
  CHECK(refusal(R"(,"reply":"a","reply":"b"})") == "\"reply\" twice");
  CHECK(refusal(R"(,"reply":"a","reply":2})") == "\"reply\" twice");
  CHECK(refusal(R"(,"reply":1,"reply":"b"})") == "\"reply\" twice");
  CHECK(refusal(R"(,"state":1,"state":1})") == "\"state\" twice");
  CHECK(refusal(R"(,"emit":{"type":"x"}})") == "\"emit\" must be an array of events");
  CHECK(refusal(R"(,"turn":"17-2.bot/1"})") == "\"turn\" twice");
}

TEST_CASE("a value that is wrong inside of its member is refused") {
  CHECK(refusal(R"(,"reply":tru})").find("\"reply\": ") == 0);
  CHECK(refusal(R"(,"reply":NaN})").find("\"reply\"") == 0);
  CHECK(refusal(R"(,"reply":{"a":1,"a":2}})").find("\"reply\": ") == 0);
  CHECK(refusal(R"(,"state":{"a":01}})").find("\"state\": ") == 0);
  CHECK(refusal(R"(,"reply":"\q"})") == "\"reply\" must be a string");
  CHECK_FALSE(refusal(R"(,"state":)" + repeated(40, "[") + repeated(40, "]") + "}").empty());
}

TEST_CASE("a line that is broken JSON is no answer, though its turn can be made out") {
  CHECK(unreadable(R"(,"reply":{"a":1})"));
  CHECK(unreadable(R"(,"reply":)"));
  CHECK(unreadable(R"(,"reply":1} {"x":1})"));
  CHECK(unreadable(R"(,"reply":1}])"));
  CHECK(unreadable(R"(,"reply" 1})"));
  CHECK(unreadable(",\"reply\":\"\xff\"}"));
  CHECK(unreadable(R"(,"emit":[{"type":"a"})"));
}

TEST_CASE("emitted events that are wrong are refused with their place") {
  CHECK(refusal(R"(,"emit":[{"type":"a"},{"data":1}]})").find("\"emit\" 1: ") == 0);
  CHECK(refusal(R"(,"emit":[5]})").find("\"emit\" 0: ") == 0);
}

TEST_CASE("a turn emits at most 256 events") {
  const std::string one = R"({"type":"a"},)";
  const auto emits = [&](std::size_t count) {
    return ",\"emit\":[" + repeated(count - 1, one) + R"({"type":"a"}]})";
  };
  CHECK(read(R"({"turn":"t")" + emits(256)).report.emits.size() == 256);
  CHECK(refusal(emits(257), errc::too_many_emits) == "more than 256 events in \"emit\"");
}

TEST_CASE("a state over 256 KiB is refused") {
  const auto state = [](std::size_t bytes) {
    return ",\"state\":\"" + std::string(bytes - 2, 's') + "\"}";
  };
  CHECK(read(R"({"turn":"t")" + state(limits::state_bytes_max)).report.sets_state);
  CHECK(refusal(state(limits::state_bytes_max + 1), errc::state_too_large) ==
        "\"state\" is over 262144 bytes");
}

TEST_CASE("a line without a turn is no answer") {
  for (const char* line : {"{}", R"({"reply":1})", R"({"note":1})"}) {
    INFO(line);
    CHECK(read(line).is == answer_kind::noise);
    CHECK(read(line).turn.empty());
  }
}

TEST_CASE("lines that are no JSON object name no turn") {
  for (const char* line : {"hello", "[1,2]", "17", "\"turn\"", "{", "null", "{\"turn\":5}", "]}",
                           R"({"a":{"turn":"17-1.bot/1"}})", R"(["turn","17-1.bot/1"])"}) {
    INFO(line);
    const agent_answer answer = read(line);
    CHECK(answer.is == answer_kind::noise);
    CHECK(answer.turn.empty());
    CHECK_FALSE(answer.report.error.empty());
  }
}

TEST_CASE("a line with any byte changed or cut is an answer or is refused, nothing else") {
  const std::string line =
      R"({"turn":"17-1.bot/1","reply":{"a":[1,"\u00e9"]},"emit":[{"type":"t","data":2}],)"
      R"("state":"s"})";
  std::size_t refused = 0;
  const auto look = [&](const std::string& changed) {
    const agent_answer answer = read(changed);
    const bool says_why = answer.report.code == errc::agent_output_invalid &&
                          !answer.report.error.empty() &&
                          answer.report.verdict == turn_verdict::rejected;
    CHECK((answer.is == answer_kind::answer) != says_why);
    refused += says_why ? 1u : 0u;
  };
  for (std::size_t at = 0; at < line.size(); ++at) {
    for (const char byte : {'"', '{', '}', '[', ',', ':', '\\', '0', '\0', '\n', '\xc3', '\xff'}) {
      std::string changed = line;
      changed[at] = byte;
      look(changed);
    }
    look(line.substr(0, at));
    look(line.substr(at));
  }
  CHECK(refused > line.size() * 8);
}

TEST_CASE("the turn of a line in pieces is found wherever its member stands") {
  const auto find = [](const std::string& text, std::size_t piece) {
    turn_finder finder;
    for (std::size_t at = 0; at < text.size(); at += piece)
      finder.feed(std::string_view{text}.substr(at, piece));
    return finder.found();
  };
  for (const std::size_t piece : {1ul, 3ul, 1000ul}) {
    CHECK(find(R"({"turn" : "17-1.bot/1","reply":"...)", piece) == "17-1.bot/1");
    CHECK(find(R"({"reply":{"turn":"wrong"},"turn":"17-1.bot/1"})", piece) == "17-1.bot/1");
    CHECK(find(R"({"reply":"\"turn\":\"wrong\"","x":["turn","wrong"],"turn":"17-1.bot/1"})",
               piece) == "17-1.bot/1");
    CHECK(find(R"({"state":"turn","reply":"17-1.bot/1"})", piece).empty());
    CHECK(find(R"({"turn":17,"reply":"17-1.bot/1"})", piece).empty());
    CHECK(find("{\"turn\":\"" + std::string(5000, 'x') + "\"}", piece).empty());
  }
}
