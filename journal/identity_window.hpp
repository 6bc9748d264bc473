// Which identities were accepted within the dedupe window: what a batch is judged by. Exact by
// time; at the budget nothing is inserted, and nothing goes before its time.
#pragma once

#include "protocol/ids.hpp"
#include "protocol/result.hpp"
#include "protocol/time.hpp"

#include <optional>
#include <span>

namespace skein::journal {

/// An identity and the shard that its key belongs to.
struct placed_identity {
  shard_id shard{};
  hash128 identity;
};

class identity_window {
 public:
  struct known {
    std::uint64_t content = 0;
    std::uint64_t sequence = 0;
  };
  virtual ~identity_window() = default;

  /// The event that has this identity, unless it is out of the window at `now`.
  virtual result<std::optional<known>> find(const placed_identity& which, instant now) = 0;
  /// find() will be asked for these, in this order, before anything is kept.
  virtual result<void> look_ahead(std::span<const placed_identity> identities) = 0;
  /// Asks the memory for what find() begins with.
  virtual void prefetch(const placed_identity& which) const noexcept = 0;
  /// Sequences grow; `at` does not go back. False if there is no room: then nothing was inserted.
  virtual result<bool> insert(const placed_identity& which, std::uint64_t content,
                              std::uint64_t sequence, instant at) = 0;
  /// Forgets what was inserted from this sequence on, and was not kept.
  virtual void take_back(std::uint64_t sequence) = 0;
  /// Sweeps out at most so many identities in memory that are old enough; false when there are no
  /// more.
  virtual bool sweep(instant now, std::size_t records_max) = 0;
};

} // namespace skein::journal
