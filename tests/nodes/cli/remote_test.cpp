// Talking to a node: what is sent beside the stories, waiting over several requests, interruption.
#include "nodes/cli/exit_codes.hpp"
#include "tests/nodes/cli/fixture.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <pthread.h>

using namespace skein;
using namespace skein::cli;
using namespace skein::test;

namespace {

struct node_and_line {
  node_and_line() { cli.environment["SKEIN_SERVER"] = node.url(); }
  fake_node node;
  command_line cli;
};

canned_answer json_answer(unsigned status, std::string body) {
  return {status, "application/json", "", std::move(body)};
}

constexpr const char* accepted = R"({"accepted":[{"event":"17-42","id":"i","source":"s"}]})";

} // namespace

TEST_CASE("a request names the host and who asks, and asks for JSON") {
  node_and_line at;
  at.node.serve("GET /v1/loops", json_answer(200, R"({"loops":[]})"));
  CHECK(at.cli({"loop", "list"}) == exit_code::done);
  const auto requests = at.node.take_requests();
  REQUIRE(requests.size() == 1);
  CHECK_THAT(requests[0].head, Catch::Contains("Host: " + at.node.url().substr(7) + "\r\n"));
  CHECK_THAT(requests[0].head, Catch::Contains("User-Agent: skein/"));
  CHECK_THAT(requests[0].head, Catch::Contains("Accept: application/json\r\n"));
  CHECK_THAT(requests[0].head, !Catch::Contains("Authorization"));
}

TEST_CASE("events are posted as structured CloudEvents") {
  node_and_line at;
  at.node.serve("POST /v1/events", json_answer(202, accepted));
  CHECK(at.cli({"send", "x", "--id", "i", "--source", "s"}) == exit_code::done);
  CHECK_THAT(at.node.take_requests().at(0).head,
             Catch::Contains("Content-Type: application/cloudevents+json; charset=UTF-8\r\n"));
}

TEST_CASE("--server wins over the environment and may have a path") {
  node_and_line at;
  at.cli.environment["SKEIN_SERVER"] = "http://127.0.0.1:" + std::to_string(closed_port());
  at.node.serve("GET /deep/v1/loops", json_answer(200, R"({"loops":[]})"));
  CHECK(at.cli({"loop", "list", "--server", at.node.url() + "/deep/"}) == exit_code::done);
}

TEST_CASE("a server that the environment names wrongly is told with the variable") {
  command_line cli;
  cli.environment["SKEIN_SERVER"] = "ftp://somewhere";
  CHECK(cli({"status"}) == exit_code::usage);
  CHECK_THAT(cli.err, Catch::Contains("  why: the variable SKEIN_SERVER names it\n"));
  CHECK(cli({"status", "--server", "gopher://there"}) == exit_code::usage);
  CHECK_THAT(cli.err, !Catch::Contains("SKEIN_SERVER"));
}

TEST_CASE("the token comes from a file and never reaches an output") {
  std::string pattern = (std::filesystem::temp_directory_path() / "skein-token-XXXXXX").string();
  const int fd = ::mkstemp(pattern.data());
  REQUIRE(fd >= 0);
  ::close(fd);
  std::ofstream{pattern} << "s3cret\n";
  node_and_line at;
  at.node.serve("GET /v1/loops", json_answer(200, R"({"loops":[]})"));
  CHECK(at.cli({"loop", "list", "--token-file", pattern}) == exit_code::done);
  CHECK_THAT(at.node.take_requests().at(0).head,
             Catch::Contains("Authorization: Bearer s3cret\r\n"));
  CHECK((at.cli.out + at.cli.err).find("s3cret") == std::string::npos);

  std::ofstream{pattern} << "two\nlines\n";
  CHECK(at.cli({"loop", "list", "--token-file", pattern}) == exit_code::usage);
  CHECK((at.cli.out + at.cli.err).find("lines\n") == std::string::npos);
  CHECK(at.node.take_requests().empty());
  std::filesystem::remove(pattern);
}

TEST_CASE("a wait goes on over several requests with the same event") {
  node_and_line at;
  at.node.serve("POST /v1/events?wait=1m", json_answer(202, accepted));
  const std::string done = R"({"event":"17-42","state":"done","reply":"at last"})";
  // What is left of two minutes depends on the clock: any further request is answered.
  at.node.serve("POST /v1/events?wait=1m", json_answer(200, done));
  CHECK(at.cli({"send", "x", "--id", "i", "--source", "s", "--wait=2m"}) == exit_code::done);
  CHECK(at.cli.out == "at last\n");
  const auto requests = at.node.take_requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].body == requests[1].body);
}

TEST_CASE("when time is up the event is named and 124 returned") {
  node_and_line at;
  for (int left = 1; left <= 50; ++left)
    at.node.serve("POST /v1/events?wait=" + std::to_string(left) + "ms",
                  json_answer(202, accepted));
  CHECK(at.cli({"send", "x", "--id", "i", "--source", "s", "--wait=50ms"}) == exit_code::timed_out);
  CHECK(at.cli.out.empty());
  CHECK_THAT(at.cli.err, Catch::Contains("event 17-42 has not ended after 50ms"));
  CHECK_THAT(at.cli.err, Catch::Contains("skein event describe 17-42"));
}

TEST_CASE("when the node goes while an accepted event is waited for, its number is told") {
  struct loss {
    canned_answer answer;
    int exit;
  };
  const auto [answer, exit] = GENERATE(
      loss{{.status = 0}, exit_code::unreachable}, loss{{.status = 2}, exit_code::unreachable},
      loss{json_answer(503, R"({"title":"Draining.","status":503,"code":"draining"})"),
           exit_code::busy},
      loss{json_answer(500, R"({"title":"Broken.","status":500,"code":"internal"})"),
           exit_code::busy},
      loss{{200, "text/html", "", "hello"}, exit_code::unreachable});
  node_and_line at;
  at.node.serve("POST /v1/events?wait=1m", json_answer(202, accepted));
  at.node.serve("POST /v1/events?wait=1m", answer);
  CHECK(at.cli({"send", "x", "--id", "i", "--source", "s", "--wait=2m"}) == exit);
  CHECK_THAT(at.cli.err, Catch::Contains("  try: skein event describe 17-42\n"));
  CHECK_THAT(at.cli.err, Catch::Contains("the event was accepted as 17-42 and goes on; look with: "
                                         "skein event describe 17-42\n"));
  CHECK_THAT(at.cli.err, !Catch::Contains("again"));
}

TEST_CASE("Ctrl-C ends a wait with 130 and tells how to send again") {
  node_and_line at;
  at.node.serve("POST /v1/events?wait=1m", {.status = 1});
  const pthread_t waiting = ::pthread_self();
  at.node.on_request([waiting] { ::pthread_kill(waiting, SIGINT); });
  CHECK(at.cli({"send", "x", "--id", "i", "--source", "s", "--wait=60s"}) ==
        exit_code::interrupted);
  CHECK_THAT(at.cli.err, Catch::Contains("error: interrupted"));
  CHECK_THAT(at.cli.err, Catch::Contains("add: --id i --source s"));
}

TEST_CASE("a refusal that comes before a large body was read is still told") {
  node_and_line at;
  at.node.serve("POST /v1/events",
                json_answer(413, R"({"title":"Too large.","status":413,"code":"too-large"})"));
  at.cli.input = std::string(900'000, 'x');
  CHECK(at.cli({"send", "--data-file", "-", "--key", "k"}) == exit_code::usage);
  CHECK_THAT(at.cli.err, Catch::Contains("code: too-large"));
}

TEST_CASE("several cancels are asked for on a terminal") {
  node_and_line at;
  at.cli.in_is_terminal = true;
  at.node.serve("POST /v1/events/1-1/cancel",
                json_answer(200, R"({"event":"1-1","state":"cancelled"})"));
  at.node.serve("POST /v1/events/1-2/cancel",
                json_answer(200, R"({"event":"1-2","state":"cancelled"})"));
  at.cli.input = "n\n";
  CHECK(at.cli({"event", "cancel", "1-1", "1-2"}) == exit_code::failed);
  CHECK_THAT(at.cli.err, Catch::StartsWith("Cancel 2 events? [y/N] "));
  CHECK(at.node.take_requests().empty());
  at.cli.input = "y\n";
  CHECK(at.cli({"event", "cancel", "1-1", "1-2"}) == exit_code::done);
  CHECK(at.cli.out == "EVENT\tSTATE\n1-1\tcancelled\n1-2\tcancelled\n");
}

TEST_CASE("a reply cannot drive the terminal, and reaches a program as it is") {
  node_and_line at;
  at.node.serve("POST /v1/events?wait=30s",
                json_answer(200, R"({"event":"1-1","state":"done","reply":"a\u001b[2J\nb"})"));
  CHECK(at.cli({"send", "x", "--wait"}) == exit_code::done);
  CHECK(at.cli.out == "a\x1b[2J\nb\n");
  at.cli.out_is_terminal = true;
  CHECK(at.cli({"send", "x", "--wait"}) == exit_code::done);
  CHECK(at.cli.out == "a?[2J\nb\n");
}

TEST_CASE("output that cannot be written is a failure") {
  std::istringstream in;
  std::ostringstream out, err;
  out.setstate(std::ios::badbit);
  surroundings world{in, out, err, false, false, false, [](const char*) { return std::nullopt; }};
  CHECK(run_in(world, {"version"}, {}) == exit_code::failed);
  CHECK_THAT(err.str(), Catch::Contains("standard output cannot be written"));
}
