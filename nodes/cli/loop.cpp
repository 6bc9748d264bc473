// skein loop list
#include "nodes/cli/agent_page.hpp"
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"

#include <array>

namespace skein::cli {

namespace {

constexpr std::array columns{column{"LOOP", "loop"},
                             column{"NODE", "node", true},
                             column{"SHARDS", "shards"},
                             column{"PENDING", "pending"},
                             column{"RUNNING", "running"},
                             column{"LANES", "lanes", true},
                             column{"ACCEPTED", "accepted", true},
                             column{"TURNS", "turns"},
                             column{"DONE", "done", true},
                             column{"FAILED", "failed", true},
                             column{"DEAD", "dead", true},
                             column{"CPU S", "cpu_s"},
                             column{"IDLE S", "idle_s", true},
                             column{"BLOCKED", "blocked", true}};

int list_loops(context& at) {
  const auto answer = look_up(at, "/v1/loops");
  if (!answer)
    return answer.exit;
  print_list(at, answer.body, "loops", columns, "the node runs no loops; see: skein status");
  return exit_code::done;
}

} // namespace

std::span<const column> loop_columns() { return columns; }

handler define_loop_list(CLI::App&) { return list_loops; }

} // namespace skein::cli
