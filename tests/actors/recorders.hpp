// Ports that write down what they are asked for and answer nothing, for tests of the shells.
#pragma once

#include "actors/ports.hpp"
#include "protocol/frame.hpp"

#include <algorithm>
#include <vector>

namespace skein::test {

struct still_clock final : clock_port {
  moment now() const override { return {from_ns(1'700'000'000'000'000'000), boot_time{}}; }
  void wake_at(boot_time, std::function<void()>) override {}
  duration thread_cpu() const override { return {}; }
};

struct recording_bus final : bus_port {
  bool send(slice bytes) override {
    sent.push_back(decode_frame(bytes).value());
    return true;
  }
  template <class Body>
  std::size_t count() const {
    return static_cast<std::size_t>(std::count_if(sent.begin(), sent.end(), [](const frame& each) {
      return std::holds_alternative<Body>(each.body);
    }));
  }
  std::vector<frame> sent;
};

/// Takes submits and never answers.
struct recording_store final : store_port {
  void submit(loop_no, std::vector<journal::operation> batch, committed) override {
    submits.push_back(batch.size());
  }
  void attach(loop_no, loop_feed) override {}
  void adopt(std::vector<journal::held_shard>, bool,
             std::function<void(result<void>)> done) override {
    done({});
  }
  void release(std::vector<shard_id>, std::function<void()> done) override { done(); }
  void know_agents(std::vector<std::string> names,
                   std::function<void(result<std::vector<std::string>>)> done) override {
    for (std::string& each : names)
      if (std::find(agents.begin(), agents.end(), each) == agents.end())
        agents.push_back(std::move(each));
    done(agents);
  }
  std::vector<std::string> agents; // by number
  void commit_until(boot_time) override {}
  std::uint64_t foreign_announced(loop_no) const override { return 0; }
  void on_commit(std::function<void(commit_no)>) override {}
  void read(std::function<void(journal::reader&)>) override {}
  void look_up(std::function<void(journal::reader&)>) override {}
  void facts(std::function<void(result<store_facts>)>) override {}
  std::vector<std::size_t> submits;
};

} // namespace skein::test
