// A node's broker as its configuration and its folder say: alone, or with other nodes.
#pragma once

#include "nodes/broker/mesh.hpp"
#include "nodes/config/node_options.hpp"
#include "protocol/result.hpp"

#include <memory>
#include <optional>

namespace skein {

class broker;

/// Empty: the node has no links to others. invalid_config: a broker on tcp without a key, with the
/// command that makes one; else what is wrong with the key or the list of peers.
result<std::optional<mesh_settings>> read_mesh(const node_options& options);

/// Takes the settings. Says where it listens.
result<std::unique_ptr<broker>> open_broker(const node_options& options,
                                            std::optional<mesh_settings> mesh);

} // namespace skein
