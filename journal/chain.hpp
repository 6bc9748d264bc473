// The chain over a store's commits: each one's digest covers the digest before it, so that the
// digest of a commit stands for everything up to it. Against damage and lost ends, not against
// somebody who computes digests himself.
#pragma once

#include "protocol/ids.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace skein::journal {

/// What the first commit follows: no two stores have the same chain.
hash128 first_digest(std::string_view store_id);

/// `commit_crc` of the commit's own row; `records` the CRCs of its events, outcomes and attempts,
/// each in the order in which the commit names them.
hash128 next_digest(const hash128& before, std::uint64_t number, std::uint32_t commit_crc,
                    std::span<const std::uint32_t> records);

/// 16 bytes, big-endian, and back; empty for any other number of bytes.
std::string digest_bytes(const hash128& digest);
std::optional<hash128> digest_of_bytes(std::string_view bytes);

} // namespace skein::journal
