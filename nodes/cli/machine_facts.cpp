#include "nodes/cli/machine_facts.hpp"

#include "protocol/time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <span>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <thread>
#include <vector>

namespace skein::cli {

namespace {

namespace fs = std::filesystem;

/// The first line of a file; null where it cannot be read.
json first_line(const std::string& file) {
  std::ifstream in{file};
  std::string line;
  return std::getline(in, line) ? json(line) : json{};
}

/// "NAME: VALUE" or "NAME=VALUE" lines of these names.
json named_lines(const std::string& file, char divider, std::span<const std::string_view> names) {
  json out = json::object();
  std::ifstream in{file};
  for (std::string line; std::getline(in, line);) {
    const std::string name = line.substr(0, line.find(divider));
    if (name.size() == line.size() || std::find(names.begin(), names.end(), name) == names.end())
      continue;
    const auto from = line.find_first_not_of(" \t\"", name.size() + 1);
    const auto end = line.find_last_not_of(" \t\"");
    out[name] = from == std::string::npos ? "" : line.substr(from, end + 1 - from);
  }
  return out;
}

json limit_of(decltype(RLIMIT_NOFILE) what) {
  rlimit limit{};
  if (::getrlimit(what, &limit) != 0)
    return {};
  const auto view = [](rlim_t value) {
    return value == RLIM_INFINITY ? json("unlimited") : json(std::uint64_t{value});
  };
  return {{"soft", view(limit.rlim_cur)}, {"hard", view(limit.rlim_max)}};
}

json disk_below(const std::string& folder) {
  struct statfs disk {};
  if (::statfs(folder.c_str(), &disk) != 0)
    return {};
  const auto block = static_cast<std::uint64_t>(disk.f_bsize);
  return {{"file_system", fmt::format("{:#x}", static_cast<std::uint64_t>(disk.f_type))},
          {"bytes", std::uint64_t{disk.f_blocks} * block},
          {"bytes_free", std::uint64_t{disk.f_bavail} * block},
          {"inodes", std::uint64_t{disk.f_files}},
          {"inodes_free", std::uint64_t{disk.f_ffree}}};
}

json file_facts(const fs::path& folder, const fs::path& file) {
  struct stat found {};
  if (::lstat(file.c_str(), &found) != 0)
    return {};
  const instant changed{std::chrono::seconds{found.st_mtim.tv_sec}};
  return {{"name", file.lexically_relative(folder).string()},
          {"bytes", static_cast<std::uint64_t>(found.st_size)},
          {"changed", format_rfc3339(changed)},
          {"mode", fmt::format("{:o}", found.st_mode & 07777u)}};
}

} // namespace

json machine_facts() {
  static constexpr std::array<std::string_view, 1> system_names{"PRETTY_NAME"};
  static constexpr std::array<std::string_view, 5> memory_names{"MemTotal", "MemAvailable",
                                                                "SwapTotal", "SwapFree", "Dirty"};
  utsname kernel{};
  ::uname(&kernel);
  return {{"system", named_lines("/etc/os-release", '=', system_names)},
          {"kernel",
           {{"release", kernel.release}, {"version", kernel.version}, {"machine", kernel.machine}}},
          {"processors", std::thread::hardware_concurrency()},
          {"memory", named_lines("/proc/meminfo", ':', memory_names)},
          {"load", first_line("/proc/loadavg")},
          {"uptime", first_line("/proc/uptime")},
          {"limits",
           {{"open_files", limit_of(RLIMIT_NOFILE)},
            {"processes", limit_of(RLIMIT_NPROC)},
            {"file_size", limit_of(RLIMIT_FSIZE)}}},
          {"group",
           {{"memory_max", first_line("/sys/fs/cgroup/memory.max")},
            {"cpu_max", first_line("/sys/fs/cgroup/cpu.max")}}}};
}

json folder_facts(const std::string& folder) {
  std::error_code problem;
  if (!fs::is_directory(folder, problem))
    return {};
  std::vector<fs::path> files;
  auto at = fs::recursive_directory_iterator{folder, problem};
  for (; !problem && at != fs::recursive_directory_iterator{}; at.increment(problem))
    files.push_back(at->path());
  std::sort(files.begin(), files.end());
  json rows = json::array();
  for (const fs::path& each : files)
    if (json row = file_facts(folder, each); !row.is_null())
      rows.push_back(std::move(row));
  return {{"disk", disk_below(folder)}, {"files", rows}};
}

} // namespace skein::cli
