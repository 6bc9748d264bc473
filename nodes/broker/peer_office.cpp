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
  : settings_{std::move(given)}, stamp_{file_stamp(peers_path(settings_.folder))}, thread_{[this] {
      run();
    }} {}

peer_office::~peer_office() {
  {
    const std::lock_guard lock{mutex_};
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool peer_office::answers(std::string_view operation) { return operation.starts_with("peer."); }

void peer_office::ask(std::string operation, std::string arguments,
                      std::function<void(api_answer)> done) {
  {
    const std::lock_guard lock{mutex_};
    if (!ends_ && questions_.size() < questions_max) {
      questions_.push_back({std::move(operation), std::move(arguments), std::move(done)});
      changed_.notify_all();
      return;
    }
  }
  done({errc::overloaded, {}});
}

void peer_office::run() {
  pthread_setname_np(pthread_self(), "skein-peers");
  std::unique_lock lock{mutex_};
  while (true) {
    changed_.wait_for(lock, limits::peer_list_looked_at,
                      [this] { return ends_ || !questions_.empty(); });
    const bool ends = ends_;
    auto asked = std::exchange(questions_, {});
    lock.unlock();
    for (const question& each : asked) {
      const auto said = answer(each);
      read_anew_if_changed();
      each.done(said ? api_answer{errc::none, *said}
                     : api_answer{said.error().code, said.error().detail});
    }
    if (ends)
      return;
    read_anew_if_changed();
    lock.lock();
  }
}

/// A list that cannot be read changes nothing: who was allowed stays, and it is said.
void peer_office::read_anew_if_changed() {
  std::string stamp = file_stamp(peers_path(settings_.folder));
  if (stamp == stamp_)
    return;
  stamp_ = std::move(stamp);
  auto list = load_peers(settings_.folder);
  if (!list) {
    settings_.log(log_level::error, "broker", "peers-unreadable",
                  "the list of peers is not what it must be, and the one before stays in force: " +
                      to_string(list.error()),
                  {});
    return;
  }
  settings_.log(log_level::info, "broker", "peers-changed",
                std::to_string(list->size()) + (list->size() == 1 ? " peer is" : " peers are") +
                    " allowed now",
                {});
  settings_.bus->set_allowed(*std::move(list));
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
  return asked.operation == "peer.allow" ? allow_peer_in(command) : revoke_peer_in(command);
}

} // namespace skein
