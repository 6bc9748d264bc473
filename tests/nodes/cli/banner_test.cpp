// What a node says when it is ready, whole.
#include "nodes/cli/banner.hpp"
#include "nodes/config/version.hpp"

#include <catch2/catch.hpp>

#include <filesystem>

using namespace skein;
using namespace skein::cli;

namespace {

std::string first_line(const node_options& options, const std::string& words) {
  return "Skein " + std::string{version()} + words + ", node " + options.settings.node +
         " is ready\n\n";
}

} // namespace

TEST_CASE("the banner of dev names the place of the data and a command to copy") {
  const node_options options = dev_options();
  CHECK(banner(options, 7411) == first_line(options, " for development") +
                                     "  url      http://127.0.0.1:7411\n"
                                     "  data     " +
                                     (std::filesystem::current_path() / "skein-data").string() +
                                     "\n"
                                     "  agents   echo (echo)\n"
                                     "  routes   * -> echo\n"
                                     "\nSend an event and see the reply; in another terminal:\n\n"
                                     "  skein send \"hello\" --key demo --wait\n\n"
                                     "Ctrl-C ends it; what was accepted is kept and goes on at the "
                                     "next start.\n\n");
}

TEST_CASE("the banner of a node in memory at another port says so") {
  node_options options = dev_options();
  make_ephemeral(options);
  CHECK(banner(options, 40'123) == first_line(options, " for development") +
                                       "  url      http://127.0.0.1:40123\n"
                                       "  data     in memory; gone when this ends\n"
                                       "  agents   echo (echo)\n"
                                       "  routes   * -> echo\n"
                                       "\nSend an event and see the reply; in another "
                                       "terminal:\n\n"
                                       "  skein send \"hello\" --key demo --wait --server "
                                       "http://127.0.0.1:40123\n\n"
                                       "Ctrl-C ends it.\n\n");
}

TEST_CASE("the banner's command has a type that some route takes") {
  node_options options = dev_options();
  options.settings.routes = {{"order.*", "*", "*", "echo"}, {"demo.upper", "", "", "echo"}};
  CHECK_THAT(banner(options, 7411),
             Catch::Contains("skein send \"hello\" --key demo --type demo.upper --wait\n"));
  options.settings.routes = {{"hook.*", "", "", "echo"}};
  CHECK_THAT(banner(options, 7411),
             Catch::Contains("skein send \"hello\" --key demo --type hook.demo --wait\n"));
  options.settings.routes = {{"skein.timer.*", "", "", "echo"}, {"o?", "shop/*", "c-*", "echo"}};
  CHECK_THAT(
      banner(options, 7411),
      Catch::Contains("skein send \"hello\" --key c-demo --type ox --source shop/demo --wait\n"));
  options.settings.routes.push_back({"skein.message", "*", "*", "echo"});
  CHECK_THAT(banner(options, 7411), Catch::Contains("skein send \"hello\" --key demo --wait\n"));
}

TEST_CASE("the banner of a real node says what it is and nothing more") {
  node_options options = dev_options();
  options.dev = false;
  options.settings.node = "web";
  options.http_host = "::1";
  options.data_dir = "/var/lib/skein/../skein";
  options.settings.agents[0].kind = agent_kind::exec;
  options.settings.agents[0].exec.command = {"python3", "bot\x1b.py"};
  options.settings.routes = {{"order.*", "shop/*", "o-*", "echo"}};
  CHECK(banner(options, 7411) == first_line(options, "") +
                                     "  url      http://[::1]:7411\n"
                                     "  data     /var/lib/skein\n"
                                     "  agents   echo (exec: python3 bot\\x1b.py)\n"
                                     "  routes   order.* source shop/* key o-* -> echo\n\n");
}

TEST_CASE("the banner counts what would be too long, and says when there is nothing") {
  node_options options = dev_options();
  options.settings.routes.assign(11, {"a", "", "", "echo"});
  CHECK_THAT(banner(options, 7411), Catch::Contains("a -> echo\n           and 3 more\n"));
  options.settings.routes.clear();
  options.settings.agents.clear();
  CHECK_THAT(banner(options, 7411), Catch::Contains("  agents   none\n  routes   none\n"));
}
