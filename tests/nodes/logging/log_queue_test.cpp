// The queue before the log's file: pipes whose reader stops, comes back, or goes away. The tests
// wait for what is read; a queue that blocked its callers would hang them.
#include "nodes/logging/log_queue.hpp"
#include "nodes/logging/logging.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <sstream>
#include <thread>

using namespace skein;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds long_enough = 60s; // only a failing test waits that long

struct pipe_ends {
  pipe_ends() {
    REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
    REQUIRE(fcntl(ends[1], F_SETPIPE_SZ, 4096) == 4096);
  }
  ~pipe_ends() {
    close_reader();
    close_writer();
  }
  pipe_ends(const pipe_ends&) = delete;
  pipe_ends& operator=(const pipe_ends&) = delete;

  int writer() const { return ends[1]; }
  void close_reader() { close_end(0); }
  void close_writer() { close_end(1); }

  /// Everything until all writers are closed or `last` was read.
  std::string read_until(std::string_view last) const {
    std::string text;
    std::array<char, 4096> buffer{};
    while (last.empty() || text.find(last) == std::string::npos) {
      const ssize_t got = read(ends[0], buffer.data(), buffer.size());
      if (got <= 0)
        break;
      text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return text;
  }

 private:
  void close_end(std::size_t which) {
    if (ends[which] >= 0)
      close(ends[which]);
    ends[which] = -1;
  }
  std::array<int, 2> ends{-1, -1};
};

std::string lost_text(std::uint64_t lines) { return "lost " + std::to_string(lines) + "\n"; }

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in{text};
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

/// Pushes numbered lines, more than pipe and queue can hold together.
int overfill(log_queue& queue) {
  constexpr int lines = 2000;
  for (int i = 0; i < lines; ++i)
    queue.push(std::to_string(i) + " " + std::string(200, 'x') + "\n");
  return lines;
}

} // namespace

TEST_CASE("lines come out whole and in order") {
  pipe_ends to;
  log_queue queue{to.writer(), 1000, lost_text};
  queue.push("one\n");
  queue.push("two\n");
  CHECK(queue.flush(long_enough));
  CHECK(queue.idle());
  CHECK(to.read_until("two\n") == "one\ntwo\n");
}

TEST_CASE("a pipe that nobody reads holds up nobody, and the gap says how many lines it lost") {
  pipe_ends to;
  log_queue queue{to.writer(), 10'000, lost_text};
  const int pushed = overfill(queue);
  CHECK_FALSE(queue.flush(1ms));
  CHECK_FALSE(queue.idle());

  std::string text;
  std::thread reader{[&] { text = to.read_until("flows again\n"); }};
  CHECK(queue.flush(long_enough));
  queue.push("flows again\n");
  reader.join();

  const auto lines = lines_of(text);
  CHECK(lines.back() == "flows again");
  int next = 0;
  int lost = 0;
  for (const std::string& line : lines) {
    if (line.starts_with("lost ")) {
      lost += std::stoi(line.substr(5));
      next += std::stoi(line.substr(5));
    } else if (line != "flows again") {
      CHECK(std::stoi(line) == next); // the number counts exactly the lines of the gap
      ++next;
    }
  }
  CHECK(next == pushed);
  CHECK(lost > 0);
}

TEST_CASE("a queue whose reader hangs ends within its limit") {
  pipe_ends to;
  std::optional<log_queue> queue;
  queue.emplace(to.writer(), 10'000, lost_text, 1ms);
  overfill(*queue);
  queue.reset(); // would hang here
  to.close_writer();
  CHECK(to.read_until("").starts_with("0 x")); // and its thread goes on until the pipe is empty
}

TEST_CASE("a reader that went away costs the lines and nothing else") {
  pipe_ends to;
  log_queue queue{to.writer(), 10'000, lost_text};
  to.close_reader();
  queue.push("to nobody\n");
  CHECK(queue.flush(long_enough));
}

TEST_CASE("a file that somebody made non-blocking is waited for") {
  pipe_ends to;
  REQUIRE(fcntl(to.writer(), F_SETFL, O_NONBLOCK) == 0);
  log_queue queue{to.writer(), 1'000'000, lost_text};
  const int pushed = overfill(queue);
  const std::string last = "\n" + std::to_string(pushed - 1) + " ";
  CHECK(to.read_until(last).find("lost") == std::string::npos);
}

TEST_CASE("the last lines before an abort are written, those after a loss of its reader say so") {
  pipe_ends to;
  const pid_t child = fork();
  if (child == 0) {
    set_up_background_logging({log_level::info, true}, to.writer());
    for (int i = 0; i < 100; ++i)
      log(log_level::error, "test", "last-words", "number " + std::to_string(i));
    std::abort();
  }
  to.close_writer();
  const std::string text = to.read_until("");
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
  CHECK(lines_of(text).size() == 100);
  CHECK(text.find("number 99") != std::string::npos);
}

TEST_CASE("the log's own line of a gap has its form") {
  pipe_ends to;
  set_up_background_logging({log_level::info, false}, to.writer());
  CHECK_FALSE([] {
    const std::string long_text(1000, 'x');
    for (int i = 0; i < 2000; ++i)
      log(log_level::info, "test", "many", long_text);
    return flush_log(1ms);
  }());
  std::string text;
  std::thread reader{[&] { text = to.read_until("flows again"); }};
  CHECK(flush_log(long_enough));
  log(log_level::info, "test", "more", "flows again");
  reader.join();
  CHECK(text.find("warn  log lines-lost: Lines were lost here because nobody took them. lines=") !=
        std::string::npos);
  set_up_logging({});
}
