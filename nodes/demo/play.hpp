// The commands, carried out on the stage, and what is told of what then happens. On one thread; a
// command that waits for the cluster ends with a signal.
#pragma once

#include "nodes/demo/commands.hpp"
#include "nodes/demo/load.hpp"
#include "nodes/demo/stage.hpp"
#include "nodes/demo/teller.hpp"
#include "nodes/demo/waits.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace skein::demo {

class play {
 public:
  using time = std::chrono::steady_clock::time_point;

  play(stage& on, load& sent, waits& patience, teller& told)
    : stage_{on}, load_{sent}, waits_{patience}, told_{told} {}

  /// Carries it out. An error says what went wrong, and what to do.
  result<void> run(const command& what);
  /// Tells of processes that ended by themselves.
  void tell_ended();
  /// Waits until all that take part have their shares of the shards.
  result<void> settle(time since, const std::string& what);
  bool is_over() const noexcept { return over_; }
  /// The last thing was a check.
  bool is_checked() const noexcept { return checked_; }
  /// A check found a promise broken.
  bool is_broken() const noexcept { return broken_; }

 private:
  result<void> run_on_node(const command& what, const std::string& name);
  result<void> strike(const std::vector<std::string>& names,
                      void (stage::*blow)(const std::string&), std::string_view one,
                      std::string_view several);
  result<void> kill(const std::vector<std::string>& names);
  result<void> pause(const std::vector<std::string>& names);
  result<void> restart(const std::string& name);
  result<void> resume(const std::string& name);
  result<void> drain(const std::string& name);
  result<void> undrain(const std::string& name);
  result<void> take_part(const std::string& name);
  result<void> change_network(const command& what);
  result<void> heal(const std::vector<std::string>& names);
  result<void> add();
  result<void> check();
  result<void> wait(duration how_long);
  void show_status();
  json status_row(const std::string& name, const std::optional<cluster_view>& view);
  result<void> show_events();
  void show_help();

  /// Those that are to have shards.
  std::vector<std::string> parts() const;
  result<void> tell_takeover(const std::vector<std::string>& names, std::uint32_t had, time since,
                             const std::string& of_whom);
  std::string lost_lately(time since);
  result<void> must_run(const std::string& name) const;

  stage& stage_;
  load& load_;
  waits& waits_;
  teller& told_;
  bool over_ = false;
  bool checked_ = false;
  bool broken_ = false;
};

/// "2.1 s"
std::string seconds_text(duration time);

} // namespace skein::demo
