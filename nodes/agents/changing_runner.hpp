// The Runner of one `exec` agent whose settings may change while it works. A turn ends on the
// programs that it began on; new ones go to programs of the new settings. The old programs end when
// the last of their turns has.
//
//   start --> the newest programs <--change()-- older ones, until their turns are over --> closed
//   retire(): none are the newest; what is started then is returned
#pragma once

#include "nodes/agents/exec_runner.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

namespace skein {

class changing_runner final : public runner_port {
 public:
  /// Programs of these settings; who reports gets its own sink.
  using maker = std::function<std::unique_ptr<exec_runner>(const agent_settings&, runner_sink)>;

  changing_runner(maker make, runner_sink sink);
  /// Ends all programs, and waits for that; see exec_runner.
  ~changing_runner() override;

  void start(std::vector<turn_start> turns) override;
  void stop(turn_id turn, stop_stage stage) override;

  /// Any thread, one call at a time.
  void change(const agent_settings& to);
  void retire();
  /// What has been closed since the call before: to be destroyed under no lock, as it waits for its
  /// programs, which have had their time.
  std::vector<std::shared_ptr<void>> sweep();
  void drain();
  void close(duration patience);

 private:
  struct crew {
    std::unordered_set<turn_id, hash_of_id> turns; // that it has not reported
    bool is_old = false;                           // others came, or it was retired
    bool closed = false;
    bool was_closed = false;               // at the sweep before
    std::unique_ptr<exec_runner> programs; // the first to go: they report until they are gone
  };
  void take_news(crew& from, runner_news news);
  void close_if_idle(crew& which);
  void part_with_newest();

  maker make_;
  runner_sink sink_;
  std::mutex mutex_;                         // never held while the sink is called
  std::vector<std::shared_ptr<crew>> crews_; // the newest is the last, unless none is
  bool has_newest_ = false;
};

} // namespace skein
