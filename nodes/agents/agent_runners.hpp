// The programs of all `exec` agents of a node, and how they follow a change of the configuration.
#pragma once

#include "nodes/agents/changing_runner.hpp"
#include "protocol/result.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace skein {

class agent_runners {
 public:
  struct world {
    std::vector<std::string> guard; // the command of the process that ends what is left of a node
    exec_log guard_log;
    std::function<void(const std::string& agent, runner_news)> report;
    std::function<exec_log(const std::string& agent)> log_of;
    std::function<instant()> now;
  };
  explicit agent_runners(world around) : around_{std::move(around)} {}

  /// Makes what these agents need: from here on turns that are started run by these settings. The
  /// runners of agents that had none before. After an error nothing has changed.
  result<std::map<std::string, runner_port*>> follow(const std::vector<agent_settings>& agents);
  /// Once no turns are started any more of others than these: their programs end.
  void let_go_but(const std::vector<agent_settings>& agents);
  /// Once in a while: what is over is let go of.
  void sweep();
  void drain();
  void close(duration patience);
  /// Ends all programs, and waits for that.
  void clear();

 private:
  result<void> open_reactor();
  std::unique_ptr<changing_runner> make_runner(const std::string& agent);

  world around_;
  std::mutex mutex_; // the node's end may come while the configuration changes
  std::shared_ptr<exec_reactor> reactor_;
  std::map<std::string, std::unique_ptr<changing_runner>> runners_; // for good, by agent
  std::map<std::string, agent_settings> in_force_;                  // of the exec agents
};

} // namespace skein
