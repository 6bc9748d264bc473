// A supervisor hears of a node only while all parts of it answer.
#include "nodes/supervisor/heartbeat.hpp"
#include "notify_socket.hpp"
#include "tests/support/temp_dir.hpp"

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

/// A node that is watched with a patience of 40 s, at a time of the test's own.
struct watched_node {
  explicit watched_node(duration patience = 40s)
    : over{{socket.name(), patience}, writer()}, beats{over,
                                                       [this](duration within, auto done) {
                                                         ask(within, std::move(done));
                                                       },
                                                       writer(), now} {}

  log_function writer() {
    return [this](log_level, std::string_view, std::string_view id, std::string_view,
                  const log_fields&) { log.emplace_back(id); };
  }
  void ask(duration within, std::function<void(bool)> done) {
    asked.push_back(std::move(done));
    asked_within = within;
  }
  /// Whether the supervisor heard that it lives.
  bool beat_after(duration span) {
    now += span;
    beats.beat(now);
    return !socket.take().empty();
  }

  temp_dir folder;
  notify_socket socket{folder.path() + "/notify"};
  std::vector<std::string> log;
  std::vector<std::function<void(bool)>> asked;
  duration asked_within{0};
  heartbeat::time_point now{};
  supervisor over;
  heartbeat beats;
};

} // namespace

TEST_CASE("nobody is asked where nobody watches") {
  watched_node node{0s};
  CHECK(node.beats.wait_ms(node.now) == -1);
  CHECK_FALSE(node.beat_after(1h));
  CHECK(node.asked.empty());
}

TEST_CASE(
    "a question is asked four times within the supervisor's patience, and told when answered") {
  watched_node node;
  CHECK(node.beats.wait_ms(node.now) == 0);
  CHECK_FALSE(node.beat_after(0s));
  REQUIRE(node.asked.size() == 1);
  CHECK(node.asked_within == 10s);
  CHECK(node.beats.wait_ms(node.now) == 10'000);
  CHECK(node.beats.wait_ms(node.now + 9'999'500us) == 1);
  CHECK_FALSE(node.beat_after(9s)); // woken by something else
  CHECK(node.asked.size() == 1);
  node.asked[0](true);
  CHECK(node.beat_after(1s));
  CHECK(node.asked.size() == 2);
  node.asked[1](true);
  CHECK(node.beat_after(10s));
  CHECK(node.log.empty());
}

TEST_CASE("silence is told to nobody but the log, once, and no further question is asked") {
  watched_node node;
  node.beat_after(0s);
  for (int i = 0; i < 5; ++i)
    CHECK_FALSE(node.beat_after(10s));
  CHECK(node.asked.size() == 1);
  CHECK(node.log == std::vector<std::string>{"actors-silent"});
  node.asked[0](true); // late, but an answer
  CHECK(node.beat_after(10s));
  CHECK(node.asked.size() == 2);
}

TEST_CASE("a loop that does not answer is as good as none of them") {
  watched_node node;
  node.beat_after(0s);
  node.asked[0](false);
  CHECK_FALSE(node.beat_after(10s));
  REQUIRE(node.asked.size() == 2);
  node.asked[1](true);
  CHECK(node.beat_after(10s));
  CHECK(node.log == std::vector<std::string>{"actors-silent"});
}

TEST_CASE("an answer that comes after the end goes nowhere") {
  std::function<void(bool)> late;
  {
    watched_node node;
    node.beat_after(0s);
    late = node.asked.at(0);
  }
  late(true);
  CHECK(late);
}
