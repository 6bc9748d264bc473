#include "nodes/config/config_rules.hpp"

#include <array>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace skein {

namespace {

constexpr std::array<std::string_view, 7> exec_keys{
    "command", "directory", "environment", "mode", "output", "processes", "turns_per_process"};

bool is_folder(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool is_program(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

std::string joined(const std::string& folder, const std::string& path) {
  return path.starts_with('/') ? path : folder + "/" + path;
}

/// Where it was looked for, in full.
std::string shown(const std::string& path) {
  std::error_code failed;
  const std::filesystem::path full = std::filesystem::absolute(path, failed);
  return failed ? path : full.lexically_normal().string();
}

bool in_path(std::string_view folders, const std::string& name) {
  while (!folders.empty()) {
    const auto colon = std::min(folders.find(':'), folders.size());
    if (is_program(std::string{folders.substr(0, colon)} + "/" + name))
      return true;
    folders.remove_prefix(std::min(colon + 1, folders.size()));
  }
  return false;
}

/// Warnings only: the file may be checked on another machine than it is for.
void look_for_command(rule_context& context, const exec_settings& exec) {
  const std::string folder = exec.directory.empty()
                                 ? context.around().folder
                                 : joined(context.around().folder, exec.directory);
  if (!exec.directory.empty() && !is_folder(folder))
    return context.warning("directory", fmt::format("there is no folder {}", shown(folder)),
                           "turns wait until there is one");
  const std::string& program = exec.command[0];
  if (program.find('/') == std::string::npos) {
    if (!in_path(context.around().path, program))
      context.warning("command", fmt::format("there is no program \"{}\" in PATH", program),
                      "turns wait until there is one");
  } else if (const std::string path = joined(folder, program); !is_program(path)) {
    context.warning("command", fmt::format("{} is not there or not executable", shown(path)),
                    "turns wait until it is; relative paths start at the agent's `directory`, else "
                    "where Skein was started: set `directory`, or start it in the file's folder");
  }
}

void check_environment(rule_context& context, const exec_settings& exec) {
  const std::string legal = "legal is a name without '=', not empty, that does not begin SKEIN_";
  for (const auto& [name, value] : exec.environment) {
    if (name.empty() || name.find('=') != std::string::npos || name.find('\0') != std::string::npos)
      context.error("environment", "read a variable with an impossible name", legal);
    else if (name.starts_with("SKEIN_"))
      context.error("environment", fmt::format("\"{}\" would be overwritten", name), legal);
  }
}

void check_exec(rule_context& context, agent_settings& agent) {
  const configured_section& section = context.section();
  exec_settings& exec = agent.exec;
  exec.command = section.get<text_list>("command");
  exec.directory = section.get<std::string>("directory");
  exec.environment = section.get<text_table>("environment");
  exec.mode = section.get<std::string>("mode") == "oneshot" ? exec_mode::oneshot : exec_mode::lines;
  exec.output =
      section.get<std::string>("output") == "effects" ? exec_output::effects : exec_output::reply;
  exec.processes = static_cast<std::uint32_t>(section.get<std::int64_t>("processes"));
  exec.turns_per_process =
      static_cast<std::uint32_t>(section.get<std::int64_t>("turns_per_process"));

  check_environment(context, exec);
  if (context.usable("command") && (exec.command.empty() || exec.command[0].empty()))
    context.error("command", "no program is named",
                  R"(legal is a list of texts, such as ["python3", "bot.py"])");
  else if (context.usable("command") && context.usable("directory"))
    look_for_command(context, exec);

  const bool lines = exec.mode == exec_mode::lines;
  for (const std::string_view key : {"processes", "turns_per_process"})
    if (context.usable("mode") && !lines && context.given(key))
      context.error(key, "a oneshot agent starts a program a turn",
                    R"(legal only with mode = "lines"; concurrency bounds the programs)");
  if (context.usable("mode") && lines && context.given("output"))
    context.error("output", "an agent that is fed lines always answers in JSON",
                  R"(legal only with mode = "oneshot")");
}

void check_retry(rule_context& context, retry_settings& retry) {
  const configured_section& section = context.section();
  retry.attempts = static_cast<std::uint32_t>(section.get<std::int64_t>("attempts"));
  retry.initial = section.get<duration>("retry_initial");
  retry.factor = section.get<double>("retry_factor");
  retry.max = section.get<duration>("retry_max");
  retry.jitter = section.get<bool>("retry_jitter");
  if (context.usable("retry_initial") && context.usable("retry_max") && retry.max < retry.initial)
    context.error(context.given("retry_max") ? "retry_max" : "retry_initial",
                  fmt::format("the longest delay, {}, is below the first, {}",
                              format_duration(retry.max), format_duration(retry.initial)),
                  "legal is retry_max of at least retry_initial");
}

agent_settings check_agent(rule_context context) {
  const configured_section& section = context.section();
  agent_settings agent;
  agent.name = section.label;
  if (!is_legal_name(agent.name))
    context.error("the agent's name has other characters", std::string{legal_name_text()});
  agent.pure = section.get<bool>("pure");
  agent.concurrency = static_cast<std::uint32_t>(section.get<std::int64_t>("concurrency"));
  agent.timeout = section.get<duration>("timeout");
  check_retry(context, agent.retry);
  if (!context.usable("kind"))
    return agent;
  const auto& kind = section.get<std::string>("kind");
  agent.kind = kind == "exec"   ? agent_kind::exec
               : kind == "noop" ? agent_kind::noop
                                : agent_kind::echo;
  if (agent.kind == agent_kind::exec) {
    check_exec(context, agent);
    return agent;
  }
  for (const std::string_view key : exec_keys)
    if (context.given(key))
      context.error(key, fmt::format("an agent of kind \"{}\" runs no program", kind),
                    R"(legal only with kind = "exec")");
  return agent;
}

} // namespace

void check_agents(config_values& values, const config_surroundings& around, cluster_config& out,
                  config_problems& problems) {
  for (configured_section& section : values) {
    if (section.section->name != "agent")
      continue;
    const bool runs_nothing = !section["kind"].wrong && section.get<std::string>("kind") != "exec";
    for (configured& each : section.values)
      if (each.key->name == "pure" && !each.given && !each.wrong && runs_nothing)
        each.value = true;
    out.agents.push_back(check_agent({section, around, problems}));
  }
}

} // namespace skein
