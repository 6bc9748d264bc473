#include "journal/store_identity.hpp"

#include "protocol/text.hpp"

namespace skein::journal {

namespace {

/// splitmix64: spreads one seed over as many words as are asked for.
std::uint64_t next_word(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15ull;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

} // namespace

store_identity new_store_identity(const open_options& options) {
  std::uint64_t state = options.seed;
  store_identity made;
  made.store_id = hex_of(next_word(state));
  made.hash.shards = options.shards;
  made.hash.seed_high = next_word(state);
  made.hash.seed_low = next_word(state);
  made.hash_name = hash_name;
  return made;
}

result<void> check_options(const open_options& options) {
  if (options.shards == 0 || options.shards > limits::shards_max)
    return error{errc::invalid_argument, "a store has 1 to 65,536 shards"};
  const std::uint64_t range = options.range_events;
  if (range == 0 || (range & (range - 1)) != 0 || range > limits::range_events)
    return error{errc::invalid_argument, "a range has a power of two of events, 262,144 at most"};
  if (options.retention < options.dedupe_window)
    return error{errc::invalid_argument,
                 "the retention time is shorter than the dedupe window: a repeat would name an "
                 "event that is gone"};
  return {};
}

result<void> check_identity(const store_identity& identity, const open_options& options) {
  if (identity.hash.shards != options.shards)
    return error{errc::store_mismatch, "the store has " + std::to_string(identity.hash.shards) +
                                           " shards and the configuration says " +
                                           std::to_string(options.shards) +
                                           "; the count is fixed when a store is made"};
  if (identity.hash_name != hash_name)
    return error{errc::store_mismatch, "the store hashes keys with '" + identity.hash_name +
                                           "', this program with '" + std::string{hash_name} + "'"};
  return {};
}

} // namespace skein::journal
