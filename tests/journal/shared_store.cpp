#include "tests/journal/shared_store.hpp"

#include "journal/memory_journal.hpp"
#include "journal/memory_leases.hpp"
#include "journal/postgres/postgres_options.hpp"
#include "tests/support/postgres_server.hpp"

namespace skein::test {

namespace {

using namespace std::chrono_literals;

class shared_memory final : public shared_place {
 public:
  result<std::unique_ptr<engine>> open(const member_info& who,
                                       const open_options& options) override {
    return open_shared_memory(store_, options, who.owner());
  }
  result<std::unique_ptr<lease_store>> open_leases(const member_info& who) override {
    return open_memory_leases(store_, who, [this] { return now_; });
  }
  void pass(duration time) override { now_ += time; }

 private:
  std::shared_ptr<memory_store> store_ = make_memory_store();
  instant now_ = from_ns(1'700'000'000'000'000'000);
};

/// The server's clock is its own: what is to be over is brought forward.
class shared_postgres final : public shared_place {
 public:
  shared_postgres() : schema_{server().new_schema()} {}
  ~shared_postgres() override {
    server().try_run("SET client_min_messages TO error; DROP SCHEMA " + schema_ + " CASCADE");
  }
  result<std::unique_ptr<engine>> open(const member_info& who,
                                       const open_options& options) override {
    return open_postgres(options_of(who, options));
  }
  result<std::unique_ptr<lease_store>> open_leases(const member_info& who) override {
    return open_postgres_leases(options_of(who, {}));
  }
  void pass(duration time) override {
    const auto by =
        std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
    for (const std::string table : {"lease", "member"})
      server().run("UPDATE " + schema_ + "." + table + " SET until = until - interval '" + by +
                   " milliseconds'");
  }

 private:
  static postgres_server& server() { return postgres_server::shared(); }
  postgres_options options_of(const member_info& who, const open_options& options) const {
    postgres_options made;
    made.url = server().url();
    made.schema = schema_;
    made.who = who;
    made.single = true;
    made.idle_in_transaction = std::chrono::minutes{2}; // no machine is too slow
    made.answer_within = std::chrono::minutes{2};
    made.store = options;
    made.run = run_at_once;
    return made;
  }

  std::string schema_;
};

} // namespace

std::ostream& operator<<(std::ostream& out, const shared_kind& kind) { return out << kind.name; }

std::vector<shared_kind> all_shared_engines() {
  std::vector<shared_kind> all{{"memory", [] { return std::make_unique<shared_memory>(); }}};
  if (postgres_server::is_installed())
    all.push_back({"postgres", [] { return std::make_unique<shared_postgres>(); }});
  const shared_kind first = all.at(0);
  std::erase_if(all, [](const shared_kind& each) { return !is_wanted(each.name); });
  if (all.empty())
    all.push_back(first);
  return all;
}

shared_node::shared_node(shared_place& place, const std::string& name, open_options options) {
  options.now = now;
  options.seed = 42;
  const member_info who{.node = name, .boot = "1", .address = {}, .zone = {}};
  engine_ = must(place.open(who, options));
  leases_ = must(place.open_leases(who));
  reader_ = must(engine_->new_reader());
}

std::vector<pending_event> shared_node::take(std::span<const shard_id> shards) {
  const auto taken = held_of(must(leases_->take(shards, lease_time)));
  std::vector<pending_event> found;
  must(engine_->adopt(taken, [&](const pending_event& each) { found.push_back(each); }));
  for (const held_shard& each : taken)
    epochs_[each.shard] = each.epoch;
  return found;
}

void shared_node::give_up(std::span<const shard_id> shards) {
  engine_->release(shards);
  must(leases_->release(shards));
}

accept_op shared_node::accept(const event_words& words) {
  accept_op op;
  op.event = must(offer(event_of(words), engine_->identity().hash, {}, now));
  op.epoch = epochs_.contains(op.event.shard) ? epoch_of(op.event.shard) : epoch_no{1};
  for (const std::string& name : words.agents)
    op.deliveries.add(must(engine_->agent_number(name)));
  return op;
}

finish_op shared_node::finish(delivery_id delivery) {
  finish_op op;
  op.epoch = epoch_of(delivery.event.shard);
  op.delivery = delivery;
  op.agent = must(engine_->agent_number("bot"));
  op.attempt = 1;
  op.started = op.finished = now;
  return op;
}

std::vector<op_result> shared_node::commit(std::vector<operation> batch) {
  return must(engine_->commit(batch, now)).results;
}

event_id shared_node::add(const event_words& words) {
  const op_result judged = one(accept(words));
  REQUIRE(judged.status == op_status::applied);
  return judged.event;
}

} // namespace skein::test
