// Goal: a program starts clean (environment, descriptors, signals, group), and a failure says what
// to do.
#include "nodes/agents/spawn.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

using namespace skein;

namespace {

struct finished {
  std::string output;
  int status = 0;
};

// Runs to the end with an empty input.
finished run(const spawn_request& request) {
  auto program = spawn_program(request);
  INFO((program ? "" : program.error().detail));
  REQUIRE(program.ok());
  program->input.reset();
  REQUIRE(::fcntl(program->output.get(), F_SETFL, 0) == 0); // the test may block
  finished result;
  char bytes[4096];
  for (;;) {
    const auto got = ::read(program->output.get(), bytes, sizeof bytes);
    if (got <= 0)
      break;
    result.output.append(bytes, static_cast<std::size_t>(got));
  }
  REQUIRE(::waitpid(program->pid, &result.status, 0) == program->pid);
  return result;
}

finished shell(const std::string& script) {
  return run({{"/bin/sh", "-c", script}, {}, base_environment({})});
}

std::string refusal(const spawn_request& request) {
  const auto program = spawn_program(request);
  REQUIRE_FALSE(program.ok());
  CHECK(program.error().code == errc::agent_crashed);
  return program.error().detail;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

class temporary_directory {
 public:
  temporary_directory() { REQUIRE(::mkdtemp(path_.data()) != nullptr); }
  ~temporary_directory() {
    ::unlink((path_ + "/skein-found").c_str());
    ::rmdir(path_.c_str());
  }
  std::string write(const std::string& text, mode_t mode) const {
    std::ofstream{path_ + "/skein-found"} << text;
    REQUIRE(::chmod((path_ + "/skein-found").c_str(), mode) == 0);
    return path_ + "/skein-found";
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/skein-spawn-test-XXXXXX";
};

} // namespace

TEST_CASE("the environment is PATH, HOME, LANG, TZ and what is configured, nothing else") {
  ::setenv("SKEIN_TEST_SECRET", "leaked", 1);
  ::setenv("TZ", "UTC", 1);
  const spawn_request request{{"/usr/bin/env"}, {}, base_environment({{"COLOUR", "blue"}})};
  const std::string output = run(request).output;
  CHECK(contains(output, "PATH="));
  CHECK(contains(output, "HOME="));
  CHECK(contains(output, "LANG="));
  CHECK(contains(output, "TZ=UTC\n"));
  CHECK(contains(output, "COLOUR=blue\n"));
  CHECK(std::count(output.begin(), output.end(), '\n') == 5);
  ::unsetenv("SKEIN_TEST_SECRET");
  ::unsetenv("TZ");
}

TEST_CASE("a configured variable replaces an inherited one") {
  const std::string output =
      run({{"/usr/bin/env"}, {}, base_environment({{"HOME", "/one"}, {"HOME", "/two"}})}).output;
  CHECK(contains(output, "HOME=/two\n"));
  CHECK_FALSE(contains(output, "/one"));
}

TEST_CASE("no descriptor of ours reaches a program, not even one without close-on-exec") {
  const int leaky = ::open("/dev/null", O_RDONLY); // no O_CLOEXEC
  REQUIRE(leaky >= 0);
  // The listing's own descriptor is the fourth.
  CHECK(shell("ls /proc/self/fd | tr '\\n' ' '").output == "0 1 2 3 ");
  ::close(leaky);
}

TEST_CASE("a program leads its own process group") {
  const std::string output = shell("echo $$ $(cut -d' ' -f5 /proc/$$/stat)").output;
  const std::size_t space = output.find(' ');
  CHECK(output.substr(0, space) + "\n" == output.substr(space + 1));
}

TEST_CASE("signals that we block or ignore are as usual in a program") {
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  const auto signals = [](const std::string& name) {
    // Some awks ignore signals themselves; grep does not.
    const std::string mask = shell("grep ^" + name + " /proc/self/status | cut -f2").output;
    REQUIRE(mask.size() == 17);
    return std::stoull(mask, nullptr, 16) & 0x7fffffffull; // above are the C library's own
  };
  CHECK(signals("SigBlk") == 0);
  CHECK(signals("SigIgn") == 0);
  ::signal(SIGPIPE, before);
  ::pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
}

TEST_CASE("a program has the umask of this process") {
  const mode_t before = ::umask(0027);
  CHECK(shell("umask").output == "0027\n");
  ::umask(before);
}

TEST_CASE("a program is killed when the thread that started it ends, however it ends") {
  std::optional<spawned_program> program;
  std::thread{[&] {
    auto made = spawn_program({{"/bin/sh", "-c", "trap '' TERM; while :; do sleep 1000; done"},
                               {},
                               base_environment({})});
    if (made)
      program = *std::move(made);
  }}.join();
  REQUIRE(program.has_value());
  int status = 0;
  REQUIRE(::waitpid(program->pid, &status, 0) == program->pid);
  CHECK(WTERMSIG(status) == SIGKILL);
  ::kill(-program->pid, SIGKILL); // its sleep
}

TEST_CASE("a program is looked up in the PATH it will have") {
  const temporary_directory place;
  const std::string path = place.write("#!/bin/sh\necho found", 0755);
  const auto with_path = [](const std::string& value) {
    return base_environment({{"PATH", value}});
  };
  CHECK(run({{"skein-found"}, {}, with_path("/usr/bin:" + place.path())}).output == "found\n");
  CHECK(run({{"./skein-found"}, place.path(), with_path("/usr/bin")}).output == "found\n");
  CHECK(contains(refusal({{"file-that-is-not-there"}, {}, with_path("/usr/bin:/bin")}),
                 "there is no program file-that-is-not-there in PATH (/usr/bin:/bin); install it"));
}

TEST_CASE("a program runs in its directory") {
  CHECK(run({{"/bin/pwd"}, "/usr/share", base_environment({})}).output == "/usr/share\n");
}

TEST_CASE("what cannot be started is named with a remedy") {
  const temporary_directory place;
  const auto environment = base_environment({});
  CHECK(refusal({{}, {}, environment}) == "the agent's command is empty");
  CHECK(refusal({{"/no/such/program"}, {}, environment}) ==
        "there is no program /no/such/program; install it there or correct `command`");
  CHECK(contains(refusal({{"/bin/true"}, "/no/such/place", environment}),
                 "the directory /no/such/place does not exist; create it or change `directory`"));
  CHECK(contains(refusal({{place.write("#!/bin/sh\n", 0644)}, {}, environment}), "chmod +x"));
  CHECK(contains(refusal({{place.write("#!/no/such/python\n", 0755)}, {}, environment}),
                 "interpreter"));
  CHECK(contains(refusal({{place.write("just text", 0755)}, {}, environment}), "#! line"));
  const auto huge = spawn_program({{"/bin/true"}, {}, {{"BIG", std::string(8 << 20, 'x')}}});
  REQUIRE_FALSE(huge.ok());
  CHECK(huge.error().code == errc::too_large);
}
