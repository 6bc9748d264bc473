// skein token create | list | revoke
#include "nodes/access/stored_tokens.hpp"
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/node_flags.hpp"
#include "nodes/cli/offline.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"
#include "nodes/random_bits.hpp"
#include "protocol/limits.hpp"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <ostream>

namespace skein::cli {

namespace {

constexpr std::array columns{column{"NAME", "name", weight::whole},
                             column{"ROLE", "role", weight::whole},
                             column{"TOKEN", "prefix"},
                             column{"CREATED", "created"},
                             column{"BY", "by", weight::extra},
                             column{"LAST USED", "last_used"},
                             column{"EXPIRES", "expires"},
                             column{"VALID", "valid", weight::extra}};

struct create_options {
  std::optional<std::string> role, name, expires;
  node_flags
      of; // of the node whose store it is put into; neither a file nor a folder: ask the node
};

/// The token alone on standard output, so that it can go into a file; it is nowhere else.
int show_token(context& at, const std::string& text, const json& page) {
  if (at.global.output != output_format::table) {
    json all{{"token", text}};
    all.update(page);
    print_json(at, all);
    return exit_code::done;
  }
  at.world.out << text << '\n';
  at.world.out.flush();
  say(at, fmt::format("token {} of the role {}, expires: {}; it is not shown again",
                      cell_of(page, "name"), cell_of(page, "role"),
                      cell_of(page, "expires") == "-" ? "never" : cell_of(page, "expires")));
  return exit_code::done;
}

int create_offline(context& at, const create_options& options) {
  int exit = 0;
  const auto of = read_node_options(at, options.of, false, exit);
  if (!of)
    return exit;
  token_wish wish;
  wish.may = *parse_role(*options.role);
  wish.name = options.name.value_or("");
  wish.life = options.expires ? *parse_duration(*options.expires) : duration{0};
  const auto made = make_stored_token(*of, wish, wall_now(), random_bits());
  if (!made)
    return complain_of_store(
        at, "the token cannot be made", made.error(),
        made.error().code == errc::store_locked
            ? "a node runs on it: leave --config and --data out, to ask that node"
            : "");
  return show_token(at, made->text, parse_json(made->page));
}

int create(context& at, const create_options& options) {
  if (!options.role)
    return complain(at, exit_code::usage,
                    {"--role is missing", "",
                     "skein token create --role producer|worker|admin|read", "invalid-argument"});
  if (options.of.node && !options.of.config)
    return complain(at, exit_code::usage,
                    {"--node is given without --config",
                     "it says which node of a file is meant; a running node is asked with --server",
                     "--node goes with --config", "invalid-argument"});
  if (at.global.dry_run) {
    say(at, fmt::format("would make a token of the role {}", *options.role));
    return exit_code::done;
  }
  if (options.of.config || options.of.data)
    return create_offline(at, options);
  json body{{"role", *options.role}};
  if (options.name)
    body["name"] = *options.name;
  if (options.expires)
    body["expires_in"] = *options.expires;
  const auto answer = post(at, "/v1/tokens", body);
  if (!answer)
    return answer.exit;
  json page = answer.body;
  page.erase("token");
  return show_token(at, cell_of(answer.body, "token"), page);
}

int list(context& at) {
  const auto answer = look_up(at, "/v1/tokens");
  if (!answer)
    return answer.exit;
  print_list(at, answer.body, "tokens", columns,
             "there are no tokens; make one with: skein token create --role producer");
  return exit_code::done;
}

int revoke(context& at, const std::string& name) {
  if (at.global.dry_run) {
    say(at, fmt::format("would revoke token {}", name));
    return exit_code::done;
  }
  const auto answer =
      post(at, fmt::format("/v1/tokens/{}/revoke", percent_encode(name)), json::object());
  if (!answer)
    return answer.exit;
  if (at.global.output != output_format::table)
    print_json(at, answer.body);
  else
    say(at, fmt::format("token {} is worthless from now on", name));
  say_warnings(at, answer.body);
  return exit_code::done;
}

} // namespace

handler define_token_create(CLI::App& app) {
  auto options = std::make_shared<create_options>();
  add_choice(app, "--role", options->role, "producer|worker|admin|read", "what it allows");
  add_text(app, "--name", options->name, "NAME", "to know it by (default ROLE-1, ROLE-2, ...)");
  add_span(app, "--expires", options->expires, limits::token_life_max,
           "how long it is valid; for ever if left out");
  add_text(app, "--config", options->of.config, "FILE",
           "put it into the store of a node of this configuration, which is stopped");
  add_text(app, "--node", options->of.node, "NAME", "which of the file's nodes that is");
  add_text(app, "--data", options->of.data, "DIR", "into the store in this folder");
  return [options](context& at) { return create(at, *options); };
}

handler define_token_list(CLI::App&) { return list; }

handler define_token_revoke(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  add_argument(app, "NAME", *name, "name of the token");
  return [name](context& at) { return revoke(at, *name); };
}

} // namespace skein::cli
