#include "journal/high_water.hpp"

#include "journal/byte_words.hpp"
#include "journal/crc32c.hpp"
#include "journal/sqlite_db.hpp"

#include <array>
#include <new>
#include <utility>

namespace skein::journal {

namespace {

constexpr std::string_view magic = "skein-hw";
constexpr std::uint64_t version = 1;
constexpr std::size_t store_id_bytes = 16;
constexpr std::size_t crc_bytes = 4;
constexpr std::size_t slots = 2;

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

/// The open file. SQLite's name for it must stay for as long as it is open.
class high_water::file {
 public:
  file(sqlite3_vfs* vfs, const std::string& path)
    : name_{sqlite3_create_filename(path.c_str(), "", "", 0, nullptr)}, vfs_{vfs},
      raw_{static_cast<sqlite3_file*>(::operator new(static_cast<std::size_t>(vfs->szOsFile)))} {
    *raw_ = {};
  }
  ~file() {
    if (raw_->pMethods != nullptr)
      raw_->pMethods->xClose(raw_);
    ::operator delete(raw_);
    sqlite3_free_filename(name_);
  }
  file(const file&) = delete;
  file& operator=(const file&) = delete;

  int open(int flags) {
    return vfs_->xOpen(vfs_, name_, raw_, flags | SQLITE_OPEN_MAIN_DB, nullptr);
  }
  int read(std::string& bytes) {
    bytes.resize(slots * high_water_slot_bytes);
    const int code = raw_->pMethods->xRead(raw_, bytes.data(), static_cast<int>(bytes.size()), 0);
    return code == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : code; // what is not there reads as zeros
  }
  int write(std::string_view bytes, std::size_t at) {
    const int code = raw_->pMethods->xWrite(raw_, bytes.data(), static_cast<int>(bytes.size()),
                                            static_cast<sqlite3_int64>(at));
    return code == SQLITE_OK
               ? raw_->pMethods->xSync(raw_, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY)
               : code;
  }

 private:
  sqlite3_filename name_;
  sqlite3_vfs* vfs_;
  sqlite3_file* raw_;
};

high_water::high_water(const std::string& directory, const guarded_vfs& vfs)
  : path_{directory + "/high-water"}, vfs_{vfs.name()} {}

high_water::~high_water() = default;

result<std::optional<high_water_mark>> high_water::read() {
  sqlite3_vfs* const vfs = sqlite3_vfs_find(vfs_.c_str());
  int there = 0;
  int code = vfs->xAccess(vfs, path_.c_str(), SQLITE_ACCESS_EXISTS, &there);
  if (code == SQLITE_OK && there == 0)
    return std::optional<high_water_mark>{};
  std::string bytes;
  file opened{vfs, path_};
  if (code == SQLITE_OK)
    code = opened.open(SQLITE_OPEN_READONLY);
  if (code == SQLITE_OK)
    code = opened.read(bytes);
  if (code != SQLITE_OK)
    return sqlite_error(nullptr, code, "reading " + path_);
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
  file_ = std::make_unique<file>(sqlite3_vfs_find(vfs_.c_str()), path_);
  const int code = file_->open(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (code != SQLITE_OK)
    return sqlite_error(nullptr, code, "opening " + path_);
  if (has_mark_)
    return mark == mark_ ? result<void>{} : put(mark);
  // Whole at once: no later write makes the file longer.
  const std::string both = write_slot(mark) + std::string(high_water_slot_bytes, '\0');
  if (const int written = file_->write(both, 0); written != SQLITE_OK)
    return sqlite_error(nullptr, written, "writing " + path_);
  slot_ = 0;
  mark_ = mark;
  return {};
}

result<void> high_water::write(commit_no commit, const hash128& digest) {
  return put({mark_.store_id, commit, digest});
}

result<void> high_water::put(const high_water_mark& mark) {
  const std::size_t other = (slot_ + 1) % slots;
  const int code = file_->write(write_slot(mark), other * high_water_slot_bytes);
  if (code != SQLITE_OK)
    return sqlite_error(nullptr, code, "writing " + path_);
  slot_ = other;
  mark_ = mark;
  return {};
}

} // namespace skein::journal
