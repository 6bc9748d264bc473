#include "journal/sqlite_repair.hpp"

#include "journal/checked_rows.hpp"
#include "journal/high_water.hpp"
#include "journal/salvage.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_file.hpp"
#include "journal/sqlite_options.hpp"
#include "journal/sqlite_verify.hpp"
#include "journal/store_folder.hpp"
#include "journal/store_identity.hpp"
#include "journal/store_lock.hpp"
#include "journal/store_rebuild.hpp"
#include "journal/store_swap.hpp"
#include "protocol/text.hpp"
#include "protocol/unique_fd.hpp"

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include <utility>

namespace skein::journal {

namespace {

/// The rows of `meta` do not match their checksum, but what the rest is made with is what they say.
bool is_confirmed(salvage& found, const store_identity& identity, const high_water& mark) {
  constexpr std::int64_t looked_at_max = 1'000;
  if (mark.mark().store_id != identity.store_id)
    return false;
  const std::int64_t last = found.last_commit();
  for (std::int64_t number = last; number > 0 && number > last - looked_at_max; --number) {
    const auto commit = found.commit(number);
    if (!commit || commit->events == 0 || commit->identities.size() < identity_entry_bytes)
      continue;
    const hash128 known = read_identity(commit->identities, 0).identity;
    const auto row = found.event(commit->first_event);
    const auto value = row ? decode_event(row->body) : error{errc::not_found, ""};
    if (value)
      return print_of(*value, identity.hash).identity == known &&
             raw(shard_of(value->key(), identity.hash)) == static_cast<std::uint64_t>(row->shard);
  }
  return false;
}

result<store_identity> identity_of(salvage& found, const high_water& mark) {
  const auto number = [&](const char* name) -> std::optional<std::uint64_t> {
    const auto text = found.meta(name);
    std::uint64_t value = 0;
    if (!text ||
        std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc{})
      return std::nullopt;
    return value;
  };
  store_identity made;
  made.store_id = found.meta("store_id").value_or(mark.mark().store_id);
  made.hash_name = found.meta("hash").value_or(std::string{hash_name});
  const auto shards = number("shards");
  const auto high = word_of_hex(found.meta("seed_high").value_or("none"));
  const auto low = word_of_hex(found.meta("seed_low").value_or("none"));
  if (made.store_id.size() != 16 || !shards || *shards < 1 || *shards > limits::shards_max ||
      !high || !low)
    return error{errc::store_corrupt,
                 "the table 'meta' is lost, and with it how keys are hashed: no store can be built "
                 "from the rest; keep a copy of the whole directory and restore a backup"};
  made.hash = {static_cast<std::uint32_t>(*shards), *high, *low};
  if (!found.is_meta_whole() && !is_confirmed(found, made, mark))
    return error{errc::store_corrupt,
                 "the table 'meta' is damaged, and nothing confirms what it says of how keys are "
                 "hashed; keep a copy of the whole directory and restore a backup"};
  // Above every epoch that was ever given.
  made.boot = std::max(number("boot").value_or(0), found.epoch_max());
  return made;
}

/// Of a file whose first page is there.
bool has_version(const std::string& directory) {
  auto db = database::open(journal_file(directory), {.write = false, .vfs = {}});
  const auto version = db ? db->number("PRAGMA user_version") : db.error();
  return version.ok() && *version != 0;
}

result<void> check_before(const std::string& directory, repair_report& report) {
  const auto verified = verify_sqlite(directory);
  if (!verified) {
    if (verified.error().code == errc::store_version && has_version(directory))
      return verified.error();
    report.problems.push_back(without_advice(verified.error().detail));
    return {};
  }
  report.problems = verified->problems;
  report.store_id = verified->store_id;
  report.last = verified->last;
  report.marked = verified->marked;
  return {};
}

result<void> write_file(const std::string& path, const std::string& text) {
  if (auto made = make_private_file(path); !made)
    return made;
  const unique_fd fd{::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW)};
  if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(fd.get()) != 0)
    return system_error(errno, "writing " + path);
  return {};
}

/// "damaged-20260131T120000Z", another one if that is taken.
std::string name_aside(const std::string& directory, instant now) {
  std::string name = "damaged-";
  for (const char each : format_rfc3339(std::chrono::floor<std::chrono::seconds>(now)))
    if (each != '-' && each != ':')
      name += each;
  std::string found = name;
  for (int i = 2; std::filesystem::exists(directory + "/" + found); ++i)
    found = name + "-" + std::to_string(i);
  return found;
}

/// What a repair that was stopped before its swap has left.
result<void> clear_new_store(const std::string& directory) {
  std::error_code problem;
  std::filesystem::remove_all(new_store_folder(directory), problem);
  return problem ? system_error(problem.value(), "removing " + new_store_folder(directory))
                 : result<void>{};
}

result<void> check_built(const std::string& directory, repair_report& report) {
  const auto verified = verify_sqlite(new_store_folder(directory));
  if (!verified)
    return verified.error();
  if (!verified->problems.empty())
    return error{errc::internal, "the new store is not whole: " + verified->problems.front()};
  report.counted = verified->counted.events;
  return {};
}

result<void> take_its_place(const repair_options& options, repair_report& report) {
  const std::string name = name_aside(options.directory, options.now);
  report.aside = options.directory + "/" + name;
  report.repaired = true;
  if (auto made = make_private_directory(report.aside); !made)
    return made;
  if (auto written = write_file(report.aside + "/repair-report.json", options.write_report(report));
      !written)
    return written;
  if (auto synced = sync_directory(report.aside); !synced)
    return synced;
  if (options.may_go_on && !options.may_go_on())
    return error{errc::io_error, "stopped"};
  if (auto begun = begin_swap(options.directory, name); !begun)
    return begun;
  return finish_swap(options.directory, options.may_go_on);
}

} // namespace

result<repair_report> repair_sqlite(const repair_options& options) {
  const std::string& directory = options.directory;
  if (!is_swap_begun(directory)) // else this ends it
    if (auto there = require_store(directory); !there)
      return there.error();
  if (auto safe = check_store_files(directory); !safe)
    return safe.error();
  auto lock = store_lock::take(directory, store_lock_patience);
  if (!lock)
    return lock.error();
  if (auto swapped = finish_swap(directory); !swapped)
    return swapped.error();
  repair_report report;
  if (auto checked = check_before(directory, report); !checked)
    return checked.error();
  if (!report.is_needed())
    return report;
  guarded_vfs guard{""};
  high_water mark{directory, guard};
  if (const auto read = mark.read(); !read && read.error().code == errc::store_version)
    return read.error();
  report.marked = mark.mark().store_id.empty() ? std::nullopt : std::optional{mark.mark().commit};
  auto found = salvage::open(directory);
  if (!found)
    return found.error();
  report.damages = (*found)->damages();
  auto identity = identity_of(**found, mark);
  if (!identity)
    return identity.error();
  report.store_id = identity->store_id;
  if (options.apply)
    if (auto cleared = clear_new_store(directory); !cleared)
      return cleared.error();
  if (auto done = rebuild_store(**found, *identity, mark.mark(), options, report); !done)
    return done.error();
  if (!options.apply)
    return report;
  if (auto whole = check_built(directory, report); !whole)
    return whole.error();
  if (auto done = take_its_place(options, report); !done)
    return done.error();
  return report;
}

} // namespace skein::journal
