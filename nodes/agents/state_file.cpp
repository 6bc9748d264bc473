#include "nodes/agents/state_file.hpp"

#include "protocol/cloudevents.hpp"
#include "protocol/limits.hpp"
#include "protocol/text.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace skein {

namespace {

error broken(std::string what) { return {errc::agent_output_invalid, std::move(what)}; }

/// What the program made of its file is its fault; that we have no descriptor or no memory is not,
/// and the turn is tried again.
error unread(const char* what, int number) {
  const bool ours = number == EMFILE || number == ENFILE || number == ENOMEM || number == EIO;
  return {ours ? errc::agent_crashed : errc::agent_output_invalid,
          std::string{what} + ": " + std::strerror(number)};
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

// At most `bytes_max` + 1 bytes: one more tells that there are more.
result<std::string> read_up_to(int fd, std::size_t bytes_max) {
  std::string bytes(bytes_max + 1, '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const auto got = ::read(fd, bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return unread("the state file cannot be read", errno);
    if (got == 0)
      break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

// Files that a program left beside its state; a directory among them stays, for the system's
// cleaner.
void remove_files(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing{::opendir(directory.c_str()), ::closedir};
  if (listing == nullptr)
    return;
  std::size_t left = limits::program_scratch_entries_max;
  while (const dirent* entry = ::readdir(listing.get()))
    if (entry->d_name[0] != '.' || (entry->d_name[1] != '\0' && entry->d_name[1] != '.'))
      if (left-- == 0 || ::unlinkat(::dirfd(listing.get()), entry->d_name, 0) != 0)
        return;
}

constexpr std::string_view prefix = "skein-turn-";

std::string base_directory() {
  const char* base = std::getenv("TMPDIR");
  return base != nullptr && *base == '/' ? base : "/tmp";
}

/// The directory, locked; empty if somebody else has it, or it is not ours, or it is gone.
unique_fd lock_directory(const std::string& directory) {
  unique_fd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  struct stat about {};
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 || ::fstat(fd.get(), &about) != 0 ||
      about.st_uid != ::geteuid() || about.st_nlink == 0)
    return {};
  return fd;
}

} // namespace

result<state_file> state_file::create(std::string_view state) {
  std::string directory = base_directory() + "/" + std::string{prefix} + "XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) // makes it 0700
    return error{errc::agent_crashed,
                 "no directory for the state, " + directory + ": " + std::strerror(errno)};
  unique_fd in_use = lock_directory(directory);
  if (!in_use) { // or another node took it for an abandoned one, between these two calls
    const int number = errno;
    ::rmdir(directory.c_str());
    return error{errc::agent_crashed, "the state's directory " + directory +
                                          " cannot be locked: " + std::strerror(number)};
  }
  state_file file{std::move(directory), std::move(in_use), state};
  const unique_fd fd{
      ::open(file.path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  const bool newline = !state.empty(); // as people's editors and shells like it
  if (!fd || !write_all(fd.get(), state) || !write_all(fd.get(), newline ? "\n" : ""))
    return error{errc::agent_crashed,
                 "the state cannot be written to " + file.path_ + ": " + std::strerror(errno)};
  return file;
}

void state_file::remove_abandoned() {
  const std::string base = base_directory();
  const std::unique_ptr<DIR, int (*)(DIR*)> listing{::opendir(base.c_str()), ::closedir};
  while (const dirent* entry = listing != nullptr ? ::readdir(listing.get()) : nullptr) {
    if (!std::string_view{entry->d_name}.starts_with(prefix))
      continue;
    std::string directory = base + "/" + entry->d_name;
    if (unique_fd ours_now = lock_directory(directory))
      state_file{std::move(directory), std::move(ours_now), {}};
  }
}

state_file::state_file(std::string directory, unique_fd in_use, std::string_view state)
  : directory_{std::move(directory)}, in_use_{std::move(in_use)}, path_{directory_ + "/state"},
    before_{trimmed(state)} {}

state_file::state_file(state_file&& other) noexcept
  : directory_{std::move(other.directory_)}, in_use_{std::move(other.in_use_)},
    path_{std::move(other.path_)}, before_{std::move(other.before_)} {
  other.directory_.clear();
}

state_file::~state_file() {
  if (directory_.empty())
    return;
  ::unlink(path_.c_str());
  if (::rmdir(directory_.c_str()) == 0)
    return;
  remove_files(directory_);
  ::rmdir(directory_.c_str());
}

result<state_file::change> state_file::read_change() const {
  change seen;
  // Not blocking: the program may have put a FIFO or a link there.
  const unique_fd fd{::open(path_.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  if (!fd && errno != ENOENT)
    return unread("the state file cannot be opened", errno);
  std::string bytes;
  if (fd) {
    struct stat about {};
    if (::fstat(fd.get(), &about) != 0 || !S_ISREG(about.st_mode))
      return broken("the state file is no longer a regular file");
    result<std::string> content = read_up_to(fd.get(), limits::state_bytes_max);
    if (!content)
      return content.error();
    bytes = std::move(content).value();
  }
  if (bytes.size() > limits::state_bytes_max)
    return broken("the state file is over " + std::to_string(limits::state_bytes_max) + " bytes");
  const std::string_view now = trimmed(bytes);
  if (now == before_)
    return seen;
  if (now.empty()) {
    seen.what = change::kind::deleted;
    return seen;
  }
  if (const auto checked = check_json(now); !checked)
    return broken("the state file does not hold one JSON value: " + checked.error().detail);
  seen.what = change::kind::set;
  seen.state = now;
  return seen;
}

} // namespace skein
