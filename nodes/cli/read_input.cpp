#include "nodes/cli/read_input.hpp"

#include "nodes/cli/exit_codes.hpp"
#include "protocol/limits.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>

namespace skein::cli {

namespace {

/// Empty when reading failed; errno then says why, or is 0.
std::optional<std::string> read_all(std::istream& in) {
  std::string data(limits::event_bytes_max + 1, '\0');
  errno = 0;
  in.read(data.data(), static_cast<std::streamsize>(data.size()));
  // The stream of standard input takes a failed read for the end of the data.
  if (in.bad() || (&in == &std::cin && std::ferror(stdin) != 0))
    return std::nullopt;
  data.resize(static_cast<std::size_t>(in.gcount()));
  return data;
}

std::optional<std::string> read_file(const std::string& name) {
  errno = 0;
  std::ifstream file{name, std::ios::binary};
  return file.is_open() ? read_all(file) : std::nullopt;
}

} // namespace

std::optional<std::string> read_input(context& at, const std::string& name) {
  const bool standard_input = name == "-";
  auto data = standard_input ? read_all(at.world.in) : read_file(name);
  const int cause = errno;
  if (data)
    return data;
  complain(at, exit_code::usage,
           {standard_input ? "standard input cannot be read"
                           : fmt::format("the data file {} cannot be read", name),
            std::strerror(cause != 0 ? cause : EIO), "", "invalid-argument"});
  return std::nullopt;
}

} // namespace skein::cli
