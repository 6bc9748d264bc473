// The command line within a test: its words in, its two outputs and exit status out.
#pragma once

#include "nodes/cli/run.hpp"
#include "protocol/time.hpp"
#include "tests/nodes/cli/fake_node.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace skein::test {

struct command_line {
  std::map<std::string, std::string> environment;
  std::string input;
  bool out_is_terminal = false;
  bool in_is_terminal = false;
  std::vector<node_options> started; // what `dev` and `start` were to run
  int node_exit = 0;
  error node_fails; // why it cannot start
  bench::machine_figures measured;
  error measuring_fails;
  std::vector<bench::machine_plan> measuring; // what `bench` was to do
  std::vector<demo::plan> played;             // what `demo` was to do
  error demo_fails;                           // why it cannot start
  int demo_exit = 0;
  duration clock_step{0}; // by which the clock goes on each time it is read
  instant wall = *parse_rfc3339("2026-08-16T12:00:00Z"); // by which times are told

  std::string out;
  std::string err;

  /// Of the environment.
  std::function<std::optional<std::string>(const char*)> reader() const {
    return [this](const char* name) -> std::optional<std::string> {
      const auto found = environment.find(name);
      return found == environment.end() ? std::nullopt : std::optional<std::string>{found->second};
    };
  }

  int operator()(const std::vector<std::string>& arguments) {
    std::istringstream in{input};
    std::ostringstream out_stream, err_stream;
    cli::surroundings world{
        in, out_stream, err_stream, in_is_terminal, out_is_terminal, in_is_terminal, reader()};
    world.now = [at = std::chrono::steady_clock::time_point{}, this]() mutable {
      return std::exchange(at, at + clock_step);
    };
    world.wall_now = [this] { return wall; };
    const cli::cli_hooks hooks{
        [this](const node_options& options) {
          started.push_back(options);
          return node_fails.code == errc::none ? result<int>{node_exit} : result<int>{node_fails};
        },
        [this](const bench::machine_plan& plan,
               const std::function<void(std::string_view)>& progress) {
          using figures = result<bench::machine_figures>;
          measuring.push_back(plan);
          progress("the disk");
          return measuring_fails.code == errc::none ? figures{measured} : figures{measuring_fails};
        },
        [this](const demo::plan& plan, std::ostream&, std::ostream&) {
          played.push_back(plan);
          return demo_fails.code == errc::none ? result<int>{demo_exit} : result<int>{demo_fails};
        }};
    const int exit = cli::run_in(world, arguments, hooks);
    out = out_stream.str();
    err = err_stream.str();
    return exit;
  }
};

} // namespace skein::test
