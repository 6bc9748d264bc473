// A gateway driven by hand: what it sends and answers in each step.
#pragma once

#include "actors/gateway_core.hpp"

#include <string>
#include <utility>
#include <vector>

namespace skein::test {

inline moment at(std::int64_t ms) {
  return {from_ns(1'700'000'000'000'000'000 + ms * 1'000'000),
          boot_time{std::chrono::milliseconds{ms}}};
}

inline offered_event offered(unsigned shard, std::string body = "body") {
  offered_event out;
  out.shard = static_cast<shard_id>(shard);
  out.body = slice{std::move(body)};
  return out;
}

inline publish_result durable(unsigned shard, std::uint64_t sequence) {
  return {errc::none, false, {static_cast<shard_id>(shard), sequence}};
}

struct gateway_world {
  explicit gateway_world(gateway_settings settings) : core{std::move(settings)} {}

  void step(gateway_input input, std::int64_t ms) {
    std::vector<gateway_effect> out;
    core.step(std::move(input), at(ms), out);
    sent.clear();
    published.clear();
    answered.clear();
    for (gateway_effect& each : out) {
      if (auto* frame = std::get_if<send_effect>(&each))
        sent.push_back(decode_frame(frame->bytes).value());
      else if (auto* reply = std::get_if<published_effect>(&each))
        published.push_back(std::move(*reply));
      else if (auto* answers = std::get_if<answered_effect>(&each))
        answered.push_back(std::move(*answers));
      else if (const auto* wake = std::get_if<wake_effect>(&each))
        woken_at = wake->at;
      else if (const auto* flight = std::get_if<in_flight_effect>(&each))
        in_flight.push_back(flight->events);
    }
  }
  void publish(std::uint64_t ticket, std::vector<offered_event> events, std::int64_t ms) {
    step(publish_in{ticket, std::move(events)}, ms);
  }
  void acknowledge(const frame& request, std::vector<publish_result> results, std::int64_t ms) {
    step(frame_in{{{request.header.to, request.header.from, 0},
                   publish_ack{request.header.number, std::move(results)}}},
         ms);
  }
  void answer_from(unsigned loop, answer body, std::int64_t ms) {
    step(frame_in{{{{"n1", "loop/" + std::to_string(loop)}, {"n1", "gateway"}, 0}, body}}, ms);
  }

  gateway_core core;
  std::vector<frame> sent;
  std::vector<published_effect> published;
  std::vector<answered_effect> answered;
  std::vector<std::size_t> in_flight;
  boot_time woken_at{};
};

inline gateway_settings two_loops() {
  gateway_settings settings;
  settings.node = "n1";
  settings.loops = 2;
  return settings;
}

} // namespace skein::test
