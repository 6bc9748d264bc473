// skein job graph
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <vector>

namespace skein::cli {

namespace {

json list_of(const json& body, const char* name) {
  const auto found = body.find(name);
  return found != body.end() && found->is_array() ? *found : json::array();
}

/// A double-quoted string of DOT.
std::string dot_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    out.append(c == '\n' ? "\\n" : std::string(1, c));
  }
  return out + '"';
}

void print_dot(context& at, const json& body) {
  std::ostream& out = at.world.out;
  out << "digraph jobs {\n  rankdir=LR;\n";
  for (const json& each : list_of(body, "jobs")) {
    const std::string name = cell_of(each, "job");
    out << fmt::format("  {} [label={}];\n", dot_quoted(name),
                       dot_quoted(name + "\n" + cell_of(each, "schedule")));
  }
  for (const json& each : list_of(body, "edges"))
    out << fmt::format("  {} -> {} [label={}];\n", dot_quoted(cell_of(each, "from")),
                       dot_quoted(cell_of(each, "to")), dot_quoted(cell_of(each, "wanted")));
  out << "}\n";
}

/// What comes after a job stands below it; a job that comes after several stands below each, and
/// what comes after it below the first.
class tree {
 public:
  tree(context& at, const json& body) : at_{at} {
    for (const json& each : list_of(body, "edges")) {
      below_[cell_of(each, "from")].push_back({cell_of(each, "wanted"), cell_of(each, "to")});
      behind_.insert(cell_of(each, "to"));
    }
    for (const json& each : list_of(body, "jobs"))
      jobs_.emplace_back(cell_of(each, "job"), cell_of(each, "schedule"));
  }

  void print() {
    for (const auto& [name, schedule] : jobs_)
      if (!behind_.contains(name))
        print_root(name, schedule);
    // Below none of these: those of a circle, and those whose jobs before them have gone.
    for (const auto& [name, schedule] : jobs_)
      if (behind_.contains(name) && !shown_.contains(name))
        print_root(name, schedule);
  }

 private:
  struct edge {
    std::string wanted, to;
  };

  void print_root(const std::string& name, const std::string& schedule) {
    shown_.insert(name);
    at_.world.out << name << "  " << schedule << '\n';
    print_below(name, 1);
  }

  void print_below(const std::string& name, std::size_t level) {
    for (const edge& each : below_[name]) {
      const bool again = !shown_.insert(each.to).second && !below_[each.to].empty();
      at_.world.out << std::string(2 * level, ' ')
                    << fmt::format("{}: {}{}\n", each.wanted, each.to, again ? " (see above)" : "");
      if (!again)
        print_below(each.to, level + 1);
    }
  }

  context& at_;
  std::map<std::string, std::vector<edge>> below_;
  std::vector<std::pair<std::string, std::string>> jobs_; // with their schedules
  std::set<std::string> behind_, shown_;
};

int graph(context& at, bool as_dot) {
  const auto answer = look_up(at, "/v1/job-graph");
  if (!answer)
    return answer.exit;
  if (as_dot) {
    print_dot(at, answer.body);
  } else if (at.global.output != output_format::table) {
    print_json(at, answer.body);
  } else if (list_of(answer.body, "jobs").empty()) {
    say(at, "there are no jobs; make one with: skein job create NAME --every 1h --agent AGENT");
  } else {
    tree{at, answer.body}.print();
  }
  return exit_code::done;
}

} // namespace

handler define_job_graph(CLI::App& app) {
  auto as_dot = std::make_shared<bool>(false);
  add_flag(app, "--dot", *as_dot, "in the language of Graphviz: skein job graph --dot | dot -Tsvg");
  return [as_dot](context& at) { return graph(at, *as_dot); };
}

} // namespace skein::cli
