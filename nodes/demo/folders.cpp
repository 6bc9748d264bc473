#include "nodes/demo/folders.hpp"

#include "protocol/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace skein::demo {

namespace {

namespace fs = std::filesystem;

error failed(const std::string& path, const std::string& why) {
  return {errc::io_error, path + ": " + why +
                              "; name a folder that can be written, with --keep or "
                              "TMPDIR"};
}

result<std::string> new_folder(const std::string& below) {
  std::string path = below + "/skein-demo-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr)
    return failed(below, std::strerror(errno));
  // A server of another user's has its socket and its files further down. Nobody else can list it.
  if (::chmod(path.c_str(), 0711) != 0)
    return failed(path, std::strerror(errno));
  return path;
}

result<std::string> kept_folder(const std::string& keep) {
  std::error_code problem;
  fs::create_directories(keep, problem);
  const std::string path = problem ? keep : fs::canonical(keep, problem).string();
  if (problem)
    return failed(path, problem.message());
  if (!fs::is_empty(path, problem) || problem)
    return error{errc::state_conflict,
                 path + " is not empty; name a new folder with --keep: each demo has its own"};
  return path;
}

} // namespace

result<std::unique_ptr<folders>> folders::make(const std::string& keep) {
  std::unique_ptr<folders> made{new folders};
  auto sockets = new_folder("/tmp");
  if (!sockets)
    return sockets.error();
  made->sockets_ = *std::move(sockets);
  const char* below = std::getenv("TMPDIR");
  auto main = keep.empty() ? new_folder(below == nullptr || *below == '\0' ? "/tmp" : below)
                           : kept_folder(keep);
  if (!main)
    return main.error();
  made->main_ = *std::move(main);
  made->stays_ = !keep.empty();
  return made;
}

folders::~folders() {
  std::error_code ignored;
  fs::remove_all(sockets_, ignored);
  if (!stays_ && !main_.empty())
    fs::remove_all(main_, ignored);
}

result<void> write_file(const std::string& path, const std::string& text) {
  const unique_fd file{::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600)};
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return failed(path, std::strerror(errno));
  return {};
}

std::string read_file(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

} // namespace skein::demo
