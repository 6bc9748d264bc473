// engine: which configuration the nodes work by, and what one asks another to do about its own.
#include "actors/arguments.hpp"
#include "actors/config_asks.hpp"
#include "actors/engine_impl.hpp"

#include <nlohmann/json.hpp>

#include <mutex>

namespace skein {

frame_header engine::impl::config_header(const std::string& to) const {
  const std::string part{config_part};
  return {{setup.settings.node, part}, {to, part}, 0, setup.settings.boot};
}

void engine::tell_config(std::string view, std::uint64_t generation, const std::string& hash) {
  const std::string& self = impl_->setup.settings.node;
  {
    const std::lock_guard lock{impl_->config_mutex};
    config_facts known = impl_->config_known->read();
    known.own = std::move(view);
    known.nodes[self] = {generation, hash, impl_->setup.settings.loops,
                         impl_->setup.clock->now().boot};
    impl_->config_known->write(known);
  }
  const std::string words = nlohmann::json{{"op", "config"},
                                           {"generation", generation},
                                           {"hash", hash},
                                           {"loops", impl_->setup.settings.loops}}
                                .dump();
  for (const std::string& each : other_nodes())
    impl_->bus("gateway")->send(encode_frame(impl_->config_header(each), query{0, words}));
}

void engine::impl::hear_config(const frame& told) {
  if (told.header.from.node == setup.settings.node)
    return;
  if (const auto* said_back = std::get_if<answer>(&told.body))
    return asks->settle(said_back->request, told.header.from.node,
                        {said_back->code, said_back->json});
  const auto* asked = std::get_if<query>(&told.body);
  const auto words =
      asked == nullptr ? nlohmann::json{} : nlohmann::json::parse(asked->json, nullptr, false);
  if (!words.is_object())
    return;
  if (said(words, "op") == "ask")
    return answer_ask(told.header, asked->request, words);
  if (!words.contains("generation") || !words["generation"].is_number_unsigned())
    return;
  const std::lock_guard lock{config_mutex};
  config_facts known = config_known->read();
  const auto loops = skein::number_of(words, "loops");
  if (!loops || loops->value_or(0) > loops_max)
    return;
  known.nodes[told.header.from.node] = {
      words["generation"].get<std::uint64_t>(), said(words, "hash"),
      static_cast<std::uint32_t>(loops->value_or(0)), setup.clock->now().boot};
  config_known->write(known);
}

// ---- asking another node ------------------------------------------------------------------------

void engine::ask_config(const std::string& node, const caller& by, const std::string& operation,
                        const std::string& arguments, std::function<void(api_answer)> done) {
  const std::string words = nlohmann::json{
      {"op", "ask"},
      {"operation", operation},
      {"arguments", arguments},
      {"who", by.who}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  impl_->asks->ask(node, std::move(done), [&](std::uint64_t request) {
    return encode_frame(impl_->config_header(node), query{request, words});
  });
}

/// Sent again until it is answered.
void engine::impl::answer_ask(const frame_header& asker, std::uint64_t request,
                              const nlohmann::json& words) {
  if (!asks->is_new(asker, request))
    return;
  auto answered = [back = asks, asker, request, boot = setup.settings.boot](api_answer how) {
    constexpr std::size_t bytes_max = 64 << 10;
    if (how.body.size() > bytes_max)
      how.body = how.code == errc::none ? "{}" : how.body.substr(0, bytes_max);
    back->answer_to(asker, request,
                    encode_frame({asker.to, asker.from, 0, boot},
                                 answer{request, how.code, std::move(how.body)}));
  };
  if (setup.config_asked)
    setup.config_asked({said(words, "who"), "node " + asker.from.node}, said(words, "operation"),
                       said(words, "arguments"), std::move(answered));
}

std::vector<std::string> engine::other_nodes() const {
  std::vector<std::string> others;
  for (const broadcast_member& each : impl_->members())
    if (each.node != impl_->setup.settings.node)
      others.push_back(each.node);
  return others;
}

} // namespace skein
