#include "nodes/access/stored_tokens.hpp"

#include "actors/access/access_reading.hpp"
#include "nodes/access/token_maker.hpp"
#include "nodes/clock/engine_time.hpp"
#include "nodes/config/http_address.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>

namespace skein {

namespace {

access_settings settings_for(const node_options& options, const journal::store_identity& store) {
  access_settings of;
  of.node = options.settings.node;
  of.epoch = static_cast<epoch_no>(store.boot);
  return of;
}

result<void> read_tokens(journal::engine& store, access_core& into) {
  const auto names = store.agent_names();
  const auto at = std::find(names.begin(), names.end(), tokens_agent);
  if (at == names.end())
    return {};
  auto reader = store.new_reader();
  if (!reader)
    return reader.error();
  return recover_tokens(**reader, static_cast<agent_no>(at - names.begin()), into);
}

std::string how_to_make_one(const node_options& options) {
  if (options.shares_its_store())
    return "skein token create --role admin --server http://127.0.0.1:PORT";
  if (options.config_file.empty())
    return "skein token create --role admin --data " + options.data_dir;
  return fmt::format("skein token create --role admin --config {} --node {} --data {}",
                     options.config_file, options.settings.node, options.data_dir);
}

/// One that did not end in order stays so: the next start looks at what may have been running.
void close_as_found(journal::engine& store) {
  if (store.identity().clean)
    (void)store.close();
}

/// The step that the keeper of tokens would make, and what it answers.
struct one_step {
  journal::keep_op op;
  api_answer answer;
};

one_step ask_core(access_core& core, access_command_in input, moment now) {
  std::vector<access_effect> out;
  core.start(now, out);
  core.step(std::move(input), now, out);
  one_step step;
  for (access_effect& each : out) {
    if (auto* submit = std::get_if<submit_effect>(&each))
      step.op = std::get<journal::keep_op>(std::move(submit->batch.front()));
    if (auto* answer = std::get_if<access_answer_effect>(&each))
      step.answer = std::move(answer->answer);
  }
  return step;
}

result<made_token> put_token(journal::engine& store, const node_options& options,
                             const token_wish& wish, instant now) {
  access_settings settings = settings_for(options, store.identity());
  const auto tokens = store.agent_number(tokens_agent);
  const auto audit = store.agent_number(audit_agent);
  if (!tokens || !audit)
    return !tokens ? tokens.error() : audit.error();
  settings.tokens_agent = *tokens;
  settings.audit_agent = *audit;
  access_core core{settings};
  if (auto read = read_tokens(store, core); !read)
    return read.error();
  new_token made = make_token(wish.may);
  nlohmann::json words{{"role", to_text(wish.may)},
                       {"name", wish.name},
                       {"prefix", made.prefix},
                       {"digest", to_hex(made.digest)}};
  if (wish.life > duration{0})
    words["expires_in"] = format_duration(wish.life);
  const moment at{now, boot_time{} + std::chrono::hours{1}};
  one_step step =
      ask_core(core, {1, {"offline", "this machine"}, "token.create", words.dump()}, at);
  if (step.answer.code != errc::none)
    return error{step.answer.code, step.answer.body};
  if (auto done = store.recover([](const journal::pending_event&) {}); !done)
    return done.error();
  const std::vector<journal::operation> batch{std::move(step.op)};
  const auto receipt = store.commit(batch, now);
  if (!receipt)
    return receipt.error();
  std::vector<access_effect> out;
  core.step(committed_in{*receipt, {}}, at, out);
  made_token told;
  told.text = made.text.reveal();
  for (const access_effect& each : out)
    if (const auto* answer = std::get_if<access_answer_effect>(&each))
      told.page = answer->answer.body;
  return told;
}

} // namespace

result<void> check_guarded(const node_options& options, journal::engine& store, instant now) {
  if (is_loopback(options.http_host))
    return {};
  const std::string where = to_string(http_address{options.http_host, options.http_port});
  access_core core{settings_for(options, store.identity())};
  if (auto read = read_tokens(store, core); !read)
    return read.error();
  const auto valid = core.valid_tokens();
  const bool somebody = std::any_of(valid.begin(), valid.end(),
                                    [&](const access_token& each) { return each.is_valid(now); });
  if (somebody && options.tls.given())
    return {};
  close_as_found(store);
  if (!options.tls.given())
    return error{errc::invalid_config,
                 fmt::format("Other machines can reach {}, and there is no TLS: give certificate "
                             "and key in [tls], or serve 127.0.0.1.",
                             where)};
  if (options.ephemeral)
    return error{errc::invalid_config,
                 fmt::format("Other machines can reach {}, and a store in memory keeps no tokens: "
                             "serve 127.0.0.1, or keep the store in a folder.",
                             where)};
  return error{errc::invalid_config,
               fmt::format("Other machines can reach {}, and nobody has a valid token yet. Make "
                           "one first: {}",
                           where, how_to_make_one(options))};
}

result<made_token> make_stored_token(const node_options& options, const token_wish& wish,
                                     instant now, std::uint64_t seed) {
  std::error_code ignored;
  if (options.ephemeral)
    return error{errc::invalid_argument, "a store in memory keeps no tokens"};
  if (options.shares_its_store())
    return error{errc::invalid_argument,
                 "nodes share this store, and one of them keeps the tokens; make the first one at "
                 "a node of it that serves 127.0.0.1, without --config: " +
                     how_to_make_one(options)};
  if (options.config_file.empty() && !std::filesystem::exists(options.data_dir, ignored))
    return error{errc::not_found, "there is no folder " + options.data_dir +
                                      "; with --config one is made as the node would make it"};
  auto store = journal::open(options.store_url(), store_options(options, now, seed));
  if (!store)
    return store.error();
  if (!(**store).identity().clean)
    return error{
        errc::state_conflict,
        "the node did not end in order: start it once with http = \"127.0.0.1:0\" and stop "
        "it, or make the token there with --server"};
  auto made = put_token(**store, options, wish, now);
  if (!made) {
    close_as_found(**store);
    return made;
  }
  if (auto closed = (**store).close(); !closed)
    return closed.error();
  return made;
}

} // namespace skein
