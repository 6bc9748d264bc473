#include "nodes/demo/own_postgres.hpp"

#include "protocol/check.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <vector>

namespace skein::demo {

namespace {

namespace fs = std::filesystem;

constexpr int ready_tries = 600;
constexpr int try_again_ms = 50; // a server tells nobody when it is ready
constexpr int end_tries = 100;

/// Whose the server is.
struct account {
  uid_t user = 0;
  gid_t group = 0;
  bool is_other = false; // than ours
};

account owner() {
  if (::geteuid() != 0)
    return {::geteuid(), ::getegid(), false};
  const passwd* found = ::getpwnam("postgres");
  if (found == nullptr)
    found = ::getpwnam("nobody");
  return found == nullptr ? account{65534, 65534, true}
                          : account{found->pw_uid, found->pw_gid, true};
}

/// Between fork and exec only what a signal handler may do.
[[noreturn]] void become(char* const* arguments, int log, const account& who, pid_t parent) {
  sigset_t none;
  sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  ::setpgid(0, 0); // Ctrl-C is for the demo, which then ends it
  const bool is_dropped = !who.is_other || (::setgroups(0, nullptr) == 0 &&
                                            ::setgid(who.group) == 0 && ::setuid(who.user) == 0);
  // After the change of the user, which would undo it. SIGQUIT: it ends its own processes, at once.
  if (!is_dropped || ::prctl(PR_SET_PDEATHSIG, SIGQUIT) != 0 || ::getppid() != parent ||
      ::dup2(log, STDOUT_FILENO) < 0 || ::dup2(log, STDERR_FILENO) < 0 || ::chdir("/") != 0)
    ::_exit(126);
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

pid_t spawn(const std::vector<std::string>& command, const std::string& log, const account& who) {
  std::vector<char*> arguments;
  for (const std::string& each : command)
    arguments.push_back(const_cast<char*>(each.c_str()));
  arguments.push_back(nullptr);
  const int file = ::open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  const pid_t parent = ::getpid();
  const pid_t made = ::fork();
  if (made == 0)
    become(arguments.data(), file, who, parent);
  ::close(file);
  return made;
}

/// The exit status if it has ended.
std::optional<int> ended(pid_t pid) {
  int status = 0;
  return ::waitpid(pid, &status, WNOHANG) == pid ? std::optional{status} : std::nullopt;
}

/// Its state is the eighth line of a file of its own; it takes connections before that, and refuses
/// what they ask for.
bool is_ready(const std::string& data) {
  std::ifstream file{data + "/postmaster.pid"};
  std::string line;
  for (int i = 0; i < 8; ++i)
    if (!std::getline(file, line))
      return false;
  return line.starts_with("ready");
}

error failed(const std::string& step, const std::string& log) {
  return {errc::io_error, "the PostgreSQL server cannot " + step + ", its words are in " + log +
                              "; correct what they say, or give a database with --store"};
}

result<void> make_folder(const std::string& path, const account& who) {
  std::error_code problem;
  fs::create_directory(path, problem);
  if (problem || ::chmod(path.c_str(), 0700) != 0 ||
      (who.is_other && ::chown(path.c_str(), who.user, who.group) != 0))
    return error{errc::io_error,
                 path + " cannot be made; name a folder that can be written, with --keep"};
  return {};
}

result<void> make_database(const std::string& programs, const std::string& data,
                           const std::string& log, const account& who) {
  const pid_t made = spawn({programs + "/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E",
                            "UTF8", "--locale=C", "--no-sync"},
                           log, who);
  int status = 0;
  while (made > 0 && ::waitpid(made, &status, 0) < 0 && errno == EINTR)
    ;
  return made > 0 && status == 0 ? result<void>{} : failed("make its database", log);
}

} // namespace

std::string find_postgres() {
  const auto is_one = [](const fs::path& folder) {
    return ::access((folder / "initdb").c_str(), X_OK) == 0 &&
           ::access((folder / "postgres").c_str(), X_OK) == 0;
  };
  const char* const path = std::getenv("PATH");
  for (std::string_view left = path == nullptr ? "" : path; !left.empty();) {
    const auto end = std::min(left.find(':'), left.size());
    if (const fs::path folder{left.substr(0, end)}; folder.is_absolute() && is_one(folder))
      return folder.string();
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  std::string found;
  int newest = 0;
  std::error_code none;
  for (const auto& each : fs::directory_iterator{"/usr/lib/postgresql", none})
    if (const int version = std::atoi(each.path().filename().c_str());
        version > newest && is_one(each.path() / "bin")) {
      newest = version;
      found = (each.path() / "bin").string();
    }
  return found;
}

result<std::unique_ptr<own_postgres>> own_postgres::start(const std::string& programs,
                                                          const std::string& folder,
                                                          const std::string& sockets) {
  const account who = owner();
  for (const std::string& each : {folder, sockets})
    if (auto made = make_folder(each, who); !made)
      return made.error();
  std::unique_ptr<own_postgres> made{new own_postgres};
  made->log_ = folder + ".log";
  made->url_ = "postgresql://postgres@/postgres?host=" + sockets;
  const std::string data = folder + "/data";
  if (auto done = make_database(programs, data, made->log_, who); !done)
    return done.error();
  std::vector<std::string> command{programs + "/postgres", "-D", data, "-k", sockets};
  for (const char* each : {"listen_addresses=", "max_connections=200", "shared_buffers=64MB",
                           "track_commit_timestamp=on", "unix_socket_permissions=0777"})
    command.insert(command.end(), {"-c", each});
  made->pid_ = spawn(command, made->log_, who);
  for (int i = 0; i < ready_tries; ++i) {
    if (made->pid_ < 0 || ended(made->pid_)) {
      made->pid_ = -1;
      return failed("start", made->log_);
    }
    if (is_ready(data))
      return made;
    ::poll(nullptr, 0, try_again_ms);
  }
  return failed("be reached", made->log_);
}

own_postgres::~own_postgres() {
  if (pid_ < 0)
    return;
  ::kill(pid_, SIGINT);
  for (int i = 0; i < end_tries; ++i) {
    if (ended(pid_))
      return;
    ::poll(nullptr, 0, try_again_ms);
  }
  ::kill(pid_, SIGQUIT);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR)
    ;
}

} // namespace skein::demo
