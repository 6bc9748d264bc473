// An agent driven by hand: what it says, starts and stops in each step.
#pragma once

#include "actors/agent_core.hpp"

#include <catch2/catch.hpp>

namespace skein::test {

using namespace std::chrono_literals;

inline moment at(std::int64_t ms) {
  return {from_ns(1'700'000'000'000'000'000 + ms * 1'000'000),
          boot_time{std::chrono::milliseconds{ms}}};
}

inline const address loop{"n1", "loop/0"};

inline turn_id turn(std::uint64_t sequence, std::uint32_t attempt = 1) {
  return {{{shard_id{}, sequence}, 0}, attempt};
}

inline event cause() {
  event value;
  value.id = "order-1";
  value.source = "/shop";
  value.type = "order.created";
  value.kind = data_kind::text;
  value.datacontenttype = "text/plain";
  value.data = "hello";
  value.set_extension("partitionkey", "customer-7");
  value.set_extension("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  return value;
}

inline dispatched_turn dispatched(const turn_id& which, const event& body = cause()) {
  dispatched_turn out;
  out.turn = which;
  out.epoch = epoch_no{4};
  out.body = slice{encode_event(body)};
  return out;
}

inline turn_report report(const turn_id& which, turn_verdict verdict = turn_verdict::done) {
  turn_report out;
  out.turn = which;
  out.verdict = verdict;
  return out;
}

inline news_in ended(std::vector<turn_report> reports) { return {{{}, std::move(reports), {}}}; }

struct agent_world {
  explicit agent_world(agent_kind kind = agent_kind::exec, bool alone = false)
    : agent_world{settings_of(kind, alone)} {}
  explicit agent_world(agent_core_settings settings) : core{std::move(settings)} {
    std::vector<agent_effect> out;
    core.start(at(0), out);
    sort_out(out);
  }

  static agent_core_settings settings_of(agent_kind kind, bool alone) {
    agent_core_settings settings;
    settings.agent.name = "bot";
    settings.agent.kind = kind;
    settings.agent.concurrency = 8;
    settings.agent.timeout = 10s;
    settings.node = "n1";
    settings.store_id = "00c0ffee00c0ffee";
    settings.serves_alone_slot = alone;
    return settings;
  }

  void step(agent_input input, std::int64_t ms) {
    std::vector<agent_effect> out;
    core.step(std::move(input), at(ms), out);
    sort_out(out);
  }
  void dispatch_turns(std::vector<dispatched_turn> turns, std::int64_t ms) {
    step(frame_in{{{loop, {"n1", "agent/bot"}, ++number}, dispatch{"bot", std::move(turns)}}}, ms);
  }
  /// Dispatched, and at once with a program.
  void run_turns(std::vector<dispatched_turn> turns, std::int64_t ms) {
    std::vector<turn_id> names;
    for (const dispatched_turn& each : turns)
      names.push_back(each.turn);
    dispatch_turns(std::move(turns), ms);
    begin(std::move(names), ms);
  }
  void begin(std::vector<turn_id> turns, std::int64_t ms) {
    step(news_in{{std::move(turns), {}, {}}}, ms);
  }
  void cancel(const turn_id& which, std::int64_t ms) {
    step(frame_in{{{loop, {"n1", "agent/bot"}, ++number}, cancel_turns{"bot", {which}}}}, ms);
  }
  turn_outcome only_outcome() const {
    REQUIRE(said.size() == 1);
    REQUIRE(said[0].turns.size() == 1);
    return said[0].turns[0];
  }

  void sort_out(std::vector<agent_effect>& out) {
    said.clear();
    said_frames.clear();
    acks = 0;
    credits.clear();
    started.clear();
    stopped.clear();
    left.clear();
    for (agent_effect& each : out) {
      if (auto* sent = std::get_if<send_effect>(&each)) {
        const frame got = decode_frame(sent->bytes).value();
        if (const auto* body = std::get_if<outcomes>(&got.body)) {
          CHECK(got.header.to == loop);
          said.push_back(*body);
          said_frames.push_back(got.header.number);
        } else if (const auto* told = std::get_if<credit>(&got.body)) {
          credits.push_back(*told);
        } else {
          acks += std::holds_alternative<ack>(got.body) ? 1u : 0u;
        }
      } else if (auto* start = std::get_if<start_effect>(&each)) {
        started.insert(started.end(), start->turns.begin(), start->turns.end());
      } else if (const auto* stop = std::get_if<stop_effect>(&each)) {
        stopped.push_back(stop->stage);
      } else if (const auto* cut = std::get_if<left_effect>(&each)) {
        left = cut->turns;
      }
    }
  }

  agent_core core;
  std::uint64_t number = 0;
  std::vector<outcomes> said;
  std::vector<std::uint64_t> said_frames;
  std::size_t acks = 0;
  std::vector<credit> credits;
  std::vector<turn_start> started;
  std::vector<stop_stage> stopped;
  std::vector<std::string> left;
};

} // namespace skein::test
