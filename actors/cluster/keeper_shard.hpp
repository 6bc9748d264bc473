// The jobs, the tokens and the records of what people changed are one node's: whose this shard is
// (docs/decisions/0028).
#pragma once

#include "protocol/ids.hpp"

namespace skein {

inline constexpr shard_id keeper_shard{0};

} // namespace skein
