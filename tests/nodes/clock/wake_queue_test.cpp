// The order of wakes and the time that never goes back; no real clock here.
#include "nodes/clock/engine_time.hpp"
#include "nodes/clock/wake_queue.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <thread>

using namespace skein;

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
