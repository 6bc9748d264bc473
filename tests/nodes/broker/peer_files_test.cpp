// The key and the list of peers as files: whose they may be, and what is refused.
#include "nodes/broker/peer_files.hpp"
#include "nodes/broker/private_file.hpp"
#include "protocol/limits.hpp"
#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace skein;

namespace {

std::string content(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void put(const std::string& path, const std::string& text, mode_t mode = 0600) {
  std::ofstream{path, std::ios::binary} << text;
  REQUIRE(::chmod(path.c_str(), mode) == 0);
}

mode_t mode_of(const std::string& path) {
  struct stat found {};
  REQUIRE(::lstat(path.c_str(), &found) == 0);
  return found.st_mode & 07777;
}

errc key_problem(const std::string& folder) {
  const auto read = load_peer_key(folder);
  return read ? errc::none : read.error().code;
}

allowed_peer peer(const std::string& name, const std::string& key) {
  return {name, peer_role::node, key, *parse_rfc3339("2026-11-30T01:02:03Z")};
}

} // namespace

TEST_CASE("a key is made once, for its owner alone, and read again") {
  const test::temp_dir dir;
  const std::string folder = dir.path() + "/data";
  CHECK(key_problem(folder) == errc::none);
  CHECK_FALSE(load_peer_key(folder)->has_value());
  const auto made = create_peer_key(folder, false);
  REQUIRE(made);
  CHECK(mode_of(peer_key_path(folder)) == 0600);
  CHECK(mode_of(folder) == 0700);
  const auto read = load_peer_key(folder);
  REQUIRE((read && *read));
  CHECK((*read)->public_key == made->public_key);
  CHECK((*read)->secret.reveal() == made->secret.reveal());

  const auto again = create_peer_key(folder, false);
  REQUIRE_FALSE(again);
  CHECK(again.error().code == errc::state_conflict);
  CHECK((*load_peer_key(folder))->public_key == made->public_key);
  const auto replaced = create_peer_key(folder, true);
  REQUIRE(replaced);
  CHECK((*load_peer_key(folder))->public_key == replaced->public_key);
  std::size_t files = 0;
  for (const auto& each : std::filesystem::directory_iterator{folder})
    files += each.path().filename() == "peer.key" ? 1u : 2u;
  CHECK(files == 1); // nothing half-made is left
}

TEST_CASE("a key that others may read, that is a link or has two names is refused") {
  const test::temp_dir dir;
  REQUIRE(create_peer_key(dir.path(), false));
  const std::string path = peer_key_path(dir.path());
  for (const mode_t mode : {0640u, 0604u, 0660u, 0601u}) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    CHECK(key_problem(dir.path()) == errc::store_unsafe);
  }
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  CHECK(key_problem(dir.path()) == errc::none);
  REQUIRE(::link(path.c_str(), (dir.path() + "/other").c_str()) == 0);
  CHECK(key_problem(dir.path()) == errc::store_unsafe);
  REQUIRE(::unlink(path.c_str()) == 0);
  REQUIRE(::symlink((dir.path() + "/other").c_str(), path.c_str()) == 0);
  CHECK(key_problem(dir.path()) == errc::store_unsafe);
  REQUIRE(::unlink(path.c_str()) == 0);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(key_problem(dir.path()) == errc::store_unsafe); // and does not wait for a writer
}

TEST_CASE("a key is not written through a link") {
  const test::temp_dir dir;
  const std::string victim = dir.path() + "/victim";
  put(victim, "mine");
  REQUIRE(::symlink(victim.c_str(), peer_key_path(dir.path()).c_str()) == 0);
  CHECK_FALSE(create_peer_key(dir.path(), false));
  CHECK(create_peer_key(dir.path(), true)); // the link itself is replaced
  CHECK(content(victim) == "mine");
}

TEST_CASE("any damage to a key is found") {
  const test::temp_dir dir;
  REQUIRE(create_peer_key(dir.path(), false));
  const std::string path = peer_key_path(dir.path());
  const std::string good = content(path);
  CHECK(good.find("public ") != std::string::npos);
  for (std::size_t size = 0; size < good.size(); ++size) {
    put(path, good.substr(0, size));
    REQUIRE(key_problem(dir.path()) == errc::store_corrupt);
  }
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = bad[at] == '7' ? '8' : '7';
    put(path, bad);
    CAPTURE(at);
    REQUIRE(key_problem(dir.path()) == errc::store_corrupt);
  }
  put(path, good + "\n");
  CHECK(key_problem(dir.path()) == errc::store_corrupt);
  put(path, std::string(5'000, 'x'));
  CHECK(key_problem(dir.path()) == errc::too_large);
}

TEST_CASE("a list of peers is read as it was written") {
  const test::temp_dir dir;
  CHECK(load_peers(dir.path())->empty());
  const std::string key = make_key_pair().public_key;
  const auto changed =
      change_peers(dir.path(), [&](peer_list& list) { return allow_peer(list, peer("n2", key)); });
  REQUIRE(changed);
  CHECK(*changed);
  CHECK(mode_of(peers_path(dir.path())) == 0600);
  CHECK(*load_peers(dir.path()) == peer_list{{"n2", peer("n2", key)}});
  CHECK(content(peers_path(dir.path())).find("\nn2 node " + key + " 2026-11-30T01:02:03Z\n") !=
        std::string::npos);
}

TEST_CASE("a change that changes nothing writes nothing, and a failed one neither") {
  const test::temp_dir dir;
  const std::string key = make_key_pair().public_key;
  const auto allow = [&](const std::string& name) {
    return change_peers(dir.path(),
                        [&](peer_list& list) { return allow_peer(list, peer(name, key)); });
  };
  REQUIRE(allow("n2"));
  const std::string stamp = file_stamp(peers_path(dir.path()));
  CHECK_FALSE(*allow("n2"));
  CHECK(allow("n3").error().code == errc::state_conflict); // the key is n2's
  CHECK(file_stamp(peers_path(dir.path())) == stamp);
  REQUIRE(change_peers(dir.path(), [](peer_list& list) -> result<bool> {
    auto gone = revoke_peer(list, "n2");
    return gone ? result<bool>{true} : gone.error();
  }));
  CHECK(file_stamp(peers_path(dir.path())) != stamp);
  CHECK(load_peers(dir.path())->empty());
}

TEST_CASE("changes of several at once are all in the list") {
  const test::temp_dir dir;
  std::vector<std::thread> clerks;
  std::atomic<int> done{0};
  for (int i = 0; i < 8; ++i)
    clerks.emplace_back([&, name = "n" + std::to_string(i), key = make_key_pair().public_key] {
      done += change_peers(
                  dir.path(),
                  [&](peer_list& list) {
                    return allow_peer(list, peer(name, key));
                  }).ok()
                  ? 1
                  : 0;
    });
  for (std::thread& each : clerks)
    each.join();
  CHECK(done == 8);
  CHECK(load_peers(dir.path())->size() == 8);
}

TEST_CASE("the list of a folder whose store is in use can be changed") {
  const test::temp_dir dir;
  const unique_fd store{::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  REQUIRE(::flock(store.get(), LOCK_EX) == 0); // as a node does
  CHECK(change_peers(dir.path(), [](peer_list& list) {
    return allow_peer(list, peer("n2", make_key_pair().public_key));
  }));
}

TEST_CASE("a folder that is not there has no list to change") {
  const test::temp_dir dir;
  const auto changed =
      change_peers(dir.path() + "/none", [](peer_list&) -> result<bool> { return true; });
  REQUIRE_FALSE(changed);
  CHECK(changed.error().code == errc::not_found);
}

TEST_CASE("who is in the list is one name and one key") {
  peer_list list;
  const std::string one = make_key_pair().public_key, other = make_key_pair().public_key;
  CHECK(*allow_peer(list, peer("n2", one)));
  CHECK(allow_peer(list, peer("n2", other)).error().code == errc::state_conflict);
  CHECK(allow_peer(list, peer("n3", one)).error().code == errc::state_conflict);
  CHECK(*allow_peer(list, peer("n3", other)));
  for (const char* name : {"", "-n", "a b", "a.b", "a\n", "\xc3\xa9"})
    CHECK(allow_peer(list, peer(name, make_key_pair().public_key)).error().code ==
          errc::invalid_argument);
  CHECK(allow_peer(list, peer("n4", "short")).error().code == errc::invalid_argument);
  CHECK(revoke_peer(list, "n9").error().code == errc::not_found);
  CHECK(revoke_peer(list, "n2")->key == one);
  CHECK(find_by_key(list, one) == nullptr);
  CHECK(find_by_key(list, other)->name == "n3");
}

TEST_CASE("a full list takes no more, and its text fits the file") {
  peer_list list;
  for (std::size_t i = 0; i < limits::peers_max; ++i)
    REQUIRE(allow_peer(list, peer("n" + std::to_string(i), make_key_pair().public_key)));
  CHECK(allow_peer(list, peer("x", make_key_pair().public_key)).error().code == errc::no_capacity);
  CHECK(to_text(list).size() < limits::peers_file_bytes_max);
  CHECK(*parse_peer_list(to_text(list)) == list);
}

TEST_CASE("a line that is wrong is named by its number") {
  const std::string key = make_key_pair().public_key;
  const std::string good = "# names\n\nn2 node " + key + " 2026-11-30T01:02:03Z\r\n";
  CHECK(parse_peer_list(good)->size() == 1);
  for (const std::string& bad : std::vector<std::string>{
           "n3 node " + key, "n3 king " + make_key_pair().public_key + " 2026-11-30T01:02:03Z",
           "n3 node short 2026-11-30T01:02:03Z", "n3 node " + make_key_pair().public_key + " today",
           "n3 node " + key + " 2026-11-30T01:02:03Z",
           "n2 node " + key + " 2026-11-30T01:02:03Z"}) {
    const auto read = parse_peer_list(good + bad + "\n");
    REQUIRE_FALSE(read);
    CHECK(read.error().code == errc::invalid_config);
    CHECK(read.error().detail.find("line 4: ") == 0);
  }
}

TEST_CASE("a list that others may change is not believed") {
  const test::temp_dir dir;
  put(peers_path(dir.path()), "", 0622);
  CHECK(load_peers(dir.path()).error().code == errc::store_unsafe);
}
