#include "nodes/demo/demo.hpp"

#include "nodes/demo/commands.hpp"
#include "nodes/demo/line_reader.hpp"
#include "nodes/demo/load.hpp"
#include "nodes/demo/play.hpp"
#include "nodes/demo/stage.hpp"
#include "nodes/demo/teller.hpp"
#include "nodes/random_bits.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <unistd.h>
#include <vector>

namespace skein::demo {

namespace {

constexpr std::chrono::hours until_something{24};

result<std::vector<script_line>> read_script(const plan& asked) {
  std::string text;
  if (asked.script == "-") {
    line_reader in{STDIN_FILENO};
    while (const auto line = in.next_blocking())
      text.append(*line).append(1, '\n');
  } else if (std::filesystem::is_regular_file(asked.script)) {
    text = read_file(asked.script);
  } else {
    return error{
        errc::not_found,
        fmt::format("there is no file {}; name a file of commands, or - for standard input",
                    asked.script)};
  }
  auto lines = parse_script(text, asked.nodes, asked.nodes + added_max);
  if (!lines)
    return error{lines.error().code,
                 fmt::format("{} {}", asked.script == "-" ? "the script's" : asked.script + ",",
                             lines.error().detail)};
  return lines;
}

void introduce(const plan& asked, const stage& on, teller& told) {
  json nodes = json::array();
  std::string text =
      fmt::format("A cluster of {} nodes runs, each a process of its own:\n", asked.nodes);
  std::string first;
  for (const auto& [name, node] : on.nodes()) {
    const std::string url = fmt::format("http://127.0.0.1:{}", node.port);
    first = first.empty() ? url : first;
    text += fmt::format("  {}      {}  pid {}\n", name, url, node.process->pid());
    nodes.push_back({{"node", name}, {"url", url}, {"pid", node.process->pid()}});
  }
  const std::string& folder = on.folders().main();
  text += fmt::format("  store   {}\n", on.store().described());
  text += fmt::format("  load    {} events a second over {} keys, and a job every second\n",
                      asked.rate, asked.keys);
  text += fmt::format("  folder  {}: configurations, logs (n1.log), histories; {}\n", folder,
                      on.folders().stays() ? "it stays" : "removed at the end, unless --keep DIR");
  text += fmt::format("\nFrom another terminal: skein cluster status --server {}\n", first);
  text += "Try here: status, kill n2, status, restart n2, check. All commands: help";
  json facts{{"nodes", nodes}, {"folder", folder}, {"sockets", on.folders().sockets()}};
  if (on.store().server() != nullptr)
    facts["server_pid"] = on.store().server()->pid();
  told.say("ready", text, facts);
}

/// Of a prompt, or of a pipe that somebody writes commands into.
class conversation {
 public:
  conversation(const plan& asked, stage& on, play& acts, waits& patience, teller& told)
    : asked_{asked}, stage_{on}, play_{acts}, waits_{patience}, told_{told} {}

  /// Whether every command worked.
  bool run() {
    bool all_worked = true;
    line_reader in{STDIN_FILENO};
    while (!play_.is_over() && !waits_.interrupted()) {
      if (asked_.is_terminal)
        told_.hint("demo> ");
      const auto line = next(in);
      if (!line)
        break;
      const auto read = parse_command(*line);
      const auto done = read ? play_.run(*read) : result<void>{read.error()};
      if (!done) {
        all_worked = false;
        told_.complain("", done.error());
      }
      play_.tell_ended();
    }
    return all_worked;
  }

 private:
  /// Meanwhile nodes may end.
  std::optional<std::string> next(line_reader& in) {
    while (!waits_.interrupted()) {
      if (auto line = in.next())
        return line;
      if (in.is_over())
        return std::nullopt;
      auto fds = stage_.ended_fds();
      fds.push_back(STDIN_FILENO);
      waits_.readable(fds, until_something);
      play_.tell_ended();
    }
    return std::nullopt;
  }

  const plan& asked_;
  stage& stage_;
  play& play_;
  waits& waits_;
  teller& told_;
};

bool run_script(const std::vector<script_line>& lines, play& acts, waits& patience, teller& told) {
  bool all_worked = true;
  for (const script_line& each : lines) {
    if (acts.is_over() || patience.interrupted())
      break;
    told.hint(fmt::format("> {}\n", each.text));
    const auto done = acts.run(each.what);
    acts.tell_ended();
    if (done)
      continue;
    all_worked = false;
    told.complain(fmt::format("line {}", each.number), done.error());
  }
  return all_worked;
}

/// The exit status.
int perform(const plan& asked, const std::vector<script_line>& script, stage& on, play& acts,
            waits& patience, teller& told) {
  bool all_worked = asked.script.empty() ? conversation{asked, on, acts, patience, told}.run()
                                         : run_script(script, acts, patience, told);
  if (patience.interrupted())
    return exit_interrupted;
  if (asked.is_terminal && asked.script.empty())
    return acts.is_broken() ? exit_broken : exit_held; // who types sees what does not work
  if (!acts.is_checked()) {
    command last;
    last.what = verb::check;
    if (const auto held = acts.run(last); !held) {
      all_worked = false;
      told.complain("check", held.error());
    }
  }
  return all_worked && !acts.is_broken() ? exit_held : exit_broken;
}

result<void> start_all(const plan& asked, stage& on, waits& patience) {
  for (std::uint32_t i = 0; i < asked.nodes && !patience.interrupted(); ++i) {
    const auto made = on.add();
    const auto started = made ? on.start(*made) : result<void>{made.error()};
    if (!started && !patience.interrupted())
      return started;
  }
  return {};
}

} // namespace

result<int> run_demo(const plan& asked, std::ostream& out, std::ostream& err) {
  waits patience; // before all threads, so that signals come to this one
  teller told{out, err, asked.as_lines};
  std::vector<script_line> script;
  if (!asked.script.empty()) {
    auto read = read_script(asked);
    if (!read)
      return read.error();
    script = *std::move(read);
  }
  const std::string name = fmt::format("demo-{:08x}", static_cast<std::uint32_t>(random_bits()));
  told.hint(fmt::format("Starting {} nodes ...\n", asked.nodes));
  auto opened = stage::open(asked, name, patience);
  if (!opened)
    return opened.error();
  stage& on = **opened;
  if (const auto started = start_all(asked, on, patience); !started) {
    on.folders().keep(); // with the log that the error names
    return started.error();
  }
  int exit = exit_held;
  {
    load sent{{"skein/" + name, asked.rate, asked.keys, asked.seed}, on.doors()};
    play acts{on, sent, patience, told};
    if (!patience.interrupted()) {
      if (auto settled = acts.settle(std::chrono::steady_clock::now(), "all nodes serve"); !settled)
        return settled.error();
      introduce(asked, on, told);
    }
    exit = perform(asked, script, on, acts, patience, told);
    if (acts.is_broken())
      on.folders().keep();
    told.hint("Ending all of it ...\n");
  }
  on.end_all();
  if (const std::string farewell = on.store().farewell(); !farewell.empty())
    told.say("left", farewell);
  if (on.folders().stays())
    told.say("kept",
             fmt::format("{} has the configurations, logs and histories", on.folders().main()));
  return exit;
}

} // namespace skein::demo
