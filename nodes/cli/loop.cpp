// skein loop list
#include "nodes/cli/agent_page.hpp"
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"

#include <array>

namespace skein::cli {

namespace {

constexpr std::array columns{column{"LOOP", "loop", weight::whole},
                             column{"NODE", "node", weight::extra, true},
                             column{"SHARDS", "shards"},
                             column{"PENDING", "pending"},
                             column{"RUNNING", "running"},
                             column{"LANES", "lanes", weight::extra, true},
                             column{"ACCEPTED", "accepted", weight::extra, true},
                             column{"TURNS", "turns", weight::extra},
                             column{"DONE", "done", weight::main, true},
                             column{"FAILED", "failed", weight::main, true},
                             column{"DEAD", "dead", weight::main, true},
                             column{"CPU S", "cpu_s"},
                             column{"IDLE S", "idle_s", weight::extra, true},
                             column{"BLOCKED", "blocked", weight::extra, true}};

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
