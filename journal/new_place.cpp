#include "journal/new_place.hpp"

#include "journal/store_folder.hpp"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <set>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace skein::journal {

namespace {

constexpr std::string_view unfinished = "/unfinished";

error failed(const std::error_code& problem, const std::string& doing) {
  return system_error(problem.value(), doing);
}

bool exists(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

/// What has come to its new place in between stays.
result<void> move_to_new(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0)
    return {};
  // Not every file system knows it.
  if (errno == EINVAL && ::link(from.c_str(), to.c_str()) == 0)
    return ::unlink(from.c_str()) == 0 ? result<void>{} : system_error(errno, "removing " + from);
  return errno == EEXIST ? error{errc::state_conflict, to + " is there already"}
                         : system_error(errno, "moving " + from);
}

} // namespace

new_place::new_place(const std::string& directory)
  : directory_{directory}, folder_{directory + std::string{unfinished}} {}

new_place::new_place(new_place&& other) noexcept
  : directory_{std::move(other.directory_)}, folder_{std::exchange(other.folder_, {})},
    is_new_{other.is_new_}, had_lock_{other.had_lock_}, lock_{std::move(other.lock_)} {}

new_place::~new_place() {
  if (folder_.empty())
    return;
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
  if (lock_ && !had_lock_)
    ::unlink((directory_ + "/lock").c_str()); // the lock on the directory is still ours
  if (is_new_)
    ::rmdir(directory_.c_str()); // not if somebody has put something into it
}

result<void> new_place::check(const std::string& directory) {
  std::error_code problem;
  const auto kind = std::filesystem::status(directory, problem).type();
  if (kind == std::filesystem::file_type::not_found)
    return {};
  if (kind != std::filesystem::file_type::directory)
    return problem ? failed(problem, "looking at " + directory)
                   : error{errc::state_conflict, directory + " is not a directory"};
  // high-water alone: a work was stopped between its last two steps.
  const std::set<std::string> ours{"unfinished", "high-water", "lock", "lost+found"};
  for (std::filesystem::directory_iterator at{directory, problem}, end; !problem && at != end;
       at.increment(problem))
    if (!ours.contains(at->path().filename().string()) ||
        (at->path().filename() == "high-water" &&
         !std::filesystem::exists(directory + std::string{unfinished})))
      return error{errc::state_conflict, directory + " is not empty: there is '" +
                                             at->path().filename().string() +
                                             "' in it; choose a new or an empty folder"};
  return problem ? failed(problem, "looking into " + directory) : result<void>{};
}

result<new_place> new_place::make(const std::string& directory, duration lock_patience) {
  if (auto fits = check(directory); !fits)
    return fits.error();
  std::error_code problem;
  const bool is_new = !std::filesystem::exists(directory, problem);
  if (auto made = make_private_directory(directory); !made)
    return made.error();
  const bool had_lock = exists(directory + "/lock");
  auto lock = store_lock::take(directory, lock_patience);
  if (!lock)
    return lock.error();
  if (auto fits = check(directory); !fits) // somebody may have had it until now
    return fits.error();
  new_place place{directory};
  place.is_new_ = is_new;
  place.had_lock_ = had_lock;
  place.lock_ = std::move(*lock);
  std::filesystem::remove(directory + "/high-water", problem);
  if (!problem)
    std::filesystem::remove_all(place.folder_, problem);
  if (problem)
    return failed(problem, "removing what is left in " + directory);
  if (auto made = make_private_directory(place.folder_); !made)
    return made.error();
  return place;
}

/// journal.db comes last: without it there is no store.
result<void> new_place::settle() {
  if (auto fits = check(directory_); !fits) // a log would be taken for the new store's
    return fits;
  const std::string mark = directory_ + "/high-water";
  if (auto moved = move_to_new(folder_ + "/high-water", mark); !moved)
    return moved;
  if (auto synced = sync_directory(directory_); !synced)
    return synced;
  if (auto moved = move_to_new(folder_ + "/journal.db", directory_ + "/journal.db"); !moved) {
    ::unlink(mark.c_str()); // it is of no store here
    return moved;
  }
  if (auto synced = sync_directory(directory_); !synced)
    return synced;
  std::error_code problem;
  std::filesystem::remove_all(std::exchange(folder_, {}), problem);
  return problem ? failed(problem, "removing what is left in " + directory_) : result<void>{};
}

result<void> check_finished(const std::string& directory) {
  const std::string left = directory + std::string{unfinished};
  if (!exists(left) || exists(directory + "/journal.db"))
    return {};
  return error{errc::store_unfinished,
               left + " is what a restore or an import has left that was stopped before there was "
                      "a store; run it again, or, to begin a new store, remove that folder"};
}

result<void> clear_finished(const std::string& directory) {
  if (auto finished = check_finished(directory); !finished)
    return finished;
  std::error_code problem;
  std::filesystem::remove_all(directory + std::string{unfinished}, problem);
  return problem ? failed(problem, "removing what is left in " + directory) : result<void>{};
}

} // namespace skein::journal
