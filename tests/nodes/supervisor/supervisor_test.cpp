// What a supervisor is told, and what the environment says of one.
#include "nodes/supervisor/supervisor.hpp"
#include "notify_socket.hpp"
#include "tests/support/temp_dir.hpp"

#include <map>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

using variables = std::map<std::string, std::string>;

supervision said_by(const variables& all, std::int64_t process = 42) {
  return read_supervision(
      [&](const char* name) {
        const auto found = all.find(name);
        return found == all.end() ? std::nullopt : std::optional{found->second};
      },
      process);
}

struct logged_lines {
  std::vector<std::string> ids;
  log_function writer() {
    return [this](log_level, std::string_view, std::string_view id, std::string_view,
                  const log_fields&) { ids.emplace_back(id); };
  }
};

using told = std::vector<std::string>;

} // namespace

TEST_CASE("without a variable there is no supervisor") {
  CHECK(said_by({}).socket.empty());
  CHECK(said_by({}).patience == duration{0});
  logged_lines log;
  supervisor nobody{{}, log.writer()};
  nobody.ready("x");
  nobody.alive();
  nobody.stopping(1s);
  CHECK(log.ids.empty());
}

TEST_CASE("a supervisor watches the process that it names, or whoever it started") {
  CHECK(said_by({{"WATCHDOG_USEC", "30000000"}}).patience == 30s);
  CHECK(said_by({{"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", "42"}}).patience == 30s);
  CHECK(said_by({{"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", "43"}}).patience == 0s);
  CHECK(said_by({{"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", "me"}}).patience == 0s);
  for (const char* nonsense : {"", "-1", "0", "1s", "99999999999999999999"})
    CHECK(said_by({{"WATCHDOG_USEC", nonsense}}).patience == 0s);
  CHECK(said_by({{"NOTIFY_SOCKET", "@a"}}).socket == "@a");
}

TEST_CASE("a supervisor is told over a path and over an abstract name") {
  const temp_dir folder;
  for (const std::string& name : {folder.path() + "/notify", "@skein-test" + folder.path()}) {
    INFO(name);
    notify_socket socket{name};
    logged_lines log;
    supervisor to{{name, 0s}, log.writer()};
    to.ready("node n1 serves");
    to.alive();
    to.stopping(35s);
    to.stopping(1s);
    CHECK(socket.take() == told{"READY=1\nSTATUS=node n1 serves\n", "WATCHDOG=1\n",
                                "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=35000000\n"});
    CHECK(log.ids.empty());
  }
}

TEST_CASE("a supervisor that cannot be told is complained of once, and ends nothing") {
  const temp_dir folder;
  for (const std::string& name : {folder.path() + "/gone", std::string{"vsock:2:1"},
                                  std::string{"relative"}, "/" + std::string(200, 'x')}) {
    INFO(name);
    logged_lines log;
    supervisor to{{name, 0s}, log.writer()};
    to.ready("x");
    to.alive();
    CHECK(log.ids == told{"supervisor-unheard"});
  }
}
