// An engine on the tests' server with its options at hand, for tests of what only PostgreSQL does.
#pragma once

#include "journal/postgres/postgres_options.hpp"
#include "tests/journal/shared_store.hpp"
#include "tests/support/postgres_server.hpp"

namespace skein::test {

/// Left out, and said so, where the server is not installed.
#define SKEIN_NEEDS_POSTGRES                                                                       \
  if (!postgres_server::is_installed()) {                                                          \
    WARN("left out: the PostgreSQL server's programs are not installed");                          \
    return;                                                                                        \
  }

class postgres_schema {
 public:
  postgres_schema() : name{postgres_server::shared().new_schema()} {}
  ~postgres_schema() {
    postgres_server::shared().try_run("SET client_min_messages TO error; DROP SCHEMA " + name +
                                      " CASCADE");
  }
  postgres_schema(const postgres_schema&) = delete;
  postgres_schema& operator=(const postgres_schema&) = delete;

  postgres_options options(const std::string& node = "a") const {
    postgres_options made;
    made.url = postgres_server::shared().url();
    made.schema = name;
    made.who = {.node = node, .boot = "1", .address = {}, .zone = {}};
    made.single = true;
    made.idle_in_transaction = std::chrono::minutes{2}; // no machine is too slow
    made.answer_within = std::chrono::minutes{2};
    made.store.now = from_ns(1'700'000'000'000'000'000);
    made.store.seed = 42;
    made.run = run_at_once;
    return made;
  }
  std::string run(const std::string& sql) const {
    return postgres_server::shared().run("SET search_path TO " + name + "; " + sql);
  }

  std::string name;
};

/// A place for shared_node whose options can be changed before.
class postgres_nodes final : public shared_place {
 public:
  explicit postgres_nodes(postgres_options options) : options_{std::move(options)} {}
  result<std::unique_ptr<engine>> open(const member_info& who, const open_options& store) override {
    return open_postgres(of(who, store));
  }
  result<std::unique_ptr<lease_store>> open_leases(const member_info& who) override {
    return open_postgres_leases(of(who, {}));
  }
  void pass(duration) override {}

 private:
  postgres_options of(const member_info& who, const open_options& store) const {
    postgres_options made = options_;
    made.who = who;
    made.store = store;
    return made;
  }
  postgres_options options_;
};

} // namespace skein::test
