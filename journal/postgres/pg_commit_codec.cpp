#include "journal/postgres/pg_commit_codec.hpp"

#include "journal/byte_words.hpp"

namespace skein::journal {

void append_accepted(std::string& out, const accepted_entry& entry) {
  append_identity(out, entry.known_by);
  append_varint(out, raw(entry.shard));
  append_varint(out, entry.deliveries.size() << 2 | (entry.expires ? 2u : 0u) |
                         (entry.delayed ? 1u : 0u));
  for (const agent_no each : entry.deliveries)
    append_varint(out, raw(each));
}

std::optional<accepted_entry> take_accepted(std::string_view& bytes) {
  if (bytes.size() < identity_entry_bytes)
    return std::nullopt;
  accepted_entry entry;
  entry.known_by = read_identity(bytes, 0);
  bytes.remove_prefix(identity_entry_bytes);
  const auto shard = take_varint(bytes);
  const auto count = take_varint(bytes);
  if (!shard || *shard >= limits::shards_max || !count ||
      *count >> 2 > limits::deliveries_per_event_max)
    return std::nullopt;
  entry.shard = shard_id{static_cast<std::uint32_t>(*shard)};
  entry.delayed = (*count & 1) != 0;
  entry.expires = (*count & 2) != 0;
  for (std::uint64_t left = *count >> 2; left > 0; --left) {
    const auto agent = take_varint(bytes);
    if (!agent || *agent > 0xffff)
      return std::nullopt;
    entry.deliveries.add(agent_no{static_cast<std::uint16_t>(*agent)});
  }
  return entry;
}

} // namespace skein::journal
