#include "journal/high_water.hpp"

#include "journal/byte_words.hpp"
#include "journal/crc32c.hpp"

#include <utility>

namespace skein::journal {

namespace {

constexpr std::string_view magic = "skein-hw";
constexpr std::uint64_t version = 1;
constexpr std::size_t store_id_bytes = 16;
constexpr std::size_t crc_bytes = 4;
constexpr std::size_t slots = 2;

result<void> write_and_sync(vfs_file& file, std::string_view bytes, std::size_t at) {
  auto written = file.write(bytes, at);
  return written ? file.sync() : written;
}

} // namespace

std::string write_slot(const high_water_mark& mark) {
  SKEIN_CHECK(mark.store_id.size() == store_id_bytes);
  std::string bytes{magic};
  append_number(bytes, version, 4);
  bytes += mark.store_id;
  append_word(bytes, raw(mark.commit));
  append_word(bytes, mark.digest.high);
  append_word(bytes, mark.digest.low);
  bytes.resize(high_water_slot_bytes - crc_bytes);
  append_number(bytes, crc32c(bytes), crc_bytes);
  return bytes;
}

result<std::optional<high_water_mark>> read_slot(std::string_view bytes) {
  constexpr std::size_t covered = high_water_slot_bytes - crc_bytes;
  if (bytes.size() != high_water_slot_bytes || !bytes.starts_with(magic) ||
      read_number(bytes.substr(covered), crc_bytes) != crc32c(bytes.substr(0, covered)))
    return std::optional<high_water_mark>{};
  bytes.remove_prefix(magic.size());
  const std::uint64_t found = read_number(bytes, 4);
  if (found != version)
    return error{errc::store_version, "the file high-water has version " + std::to_string(found) +
                                          ", this program knows " + std::to_string(version) +
                                          "; start it with the newer program"};
  bytes.remove_prefix(4);
  high_water_mark mark{
      .store_id = std::string{bytes.substr(0, store_id_bytes)}, .commit = {}, .digest = {}};
  bytes.remove_prefix(store_id_bytes);
  mark.commit = commit_no{read_word(bytes)};
  mark.digest = {read_word(bytes.substr(8)), read_word(bytes.substr(16))};
  return std::optional{std::move(mark)};
}

high_water::high_water(const std::string& directory, const guarded_vfs& vfs)
  : path_{directory + "/high-water"}, vfs_{vfs.name()} {}

high_water::~high_water() = default;

result<std::optional<high_water_mark>> high_water::read() {
  const auto there = vfs_file::exists(vfs_, path_);
  if (!there)
    return there.error();
  if (!*there)
    return std::optional<high_water_mark>{};
  const auto opened = vfs_file::open(vfs_, path_, vfs_file::how::read);
  if (!opened)
    return opened.error();
  std::string bytes(slots * high_water_slot_bytes, '\0');
  if (auto done = (*opened)->read(bytes.data(), bytes.size(), 0); !done)
    return done.error();
  is_there_ = true;
  std::optional<high_water_mark> newest;
  for (std::size_t slot = 0; slot < slots; ++slot) {
    auto found = read_slot(
        std::string_view{bytes}.substr(slot * high_water_slot_bytes, high_water_slot_bytes));
    if (!found)
      return found.error();
    if (*found && (!newest || (*found)->commit > newest->commit)) {
      newest = std::move(*found);
      slot_ = slot;
    }
  }
  has_mark_ = newest.has_value();
  mark_ = newest.value_or(high_water_mark{});
  return newest;
}

result<void> high_water::start(const high_water_mark& mark) {
  auto opened = vfs_file::open(vfs_, path_, vfs_file::how::write);
  if (!opened)
    return opened.error();
  file_ = std::move(*opened);
  if (has_mark_)
    return mark == mark_ ? result<void>{} : put(mark);
  // Whole at once: no later write makes the file longer.
  const std::string both = write_slot(mark) + std::string(high_water_slot_bytes, '\0');
  if (auto written = write_and_sync(*file_, both, 0); !written)
    return written;
  slot_ = 0;
  mark_ = mark;
  return {};
}

result<void> high_water::write(commit_no commit, const hash128& digest) {
  return put({mark_.store_id, commit, digest});
}

result<void> high_water::put(const high_water_mark& mark) {
  const std::size_t other = (slot_ + 1) % slots;
  if (auto written = write_and_sync(*file_, write_slot(mark), other * high_water_slot_bytes);
      !written)
    return written;
  slot_ = other;
  mark_ = mark;
  return {};
}

} // namespace skein::journal
