#include "nodes/demo/stage.hpp"

#include "nodes/demo/commands.hpp"
#include "nodes/demo/config_text.hpp"
#include "nodes/demo/worker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <unistd.h>
#include <utility>

namespace skein::demo {

namespace {

constexpr std::chrono::seconds start_within{30};
constexpr std::chrono::seconds end_within{8};
constexpr std::chrono::milliseconds look_every{20};
constexpr std::chrono::seconds answer_within{2};
constexpr std::chrono::seconds look_up_within{15}; // a page of many rows, on a busy machine
constexpr std::chrono::seconds command_within{20}; // of a drain

/// What a node said why it does not start: of its last words the reason, else the first mistake of
/// its configuration.
std::string last_reason(const std::string& log) {
  const std::string text = read_file(log);
  constexpr std::string_view reason = "\n  why: ", mistake = ": error: ";
  const auto why = text.rfind(reason);
  const auto at = why == text.npos ? text.find(mistake) : why;
  if (at == text.npos)
    return {};
  const auto from = at + (why == text.npos ? mistake : reason).size();
  return text.substr(from, text.find('\n', from) - from);
}

std::string own_program() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).string();
}

} // namespace

// ---- start and end ------------------------------------------------------------------------------

stage::stage(std::unique_ptr<demo::folders> where, waits& patience, std::uint32_t nodes_at_most)
  : folders_{std::move(where)}, waits_{patience},
    nodes_at_most_{nodes_at_most}, program_{own_program()}, network_{relays_, *folders_} {}

result<std::unique_ptr<stage>> stage::open(const plan& asked, const std::string& cluster,
                                           waits& patience) {
  auto where = demo::folders::make(asked.keep);
  if (!where)
    return where.error();
  std::unique_ptr<stage> made{new stage{*std::move(where), patience, asked.nodes + added_max}};
  made->cluster_ = cluster;
  auto opened = demo::store::open(asked, cluster, *made->folders_, made->relays_);
  if (!opened && opened.error().code == errc::io_error)
    made->folders_->keep(); // the error names a log in it
  if (!opened)
    return opened.error();
  made->store_ = *std::move(opened);
  return made;
}

stage::~stage() { end_all(); }

void stage::end_all() {
  for (auto& [name, each] : nodes_) {
    if (!each.process)
      continue;
    each.process->signal(SIGTERM);
    each.process->signal(SIGCONT);
    doors_.close(name);
  }
  const auto until = std::chrono::steady_clock::now() + end_within;
  const auto all_ended = [&] {
    return std::all_of(nodes_.begin(), nodes_.end(), [](auto& each) {
      return !each.second.process || each.second.process->ended();
    });
  };
  while (!all_ended() && std::chrono::steady_clock::now() < until)
    ::usleep(std::chrono::microseconds{look_every}.count());
  for (auto& [name, each] : nodes_)
    each.process.reset(); // kills it if it still runs
}

// ---- nodes --------------------------------------------------------------------------------------

result<std::string> stage::add() {
  if (count() == nodes_at_most_)
    return error{
        errc::invalid_argument,
        fmt::format("there are {} nodes, as many as this demo can have; start one with more "
                    "by --nodes",
                    count())};
  const std::string name = node_name(count() + 1);
  if (auto made = network_.add(name); !made)
    return made.error();
  if (auto written = write_config(name); !written)
    return written.error();
  nodes_[name];
  return name;
}

/// Those that are not there yet are in it too: a node knows the brokers of its file alone.
result<void> stage::write_config(const std::string& name) {
  const auto url = store_->url_for(name);
  if (!url)
    return url.error();
  if (store_->is_shared())
    network_.add_store(name, store_->relay_of(name));
  node_setting of;
  of.cluster = cluster_;
  of.name = name;
  of.store = *url;
  of.broker = folders_->broker(name);
  of.data = folders_->data(name);
  of.program = program_;
  of.worker = worker_command;
  of.history = folders_->history(name);
  for (std::uint32_t i = 1; i <= nodes_at_most_; ++i)
    if (const std::string other = node_name(i); other != name)
      of.others.push_back({other, folders_->broker(name, other)});
  return write_file(folders_->config(name), config_text(of));
}

/// False: it ended before it served.
result<bool> stage::try_start(const std::string& name, std::uint16_t port) {
  stage_node& of = nodes_.at(name);
  auto made =
      node_process::start({program_, folders_->config(name), name, port, folders_->log(name)});
  if (!made)
    return made.error();
  of.process = *std::move(made);
  of.paused = of.drained = false;
  std::optional<std::uint16_t> serves;
  const auto is_decided = [&] {
    serves = of.process->ready_port();
    return serves || of.process->ended();
  };
  waits_.until(is_decided, start_within, look_every);
  if (serves) {
    of.port = *serves;
    doors_.open(name, of.port);
    return true;
  }
  of.process->kill();
  of.end = describe_end(*of.process->ended());
  of.process.reset();
  return false;
}

result<void> stage::start(const std::string& name) {
  const std::uint16_t before = nodes_.at(name).port;
  auto done = try_start(name, before);
  if (done && !*done && before != 0) // somebody else may have its port meanwhile
    done = try_start(name, 0);
  if (!done)
    return done.error();
  if (*done)
    return {};
  const std::string why = last_reason(folders_->log(name));
  return error{errc::io_error,
               fmt::format("node {} did not start ({}){}{}; its log is {}", name,
                           nodes_.at(name).end, why.empty() ? "" : ": ", why, folders_->log(name))};
}

void stage::kill(const std::string& name) {
  stage_node& of = nodes_.at(name);
  of.process->kill();
  of.end = "killed";
  of.process.reset();
  of.paused = false;
  doors_.close(name);
}

void stage::pause(const std::string& name) {
  nodes_.at(name).process->signal(SIGSTOP);
  nodes_.at(name).paused = true;
}

void stage::resume(const std::string& name) {
  nodes_.at(name).process->signal(SIGCONT);
  nodes_.at(name).paused = false;
}

std::vector<std::string> stage::take_ended() {
  std::vector<std::string> found;
  for (auto& [name, each] : nodes_) {
    if (!each.process || !each.process->ended())
      continue;
    each.end = describe_end(*each.process->ended());
    each.process.reset();
    each.paused = false;
    doors_.close(name);
    found.push_back(name);
  }
  return found;
}

std::vector<int> stage::ended_fds() const {
  std::vector<int> fds;
  for (const auto& [name, each] : nodes_)
    if (each.process)
      fds.push_back(each.process->ended_fd());
  return fds;
}

// ---- what they say ------------------------------------------------------------------------------

node_client& stage::client(const std::string& name) {
  const std::uint16_t port = nodes_.at(name).port;
  const auto known = clients_.find(name);
  if (known == clients_.end() || known->second.first != port)
    clients_.insert_or_assign(name, std::pair{port, node_client{port}});
  return clients_.at(name).second;
}

std::optional<node_answer> stage::ask(const std::string& name, const std::string& target,
                                      duration patience) {
  return nodes_.at(name).process ? client(name).get(target, patience) : std::nullopt;
}

std::vector<std::string> stage::able() const {
  std::vector<std::string> names;
  for (const auto& [name, each] : nodes_)
    if (each.process && !each.paused && !network_.is_cut_from_store(name))
      names.push_back(name);
  return names;
}

std::optional<json> stage::ask_any(const std::string& target) {
  for (const std::string& name : able())
    if (auto answer = ask(name, target, look_up_within); answer && answer->ok())
      return std::move(answer->body);
  return std::nullopt;
}

std::optional<node_answer> stage::post_any(const std::string& target) {
  std::optional<node_answer> last;
  for (const std::string& name : able())
    if (last = client(name).post(target, "{}", "application/json", command_within); last)
      break;
  return last;
}

std::optional<cluster_view> stage::look() {
  for (const std::string& name : able())
    if (auto view = look_at(name))
      return view;
  return std::nullopt;
}

std::optional<cluster_view> stage::look_at(const std::string& name) {
  auto answer = ask(name, "/v1/nodes", answer_within);
  if (!answer || !answer->ok() || answer->body.contains("stale_s") ||
      !answer->body.contains("nodes"))
    return std::nullopt;
  json& told = answer->body;
  cluster_view view;
  view.shards = told.value("shards", 0U);
  view.unowned = told.value("unowned", 0U);
  if (const json& keeper = told["keeper"]; keeper.is_string())
    view.keeper = keeper.get<std::string>();
  for (const json& each : told["nodes"])
    view.nodes[each.value("node", "")] = {each.value("state", ""), each.value("shards", 0U)};
  return view;
}

} // namespace skein::demo
