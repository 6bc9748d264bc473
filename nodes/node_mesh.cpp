#include "nodes/node_mesh.hpp"

#include "nodes/broker/broker.hpp"
#include "nodes/broker/peer_files.hpp"
#include "protocol/text.hpp"

namespace skein {

namespace {

void log_news(const peer_news& news) {
  log(log_level::info, "broker", news.up ? "peer-up" : "peer-down",
      news.up ? "frames go to it" : "it does not answer; frames for it are not sent",
      {{"peer", news.peer}, {"boot", hex_of(news.boot)}});
}

} // namespace

result<std::optional<mesh_settings>> read_mesh(const node_options& options) {
  if (options.broker.empty())
    return std::optional<mesh_settings>{};
  auto keys = load_peer_key(options.data_dir);
  if (!keys)
    return keys.error();
  if (!*keys && options.broker.starts_with("tcp:"))
    return error{errc::invalid_config,
                 "The broker at " + options.broker +
                     " needs a key, so that nobody else gets in; make it with: skein peer create "
                     "--data " +
                     options.data_dir};
  auto allowed = load_peers(options.data_dir);
  if (!allowed)
    return allowed.error();
  mesh_settings mesh;
  mesh.endpoint = options.broker;
  mesh.keys = *std::move(keys);
  mesh.allowed = *std::move(allowed);
  mesh.peers = options.peers;
  mesh.news = log_news;
  mesh.log = log;
  return std::optional{std::move(mesh)};
}

result<std::unique_ptr<broker>> open_broker(const node_options& options,
                                            std::optional<mesh_settings> mesh) {
  if (!mesh)
    return std::make_unique<broker>(options.settings.node);
  auto opened = broker::open(options.settings.node, *std::move(mesh));
  if (opened)
    log(log_level::info, "broker", "broker-listens",
        "other nodes may connect at " + (*opened)->mesh().endpoint,
        {{"address", (*opened)->mesh().endpoint}, {"boot", hex_of((*opened)->mesh().boot)}});
  return opened;
}

} // namespace skein
