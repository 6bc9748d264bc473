// Opening a store on PostgreSQL: what the server must promise, who makes the schema, what is told.
#include "tests/journal/postgres_node.hpp"

#include <thread>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

/// A setting of the server while the scope lasts.
class server_setting {
 public:
  server_setting(const std::string& name, const std::string& value) : name_{name} {
    set("'" + value + "'", value);
  }
  ~server_setting() {
    postgres_server::shared().try_run("ALTER SYSTEM RESET " + name_);
    reload();
  }

 private:
  static void reload() { postgres_server::shared().try_run("SELECT pg_reload_conf()"); }
  void set(const std::string& quoted, const std::string& value) {
    auto& server = postgres_server::shared();
    server.run("ALTER SYSTEM SET " + name_ + " TO " + quoted);
    reload();
    while (server.run("SHOW " + name_) != value)
      std::this_thread::yield();
  }
  std::string name_;
};

error refused(const postgres_options& options) {
  const auto opened = open_postgres(options);
  REQUIRE_FALSE(opened.ok());
  return opened.error();
}

} // namespace

TEST_CASE("a server that may lose what it acknowledged is refused, by the setting's name") {
  SKEIN_NEEDS_POSTGRES;
  const postgres_schema schema;
  auto options = schema.options();
  SECTION("no standby") {
    options.single = false;
    const error why = refused(options);
    CHECK(why.code == errc::store_not_durable);
    CHECK(why.detail.find("synchronous_standby_names") != std::string::npos);
  }
  SECTION("fsync") {
    const server_setting off{"fsync", "off"};
    const error why = refused(options);
    CHECK(why.code == errc::store_not_durable);
    CHECK(why.detail.find("fsync") != std::string::npos);
  }
  SECTION("full_page_writes") {
    const server_setting off{"full_page_writes", "off"};
    CHECK(refused(options).detail.find("full_page_writes") != std::string::npos);
  }
  SECTION("synchronous_commit") {
    const server_setting weak{"synchronous_commit", "local"};
    CHECK(refused(options).detail.find("synchronous_commit") != std::string::npos);
  }
  SECTION("all as it must be") {
    const server_setting strong{"synchronous_commit", "remote_apply"};
    CHECK(open_postgres(options).ok());
  }
}

TEST_CASE("many that open a new store at once make it once") {
  SKEIN_NEEDS_POSTGRES;
  for (int round = 0; round < 3; ++round) {
    const postgres_schema schema;
    constexpr int openers = 6;
    std::vector<std::string> ids(openers);
    std::vector<std::thread> threads;
    for (int i = 0; i < openers; ++i)
      threads.emplace_back([&, i] {
        auto options = schema.options("n" + std::to_string(i));
        options.store.seed = static_cast<std::uint64_t>(i);
        const auto opened = open_postgres(options);
        ids[static_cast<std::size_t>(i)] =
            opened ? (*opened)->identity().store_id : to_string(opened.error());
      });
    for (std::thread& each : threads)
      each.join();
    for (const std::string& each : ids)
      CHECK(each == ids[0]);
    CHECK(ids[0].size() == 16);
    CHECK(schema.run("SELECT count(*) FROM fence") == "256");
    CHECK(schema.run("SELECT count(*) FROM owner") == std::to_string(openers));
  }
}

TEST_CASE("a store of another cluster, of other shards or of a newer program is refused") {
  SKEIN_NEEDS_POSTGRES;
  const postgres_schema schema;
  auto options = schema.options();
  must(open_postgres(options));
  auto other = options;
  other.cluster = "elsewhere";
  CHECK(refused(other).code == errc::store_mismatch);
  other = options;
  other.store.shards = 16;
  CHECK(refused(other).code == errc::store_mismatch);
  schema.run("INSERT INTO migration (no) VALUES (99)");
  CHECK(refused(options).code == errc::store_version);
}

TEST_CASE("what only SQLite does is refused when PostgreSQL is asked for it") {
  postgres_options options; // refused before a server is asked
  options.who = {.node = "a", .boot = "1", .address = {}, .zone = {}};
  SECTION("retention by size") {
    options.store.retention_bytes = 1'000'000;
    CHECK(refused(options).detail.find("retention_bytes") != std::string::npos);
  }
  SECTION("a reserve of free space") { options.store.disk_reserve = 1; }
  CHECK(refused(options).code == errc::invalid_argument);
  for (const std::string url : {"postgresql://u:hunter2@h/x", "postgres:"}) {
    const auto opened = journal::open(url, {});
    REQUIRE_FALSE(opened.ok());
    CHECK(opened.error().code == errc::invalid_argument);
    CHECK(opened.error().detail.find("PostgreSQL") != std::string::npos);
    CHECK(opened.error().detail.find("hunter2") == std::string::npos);
  }
}

TEST_CASE("no error tells a password, or anything of a URL that is not one") {
  SKEIN_NEEDS_POSTGRES;
  const postgres_schema schema;
  auto options = schema.options();
  for (const std::string url :
       {"postgresql://u:hunter2@127.0.0.1:1/x", "postgresql://u:p@h/x?hunter2=1",
        "host=/nowhere password=hunter2", "hunter2", "password='hunter2"}) {
    options.url = url;
    const error why = refused(options);
    INFO(why.detail);
    CHECK(why.detail.find("hunter2") == std::string::npos);
    CHECK((why.code == errc::store_unreachable || why.code == errc::invalid_argument));
  }
}

TEST_CASE("a store whose commits are ahead of its server's numbers is refused") {
  SKEIN_NEEDS_POSTGRES;
  const postgres_schema schema;
  must(open_postgres(schema.options()));
  schema.run("INSERT INTO commits SELECT 99, 1, '9000000000', 0, 0, 0, 0, true, '', '', '', ''");
  CHECK(refused(schema.options()).code == errc::store_mismatch);
}

TEST_CASE("whether the last process of a node closed its store in order is known") {
  SKEIN_NEEDS_POSTGRES;
  const postgres_schema schema;
  const auto first = must(open_postgres(schema.options()));
  CHECK(first->identity().clean);
  CHECK_FALSE(must(open_postgres(schema.options()))->identity().clean);
  must(must(open_postgres(schema.options()))->close());
  const auto last = must(open_postgres(schema.options()));
  CHECK(last->identity().clean);
  CHECK(last->identity().boot == 4);
}
