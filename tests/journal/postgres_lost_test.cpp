// A commit whose answer does not come: whatever was lost on the way, it is there once, and is
// answered as what it is.
#include "tests/journal/postgres_node.hpp"
#include "tests/support/cut_socket.hpp"

#include <atomic>
#include <thread>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

std::string socket_folder() {
  const std::string& url = postgres_server::shared().url();
  const auto from = url.find("host=") + 5;
  return url.substr(from, url.find(' ', from) - from);
}

/// A node behind a line that can be cut.
struct behind_a_line {
  behind_a_line() : line{socket_folder()}, nodes{options()}, node{nodes, "a"} { node.take_all(); }
  postgres_options options() const {
    auto made = schema.options();
    made.url = "host=" + line.folder() + " user=postgres dbname=postgres";
    made.answer_within = 5s;
    return made;
  }
  postgres_schema schema;
  cut_socket line;
  postgres_nodes nodes;
  shared_node node;
};

/// A small commit is one round trip, a large one has copies in it.
std::vector<operation> batch_of(shared_node& node, const std::string& name, int events) {
  std::vector<operation> batch;
  for (int i = 0; i < events; ++i)
    batch.emplace_back(
        node.accept({.id = name + "-" + std::to_string(i), .key = "k" + std::to_string(i % 7)}));
  return batch;
}

} // namespace

TEST_CASE("a commit whose line is cut anywhere is there once, and answered as applied") {
  SKEIN_NEEDS_POSTGRES;
  const int events = GENERATE(2, 150);
  CAPTURE(events);
  behind_a_line test;
  test.node.commit(batch_of(test.node, "first", events)); // statements are prepared
  static_cast<void>(test.line.take_gone());
  test.node.commit(batch_of(test.node, "whole", events));
  const auto bytes = test.line.take_gone();
  int commits = 2;
  for (const bool answers : {false, true}) {
    const std::int64_t all = answers ? bytes.to_client : bytes.to_server;
    const std::int64_t step = std::max<std::int64_t>(1, all / (answers ? 25 : 15));
    for (std::int64_t at = 0; at < all; at += step) {
      INFO((answers ? "answers" : "commands") << " cut at " << at << " of " << all);
      answers ? test.line.cut_to_client(at) : test.line.cut_to_server(at);
      const auto batch = batch_of(test.node, "cut-" + std::to_string(commits), events);
      const auto results = test.node.commit(batch);
      test.line.heal(); // the last bytes may be fewer than last time
      ++commits;
      for (const op_result& each : results)
        REQUIRE(each.status == op_status::applied);
      REQUIRE(test.node.commit(batch)[0].event == results[0].event);
      REQUIRE(must(test.node.reader().find(results.back().event)));
    }
  }
  REQUIRE(test.line.was_cut());
  const std::string expected = std::to_string(commits * events);
  CHECK(test.schema.run("SELECT count(*) FROM event") == expected);
  CHECK(test.schema.run("SELECT count(DISTINCT id) FROM event") == expected);
  CHECK(test.schema.run("SELECT sum(totals[1]) FROM fence") == expected);
  CHECK(test.schema.run("SELECT count(*) FROM commits WHERE NOT void") == std::to_string(commits));
  CHECK(must(test.node->events_ledger()).pending == static_cast<std::uint64_t>(commits * events));
  std::size_t told = 0;
  for (const auto& each : must(test.node.reader().commits_after(commit_no{}, 10'000)).commits)
    told += each.items.size();
  CHECK(told == static_cast<std::size_t>(commits * events));
}

TEST_CASE("a server that is gone in a commit leaves it unknown, and the engine takes no more") {
  SKEIN_NEEDS_POSTGRES;
  postgres_server server{"/tmp"};
  auto options = postgres_schema{}.options();
  options.url = server.url();
  options.schema = "gone";
  options.answer_within = 1s;
  postgres_nodes nodes{options};
  shared_node node{nodes, "a"};
  node.take_all();
  node.add({.id = "1"});
  server.run("CREATE FUNCTION gone.stall() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM "
             "pg_sleep(30); RETURN NEW; END $$; CREATE TRIGGER stall BEFORE INSERT ON gone.commits "
             "FOR EACH ROW EXECUTE FUNCTION gone.stall()");
  std::thread killer{[&] {
    while (server.run("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "0")
      std::this_thread::yield();
    server.crash();
  }};
  const std::vector<operation> batch{node.accept({.id = "2"})};
  const auto lost = node->commit(batch, node.now);
  killer.join();
  REQUIRE_FALSE(lost.ok());
  CHECK(lost.error().code == errc::unknown_outcome);
  server.start();
  const auto later = node->commit(batch, node.now);
  REQUIRE_FALSE(later.ok());
  CHECK(later.error().code == errc::io_error);
}

TEST_CASE(
    "a server that is away between commits is a definite no, and the engine goes on after it") {
  SKEIN_NEEDS_POSTGRES;
  postgres_server server{"/tmp"};
  auto options = postgres_schema{}.options();
  options.url = server.url();
  options.schema = "away";
  options.answer_within = 500ms;
  postgres_nodes nodes{options};
  shared_node node{nodes, "a"};
  node.take_all();
  const event_id first = node.add({.id = "1"});
  server.crash();
  const std::vector<operation> batch{node.accept({.id = "2"})};
  auto refused = node->commit(batch, node.now);
  REQUIRE_FALSE(refused.ok());
  if (refused.error().code == errc::unknown_outcome)
    return; // the line was found to be cut only by what was sent
  CHECK(is_refusal(refused.error().code));
  server.start();
  CHECK(node.one(batch[0]).status == op_status::applied);
  CHECK(node.one(node.finish(first_of(first))).status == op_status::applied);
}

TEST_CASE("a commit that did not wait for its standby is not acknowledged") {
  SKEIN_NEEDS_POSTGRES;
  postgres_server server{"/tmp"};
  auto options = postgres_schema{}.options();
  options.url = server.url();
  options.schema = "standby";
  postgres_nodes nodes{options};
  shared_node node{nodes, "a"};
  node.take_all();
  node.add({.id = "1"});
  server.run("ALTER SYSTEM SET synchronous_standby_names TO 'nobody'");
  server.run("SELECT pg_reload_conf()");
  const auto cancel_one = [&] {
    while (server.run("SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity "
                      "WHERE wait_event = 'SyncRep'") == "0")
      std::this_thread::yield();
  };
  std::atomic<bool> in_force = false;
  std::atomic<bool> ended = false;
  std::thread probe{[&] { // its writes wait as soon as the server has read its settings
    while (!in_force)
      server.try_run("CREATE TABLE IF NOT EXISTS probe(); DROP TABLE probe");
    ended = true;
  }};
  cancel_one();
  in_force = true;
  while (!ended)
    server.run("SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity "
               "WHERE wait_event = 'SyncRep'");
  probe.join();
  std::thread canceller{cancel_one};
  const std::vector<operation> batch{node.accept({.id = "2"})};
  const auto got = node->commit(batch, node.now);
  canceller.join();
  REQUIRE_FALSE(got.ok());
  CHECK(got.error().code == errc::unknown_outcome);
  CHECK(node->commit(batch, node.now).error().code == errc::io_error);
}

TEST_CASE("a backend that is ended in the middle of a commit is tried again") {
  SKEIN_NEEDS_POSTGRES;
  const postgres_schema schema;
  postgres_nodes nodes{schema.options()};
  shared_node node{nodes, "a"};
  node.take_all();
  node.add({.id = "1"});
  schema.run(
      "CREATE SEQUENCE stalls; CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS $$ "
      "BEGIN IF nextval('" +
      schema.name +
      ".stalls') = 1 THEN PERFORM pg_sleep(30); END IF; "
      "RETURN NEW; END $$; CREATE TRIGGER stall BEFORE INSERT ON event FOR EACH ROW EXECUTE "
      "FUNCTION stall()");
  std::thread killer{[&] {
    while (schema.run("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                      "WHERE wait_event = 'PgSleep'") == "0")
      std::this_thread::yield();
  }};
  const event_id second = node.add({.id = "2"});
  killer.join();
  CHECK(must(node.reader().find(second)));
  CHECK(schema.run("SELECT count(*) FROM event") == "2");
}
