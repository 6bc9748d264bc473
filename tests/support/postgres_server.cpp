#include "tests/support/postgres_server.hpp"

#include "protocol/check.hpp"

#include <libpq-fe.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace skein::test {

namespace {

/// Folder of the newest server's programs; empty if there is none.
std::string programs() {
  std::string found;
  std::error_code none;
  for (const auto& each : std::filesystem::directory_iterator{"/usr/lib/postgresql", none})
    if (std::filesystem::exists(each.path() / "bin/initdb") && each.path().string() > found)
      found = each.path().string();
  return found.empty() ? found : found + "/bin";
}

/// Whose the server is: it does not run as root.
const passwd* owner() {
  return ::geteuid() == 0 ? ::getpwnam("postgres") : ::getpwuid(::geteuid());
}

/// Ends with this process, whatever that dies of.
int spawn(const std::vector<std::string>& command, const std::string& log) {
  const passwd* const who = owner();
  const int pid = ::fork();
  if (pid != 0)
    return pid;
  if (::geteuid() == 0 && (::setgid(who->pw_gid) != 0 || ::setuid(who->pw_uid) != 0))
    ::_exit(126);
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
  if (std::freopen(log.c_str(), "a", stdout) == nullptr ||
      std::freopen(log.c_str(), "a", stderr) == nullptr || ::chdir("/") != 0)
    ::_exit(126);
  std::vector<char*> arguments;
  for (const std::string& each : command)
    arguments.push_back(const_cast<char*>(each.c_str()));
  arguments.push_back(nullptr);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

int wait_for(int pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  return status;
}

using connection = std::unique_ptr<PGconn, void (*)(PGconn*)>;

connection connect(const std::string& url) { return {PQconnectdb(url.c_str()), PQfinish}; }

} // namespace

bool postgres_server::is_installed() { return !programs().empty() && owner() != nullptr; }

/// In memory if there is room: the disk is not what is tested.
postgres_server& postgres_server::shared() {
  std::error_code none;
  const auto memory = std::filesystem::space("/dev/shm", none);
  const bool has_room = !none && memory.available > (std::uintmax_t{1} << 30);
  const char* base = std::getenv("TMPDIR");
  static postgres_server one{has_room ? "/dev/shm" : base == nullptr ? "/tmp" : base};
  return one;
}

postgres_server::postgres_server(const std::string& below, std::vector<std::string> settings)
  : settings_{std::move(settings)}, directory_{below + "/skein-postgres-XXXXXX"} {
  SKEIN_CHECK(::mkdtemp(directory_.data()) != nullptr);
  if (::geteuid() == 0)
    SKEIN_CHECK(::chown(directory_.c_str(), owner()->pw_uid, owner()->pw_gid) == 0);
  url_ = "host=" + directory_ + " user=postgres dbname=postgres";
  const int made = spawn({programs() + "/initdb", "-D", directory_ + "/data", "-U", "postgres",
                          "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"},
                         directory_ + "/log");
  SKEIN_CHECK(wait_for(made) == 0);
  start();
}

void postgres_server::start() {
  std::vector<std::string> command{programs() + "/postgres", "-D", directory_ + "/data", "-k",
                                   directory_};
  for (const std::string each :
       {"listen_addresses=", "autovacuum=off", "track_commit_timestamp=on", "max_connections=60",
        "shared_buffers=64MB", "max_wal_size=256MB", "log_min_messages=fatal"})
    command.insert(command.end(), {"-c", each});
  for (const std::string& each : settings_)
    command.insert(command.end(), {"-c", each});
  pid_ = spawn(command, directory_ + "/log");
  for (int i = 0; i < 600; ++i) {
    if (PQstatus(connect(url_).get()) == CONNECTION_OK)
      return;
    ::poll(nullptr, 0, 50); // it tells nobody when it is ready
  }
  SKEIN_CHECK(false);
}

void postgres_server::crash() {
  ::kill(pid_, SIGQUIT);
  wait_for(pid_);
}

postgres_server::~postgres_server() {
  crash();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string postgres_server::new_schema() {
  return "skein_" + std::to_string(::getpid()) + "_" + std::to_string(++schemas_);
}

std::string postgres_server::run(const std::string& sql) {
  const connection db = connect(url_);
  const std::unique_ptr<PGresult, void (*)(PGresult*)> got{PQexec(db.get(), sql.c_str()), PQclear};
  const ExecStatusType status = PQresultStatus(got.get());
  SKEIN_CHECK(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK);
  return PQntuples(got.get()) > 0 ? PQgetvalue(got.get(), 0, 0) : "";
}

void postgres_server::try_run(const std::string& sql) {
  PQclear(PQexec(connect(url_).get(), sql.c_str()));
}

} // namespace skein::test
