// resend_queue, seen_window and courier: each frame is acted upon once, whatever the way does.
#include "actors/courier.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>

using namespace skein;

namespace {

constexpr boot_time at(std::int64_t ms) { return boot_time{std::chrono::milliseconds{ms}}; }
const std::int64_t resend_ms =
    std::chrono::duration_cast<std::chrono::milliseconds>(limits::resend_after).count();

} // namespace

TEST_CASE("a frame is sent again an interval after its last sending until it is acknowledged") {
  resend_queue queue;
  queue.sent(1, slice{"one"}, at(0));
  CHECK(queue.bytes() == 3);
  CHECK(queue.next_due() == at(resend_ms));
  CHECK(queue.due(at(resend_ms - 1)).empty());
  CHECK_FALSE(queue.was_sent_again(1));
  REQUIRE(queue.due(at(resend_ms)).size() == 1);
  CHECK(queue.was_sent_again(1));
  CHECK(queue.due(at(resend_ms + 1)).empty());
  CHECK(queue.due(at(2 * resend_ms)).size() == 1);
  CHECK(queue.acknowledged(1));
  CHECK_FALSE(queue.acknowledged(1));
  CHECK(queue.due(at(9 * resend_ms)).empty());
  CHECK(queue.size() == 0);
  CHECK(queue.bytes() == 0);
  CHECK_FALSE(queue.next_due());
}

TEST_CASE("frames are sent again oldest first") {
  resend_queue queue;
  for (std::uint64_t number = 1; number <= 4; ++number)
    queue.sent(number, slice{std::to_string(number)}, at(0));
  queue.acknowledged(2);
  const auto frames = queue.due(at(resend_ms));
  REQUIRE(frames.size() == 3);
  CHECK(frames[0].view() == "1");
  CHECK(frames[1].view() == "3");
  CHECK(frames[2].view() == "4");
}

TEST_CASE("a seen window knows every repeat of a shuffled sequence") {
  std::mt19937 random{GENERATE(1u, 2u, 3u)};
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t number = 1; number <= 5'000; ++number)
    numbers.insert(numbers.end(), 1 + random() % 3, number);
  std::shuffle(numbers.begin(), numbers.end(), random);
  seen_window window;
  std::map<std::uint64_t, int> taken;
  for (const std::uint64_t number : numbers)
    taken[number] += window.first_time(number) ? 1 : 0;
  CHECK(taken.size() == 5'000);
  for (const auto& [number, times] : taken)
    REQUIRE(times == 1);
}

TEST_CASE("a seen window forgets gaps that are too far back and takes what lies there as seen") {
  seen_window window;
  CHECK(window.first_time(1));
  CHECK(window.first_time(200'000));
  CHECK_FALSE(window.first_time(2));
  CHECK(window.first_time(199'999));
  CHECK_FALSE(window.first_time(199'999));
}

namespace {

/// Two couriers and a way between them that loses, repeats and reorders.
struct bad_way {
  explicit bad_way(unsigned seed) : random{seed} {}

  void put(const slice& frame) {
    if (random() % 4 == 0)
      return;
    for (unsigned copies = random() % 5 == 0 ? 2 : 1; copies > 0; --copies)
      under_way.push_back(frame);
  }
  slice take() {
    std::swap(under_way[random() % under_way.size()], under_way.back());
    slice frame = under_way.back();
    under_way.pop_back();
    return frame;
  }

  std::mt19937 random;
  std::vector<slice> under_way;
};

} // namespace

TEST_CASE("every reliable frame is acted upon exactly once over a way that loses and repeats") {
  bad_way way{GENERATE(range(1u, 11u))};
  const address a{"n1", "gateway"};
  const address b{"n1", "loop/0"};
  courier from{a};
  courier to{b};
  std::map<std::uint64_t, int> acted;
  std::uint64_t sent = 0;
  std::int64_t now = 0;
  while (sent < 300 || from.unacknowledged() > 0) {
    now += 50;
    REQUIRE(now < 10'000'000);
    if (sent < 300)
      way.put(from.seal_reliable(b, query{++sent, "{}"}, at(now)).first);
    for (const slice& frame : from.due(at(now)))
      way.put(frame);
    for (unsigned i = 0; i < 3 && !way.under_way.empty(); ++i) {
      const auto frame = decode_frame(way.take());
      REQUIRE(frame);
      if (const auto* receipt = std::get_if<ack>(&frame->body)) {
        from.acknowledged(frame->header.from, receipt->frame);
        continue;
      }
      way.put(to.receipt(frame->header));
      if (to.first_time(frame->header))
        ++acted[std::get<query>(frame->body).request];
    }
  }
  CHECK(acted.size() == 300);
  for (const auto& [request, times] : acted)
    REQUIRE(times == 1);
}

TEST_CASE("numbers count for each peer alone") {
  courier from{{"n1", "loop/0"}};
  const address bot{"n1", "agent/bot"};
  const address other{"n1", "agent/other"};
  CHECK(from.seal_reliable(bot, ack{1}, at(0)).second == 1);
  CHECK(from.seal_reliable(other, ack{1}, at(0)).second == 1);
  CHECK(from.seal_reliable(bot, ack{1}, at(0)).second == 2);
  CHECK(from.acknowledged(bot, 1));
  CHECK(from.unacknowledged() == 2);
  CHECK_FALSE(from.acknowledged({"n1", "agent/nobody"}, 1));
  CHECK(from.next_due() == at(resend_ms));
}

TEST_CASE("a frame without a number is always new") {
  courier to{{"n1", "loop/0"}};
  const frame_header header{{"n1", "gateway"}, {"n1", "loop/0"}, 0};
  CHECK(to.first_time(header));
  CHECK(to.first_time(header));
}

TEST_CASE(
    "a peer that has started again counts anew, and its process before is not heard any more") {
  courier to{{"n1", "loop/0"}, 7};
  const address far{"n2", "gateway"};
  const auto of = [&](std::uint64_t boot, std::uint64_t number) {
    return frame_header{far, to.self(), number, boot, 0};
  };
  CHECK(to.first_time(of(100, 1)));
  CHECK(to.first_time(of(100, 2)));
  CHECK_FALSE(to.first_time(of(100, 1)));
  CHECK(to.first_time(of(200, 1))); // its first: not the answer of the process before
  CHECK_FALSE(to.first_time(of(200, 1)));
  CHECK_FALSE(to.first_time(of(100, 3))); // it was late
  CHECK(to.first_time(of(200, 2)));
  CHECK(to.first_time({{"n2", "loop/0"}, to.self(), 1, 100, 0})); // each part counts for itself
}

TEST_CASE("a frame that does not say its process leaves no process unheard") {
  courier to{{"n1", "loop/0"}, 7};
  const address far{"n2", "gateway"};
  const auto of = [&](std::uint64_t boot, std::uint64_t number) {
    return frame_header{far, to.self(), number, boot, 0};
  };
  CHECK(to.first_time(of(100, 1)));
  CHECK(to.first_time(of(0, 2))); // in the version before, for a moment or for good
  CHECK(to.first_time(of(100, 3)));
  CHECK_FALSE(to.first_time(of(100, 3)));
  CHECK(to.first_time(of(0, 4)));
  CHECK(to.first_time(of(200, 1)));
  CHECK(to.first_time(of(0, 2)));
}

TEST_CASE("an answer names the process that asked, a frame names its own") {
  courier from{{"n1", "gateway"}, 7};
  courier to{{"n2", "loop/0"}, 8};
  const auto asked = decode_frame(from.seal_reliable(to.self(), query{1, "{}"}, at(0)).first);
  REQUIRE(asked);
  CHECK(asked->header == frame_header{from.self(), to.self(), 1, 7, 0});
  const auto receipt = decode_frame(to.receipt(asked->header));
  REQUIRE(receipt);
  CHECK(receipt->header == frame_header{to.self(), from.self(), 0, 8, 7});
}

TEST_CASE("a node that makes up names of parts takes no memory without end, and nobody else's") {
  courier to{{"n1", "loop/0"}, 7};
  const frame_header honest{{"n3", "gateway"}, to.self(), 1, 5, 0};
  REQUIRE(to.first_time(honest));
  REQUIRE(to.first_time({{"n1", "agent/bot"}, to.self(), 1, 7, 0}));
  to.seal_reliable({"n2", "agent/waits"}, ack{1}, at(0));
  for (std::size_t i = 0; i < courier::parts_of_a_node_max + 100; ++i)
    to.first_time({{"n2", "agent/" + std::to_string(i)}, to.self(), 1, 6, 0});
  CHECK(to.peers() == courier::parts_of_a_node_max + 2);
  CHECK_FALSE(to.first_time(honest));
  CHECK(to.unacknowledged() == 1);
}
