#include "journal/new_place.hpp"

#include "journal/store_folder.hpp"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <set>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace skein::journal {

namespace {

error failed(const std::error_code& problem, const std::string& doing) {
  return system_error(problem.value(), doing);
}

} // namespace

new_place::new_place(const std::string& directory)
  : directory_{directory}, folder_{directory + "/unfinished"} {}

new_place::new_place(new_place&& other) noexcept
  : directory_{std::move(other.directory_)}, folder_{std::exchange(other.folder_, {})},
    is_new_{other.is_new_} {}

new_place::~new_place() {
  if (folder_.empty())
    return;
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
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
         !std::filesystem::exists(directory + "/unfinished")))
      return error{errc::state_conflict, directory + " is not empty: there is '" +
                                             at->path().filename().string() +
                                             "' in it; choose a new or an empty folder"};
  return problem ? failed(problem, "looking into " + directory) : result<void>{};
}

result<new_place> new_place::make(const std::string& directory) {
  if (auto fits = check(directory); !fits)
    return fits.error();
  std::error_code problem;
  const bool is_new = !std::filesystem::exists(directory, problem);
  if (auto made = make_private_directory(directory); !made)
    return made.error();
  new_place place{directory};
  place.is_new_ = is_new;
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
  for (const char* const name : {"/high-water", "/journal.db"}) {
    if (::rename((folder_ + name).c_str(), (directory_ + name).c_str()) != 0)
      return system_error(errno, "moving " + folder_ + name);
    if (auto synced = sync_directory(directory_); !synced)
      return synced;
  }
  std::error_code problem;
  std::filesystem::remove_all(std::exchange(folder_, {}), problem);
  return problem ? failed(problem, "removing what is left in " + directory_) : result<void>{};
}

} // namespace skein::journal
