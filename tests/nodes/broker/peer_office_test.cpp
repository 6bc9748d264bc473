// Who looks after the list of peers of a running node: changes of the file, and what is asked.
#include "mesh_world.hpp"
#include "nodes/broker/peer_files.hpp"
#include "nodes/broker/peer_office.hpp"
#include "tests/support/temp_dir.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <optional>

using namespace skein;
using namespace skein::test;
using nlohmann::json;

namespace {

/// Node n1 with an office over a folder of its own.
struct office_world {
  api_answer ask(const std::string& operation, const std::string& arguments) {
    std::promise<api_answer> said;
    office.ask(operation, arguments, [&](api_answer answer) { said.set_value(std::move(answer)); });
    return said.get_future().get();
  }
  bool is_allowed(const std::string& name) {
    const auto facts = node.bus->mesh();
    for (const peer_facts& each : facts.peers)
      if (each.name == name)
        return each.allowed.has_value();
    return false;
  }
  std::size_t logged(const std::string& id) {
    const std::lock_guard lock{mutex};
    return static_cast<std::size_t>(std::count(ids.begin(), ids.end(), id));
  }

  temp_dir dir;
  std::mutex mutex;
  std::vector<std::string> ids; // of lines of the log; guarded by mutex
  key_ring ring{{"n1", "n2"}};
  mesh_node node{"n1", ring.of("n1"), {}};
  peer_office office{{"n1", dir.path(), node.bus.get(),
                      [] { return *parse_rfc3339("2026-11-30T01:02:03.5Z"); },
                      [this](log_level, std::string_view, std::string_view id, std::string_view,
                             const log_fields&) {
                        const std::lock_guard lock{mutex};
                        ids.emplace_back(id);
                      }}};
};

} // namespace

TEST_CASE("what is asked of the office is in the file and in force, and told") {
  office_world world;
  const std::string key = world.ring.of("n2").public_key;
  const std::string arguments = json{{"peer", "n2"}, {"key", key}}.dump();
  const json dry = json::parse(
      world.ask("peer.allow", json{{"peer", "n2"}, {"key", key}, {"dry_run", true}}.dump()).body);
  CHECK(dry["changed"] == false);
  CHECK(load_peers(world.dir.path())->empty());
  const json allowed = json::parse(world.ask("peer.allow", arguments).body);
  CHECK(allowed == json{{"peer", "n2"},
                        {"role", "node"},
                        {"key", key},
                        {"allowed", "2026-11-30T01:02:03Z"},
                        {"changed", true}});
  CHECK(load_peers(world.dir.path())->contains("n2"));
  CHECK(eventually([&] { return world.is_allowed("n2"); }));
  CHECK(json::parse(world.ask("peer.allow", arguments).body)["changed"] == false);
  const json list = json::parse(world.ask("peer.list", "{}").body);
  CHECK(list["node"] == "n1");
  CHECK(list["key"] == world.ring.of("n1").public_key);
  REQUIRE(list["peers"].size() == 1);
  CHECK(list["peers"][0]["state"] == "no-address");
  CHECK(list["refused"].size() == refusals);
  CHECK(json::parse(world.ask("peer.revoke", R"({"peer":"n2"})").body)["revoked"] == true);
  CHECK(eventually([&] { return !world.is_allowed("n2"); }));
  CHECK(world.ask("peer.revoke", R"({"peer":"n2"})").code == errc::not_found);
  CHECK(world.ask("peer.allow", "{}").code == errc::invalid_argument);
}

TEST_CASE("a changed file is in force within a second, a damaged one changes nothing") {
  office_world world;
  REQUIRE(change_peers(world.dir.path(), [&](peer_list& list) {
    return allow_peer(list, world.ring.allowed.at("n2"));
  }));
  const auto changed = std::chrono::steady_clock::now();
  CHECK(eventually([&] { return world.is_allowed("n2"); }));
  CHECK(std::chrono::steady_clock::now() - changed < std::chrono::seconds{5}); // of a busy machine
  std::ofstream{peers_path(world.dir.path()), std::ios::app} << "nonsense\n";
  CHECK(eventually([&] { return world.logged("peers-unreadable") == 1; }));
  CHECK(world.is_allowed("n2"));
  std::filesystem::remove(peers_path(world.dir.path()));
  CHECK(eventually([&] { return !world.is_allowed("n2"); }));
  CHECK(world.logged("peers-unreadable") == 1);
}

TEST_CASE("a node without links to others tells who would be let in") {
  const temp_dir dir;
  broker alone{"n1"};
  const key_ring ring{{"n2"}};
  peer_office office{
      {"n1", dir.path(), &alone, [] { return no_instant; },
       [](log_level, std::string_view, std::string_view, std::string_view, const log_fields&) {}}};
  REQUIRE(change_peers(dir.path(),
                       [&](peer_list& list) { return allow_peer(list, ring.allowed.at("n2")); }));
  std::promise<api_answer> said;
  office.ask("peer.list", "{}", [&](api_answer answer) { said.set_value(std::move(answer)); });
  const json list = json::parse(said.get_future().get().body);
  CHECK(list["address"].is_null());
  CHECK(list["boot"].is_null());
  REQUIRE(list["peers"].size() == 1);
  CHECK(list["peers"][0]["peer"] == "n2");
}

TEST_CASE("an office that ends answers what it was asked") {
  std::atomic<int> answers{0};
  {
    office_world world;
    for (int i = 0; i < 50; ++i)
      world.office.ask("peer.list", "{}", [&](const api_answer&) { ++answers; });
  }
  CHECK(answers == 50);
}

TEST_CASE("what was revoked before the office was there is in force too") {
  const temp_dir dir;
  const key_ring ring{{"n1", "n2"}};
  mesh_node node{"n1", ring.of("n1"), ring.allowed}; // as the file was when the node began
  REQUIRE(eventually([&] { return node.of("n2").allowed.has_value(); }));
  peer_office office{
      {"n1", dir.path(), node.bus.get(), [] { return no_instant; },
       [](log_level, std::string_view, std::string_view, std::string_view, const log_fields&) {}}};
  CHECK(eventually([&] { return !node.of("n2").allowed.has_value(); }));
}

TEST_CASE("a list that could not be read once is read again, though it did not change since") {
  office_world world;
  REQUIRE(change_peers(world.dir.path(), [&](peer_list& list) {
    return allow_peer(list, world.ring.allowed.at("n2"));
  }));
  REQUIRE(eventually([&] { return world.is_allowed("n2"); }));
  const temp_dir elsewhere;
  REQUIRE(change_peers(elsewhere.path(), [&](peer_list& list) { // revoked
    return allow_peer(list, world.ring.allowed.at("n1"));
  }));
  {
    const no_descriptors now;
    std::filesystem::rename(peers_path(elsewhere.path()), peers_path(world.dir.path()));
    REQUIRE(eventually([&] { return world.logged("peers-unreadable") == 1; }));
    CHECK(world.is_allowed("n2"));
  }
  CHECK(eventually([&] { return !world.is_allowed("n2"); }));
  CHECK(world.logged("peers-unreadable") == 1);
}

TEST_CASE("a node does not allow itself") {
  office_world world;
  const json arguments{{"peer", "n1"}, {"key", world.ring.of("n2").public_key}};
  CHECK(world.ask("peer.allow", arguments.dump()).code == errc::invalid_argument);
  CHECK(load_peers(world.dir.path())->empty());
}

TEST_CASE("an office that ends changes nothing any more") {
  const temp_dir dir;
  const key_ring ring{{"n2"}};
  broker alone{"n1"};
  std::optional<peer_office> office;
  office.emplace(peer_office::settings{
      "n1", dir.path(), &alone, [] { return no_instant; },
      [](log_level, std::string_view, std::string_view, std::string_view, const log_fields&) {}});
  std::promise<void> held, go_on;
  office->ask("peer.list", "{}", [&](const api_answer&) {
    held.set_value();
    go_on.get_future().wait();
  });
  held.get_future().wait();
  std::promise<api_answer> said;
  const json arguments{{"peer", "n2"}, {"key", ring.of("n2").public_key}};
  office->ask("peer.allow", arguments.dump(),
              [&](api_answer answer) { said.set_value(std::move(answer)); });
  office->end();
  go_on.set_value();
  office.reset();
  CHECK(said.get_future().get().code == errc::draining);
  CHECK(load_peers(dir.path())->empty());
}
