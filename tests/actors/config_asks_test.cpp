// Questions to other nodes' offices, and theirs to this one's, however often their frames come.
#include "actors/config_asks.hpp"
#include "tests/actors/recorders.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

struct asking_node {
  still_clock clock;
  recording_bus bus;
  std::shared_ptr<config_asks> asks = std::make_shared<config_asks>(clock, bus);

  static frame_header from(const std::string& node, std::uint64_t boot = 9) {
    return {{node, "config"}, {"n1", "config"}, 0, boot};
  }
  void answer_it(const frame_header& asker, std::uint64_t request, const std::string& text) {
    asks->answer_to(asker, request,
                    encode_frame({asker.to, asker.from, 0, 5}, answer{request, errc::none, text}));
  }
};

} // namespace

TEST_CASE("what another node asks twice is carried out once, and answered as often as it asks") {
  asking_node node;
  CHECK(node.asks->is_new(node.from("n2"), 4));
  CHECK_FALSE(node.asks->is_new(node.from("n2"), 4)); // under way
  CHECK(node.bus.sent.empty());
  node.answer_it(node.from("n2"), 4, "done");
  CHECK(node.bus.sent.size() == 1);
  CHECK_FALSE(node.asks->is_new(node.from("n2"), 4)); // the answer was lost
  CHECK(node.bus.sent.size() == 2);
  CHECK(node.asks->is_new(node.from("n2"), 5));
  CHECK(node.asks->is_new(node.from("n2", 10), 4)); // of another process, it is another question
  CHECK(node.asks->is_new(node.from("n3"), 4));
}

TEST_CASE("a node that asks too much at once is asked to wait, by silence") {
  asking_node node;
  std::uint64_t taken = 0;
  for (std::uint64_t request = 1; request <= 1'000; ++request)
    taken += node.asks->is_new(node.from("n2"), request) ? 1u : 0u;
  CHECK(taken == 64);
  node.answer_it(node.from("n2"), 1, "done");
  CHECK(node.asks->is_new(node.from("n2"), 1'000));
}

TEST_CASE("answers are kept for a while, and no longer") {
  asking_node node;
  for (std::uint64_t request = 1; request <= 65; ++request) {
    REQUIRE(node.asks->is_new(node.from("n2"), request));
    node.answer_it(node.from("n2"), request, "done");
  }
  CHECK_FALSE(node.asks->is_new(node.from("n2"), 2));
  CHECK(node.asks->is_new(node.from("n2"), 1));
}
