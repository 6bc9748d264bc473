#include "nodes/broker/peer_office.hpp"

#include "nodes/broker/peer_commands.hpp"
#include "nodes/broker/peer_files.hpp"
#include "nodes/broker/private_file.hpp"
#include "protocol/json_reader.hpp"
#include "protocol/limits.hpp"

#include <pthread.h>
#include <utility>

namespace skein {

namespace {

constexpr std::size_t questions_max = 256;

/// The members were checked at the door.
peer_command read_command(const std::string& arguments) {
  peer_command command;
  json_reader from{arguments};
  std::string buffer;
  from.open_object();
  for (std::string_view name; from.member(name);)
    if (name == "peer")
      command.peer = from.string(buffer);
    else if (name == "key")
      command.key = from.string(buffer);
    else if (name == "role")
      command.role = from.string(buffer);
    else if (name == "dry_run")
      command.dry_run = from.boolean();
    else
      from.value();
  return command;
}

} // namespace

peer_office::peer_office(settings given)
  : settings_{std::move(given)}, thread_{[this] { run(); }} {}

peer_office::~peer_office() {
  end();
  thread_.join();
}

void peer_office::end() {
  {
    const std::lock_guard lock{mutex_};
    ends_ = true;
  }
  changed_.notify_all();
}

bool peer_office::answers(std::string_view operation) { return operation.starts_with("peer."); }

void peer_office::ask(std::string operation, std::string arguments,
                      std::function<void(api_answer)> done) {
  bool ends = false;
  {
    const std::lock_guard lock{mutex_};
    ends = ends_;
    if (!ends && questions_.size() < questions_max) {
      questions_.push_back({std::move(operation), std::move(arguments), std::move(done)});
      changed_.notify_all();
      return;
    }
  }
  done({ends ? errc::draining : errc::overloaded, {}});
}

/// The list that the broker began with was read before the store was opened, which may take long:
/// so it is read again first.
void peer_office::run() {
  pthread_setname_np(pthread_self(), "skein-peers");
  while (true) {
    static_cast<void>(read_anew_if_changed()); // it is told in the log, and tried again
    serve_questions();
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, limits::peer_list_looked_at,
                      [this] { return ends_ || !questions_.empty(); });
    if (ends_ && questions_.empty())
      return;
  }
}

std::optional<peer_office::question> peer_office::next_question(bool& ends) {
  const std::lock_guard lock{mutex_};
  ends = ends_;
  if (questions_.empty())
    return std::nullopt;
  question next = std::move(questions_.front());
  questions_.pop_front();
  return next;
}

/// Once it ends nothing is changed any more. What was changed, but did not reach the broker, is not
/// told as done: a peer that was revoked could still come in.
void peer_office::serve_questions() {
  bool ends = false;
  while (const auto asked = next_question(ends)) {
    if (ends) {
      asked->done({errc::draining, {}});
      continue;
    }
    const auto said = answer(*asked);
    const auto taken = read_anew_if_changed();
    if (!said)
      asked->done({said.error().code, said.error().detail});
    else if (!taken && asked->operation != "peer.list")
      asked->done({taken.error().code,
                   "The list was changed, but it cannot be read and is not in force yet: " +
                       taken.error().detail});
    else
      asked->done({errc::none, *said});
  }
}

/// A list that cannot be read changes nothing: who was allowed stays, it is said once, and it is
/// read again at the next look.
result<void> peer_office::read_anew_if_changed() {
  std::string stamp = file_stamp(peers_path(settings_.folder));
  if (stamp == stamp_)
    return {};
  auto list = load_peers(settings_.folder);
  if (!list) {
    if (std::exchange(unreadable_, stamp) != stamp)
      settings_.log(
          log_level::error, "broker", "peers-unreadable",
          "the list of peers is not what it must be, and the one before stays in force: " +
              to_string(list.error()),
          {});
    return list.error();
  }
  unreadable_.clear();
  if (!std::exchange(stamp_, std::move(stamp)).empty()) // else it has just started
    settings_.log(log_level::info, "broker", "peers-changed",
                  std::to_string(list->size()) + (list->size() == 1 ? " peer is" : " peers are") +
                      " allowed now",
                  {});
  settings_.bus->set_allowed(*std::move(list));
  return {};
}

/// A node without links to others tells who would be let in.
result<std::string> peer_office::list() const {
  mesh_facts facts = settings_.bus->mesh();
  if (facts.endpoint.empty()) {
    const auto allowed = load_peers(settings_.folder);
    if (!allowed)
      return allowed.error();
    for (const auto& [name, entry] : *allowed) {
      peer_facts& each = facts.peers.emplace_back();
      each.name = name;
      each.allowed = entry;
    }
  }
  return list_peers_of(settings_.node, facts, settings_.now());
}

result<std::string> peer_office::answer(const question& asked) {
  if (asked.operation == "peer.list")
    return list();
  peer_command command = read_command(asked.arguments);
  command.folder = settings_.folder;
  command.now = start_of_second(settings_.now());
  if (asked.operation == "peer.allow" && command.peer == settings_.node)
    return error{errc::invalid_argument, "This is " + settings_.node + ": allow other nodes here."};
  return asked.operation == "peer.allow" ? allow_peer_in(command) : revoke_peer_in(command);
}

} // namespace skein
