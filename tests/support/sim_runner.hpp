// Runs turns of simulated agents: they take virtual time and end as the seed and the event's type
// say.
//
//   work.*     replies; sometimes sets state, emits, sleeps, fails for now or for good, hangs until
//              it is stopped
//   leaf.*     replies
//   poison.*   ends the process as soon as it runs
#pragma once

#include "actors/ports.hpp"
#include "tests/support/sim_random.hpp"
#include "tests/support/sim_timeline.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace skein::test {

struct agent_faults {
  double fail = 0;
  double reject = 0;
  double hang = 0;
  double emit = 0;
  double clash = 0; // of the emitting turns: an id that names other content
  duration turn_max{std::chrono::milliseconds{50}};
  double rest = 0; // turns that go to sleep
};

class sim_runner final : public runner_port {
 public:
  struct hooks {
    std::function<void(const turn_start&)> started;
    std::function<void(const turn_report&)> ended;
    std::function<void(turn_report)> report; // to the engine
    std::function<void()> process_dies;
  };
  sim_runner(sim_timeline& timeline, sim_random dice, const agent_faults& faults, hooks call)
    : timeline_{timeline}, dice_{dice}, faults_{faults}, call_{std::move(call)} {}

  void start(std::vector<turn_start> turns) override;
  void stop(turn_id turn, stop_stage stage) override;
  void cut() { running_.clear(); }

 private:
  struct running {
    turn_report report;
    bool hangs = false;
    stop_stage yields_to = stop_stage::tell;
  };
  turn_report play(const turn_start& turn, const event& cause);
  void choose_state(const turn_start& turn, const event& cause, turn_report& report);
  std::vector<event> emits_of(const turn_start& turn, const event& cause);
  void end(const turn_id& turn);

  sim_timeline& timeline_;
  sim_random dice_;
  const agent_faults& faults_;
  hooks call_;
  std::map<turn_id, running> running_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

} // namespace skein::test
