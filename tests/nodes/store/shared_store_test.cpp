// The store's threads over a store that several nodes share: shards come and go between commits,
// and nothing is committed once the leases may be over.
#include "journal/memory_journal.hpp"
#include "journal/memory_leases.hpp"
#include "nodes/store/lease_thread.hpp"
#include "nodes/store/store_threads.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <future>

using namespace skein;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t loops = 2;
constexpr instant began = from_ns(1'700'000'000'000'000'000);
constexpr shard_id first{0}, second{1};

class hand_clock final : public clock_port {
 public:
  moment now() const override {
    return {std::max(began + passed() + set(), from_ns(floor_.load())), boot_time{} + passed()};
  }
  void not_before(instant floor) { floor_ = to_ns(floor); }
  void advance(duration by) { passed_ += by.count(); }
  void set_by(duration by) { set_ += by.count(); }
  void wake_at(boot_time, std::function<void()>) override {}
  duration thread_cpu() const override { return {}; }

 private:
  duration passed() const { return duration{passed_.load()}; }
  duration set() const { return duration{set_.load()}; }
  std::atomic<duration::rep> passed_{0}, set_{0};
  std::atomic<std::int64_t> floor_{0};
};

/// What a call hands to its callback, waited for.
template <class T>
T answer_of(const std::function<void(std::function<void(T)>)>& call) {
  auto promise = std::make_shared<std::promise<T>>();
  auto answer = promise->get_future();
  call([promise](T value) { promise->set_value(std::move(value)); });
  REQUIRE(answer.wait_for(60s) == std::future_status::ready);
  return answer.get();
}

/// One node of two that share a store in memory.
class shared_node {
 public:
  shared_node(std::shared_ptr<journal::memory_store> store, const std::string& name) {
    journal::member_info who;
    who.node = name;
    who.boot = "1";
    journal::open_options how;
    how.shards = 4;
    how.now = began;
    how.seed = 1;
    engine_ = *journal::open_shared_memory(store, how, who.owner());
    bot_ = *engine_->agent_number("bot");
    leases = std::make_unique<lease_thread>(
        journal::open_memory_leases(store, who, [this] { return clock.now().wall; }), clock,
        [this](instant at, boot_time asked, boot_time answered) {
          heard.push_back({at, asked, answered});
        });
    threads = std::make_unique<store_threads>(
        *engine_, store_threads::readers{*engine_->new_reader(), *engine_->new_reader()}, clock,
        loops,
        store_threads::calls{.fatal = [](const error&) {},
                             .upkeep = [](const error&) {},
                             .not_before = [this](instant at) { clock.not_before(at); }});
    for (std::uint32_t loop = 0; loop < loops; ++loop)
      threads->attach(static_cast<loop_no>(loop), {[](const foreign_events&) {},
                                                   [this, loop](adopted_shards all) {
                                                     told[loop].push_back(std::move(all));
                                                     told_at = clock.now().wall;
                                                   }});
    threads->start();
    leases->start();
  }
  ~shared_node() {
    leases->close();
    static_cast<void>(threads->close());
  }

  std::vector<journal::taken_shard> take(const std::vector<shard_id>& shards) {
    using taken = result<std::vector<journal::taken_shard>>;
    return *answer_of<taken>([&](auto done) { leases->take(shards, 2s, done); });
  }
  result<void> adopt(const std::vector<journal::taken_shard>& shards) {
    std::vector<journal::held_shard> held;
    for (const journal::taken_shard& each : shards)
      held.push_back(each.held);
    return answer_of<result<void>>([&](auto done) { threads->adopt(held, true, done); });
  }
  void release(shard_id shard) {
    std::promise<void> gone;
    threads->release({shard}, [&] { gone.set_value(); });
    gone.get_future().wait();
    REQUIRE(answer_of<result<void>>([&](auto done) { leases->release({shard}, done); }).ok());
  }
  /// What became of an event.
  std::string accept(shard_id shard, epoch_no epoch, const std::string& id) {
    event value;
    value.id = id;
    value.source = "/s";
    value.type = "t";
    auto offered = offer(value, engine_->identity().hash, {}, clock.now().wall);
    REQUIRE(offered.ok());
    journal::accept_op op;
    op.epoch = epoch;
    op.event = *offered;
    op.event.shard = shard;
    op.deliveries.add(bot_);
    const auto receipt = answer_of<result<journal::commit_receipt>>([&](auto done) {
      threads->submit(loop_no{raw(shard) % loops}, {op},
                      [done](result<journal::commit_receipt> said,
                             const std::vector<journal::operation>&) { done(std::move(said)); });
    });
    return receipt ? std::string{text(receipt->results.at(0).status)}
                   : std::string{slug(receipt.error().code)};
  }

  hand_clock clock;
  std::vector<adopted_shards> told[loops]; // the writer's, until it has answered
  instant told_at = no_instant;            // likewise
  struct store_said {
    instant at;
    boot_time asked, answered;
  };
  std::vector<store_said> heard; // the leases' thread's, until it has answered
  std::unique_ptr<store_threads> threads;
  std::unique_ptr<lease_thread> leases;

 private:
  static std::string_view text(journal::op_status status) {
    return status == journal::op_status::applied  ? "applied"
           : status == journal::op_status::fenced ? "fenced"
                                                  : "other";
  }
  std::unique_ptr<journal::engine> engine_;
  agent_no bot_{};
};

} // namespace

TEST_CASE("a shard comes with its epoch to all loops, and with its events to the one that has it") {
  const auto store = journal::make_memory_store();
  shared_node a{store, "n1"};
  REQUIRE(a.adopt(a.take({first, second})).ok());
  CHECK(a.accept(second, epoch_no{1}, "x") == "applied");
  a.release(second);
  CHECK(a.accept(second, epoch_no{1}, "y") == "fenced");
  shared_node b{store, "n2"};
  CHECK(b.take({first}).empty());
  const auto taken = b.take({second});
  REQUIRE(taken.size() == 1);
  CHECK(taken[0].in_order);
  REQUIRE(b.adopt(taken).ok());
  for (const auto& loop : b.told) {
    REQUIRE(loop.size() == 1);
    CHECK(loop[0].shards == std::vector{journal::held_shard{second, epoch_no{2}}});
    CHECK_FALSE(loop[0].unclean);
  }
  CHECK(b.told[0][0].pending.empty());
  CHECK(b.told[1][0].pending.size() == 1);
  CHECK(b.accept(second, epoch_no{2}, "y") == "applied");
}

TEST_CASE("once the leases may be over every commit is refused, until they are renewed") {
  shared_node a{journal::make_memory_store(), "n1"};
  REQUIRE(a.adopt(a.take({first})).ok());
  a.threads->commit_until(a.clock.now().boot + 1'700ms);
  CHECK(a.accept(first, epoch_no{1}, "x") == "applied");
  a.clock.advance(1'700ms);
  CHECK(a.accept(first, epoch_no{1}, "y") == "store-unreachable");
  a.threads->commit_until(a.clock.now().boot + 1ms);
  CHECK(a.accept(first, epoch_no{1}, "y") == "applied");
}

TEST_CASE("a clock that is set makes no lease longer, nor shorter") {
  shared_node a{journal::make_memory_store(), "n1"};
  REQUIRE(a.adopt(a.take({first})).ok());
  a.threads->commit_until(a.clock.now().boot + 1'700ms);
  a.clock.set_by(1h);
  CHECK(a.accept(first, epoch_no{1}, "x") == "applied");
  a.clock.set_by(-2h);
  a.clock.advance(1'700ms);
  CHECK(a.accept(first, epoch_no{1}, "y") == "store-unreachable");
}

TEST_CASE("time is not behind that of a shard's last owner when a loop hears of the shard") {
  const auto store = journal::make_memory_store();
  shared_node a{store, "n1"};
  a.clock.set_by(5s);
  REQUIRE(a.adopt(a.take({second})).ok());
  CHECK(a.accept(second, epoch_no{1}, "x") == "applied");
  a.release(second);
  shared_node b{store, "n2"};
  REQUIRE(b.adopt(b.take({second})).ok());
  CHECK(b.told_at == began + 5s);
  CHECK(b.told[1].at(0).opened_at == began + 5s);
}

TEST_CASE("what the store's clock says is heard with each beat, and between which moments") {
  shared_node a{journal::make_memory_store(), "n1"};
  a.clock.advance(3s);
  using beat = lease_port::beat;
  const auto said = answer_of<beat>([&](auto done) { a.leases->beat_now(2s, false, done); });
  REQUIRE(a.heard.size() == 1);
  CHECK(a.heard[0].at == said.view->at);
  CHECK(a.heard[0].asked == boot_time{} + 3s);
  CHECK(a.heard[0].answered == boot_time{} + 3s);
}

TEST_CASE("a node that ends is no member any more") {
  const auto store = journal::make_memory_store();
  shared_node a{store, "n1"};
  const auto beat = [](shared_node& of) {
    return answer_of<lease_port::beat>([&](auto done) { of.leases->beat_now(2s, false, done); });
  };
  CHECK(beat(a).view->members.size() == 1);
  {
    shared_node b{store, "n2"};
    CHECK(beat(b).view->members.size() == 2);
  }
  CHECK(beat(a).view->members.size() == 1);
}
