#include "journal/dedupe_file.hpp"

#include "journal/byte_words.hpp"
#include "journal/crc32c.hpp"
#include "protocol/text.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace skein::journal {

namespace {

constexpr std::string_view magic = "skein-id";
constexpr std::uint64_t version = 2; // 1 had other positions in its filter
constexpr std::size_t store_id_bytes = 16;
constexpr std::size_t crc_bytes = 4;
constexpr std::size_t covered = bucket_block_bytes - crc_bytes;
constexpr std::size_t identity_bytes = 16;
static_assert(bucket_block_entries == 113);

std::uint64_t blocks_of(std::uint64_t identities) noexcept {
  return (identities + bucket_block_entries - 1) / bucket_block_entries;
}

constexpr std::uint64_t block_at(std::size_t number) noexcept {
  return (1 + number) * bucket_block_bytes;
}

std::string bytes_of(const hash128& identity) {
  std::string bytes;
  append_word(bytes, identity.high);
  append_word(bytes, identity.low);
  return bytes;
}

} // namespace

std::string bucket_place::path() const { return directory + "/" + hex_of(begin) + ".ids"; }

std::string write_header(const bucket_header& header) {
  SKEIN_CHECK(header.store_id.size() == store_id_bytes);
  std::string bytes{magic};
  append_number(bytes, version, 4);
  bytes += header.store_id;
  append_word(bytes, header.first);
  append_word(bytes, header.last);
  append_word(bytes, static_cast<std::uint64_t>(to_ns(header.first_at)));
  append_word(bytes, static_cast<std::uint64_t>(to_ns(header.last_at)));
  append_word(bytes, raw(header.seal.commit));
  append_word(bytes, header.seal.digest.high);
  append_word(bytes, header.seal.digest.low);
  append_word(bytes, header.identities);
  append_number(bytes, header.directory_crc, crc_bytes);
  append_number(bytes, header.filter_crc, crc_bytes);
  bytes.resize(covered);
  append_number(bytes, crc32c(bytes), crc_bytes);
  return bytes;
}

std::optional<bucket_header> read_header(std::string_view bytes) {
  if (bytes.size() != bucket_block_bytes || !bytes.starts_with(magic) ||
      read_number(bytes.substr(covered), crc_bytes) != crc32c(bytes.substr(0, covered)))
    return std::nullopt;
  bytes.remove_prefix(magic.size());
  if (read_number(bytes, 4) != version)
    return std::nullopt;
  bucket_header header;
  header.store_id = bytes.substr(4, store_id_bytes);
  bytes.remove_prefix(4 + store_id_bytes);
  const auto next = [&](std::size_t size) {
    const std::uint64_t number = read_number(bytes, size);
    bytes.remove_prefix(size);
    return number;
  };
  header.first = next(8);
  header.last = next(8);
  header.first_at = from_ns(static_cast<std::int64_t>(next(8)));
  header.last_at = from_ns(static_cast<std::int64_t>(next(8)));
  header.seal.commit = commit_no{next(8)};
  header.seal.digest.high = next(8);
  header.seal.digest.low = next(8);
  header.identities = next(8);
  header.directory_crc = static_cast<std::uint32_t>(next(crc_bytes));
  header.filter_crc = static_cast<std::uint32_t>(next(crc_bytes));
  return header;
}

std::uint32_t block_crc(std::uint64_t begin, std::uint64_t number, std::string_view entries) {
  std::string place;
  append_word(place, begin);
  append_word(place, number);
  return crc32c(entries, crc32c(place));
}

result<std::optional<bucket_file>> bucket_file::open(const bucket_place& place) {
  const auto there = vfs_file::exists(place.vfs, place.path());
  if (!there)
    return there.error();
  std::optional<bucket_file> none;
  if (!*there)
    return none;
  bucket_file opened;
  opened.place_ = place;
  auto file = vfs_file::open(place.vfs, place.path(), vfs_file::how::read);
  if (!file)
    return none;
  opened.file_ = std::move(*file);
  std::string bytes(bucket_block_bytes, '\0');
  if (!opened.file_->read(bytes.data(), bytes.size(), 0))
    return none;
  auto header = read_header(bytes);
  if (!header || header->store_id != place.store_id || header->first < place.begin ||
      header->last != place.last() || header->first > header->last ||
      header->identities != header->last - header->first + 1)
    return none;
  opened.header_ = std::move(*header);
  const std::uint64_t blocks = blocks_of(opened.header_.identities);
  const std::uint64_t behind = (1 + blocks) * bucket_block_bytes;
  std::string directory(blocks * 8, '\0');
  opened.filter_.resize(filter_size(place.size) / 8);
  if (!opened.file_->read(directory.data(), directory.size(), behind) ||
      !opened.file_->read(opened.filter_.data(), opened.filter_.size(),
                          behind + directory.size()) ||
      crc32c(directory) != opened.header_.directory_crc ||
      crc32c(opened.filter_) != opened.header_.filter_crc)
    return none;
  for (std::uint64_t i = 0; i < blocks; ++i)
    opened.directory_.push_back(read_word(std::string_view{directory}.substr(i * 8)));
  return std::optional{std::move(opened)};
}

std::uint64_t bucket_bytes(std::uint64_t identities, std::uint64_t size) {
  const std::uint64_t blocks = (identities + bucket_block_entries - 1) / bucket_block_entries;
  return (1 + blocks) * bucket_block_bytes + blocks * 8 + filter_size(size) / 8;
}

std::uint64_t bucket_file::bytes() const noexcept {
  return bucket_bytes(header_.identities, place_.size);
}

std::size_t bucket_file::entries_of(std::size_t block) const noexcept {
  return block + 1 < directory_.size()
             ? bucket_block_entries
             : static_cast<std::size_t>(header_.identities) - block * bucket_block_entries;
}

result<void> bucket_file::read_block(std::size_t number, std::string& bytes) {
  bytes.resize(bucket_block_bytes);
  if (auto done = file_->read(bytes.data(), bytes.size(), block_at(number)); !done)
    return done;
  const std::string_view all{bytes};
  return read_number(all.substr(covered), crc_bytes) ==
                 block_crc(place_.begin, number, all.substr(0, covered))
             ? result<void>{}
             : error{errc::store_corrupt,
                     place_.path() + ": block " + std::to_string(number) + " is damaged"};
}

std::size_t bucket_file::first_block_of(const hash128& identity) const noexcept {
  const auto behind = std::lower_bound(directory_.begin(), directory_.end(), identity.high);
  const auto number = static_cast<std::size_t>(behind - directory_.begin());
  return number > 0 ? number - 1 : 0; // the block before may end with it
}

void bucket_file::will_find(const hash128& identity) noexcept {
  file_->will_read(bucket_block_bytes, block_at(first_block_of(identity)));
}

result<std::optional<bucket_file::entry>> bucket_file::find(const hash128& identity) {
  std::optional<entry> newest;
  std::size_t number = first_block_of(identity);
  const std::string wanted = bytes_of(identity);
  for (; number < directory_.size() && directory_[number] <= identity.high; ++number) {
    if (auto read = read_block(number, block_); !read)
      return read.error();
    const auto identity_at = [&](std::size_t index) {
      return std::string_view{block_}.substr(index * bucket_entry_bytes, identity_bytes);
    };
    const std::size_t entries = entries_of(number);
    std::size_t low = 0;
    for (std::size_t high = entries; low < high;) {
      const std::size_t middle = low + (high - low) / 2;
      (identity_at(middle) < wanted ? low : high) =
          identity_at(middle) < wanted ? middle + 1 : middle;
    }
    for (; low < entries && identity_at(low) == wanted; ++low) {
      const auto rest = std::string_view{block_}.substr(low * bucket_entry_bytes + identity_bytes);
      const std::uint64_t sequence = place_.begin + read_number(rest.substr(8), 4);
      if (!newest || sequence > newest->sequence)
        newest = entry{read_word(rest), sequence,
                       from_ns(static_cast<std::int64_t>(read_word(rest.substr(12))))};
    }
  }
  return newest;
}

result<void> bucket_file::check() {
  for (std::size_t number = 0; number < directory_.size(); ++number)
    if (auto read = read_block(number, block_); !read)
      return read;
  return {};
}

} // namespace skein::journal
