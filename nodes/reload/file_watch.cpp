#include "nodes/reload/file_watch.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <filesystem>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

namespace skein {

namespace {

constexpr std::size_t links_max = 40;
constexpr std::uint32_t what_happens =
    IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_ATTRIB | IN_ONLYDIR;

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path{path}.parent_path().string();
  return folder.empty() ? "." : folder;
}

/// The folders above that are links count too: what mounts a whole folder anew moves one of them.
void add_names(std::vector<std::string>& names, const std::string& path) {
  std::filesystem::path part;
  for (const auto& each : std::filesystem::path{path}) {
    part /= each;
    std::error_code failed;
    if (names.size() >= links_max || !std::filesystem::is_symlink(part, failed))
      continue;
    const std::string name = part.string();
    if (std::find(names.begin(), names.end(), name) != names.end())
      continue;
    names.push_back(name);
    const auto target = std::filesystem::read_symlink(part, failed);
    if (!failed)
      add_names(names,
                target.is_absolute() ? target.string() : (part.parent_path() / target).string());
  }
  if (names.size() < links_max && std::find(names.begin(), names.end(), path) == names.end())
    names.push_back(path);
}

} // namespace

std::vector<std::string> names_of_file(const std::string& path) {
  std::vector<std::string> names;
  add_names(names, path);
  return names;
}

std::string stamp_of_file(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    return {};
  std::string stamp;
  for (const auto number :
       {static_cast<std::int64_t>(info.st_dev), static_cast<std::int64_t>(info.st_ino),
        static_cast<std::int64_t>(info.st_size), static_cast<std::int64_t>(info.st_mtim.tv_sec),
        static_cast<std::int64_t>(info.st_mtim.tv_nsec),
        static_cast<std::int64_t>(info.st_ctim.tv_sec),
        static_cast<std::int64_t>(info.st_ctim.tv_nsec)})
    stamp += std::to_string(number) + " ";
  return stamp;
}

file_watch::file_watch(std::string path)
  : path_{std::move(path)}, notify_{::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)} {
  renew();
}

void file_watch::renew() {
  if (!notify_)
    return;
  alignas(inotify_event) std::array<char, 4096> events;
  while (::read(notify_.get(), events.data(), events.size()) > 0) {}
  std::vector<std::string> folders;
  for (const std::string& each : names_of_file(path_)) {
    std::string folder = folder_of(each);
    if (std::find(folders.begin(), folders.end(), folder) == folders.end())
      folders.push_back(std::move(folder));
  }
  // A folder of the same name may be another one by now: adding a watch finds that out, and of the
  // same one it changes nothing.
  std::vector<int> watches;
  for (const std::string& each : folders)
    if (const int watch = ::inotify_add_watch(notify_.get(), each.c_str(), what_happens);
        watch >= 0)
      watches.push_back(watch);
  for (const int each : watches_)
    if (std::find(watches.begin(), watches.end(), each) == watches.end())
      ::inotify_rm_watch(notify_.get(), each);
  watches_ = std::move(watches);
}

} // namespace skein
