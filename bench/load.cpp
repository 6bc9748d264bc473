#include "bench/load.hpp"

#include "nodes/logging/logging.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>

namespace skein::bench {

namespace {

agent_settings agent_of(const plan& of) {
  agent_settings agent = noop_agent();
  agent.name = of.agent;
  if (of.agent == "echo")
    agent.kind = agent_kind::echo;
  if (of.agent == "exec") {
    agent.kind = agent_kind::exec;
    agent.pure = false;
    agent.concurrency = 512;
    agent.exec.command = {of.worker};
    agent.exec.processes = 2;
    agent.exec.turns_per_process = 256;
  }
  return agent;
}

} // namespace

void die(const std::string& why) {
  std::fprintf(stderr, "bench: %s\n", why.c_str());
  std::exit(2);
}

plan read_plan(int argc, char** argv, plan made) {
  const std::map<std::string, std::size_t*> sizes{
      {"--events", &made.events},           {"--keys", &made.keys},    {"--payload", &made.payload},
      {"--window", &made.window},           {"--batch", &made.batch},  {"--rate", &made.rate},
      {"--connections", &made.connections}, {"--first", &made.first},  {"--far", &made.far},
      {"--retention", &made.retention},     {"--dedupe", &made.dedupe}};
  const std::map<std::string, std::string*> texts{{"--agent", &made.agent},
                                                  {"--via", &made.via},
                                                  {"--worker", &made.worker},
                                                  {"--data", &made.data},
                                                  {"--part", &made.part}};
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--json") {
      made.json = true;
      continue;
    }
    if (i + 1 >= argc)
      die(name + " needs a value");
    const std::string value = argv[++i];
    if (const auto size = sizes.find(name); size != sizes.end())
      *size->second = std::stoul(value);
    else if (const auto text = texts.find(name); text != texts.end())
      *text->second = value;
    else if (name == "--loops")
      made.loops = static_cast<std::uint32_t>(std::stoul(value));
    else
      die("unknown option " + name);
  }
  return made;
}

own_folder::own_folder()
  : path_{(std::filesystem::temp_directory_path() / "skein-bench-XXXXXX").string()} {
  if (mkdtemp(path_.data()) == nullptr)
    die("no folder can be made as " + path_);
}

own_folder::~own_folder() { std::filesystem::remove_all(path_); }

std::size_t own_folder::bytes() const {
  std::size_t found = 0;
  for (const auto& each : std::filesystem::recursive_directory_iterator{path_})
    if (each.is_regular_file())
      found += each.file_size();
  return found;
}

bench_node::bench_node(const plan& of) {
  plan placed = of;
  if (of.data.empty()) {
    folder_ = std::make_unique<own_folder>();
    placed.data = folder_->path();
  }
  node_ = start_part(placed, agent_of(of));
}

agent_settings held_agent() {
  agent_settings agent = noop_agent();
  agent.kind = agent_kind::exec;
  agent.pure = false;
  agent.concurrency = 1;
  agent.timeout = std::chrono::hours{24};
  agent.exec.command = {"/bin/sleep", "infinity"};
  return agent;
}

std::unique_ptr<load_node> start_part(const plan& of, agent_settings agent) {
  set_up_logging({log_level::warn, false});
  load_node::keeping kept;
  if (of.retention > 0)
    kept.retention = std::chrono::seconds{of.retention};
  if (of.dedupe > 0)
    kept.dedupe_window = std::chrono::seconds{of.dedupe};
  return must(load_node::start(of.data, of.loops, std::move(agent), kept));
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

nlohmann::json status_of(node_api& api) {
  return must(look_up(api, "status", nlohmann::json::object()));
}

} // namespace skein::bench
