// The drain: refuse, finish, flush, stop; each phase has its deadline and says what it left. A node
// that shares its store first gives up its shards, and goes on taking events for their new owners.
//
//   serving --signal--> [leaving --emptied-->] refusing+finishing --all quiet--> flushing --store
//   closed--> exit 0
//              | second signal: what runs is stopped, given back and listed -> exit 0
//              | finish deadline: the same -> exit 75
//              +-- drain deadline: whatever is going on -> exit 75
#pragma once

#include "actors/gateway_core.hpp"
#include "actors/scheduler_core.hpp"

#include <string>
#include <variant>
#include <vector>

namespace skein {

struct signal_in {};
struct loop_progress_in {
  std::size_t loop = 0;
  progress_effect progress;
};
struct gateway_progress_in {
  std::size_t events = 0;
};
struct left_in {
  std::vector<std::string> turns;
};
/// Nothing is owned here any more.
struct emptied_in {};
using shutdown_input =
    std::variant<signal_in, loop_progress_in, gateway_progress_in, left_in, emptied_in, tick_in>;

/// To the keeper of the leases: give up all shards.
struct give_up_effect {};
/// To the gateway: refuse. To the loops: start nothing, tell what is left.
struct refuse_effect {};
struct stop_starting_effect {};
/// To the agents: stop what runs, give it back.
struct hasten_effect {};
/// To the gateway: let whoever waits go.
struct release_effect {};
/// Everything is quiet (or time is up): flush the store and stop. `code` 0 or 75.
struct finish_effect {
  int code = 0;
  std::vector<std::string> left; // turns that were cut off
  std::size_t pending = 0;       // events that wait for the next start
  duration time_left{0};         // until the drain's deadline
};
using shutdown_effect =
    std::variant<give_up_effect, refuse_effect, stop_starting_effect, hasten_effect, release_effect,
                 finish_effect, wake_effect, log_effect>;

inline constexpr int exit_overrun = 75;
/// As of a start that was not possible.
inline constexpr int exit_name_taken = 1;

struct shutdown_settings {
  std::size_t loops = 1;
  bool shared = false; // there are leases to give up
  duration deadline = limits::drain_deadline;
};

class shutdown_core {
 public:
  explicit shutdown_core(shutdown_settings settings);

  void step(shutdown_input input, moment now, std::vector<shutdown_effect>& out);

 private:
  enum class phase : std::uint8_t { serving, leaving, finishing, hastened, finished };

  void begin(moment now, std::vector<shutdown_effect>& out);
  void refuse(std::vector<shutdown_effect>& out);
  void hasten(moment now, std::vector<shutdown_effect>& out, std::string why);
  duration stop_reserve() const;
  bool quiet() const;
  void finish(int code, moment now, std::vector<shutdown_effect>& out);

  shutdown_settings settings_;
  phase phase_ = phase::serving;
  boot_time began_{};
  std::vector<std::optional<progress_effect>> loops_;
  std::optional<std::size_t> gateway_events_;
  std::vector<std::string> left_;
  bool overrun_ = false;
  bool emptied_ = false;
};

} // namespace skein
