// skein peer create | list | allow | revoke: which other nodes may connect to a node's broker. With
// --data they work on a node's folder, else they ask the node; what is done is the same.
#include "nodes/broker/peer_commands.hpp"
#include "nodes/broker/peer_files.hpp"
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/offline.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"
#include "nodes/config/node_options.hpp"
#include "protocol/raw_json.hpp"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <ostream>

namespace skein::cli {

namespace {

constexpr std::array columns{column{"PEER", "peer", weight::whole},
                             column{"STATE", "state", weight::whole, true},
                             column{"SINCE", "since", weight::main, true},
                             column{"ADDRESS", "address", weight::main, true},
                             column{"HEARD", "heard", weight::extra, true},
                             column{"BOOT", "boot", weight::extra, true},
                             column{"VERSION", "version", weight::extra, true},
                             column{"RTT US", "rtt_us", weight::main, true},
                             column{"OUT", "frames_out", weight::main, true},
                             column{"IN", "frames_in", weight::main, true},
                             column{"NOT SENT", "not_sent", weight::main, true},
                             column{"REFUSED", "refused", weight::main, true},
                             column{"ROLE", "role", weight::extra},
                             column{"ALLOWED", "allowed", weight::extra},
                             column{"KEY", "key", weight::extra}};

struct peer_options {
  std::string name;
  std::string key;
  std::optional<std::string> role;
  std::optional<std::string> folder;
};

int create(context& at, const std::string& folder) {
  const auto present = load_peer_key(folder);
  const bool is_there = !present || present->has_value();
  const std::string path = peer_key_path(folder);
  if (is_there && !at.global.yes)
    return complain(at, exit_code::conflict,
                    {fmt::format("{} is there already", path),
                     present ? "the other nodes know this one by it"
                             : "it is not what it must be: " + present.error().detail,
                     "--yes to replace it; then every other node must allow the new one",
                     std::string{slug(errc::state_conflict)}});
  if (at.global.dry_run) {
    say(at,
        fmt::format("nothing was written: {} would be {}", path, is_there ? "replaced" : "made"));
    return exit_code::done;
  }
  const auto made = create_peer_key(folder, at.global.yes);
  if (!made)
    return complain_of_store(at, fmt::format("{} was not made", path), made.error(),
                             "name the node's folder with --data");
  if (at.global.output == output_format::table)
    at.world.out << made->public_key << "\n";
  else
    print_json(at, {{"key", made->public_key}, {"file", path}});
  at.world.out.flush();
  say(at, fmt::format("this is the public key; on each other node: skein peer allow NODE {}",
                      shell_quoted(made->public_key)));
  return exit_code::done;
}

/// The answer of either way, or how to end.
remote_answer from_folder(context& at, const std::string& what, const result<std::string>& answer) {
  remote_answer out;
  if (!answer)
    out.exit =
        complain_of_store(at, what, answer.error(),
                          "name the folder of a node with --data; who is in it: skein peer list");
  else
    out.body = parse_json(*answer);
  return out;
}

remote_answer change(context& at, const std::string& target, json body) {
  if (at.global.dry_run)
    body["dry_run"] = true;
  return post(at, target, body);
}

peer_command command_of(const context& at, const peer_options& options) {
  peer_command command;
  command.folder = options.folder.value_or("");
  command.peer = options.name;
  command.key = options.key;
  command.role = options.role.value_or("node");
  command.now = start_of_second(at.world.wall_now ? at.world.wall_now() : wall_now());
  command.dry_run = at.global.dry_run;
  return command;
}

void print_change(context& at, const json& body) {
  if (at.global.output != output_format::table)
    return print_json(at, body);
  text_values lines;
  for (const auto& [name, value] : body.items())
    lines.add(name, body, name);
  lines.print(at);
}

int list(context& at, const std::optional<std::string>& folder) {
  const auto answer = folder ? from_folder(at, "the peers cannot be read", list_peers_in(*folder))
                             : look_up(at, "/v1/peers");
  if (!answer)
    return answer.exit;
  print_list(at, answer.body, "peers", columns,
             "no other node may connect; allow one with: skein peer allow NODE KEY");
  return exit_code::done;
}

int allow(context& at, const peer_options& options) {
  const peer_command command = command_of(at, options);
  const auto answer =
      options.folder
          ? from_folder(at, fmt::format("{} was not allowed", command.peer), allow_peer_in(command))
          : change(at, "/v1/peers",
                   {{"peer", command.peer}, {"key", command.key}, {"role", command.role}});
  if (!answer)
    return answer.exit;
  print_change(at, answer.body);
  at.world.out.flush();
  say(at, at.global.dry_run                     ? "nothing was changed"
          : answer.body.value("changed", false) ? "allowed; see it with: skein peer list"
                                                : "it was allowed already");
  return exit_code::done;
}

int revoke(context& at, const peer_options& options) {
  const peer_command command = command_of(at, options);
  const auto answer =
      options.folder ? from_folder(at, fmt::format("{} was not revoked", command.peer),
                                   revoke_peer_in(command))
                     : change(at, fmt::format("/v1/peers/{}/revoke", percent_encode(command.peer)),
                              json::object());
  if (!answer)
    return answer.exit;
  print_change(at, answer.body);
  at.world.out.flush();
  say(at, at.global.dry_run ? "nothing was changed"
                            : "revoked; a running node is closed to it within a second");
  return exit_code::done;
}

void add_folder(CLI::App& app, std::optional<std::string>& into, const std::string& help) {
  add_text(app, "--data", into, "DIR", help);
}

constexpr const char* offline_help = "folder of a node, instead of asking a running one";

} // namespace

handler define_peer_create(CLI::App& app) {
  auto folder = std::make_shared<std::optional<std::string>>();
  add_folder(app, *folder, "folder of the node (default ./skein-data)");
  return [folder](context& at) { return create(at, folder->value_or(node_options{}.data_dir)); };
}

handler define_peer_list(CLI::App& app) {
  auto folder = std::make_shared<std::optional<std::string>>();
  add_folder(app, *folder, offline_help);
  return [folder](context& at) { return list(at, *folder); };
}

handler define_peer_allow(CLI::App& app) {
  auto options = std::make_shared<peer_options>();
  add_argument(app, "NAME", options->name, "the other node's name");
  add_argument(app, "KEY", options->key, "its public key, as its 'skein peer create' prints it");
  add_choice(app, "--role", options->role, "node", "what it is (default node)");
  add_folder(app, options->folder, offline_help);
  return [options](context& at) { return allow(at, *options); };
}

handler define_peer_revoke(CLI::App& app) {
  auto options = std::make_shared<peer_options>();
  add_argument(app, "NAME", options->name, "the other node's name");
  add_folder(app, options->folder, offline_help);
  return [options](context& at) { return revoke(at, *options); };
}

} // namespace skein::cli
