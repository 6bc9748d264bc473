#include "bench/load.hpp"

#include "nodes/logging/logging.hpp"
#include "protocol/check.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <poll.h>

namespace skein::bench {

namespace {

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "bench: %s\n", why.c_str());
  std::exit(2);
}

std::string fresh_folder() {
  const auto base = std::filesystem::temp_directory_path() / "skein-bench-XXXXXX";
  std::string path = base.string();
  if (mkdtemp(path.data()) == nullptr)
    die("no folder can be made below " + base.parent_path().string());
  return path;
}

agent_settings agent_of(const plan& of) {
  agent_settings agent;
  agent.name = of.agent;
  agent.kind = of.agent == "exec"   ? agent_kind::exec
               : of.agent == "echo" ? agent_kind::echo
                                    : agent_kind::noop;
  agent.pure = agent.kind != agent_kind::exec;
  agent.concurrency = 4'096;
  if (agent.kind == agent_kind::exec) {
    agent.concurrency = 512;
    agent.exec.command = {of.worker};
    agent.exec.processes = 2;
    agent.exec.turns_per_process = 256;
  }
  return agent;
}

} // namespace

plan read_plan(int argc, char** argv) {
  plan made;
  const std::map<std::string, std::size_t*> sizes{
      {"--events", &made.events},          {"--keys", &made.keys},   {"--payload", &made.payload},
      {"--window", &made.window},          {"--batch", &made.batch}, {"--rate", &made.rate},
      {"--connections", &made.connections}};
  const std::map<std::string, std::string*> texts{{"--agent", &made.agent},
                                                  {"--via", &made.via},
                                                  {"--worker", &made.worker},
                                                  {"--data", &made.data}};
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

void window::take(std::size_t count) {
  std::unique_lock lock{mutex_};
  ready_.wait(lock, [&] { return left_ >= count; });
  left_ -= count;
}

void window::give(std::size_t count, std::size_t refused) {
  const std::lock_guard lock{mutex_};
  left_ += count;
  refused_ += refused;
  ready_.notify_one();
}

std::size_t window::refused() {
  const std::lock_guard lock{mutex_};
  return refused_;
}

bench_node::bench_node(const plan& of) : folder_{of.data}, own_folder_{of.data.empty()} {
  if (own_folder_)
    folder_ = fresh_folder();
  set_up_logging({log_level::warn, false});
  node_options options;
  options.data_dir = folder_;
  options.http_port = 0;
  options.settings.loops = of.loops;
  options.settings.agents = {agent_of(of)};
  options.settings.routes = {{"*", "", "", of.agent}};
  auto started = node::start(options);
  if (!started)
    die(to_string(started.error()));
  node_ = *std::move(started);
}

bench_node::~bench_node() {
  node_->signal();
  pollfd ended{node_->ended_fd(), POLLIN, 0};
  poll(&ended, 1, 30'000);
  node_->finish();
  node_.reset();
  if (own_folder_)
    std::filesystem::remove_all(folder_);
}

nlohmann::json look_up(node_api& api, const std::string& operation,
                       const nlohmann::json& arguments) {
  std::mutex mutex;
  std::condition_variable ready;
  std::optional<api_answer> got;
  api.ask(operation, arguments.dump(), [&](api_answer answer) {
    const std::lock_guard lock{mutex};
    got = std::move(answer);
    ready.notify_one();
  });
  std::unique_lock lock{mutex};
  ready.wait(lock, [&] { return got.has_value(); });
  if (got->code != errc::none)
    die(operation + ": " + got->body);
  return nlohmann::json::parse(got->body);
}

void number_event(event& which, const plan& of, std::size_t number) {
  which.id = std::to_string(number);
  which.set_extension("partitionkey", "key-" + std::to_string(number % of.keys));
}

event make_event(const plan& of, std::size_t number) {
  event made;
  made.source = "bench";
  made.type = "bench.event";
  made.kind = data_kind::text;
  made.datacontenttype = "text/plain";
  made.data.assign(of.payload, 'x');
  number_event(made, of, number);
  return made;
}

std::vector<offered_event> make_batch(node_api& api, const plan& of, std::size_t first,
                                      std::size_t count) {
  std::vector<offered_event> batch;
  batch.reserve(count);
  event made = make_event(of, first);
  const instant now = api.now();
  for (std::size_t i = first; i < first + count; ++i) {
    number_event(made, of, i);
    auto offered = offer(made, api.hash(), api.event_bounds(), now);
    SKEIN_CHECK(offered.ok());
    batch.push_back(*std::move(offered));
  }
  return batch;
}

} // namespace skein::bench
