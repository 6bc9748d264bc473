#include "journal/chain.hpp"

#include "journal/byte_words.hpp"
#include "protocol/siphash.hpp"

namespace skein::journal {

hash128 first_digest(std::string_view store_id) {
  siphasher hash{0, 0}; // no secret: whoever has the store may check it
  hash.add_field(store_id);
  return hash.finish();
}

hash128 next_digest(const hash128& before, std::uint64_t number, std::uint32_t commit_crc,
                    std::span<const std::uint32_t> records) {
  std::string head = digest_bytes(before);
  append_word(head, number);
  append_word(head, commit_crc);
  siphasher hash{0, 0};
  hash.add(head);
  hash.add({reinterpret_cast<const char*>(records.data()), records.size_bytes()});
  return hash.finish();
}

std::string digest_bytes(const hash128& digest) {
  std::string bytes;
  append_word(bytes, digest.high);
  append_word(bytes, digest.low);
  return bytes;
}

std::optional<hash128> digest_of_bytes(std::string_view bytes) {
  if (bytes.size() != 16)
    return std::nullopt;
  return hash128{read_word(bytes), read_word(bytes.substr(8))};
}

} // namespace skein::journal
