// The office with a file and a folder of its own; taking over is the test's.
#include "nodes/reload/config_office.hpp"
#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>

using namespace skein;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

const std::string bot = "[agent.bot]\nkind = \"echo\"\n[[route]]\nagent = \"bot\"\n";
const std::string quick = "[reload]\nsettle = \"10ms\"\n";

struct office_world {
  office_world(const std::string& text, bool watched) {
    write(text + (watched ? quick : "[reload]\nwatch = false\n"));
    open();
  }

  void open() {
    config_office::settings how;
    how.node = "n1";
    how.file = file();
    how.text = read();
    how.folder = dir.path();
    how.now = [] {
      return moment{instant{std::chrono::system_clock::now().time_since_epoch()},
                    boot_time{std::chrono::steady_clock::now().time_since_epoch()}};
    };
    how.log = [](log_level, std::string_view, std::string_view, std::string_view,
                 const log_fields&) {};
    how.apply = [this](const loaded_config& to) -> result<void> {
      if (refuses != errc::none)
        return error{refuses, "the store"};
      const std::lock_guard lock{mutex};
      taken.push_back(to.config.log.level);
      changed.notify_all();
      return {};
    };
    how.tell = [](const std::string&, std::uint64_t, const std::string&) {};
    how.busy = [this](bool begins) { busy += begins ? 1 : -1; };
    office = std::make_unique<config_office>(std::move(how));
  }

  std::string file() const { return dir.path() + "/cluster.toml"; }
  void write(const std::string& text) const { std::ofstream{file()} << text; }
  std::string read() const {
    std::ifstream in{file()};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  api_answer ask(const std::string& operation, const std::string& arguments = "{}") {
    auto answered = std::make_shared<std::promise<api_answer>>();
    auto future = answered->get_future();
    office->ask("ann", operation, arguments,
                [answered](api_answer said) { answered->set_value(std::move(said)); });
    return future.get();
  }
  json view() { return json::parse(ask("config.describe").body); }
  bool wait_for_taken(std::size_t count) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, 10s, [&] { return taken.size() >= count; });
  }

  test::temp_dir dir;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<log_level> taken; // guarded by mutex
  errc refuses = errc::none;
  std::atomic<int> busy{0};
  std::unique_ptr<config_office> office;
};

} // namespace

TEST_CASE("a file that is changed is taken over by itself, if it is watched") {
  office_world world{bot, true};
  world.write(bot + quick + "[log]\nlevel = \"debug\"\n");
  REQUIRE(world.wait_for_taken(1));
  CHECK(world.taken.front() == log_level::debug);
  const json view = world.view();
  CHECK(view["generation"] == 2);
  CHECK(view["by"] == "file");
  CHECK(view["previous"]["generation"] == 1);
  CHECK(world.busy == 0);
}

TEST_CASE("a file that is not watched is taken over when somebody asks for it") {
  office_world world{bot, false};
  const std::string changed = bot + "[reload]\nwatch = false\n[log]\nlevel = \"warn\"\n";
  world.write(changed);
  const json dry = json::parse(world.ask("config.reload", R"({"dry_run":true})").body);
  CHECK(dry["changed"] == false);
  REQUIRE(dry["changes"].size() == 1);
  CHECK(dry["changes"][0]["text"] == "~ [log] level: \"info\" -> \"warn\"");
  CHECK(world.view()["generation"] == 1);
  CHECK(world.view()["file_differs"] == true);
  const json done = json::parse(world.ask("config.reload").body);
  CHECK(done["changed"] == true);
  CHECK(done["generation"] == 2);
  CHECK(world.view()["by"] == "ann");
  CHECK(world.view()["file_differs"] == false);
  CHECK(json::parse(world.ask("config.reload").body)["changed"] == false);
}

TEST_CASE("what is refused changes nothing, and says why") {
  office_world world{bot, false};
  world.write(bot + "[log]\nlevel = 1\n");
  const api_answer said = world.ask("config.reload");
  CHECK(said.code == errc::invalid_config);
  CHECK(said.body.find("cluster.toml:6") != std::string::npos);
  CHECK(world.view()["refused"]["code"] == "invalid-config");
  CHECK(world.view()["generation"] == 1);
  std::filesystem::remove(world.file());
  CHECK(world.ask("config.reload").code == errc::invalid_config);
  CHECK(world.taken.empty());
}

TEST_CASE("a change that the node could not make leaves the generation as it is") {
  office_world world{bot, false};
  world.refuses = errc::timed_out;
  world.write(bot + "[reload]\nwatch = false\n[log]\nlevel = \"warn\"\n");
  CHECK(world.ask("config.reload").code == errc::timed_out);
  CHECK(world.view()["generation"] == 1);
  world.office.reset();
  CHECK((**load_generations(world.dir.path())).current.number == 1);
}

TEST_CASE("a rollback goes to the configuration before, also that of a process before") {
  office_world world{bot, false};
  CHECK(world.ask("config.rollback").code == errc::state_conflict);
  world.office.reset();
  world.write(bot + "[reload]\nwatch = false\n[log]\nlevel = \"warn\"\n");
  world.open(); // a restart with another file
  CHECK(world.view()["generation"] == 2);
  const json done = json::parse(world.ask("config.rollback").body);
  CHECK(done["changed"] == true);
  CHECK(done["generation"] == 3);
  CHECK(done["file_differs"] == true);
  CHECK(world.taken == std::vector<log_level>{log_level::info});
  const json back = json::parse(world.ask("config.rollback").body); // and forth
  CHECK(back["generation"] == 4);
  CHECK(back["file_differs"] == false);
}

TEST_CASE("a file that was gone back from is not taken over again by itself") {
  office_world world{bot, true};
  world.write(bot + quick + "[log]\nlevel = \"debug\"\n");
  REQUIRE(world.wait_for_taken(1));
  CHECK(json::parse(world.ask("config.rollback").body)["generation"] == 3);
  world.write(bot + quick + "[log]\nlevel = \"error\"\n"); // mended
  REQUIRE(world.wait_for_taken(3));
  CHECK(world.taken == std::vector<log_level>{log_level::debug, log_level::info, log_level::error});
}

TEST_CASE("who asks an office that ends is told so") {
  office_world world{bot, false};
  world.office->end();
  CHECK(world.ask("config.reload").code == errc::draining);
}
