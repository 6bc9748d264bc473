#include "nodes/bench/load.hpp"

#include "nodes/bench/load_node.hpp"
#include "protocol/check.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

namespace skein::bench {

void window::take(std::size_t count) {
  std::unique_lock lock{mutex_};
  ready_.wait(lock, [&] { return left_ >= count; });
  left_ -= count;
}

void window::give(std::size_t count, std::size_t refused) {
  const std::lock_guard lock{mutex_};
  left_ += count;
  refused_ += refused;
  ready_.notify_one();
}

std::size_t window::refused() {
  const std::lock_guard lock{mutex_};
  return refused_;
}

namespace {

void number_event(event& which, const load& of, std::size_t number) {
  which.id = std::to_string(number);
  which.set_extension("partitionkey", "key-" + std::to_string(number % of.keys));
}

std::size_t refused_of(const publish_reply& reply) {
  return static_cast<std::size_t>(
      std::count_if(reply.members.begin(), reply.members.end(),
                    [](const publish_result& member) { return member.code != errc::none; }));
}

double ms(duration value) { return std::chrono::duration<double, std::milli>(value).count(); }

} // namespace

event make_event(const load& of, std::size_t number) {
  event made;
  made.source = "bench";
  made.type = "bench.event";
  made.kind = data_kind::text;
  made.datacontenttype = "text/plain";
  made.data.assign(of.payload, 'x');
  number_event(made, of, number);
  return made;
}

std::vector<offered_event> make_batch(node_api& api, const load& of, std::size_t first,
                                      std::size_t count) {
  std::vector<offered_event> batch;
  batch.reserve(count);
  event made = make_event(of, first);
  const instant now = api.now();
  for (std::size_t i = first; i < first + count; ++i) {
    number_event(made, of, i);
    auto offered = offer(made, api.hash(), api.event_bounds(), now);
    SKEIN_CHECK(offered.ok());
    batch.push_back(*std::move(offered));
  }
  return batch;
}

std::size_t publish_windowed(node_api& api, const load& of) {
  window edge{of.window};
  for (std::size_t at = 0; at < of.events; at += of.batch) {
    const std::size_t count = std::min(of.batch, of.events - at);
    auto batch = make_batch(api, of, of.first + at, count);
    edge.take(count);
    api.publish(std::move(batch), [&edge, count](const publish_reply& reply) {
      edge.give(count, refused_of(reply));
    });
  }
  edge.take(of.window); // all are acknowledged
  return edge.refused();
}

std::vector<sent_event> publish_at_rate(node_api& api, const load& of) {
  std::vector<sent_event> all(of.events);
  window open{of.events};
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < of.events; ++i) {
    std::this_thread::sleep_until(begin + std::chrono::nanoseconds{1'000'000'000 / of.rate} * i);
    auto one = make_batch(api, of, of.first + i, 1);
    open.take(1);
    all[i].at = api.now();
    api.publish(std::move(one), [&all, &open, i](const publish_reply& reply) {
      if (reply.code == errc::none)
        all[i].event = reply.members.front().event;
      open.give(1, reply.code == errc::none ? 0 : 1);
    });
  }
  open.take(of.events);
  return all;
}

std::vector<double> start_latencies(node_api& api, const std::vector<sent_event>& all,
                                    std::size_t skip) {
  std::vector<double> found;
  for (std::size_t i = skip; i < all.size(); ++i) {
    const auto view = look_up(api, "event.describe", {{"event", to_string(all[i].event)}});
    if (!view)
      continue; // refused
    const auto started = parse_rfc3339((*view)["deliveries"][0]["started"].get<std::string>());
    SKEIN_CHECK(started.has_value());
    found.push_back(ms(*started - all[i].at));
  }
  std::sort(found.begin(), found.end());
  return found;
}

double quantile(const std::vector<double>& rising, double part) {
  if (rising.empty())
    return 0;
  return rising[static_cast<std::size_t>(part * static_cast<double>(rising.size() - 1))];
}

} // namespace skein::bench
