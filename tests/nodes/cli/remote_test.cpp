// Talking to a node: what is sent beside the stories, waiting over several requests, interruption.
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/http_client.hpp"
#include "nodes/cli/remote.hpp"
#include "tests/nodes/cli/fixture.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <pthread.h>
#include <stdexcept>
#include <thread>
#include <unistd.h>

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

TEST_CASE("an accepted event is never published again, and followed by its number") {
  node_and_line at;
  at.cli.clock_step = std::chrono::seconds{50};
  at.node.serve("POST /v1/events", json_answer(202, accepted));
  at.node.serve("GET /v1/events/17-42?wait=1m",
                json_answer(200, R"({"event":"17-42","state":"pending"})"));
  at.node.serve("GET /v1/events/17-42?wait=1m",
                json_answer(200, R"({"event":"17-42","state":"retrying"})"));
  at.node.serve("GET /v1/events/17-42?wait=20s",
                json_answer(200, R"({"event":"17-42","state":"done","reply":"at last"})"));
  CHECK(at.cli({"send", "x", "--id", "i", "--source", "s", "--wait=2m"}) == exit_code::done);
  CHECK(at.cli.out == "at last\n");
  CHECK(at.cli.err.empty());
  const auto requests = at.node.take_requests();
  REQUIRE(requests.size() == 4);
  CHECK(requests[0].line == "POST /v1/events");
  CHECK(requests[3].line == "GET /v1/events/17-42?wait=20s");
}

TEST_CASE("when time is up the event is named and 124 returned") {
  node_and_line at;
  at.cli.clock_step = std::chrono::milliseconds{150};
  at.node.serve("POST /v1/events", json_answer(202, accepted));
  for (const char* wait : {"250ms", "100ms"})
    at.node.serve("GET /v1/events/17-42?wait=" + std::string{wait},
                  json_answer(200, R"({"event":"17-42","state":"running"})"));
  CHECK(at.cli({"send", "x", "--id", "i", "--source", "s", "--wait=250ms"}) ==
        exit_code::timed_out);
  CHECK(at.node.take_requests().size() == 3);
  CHECK(at.cli.out.empty());
  CHECK_THAT(at.cli.err, Catch::Contains("event 17-42 has not ended after 250ms"));
  CHECK_THAT(at.cli.err, Catch::Contains("skein event describe 17-42"));
}

TEST_CASE("Ctrl-C ends the wait, and the accepted event is named") {
  std::atomic<int> asked{0};
  node_and_line at;
  at.node.serve("POST /v1/events", json_answer(202, accepted));
  at.node.serve("GET /v1/events/17-42?wait=30s", {.status = 1});
  const pthread_t waiting = ::pthread_self();
  at.node.on_request([&asked, waiting] {
    if (++asked == 2)
      ::pthread_kill(waiting, SIGINT);
  });
  CHECK(at.cli({"send", "x", "--wait"}) == exit_code::interrupted);
  CHECK_THAT(at.cli.err, Catch::StartsWith("error: interrupted\n"));
  CHECK_THAT(at.cli.err, Catch::Contains("the event was accepted as 17-42 and goes on"));
}

TEST_CASE("JSON that does not name the event is no acceptance") {
  const auto [waits, body] =
      GENERATE(table<bool, std::string>({{false, R"({"status":"ok"})"},
                                         {false, R"({"accepted":[]})"},
                                         {false, R"({"accepted":[{"event":"all of them"}]})"},
                                         {false, R"({"event":"17-42","state":"done"})"},
                                         {true, R"({"status":"ok"})"},
                                         {true, R"({"accepted":[{}]})"},
                                         {true, R"({"state":"done"})"}}));
  CAPTURE(waits, body);
  node_and_line at;
  at.node.serve("POST /v1/events", json_answer(200, body));
  std::vector<std::string> arguments{"send", "x", "--id", "i", "--source", "s"};
  if (waits)
    arguments.push_back("--wait");
  CHECK(at.cli(arguments) == exit_code::failed);
  CHECK(at.cli.out.empty());
  CHECK(at.node.take_requests().size() == 1);
  CHECK(at.cli.err == "error: the answer of " + at.node.url() +
                          " does not name the event\n"
                          "  why: it does not look like one of Skein\n  try: check --server\n"
                          "whether it was accepted is not known; to send it again without running "
                          "it twice add: --id i --source s\n");
}

TEST_CASE("a failure of the server before an acceptance tells the id, a definite no does not") {
  const auto [status, told] = GENERATE(table<unsigned, bool>(
      {{500u, true}, {502u, true}, {504u, true}, {503u, false}, {429u, false}}));
  CAPTURE(status);
  node_and_line at;
  at.node.serve("POST /v1/events",
                json_answer(status, R"({"title":"No.","status":500,"code":"unknown"})"));
  CHECK(at.cli({"send", "x", "--source", "s"}) == exit_code_of_status(status));
  const std::string body = at.node.take_requests().at(0).body;
  const auto from = body.find(R"("id":")") + 6;
  const std::string id = body.substr(from, body.find('"', from) - from);
  CHECK((at.cli.err.find("add: --id " + id + " --source s\n") != std::string::npos) == told);
}

TEST_CASE("data that cannot be read whole is not sent") {
  node_and_line at;
  at.node.serve("POST /v1/events", json_answer(202, accepted));
  SECTION("of standard input in its stream") {
    struct broken_buffer : std::streambuf {
      int_type underflow() override { throw std::runtime_error{"the disk is gone"}; }
    } broken;
    std::istream in{&broken};
    std::ostringstream out, err;
    surroundings world{in, out, err, false, false, false, at.cli.reader()};
    CHECK(run_in(world, {"send", "--data-file", "-"}, {}) == exit_code::usage);
    CHECK(err.str() == "error: standard input cannot be read\n  why: Input/output error\n"
                       "  code: invalid-argument\n");
  }
  SECTION("of the process's standard input") {
    const int kept = ::dup(STDIN_FILENO);
    const int folder = ::open("/", O_RDONLY | O_CLOEXEC);
    REQUIRE(::dup2(folder, STDIN_FILENO) == STDIN_FILENO);
    std::ostringstream out, err;
    surroundings world{std::cin, out, err, false, false, false, at.cli.reader()};
    const int exit = run_in(world, {"send", "--data-file", "-"}, {});
    ::close(STDIN_FILENO);
    if (kept >= 0) {
      ::dup2(kept, STDIN_FILENO);
      ::close(kept);
    }
    ::close(folder);
    std::clearerr(stdin);
    std::cin.clear();
    CHECK(exit == exit_code::usage);
    CHECK_THAT(err.str(), Catch::Contains("error: standard input cannot be read\n"
                                          "  why: Is a directory\n"));
  }
  SECTION("of a file that is none") {
    CHECK(at.cli({"send", "--data-file", "/"}) == exit_code::usage);
    CHECK_THAT(at.cli.err, Catch::Contains("why: Is a directory\n"));
  }
  SECTION("of a file that cannot be opened, with the system's own reason") {
    CHECK(at.cli({"send", "--data-file", "/dev/null/x"}) == exit_code::usage);
    CHECK_THAT(at.cli.err, Catch::Contains("why: Not a directory\n"));
  }
  CHECK(at.node.take_requests().empty());
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
      loss{{200, "text/html", "", "hello"}, exit_code::unreachable},
      loss{json_answer(200, R"({"event":"17-42"})"), exit_code::unreachable});
  node_and_line at;
  at.node.serve("POST /v1/events", json_answer(202, accepted));
  at.node.serve("GET /v1/events/17-42?wait=1m", answer);
  CHECK(at.cli({"send", "x", "--id", "i", "--source", "s", "--wait=2m"}) == exit);
  CHECK_THAT(at.cli.err, Catch::Contains("  try: skein event describe 17-42\n"));
  CHECK_THAT(at.cli.err, Catch::Contains("the event was accepted as 17-42 and goes on; look with: "
                                         "skein event describe 17-42\n"));
  CHECK_THAT(at.cli.err, !Catch::Contains("again"));
}

TEST_CASE("with -o json all that is told of a failure is one line of JSON") {
  struct failure {
    canned_answer first, then;
    std::string named;
  };
  const auto [first, then, named] = GENERATE(
      failure{json_answer(202, accepted),
              json_answer(500, R"({"title":"Broken.","status":500,"code":"internal"})"),
              R"("event":"17-42")"},
      failure{json_answer(202, accepted),
              json_answer(200, R"({"event":"17-42","state":"dead","deliveries":[{"agent":"a",)"
                               R"("state":"dead","code":"agent-failed","error":"no"}]})"),
              R"("event":"17-42")"},
      failure{{.status = 0}, {.status = 0}, "--id i --source s"});
  node_and_line at;
  at.node.serve("POST /v1/events", first);
  at.node.serve("GET /v1/events/17-42?wait=1m", then);
  CHECK(at.cli({"send", "x", "--id", "i", "--source", "s", "--wait=2m", "-o", "json"}) != 0);
  CAPTURE(at.cli.err);
  CHECK(std::count(at.cli.err.begin(), at.cli.err.end(), '\n') == 1);
  CHECK(parse_json(at.cli.err).is_object());
  CHECK_THAT(at.cli.err, Catch::Contains(named));
}

TEST_CASE("Ctrl-C before the acceptance ends with 130 and tells how to send again") {
  node_and_line at;
  at.node.serve("POST /v1/events", {.status = 1});
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

TEST_CASE("cancels stop at the first event for which no answer comes, and the rest is named") {
  node_and_line at;
  at.node.serve("POST /v1/events/1-1/cancel",
                json_answer(200, R"({"event":"1-1","state":"cancelled"})"));
  const std::string rest = "not tried: 1-3 1-4\n";
  std::vector<std::string> arguments{"event", "cancel", "1-1", "1-2", "1-3", "1-4", "--yes"};
  SECTION("Ctrl-C") {
    at.node.serve("POST /v1/events/1-2/cancel", {.status = 1});
    const pthread_t waiting = ::pthread_self();
    int seen = 0;
    at.node.on_request([waiting, &seen] {
      if (++seen == 2)
        ::pthread_kill(waiting, SIGINT);
    });
    CHECK(at.cli(arguments) == exit_code::interrupted);
    at.node.on_request({});
  }
  SECTION("a time-out") {
    at.node.serve("POST /v1/events/1-2/cancel", {.status = 1});
    arguments.insert(arguments.end(), {"--timeout", "100ms"});
    CHECK(at.cli(arguments) == exit_code::timed_out);
  }
  SECTION("a lost connection") {
    at.node.serve("POST /v1/events/1-2/cancel", {.status = 0});
    CHECK(at.cli(arguments) == exit_code::unreachable);
  }
  CHECK(at.node.take_requests().size() == 2);
  CHECK(at.cli.out == "EVENT\tSTATE\n1-1\tcancelled\n");
  CHECK_THAT(at.cli.err, Catch::EndsWith(rest));
}

TEST_CASE("cancels stop at a node that cannot be reached, and go on behind a refusal") {
  node_and_line at;
  at.node.serve("POST /v1/events/1-1/cancel",
                json_answer(404, R"({"title":"Not there.","status":404,"code":"not-found"})"));
  at.node.serve("POST /v1/events/1-2/cancel",
                json_answer(200, R"({"event":"1-2","state":"cancelled"})"));
  CHECK(at.cli({"event", "cancel", "1-1", "1-2", "--yes"}) == exit_code::not_found);
  CHECK(at.cli.out == "EVENT\tSTATE\n1-2\tcancelled\n");
  CHECK_THAT(at.cli.err, !Catch::Contains("not tried"));

  at.cli.environment["SKEIN_SERVER"] = "http://127.0.0.1:" + std::to_string(closed_port());
  for (const bool dry : {false, true}) {
    CHECK(at.cli({"event", "cancel", "1-1", "1-2", "1-3", dry ? "--dry-run" : "--yes"}) ==
          exit_code::unreachable);
    CHECK_THAT(at.cli.err, Catch::EndsWith("not tried: 1-2 1-3\n"));
    CHECK(at.cli.err.find("no node answers") == at.cli.err.rfind("no node answers"));
  }
}

TEST_CASE("a reply cannot drive the terminal, and reaches a program as it is") {
  node_and_line at;
  at.node.serve("POST /v1/events", json_answer(202, R"({"accepted":[{"event":"1-1"}]})"));
  at.node.serve("GET /v1/events/1-1?wait=30s",
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
