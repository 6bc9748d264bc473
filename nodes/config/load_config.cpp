#include "nodes/config/load_config.hpp"

#include "nodes/config/raw_config.hpp"
#include "protocol/limits.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sys/stat.h>

namespace skein {

namespace {

loaded_config unreadable(std::string file, std::string why, std::string todo) {
  loaded_config out;
  out.file = std::move(file);
  out.is_read = false;
  out.problems.push_back({problem_level::error, {}, "", std::move(why), std::move(todo)});
  return out;
}

} // namespace

loaded_config load_config(std::string_view text, std::string file,
                          const config_surroundings& around) {
  loaded_config out;
  out.file = std::move(file);
  const raw_config raw = read_raw_config(text, out.problems);
  out.values = check_values(raw, out.problems);
  out.config = check_rules(out.values, around, out.problems);
  sort_by_place(out.problems);
  return out;
}

config_surroundings own_surroundings() {
  config_surroundings around;
  if (const char* path = std::getenv("PATH"))
    around.path = path;
  return around;
}

loaded_config load_config_file(const std::string& file, std::string* read) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0)
    return unreadable(file, fmt::format("cannot be read: {}", std::strerror(errno)),
                      "name a TOML file such as cluster.toml");
  if (!S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode))
    return unreadable(file, "is not a file", "name a TOML file such as cluster.toml");
  std::ifstream in{file, std::ios::binary};
  std::string text(limits::config_file_bytes_max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in && !in.eof())
    return unreadable(file, fmt::format("cannot be read: {}", std::strerror(errno)), "");
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > limits::config_file_bytes_max)
    return unreadable(file, "is larger than a configuration may be",
                      fmt::format("legal are {} bytes", limits::config_file_bytes_max));
  loaded_config loaded = load_config(text, file, own_surroundings());
  if (read != nullptr)
    *read = std::move(text);
  return loaded;
}

std::string problem_lines(const loaded_config& loaded) {
  std::string out;
  for (const config_problem& each : loaded.problems)
    out.append(to_string(each, loaded.file)).append(1, '\n');
  return out;
}

} // namespace skein
