// The order of wakes and the time that never goes back; no real clock here.
#include "nodes/clock/engine_time.hpp"
#include "nodes/clock/wake_queue.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <thread>

using namespace skein;
using namespace std::chrono_literals;

namespace {

boot_time at_ns(std::int64_t ns) { return boot_time{duration{ns}}; }

/// A queue whose wakes write their name.
struct noted_wakes {
  wake_queue queue;
  std::string fired;

  bool push(std::int64_t ns, char name) {
    return queue.push(at_ns(ns), [this, name] { fired += name; });
  }
  void call(const std::vector<wake_queue::callback>& calls) {
    for (const auto& each : calls)
      each();
  }
};

} // namespace

TEST_CASE("wakes fire in order of time, and of arrival among equals") {
  noted_wakes wakes;
  wakes.push(30, 'd');
  wakes.push(10, 'a');
  wakes.push(20, 'b');
  wakes.push(20, 'c');
  wakes.call(wakes.queue.take_due(at_ns(100)));
  CHECK(wakes.fired == "abcd");
  CHECK(wakes.queue.size() == 0);
}

TEST_CASE("a wake is due at its nanosecond and not one earlier") {
  noted_wakes wakes;
  wakes.push(1'000'000'001, 'a');
  CHECK(wakes.queue.take_due(at_ns(1'000'000'000)).empty());
  CHECK(wakes.queue.take_due(at_ns(1'000'000'001)).size() == 1);
}

TEST_CASE("push says when the earliest wake changed") {
  noted_wakes wakes;
  CHECK_FALSE(wakes.queue.earliest());
  CHECK(wakes.push(20, 'a'));
  CHECK_FALSE(wakes.push(20, 'b'));
  CHECK_FALSE(wakes.push(30, 'c'));
  CHECK(wakes.push(10, 'd'));
  CHECK(wakes.queue.earliest() == at_ns(10));
}

TEST_CASE("looking at all wakes leaves them in the queue") {
  noted_wakes wakes;
  wakes.push(20, 'b');
  wakes.push(10, 'a');
  wakes.call(wakes.queue.all());
  CHECK(wakes.fired == "ab");
  wakes.call(wakes.queue.take_due(at_ns(50)));
  CHECK(wakes.fired == "abab");
}

TEST_CASE("engine time holds through a backward step and goes on from there") {
  engine_time time;
  CHECK(time.at_least(from_ns(100)) == from_ns(100));
  CHECK(time.at_least(from_ns(40)) == from_ns(100));
  CHECK(time.at_least(from_ns(100)) == from_ns(100));
  CHECK(time.at_least(from_ns(101)) == from_ns(101));
}

TEST_CASE("engine time follows the clock, forward at once, up to a year") {
  engine_time time;
  const instant start = from_ns(1'700'000'000'000'000'000);
  CHECK(time.see(start, {}).now == start);
  CHECK(time.see(start - 5s, {}).now == start);
  const auto far = time.see(start + clock_jump_max, {});
  CHECK(far.now == start + clock_jump_max);
  CHECK_FALSE(far.doubted);
}

TEST_CASE("a clock that jumps by more than a year is not believed, and time goes on at its pace") {
  engine_time time;
  const instant start = from_ns(1'700'000'000'000'000'000);
  const boot_time boot{duration{100s}};
  CHECK(time.see(start, boot).now == start);
  const instant wrong = start + clock_jump_max + 1s;
  const auto first = time.see(wrong, boot + 1s);
  CHECK(first.doubted);
  CHECK(first.now == start);
  const auto later = time.see(wrong + 9s, boot + 10s);
  CHECK_FALSE(later.doubted);
  CHECK(later.now == start + 9s);
  CHECK(time.see(start + 20s, boot + 20s).now == start + 20s);
  CHECK(time.see(wrong + 20s, boot + 30s).doubted);
}

TEST_CASE("engine time never goes back for any of several threads") {
  engine_time time;
  std::atomic<bool> ordered{true};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&time, &ordered, t] {
      instant last = no_instant;
      for (std::int64_t i = 0; i < 20'000; ++i) {
        const instant now = time.at_least(from_ns((i * 7919 + t) % 50'000));
        if (now < last)
          ordered = false;
        last = now;
      }
    });
  for (auto& thread : threads)
    thread.join();
  CHECK(ordered);
  CHECK(time.at_least(no_instant) == from_ns(49'999));
}
