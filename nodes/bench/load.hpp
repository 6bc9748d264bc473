// A load on a node in this process: events to publish, with a window or at a fixed rate, and how
// long they took. `skein bench` and the benchmarks for developers share it.
#pragma once

#include "actors/api.hpp"

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <vector>

namespace skein::bench {

struct load {
  std::size_t first = 0; // number of the first event
  std::size_t events = 1'000'000;
  std::size_t keys = 1'000;
  std::size_t payload = 200;   // bytes of data
  std::size_t window = 12'288; // events offered and not yet acknowledged
  std::size_t batch = 512;
  std::size_t rate = 2'000; // events a second, where a rate is held
};

/// The edge that holds a producer back.
class window {
 public:
  explicit window(std::size_t size) : left_{size} {}
  void take(std::size_t count);
  void give(std::size_t count, std::size_t refused);
  std::size_t refused();

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::size_t left_;
  std::size_t refused_ = 0;
};

event make_event(const load& of, std::size_t number);
std::vector<offered_event> make_batch(node_api& api, const load& of, std::size_t first,
                                      std::size_t count);

/// Publishes all events of the load, as fast as the window lets it; returns when each is
/// acknowledged. How many were refused.
std::size_t publish_windowed(node_api& api, const load& of);

/// An event that was published singly.
struct sent_event {
  instant at = no_instant; // of the call
  event_id event;          // none: it was refused
};

/// Publishes one event at each instant of the load's rate, late ones at once.
std::vector<sent_event> publish_at_rate(node_api& api, const load& of);

/// From each call of publish to the start of the event's turn, in milliseconds, in rising order.
/// The first `skip` do not count. All events must have ended.
std::vector<double> start_latencies(node_api& api, const std::vector<sent_event>& all,
                                    std::size_t skip);

/// The value that this part of all is not above: 0.5 for the median. 0 if there is none.
double quantile(const std::vector<double>& rising, double part);

} // namespace skein::bench
