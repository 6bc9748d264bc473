// Several nodes and one store in virtual time: who owns what, and that it is never two.
#include "actors/cluster/lease_core.hpp"
#include "journal/memory_journal.hpp"
#include "journal/memory_leases.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>

using namespace skein;
using namespace std::chrono_literals;

namespace {

constexpr instant epoch_start = from_ns(1'700'000'000'000'000'000);

/// One process: the core, its leases, and loops that end what runs after `busy`.
struct node {
  std::string name;
  std::unique_ptr<lease_core> core;
  std::unique_ptr<journal::lease_store> leases;
  std::map<shard_id, epoch_no> loops;        // what they have
  std::map<shard_id, std::uint64_t> leaving; // and are to give up, each time with a number
  boot_time until{};
  bool emptied = false;
  bool has_twin = false;
  bool frozen = false;
  bool cut = false;                                              // the store does not answer
  duration busy = 1ms;                                           // what runs, of every shard
  std::vector<std::pair<boot_time, std::function<void()>>> late; // while it was frozen
};

class cluster_world {
 public:
  explicit cluster_world(std::uint32_t shards, std::uint64_t seed = 1)
    : shards_{shards}, dice_{seed} {
    journal::open_options how;
    how.shards = shards;
    how.now = epoch_start;
    how.seed = 1;
    opener_ = *journal::open_shared_memory(store_, how, "test:0");
  }

  node& start(const std::string& name, std::uint32_t weight = 1) {
    auto made = std::make_unique<node>();
    made->name = name;
    journal::member_info who;
    who.node = name;
    who.boot = std::to_string(++boots_);
    who.weight = weight;
    made->leases = journal::open_memory_leases(store_, who, [this] { return store_time(); });
    lease_settings settings;
    settings.self = who;
    settings.shards = shards_;
    made->core = std::make_unique<lease_core>(settings);
    nodes_.push_back(std::move(made));
    step(*nodes_.back(), tick_in{});
    return *nodes_.back();
  }

  /// Without a word, as kill -9.
  void kill(node& which) {
    dead_.push_back(&which);
    which.frozen = true;
    which.late.clear();
  }
  void freeze(node& which) { which.frozen = true; }
  void thaw(node& which) {
    which.frozen = false;
    for (auto& [at, what] : std::exchange(which.late, {}))
      run_at(which, now_, std::move(what));
  }
  void empty(node& which, bool leaving = true) { step(which, empty_in{leaving}); }

  void wait(duration time) {
    const boot_time end = now_ + time;
    while (!events_.empty() && events_.begin()->first <= end) {
      const auto next = events_.begin();
      now_ = next->first;
      auto what = std::move(next->second);
      events_.erase(next);
      what();
      check();
    }
    now_ = end;
  }

  /// Shards that the loops of a node have, as far as it may work for them.
  std::size_t serving(const node& which) const {
    return which.until > now_ && !is_dead(which) ? which.loops.size() : 0;
  }
  std::size_t unserved() const {
    std::size_t count = shards_;
    for (const auto& each : nodes_)
      count -= serving(*each);
    return count;
  }
  boot_time now() const { return now_; }
  std::size_t hints = 0;
  std::size_t stays = 0;
  std::size_t stayed = 0;    // it was not too late
  std::size_t suspected = 0; // adopted as if their last owner had died
  std::size_t beats = 0;

 private:
  instant store_time() const { return epoch_start + now_.time_since_epoch(); }
  bool is_dead(const node& which) const {
    return std::find(dead_.begin(), dead_.end(), &which) != dead_.end();
  }
  void run_at(node& of, boot_time at, std::function<void()> what) {
    events_.emplace(at, [this, &of, what = std::move(what)] {
      if (is_dead(of))
        return;
      if (of.frozen)
        of.late.emplace_back(now_, what);
      else
        what();
    });
  }
  duration little() { return std::chrono::microseconds{dice_() % 3'000}; }

  /// No shard is anybody's twice while its lease lasts by the owner's own clock.
  void check() {
    if (shards_ > 1'000 && ++looked_ % 64 != 0)
      return; // a look at all costs too much for each event
    std::vector<const node*> owners(shards_);
    for (const auto& each : nodes_) {
      if (is_dead(*each) || each->frozen || each->until <= now_)
        continue;
      for (const auto& [shard, epoch] : each->loops)
        if (const node* other = std::exchange(owners[raw(shard)], each.get()); other != nullptr)
          FAIL("shard " << raw(shard) << " is both " << other->name << "'s and " << each->name
                        << "'s");
    }
  }

  void step(node& of, lease_input input) {
    std::vector<lease_effect> effects;
    of.core->step(std::move(input), {store_time(), now_}, effects);
    for (lease_effect& each : effects)
      std::visit([&](auto& effect) { perform(of, effect); }, each);
  }

  void perform(node& of, beat_effect& effect) {
    ++beats;
    const boot_time asked = now_;
    run_at(of, now_ + little(), [this, &of, asked, leaving = effect.leaving] {
      beat_in answer{asked, error{errc::io_error, "cut"}, error{errc::io_error, "cut"}};
      if (!of.cut) {
        answer.held = of.leases->renew(limits::lease_ttl);
        answer.view = of.leases->heartbeat(limits::lease_ttl, leaving);
      }
      run_at(of, now_ + little(), [this, &of, answer] { step(of, answer); });
    });
  }
  void perform(node& of, take_effect& effect) {
    const boot_time asked = now_;
    run_at(of, now_ + 3ms, [this, &of, asked, shards = effect.shards] {
      taken_in answer{asked, shards, error{errc::io_error, "cut"}};
      if (!of.cut)
        answer.taken = of.leases->take(shards, limits::lease_ttl);
      if (answer.taken)
        for (const auto& [held, in_order] : *answer.taken)
          taken_clean_[held.shard] =
              std::exchange(released_[held.shard], false) || raw(held.epoch) == 1;
      run_at(of, now_ + 3ms, [this, &of, answer] { step(of, answer); });
    });
  }
  void perform(node& of, adopt_effect& effect) {
    for (const journal::held_shard& each : effect.shards)
      if (effect.clean)
        CHECK(taken_clean_[each.shard]); // nothing may have been running
      else
        ++suspected;
    run_at(of, now_ + 5ms, [this, &of, shards = effect.shards] {
      for (const journal::held_shard& each : shards) {
        of.loops[each.shard] = each.epoch;
        of.leaving.erase(each.shard);
      }
      step(of, adopted_in{shards, {}});
    });
  }
  void leave(node& of, const std::vector<shard_id>& shards, duration after) {
    for (const shard_id each : shards) {
      const std::uint64_t number = of.leaving[each] = ++leaves_;
      run_at(of, now_ + after, [this, &of, each, number] {
        const auto going = of.leaving.find(each);
        if (going == of.leaving.end() || going->second != number)
          return; // it was to stay
        of.leaving.erase(going);
        if (of.loops.erase(each) > 0)
          run_at(of, now_ + 1ms, [this, &of, each] { step(of, gave_up_in{{each}}); });
      });
    }
  }
  void perform(node& of, leave_shards_effect& effect) { leave(of, effect.shards, of.busy); }
  void perform(node& of, stay_shards_effect& effect) {
    stays += effect.shards.size();
    for (const shard_id each : effect.shards)
      stayed += of.leaving.erase(each);
  }
  void perform(node& of, lose_shards_effect& effect) { // stops at once, is gone a little later
    for (const auto& [each, epoch] : effect.shards)
      if (of.loops.erase(each) > 0)
        run_at(of, now_ + 1ms, [this, &of, shard = each] { step(of, gave_up_in{{shard}}); });
  }
  void perform(node& of, forget_shards_effect& effect) {
    run_at(of, now_ + 1ms, [this, &of, shards = effect.shards] { step(of, forgotten_in{shards}); });
  }
  void perform(node& of, release_shards_effect& effect) {
    run_at(of, now_ + 3ms, [this, &of, shards = effect.shards] {
      released_in answer{shards, error{errc::io_error, "cut"}};
      if (!of.cut)
        answer.done = of.leases->release(shards);
      if (answer.done)
        for (const shard_id each : shards)
          released_[each] = true;
      run_at(of, now_ + 3ms, [this, &of, answer] { step(of, answer); });
    });
  }
  void perform(node& of, lease_until_effect& effect) { of.until = effect.until; }
  void perform(node& of, hint_effect& effect) {
    ++hints;
    for (const auto& each : nodes_)
      if (each->name == effect.node && !is_dead(*each))
        run_at(*each, now_ + 1ms,
               [this, to = each.get(), shards = effect.shards] { step(*to, hint_in{shards}); });
    (void)of;
  }
  void perform(node&, owners_effect&) {}
  void perform(node& of, twin_effect&) {
    of.has_twin = true;
    kill(of);
  }
  void perform(node& of, emptied_effect&) { of.emptied = true; }
  void perform(node& of, wake_effect& effect) {
    run_at(of, effect.at, [this, &of] { step(of, tick_in{}); });
  }
  void perform(node&, log_effect&) {}

  std::uint32_t shards_;
  std::mt19937_64 dice_;
  std::shared_ptr<journal::memory_store> store_ = journal::make_memory_store();
  std::unique_ptr<journal::engine> opener_;
  std::vector<std::unique_ptr<node>> nodes_;
  std::vector<const node*> dead_;
  std::multimap<boot_time, std::function<void()>> events_;
  boot_time now_{1h};
  std::uint64_t boots_ = 0;
  std::uint64_t looked_ = 0;
  std::uint64_t leaves_ = 0;
  std::map<shard_id, bool> released_;    // in order, and nobody has it since
  std::map<shard_id, bool> taken_clean_; // what stood there when it was taken last
};

} // namespace

TEST_CASE("nodes that come up share the shards evenly", "[lease]") {
  cluster_world world{256};
  node& a = world.start("n1");
  world.wait(1s);
  CHECK(world.serving(a) == 256);
  node& b = world.start("n2");
  node& c = world.start("n3");
  world.wait(5s);
  CHECK(world.serving(a) + world.serving(b) + world.serving(c) == 256);
  for (const node* each : {&a, &b, &c})
    CHECK((world.serving(*each) == 85 || world.serving(*each) == 86));
  CHECK(a.core->counted().given == 256 - world.serving(a));
  CHECK(b.core->counted().taken == world.serving(b)); // nothing moved twice
  CHECK(world.suspected == 0);
}

TEST_CASE("shards of a node that died are taken over within three seconds", "[lease]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    cluster_world world{256, seed};
    node& a = world.start("n1");
    node& b = world.start("n2");
    node& c = world.start("n3");
    world.wait(5s + std::chrono::milliseconds{seed * 37});
    REQUIRE(world.unserved() == 0);
    world.kill(a);
    const boot_time died = world.now();
    while (world.unserved() > 0 && world.now() < died + 5s)
      world.wait(10ms);
    INFO("seed " << seed);
    CHECK(world.now() - died < 2'700ms);
    CHECK(world.serving(b) == 128);
    CHECK(world.serving(c) == 128);
  }
}

TEST_CASE("a node that was frozen has lost its shards, and knows it before it does anything",
          "[lease]") {
  cluster_world world{64};
  node& a = world.start("n1");
  node& b = world.start("n2");
  world.wait(4s);
  REQUIRE(world.unserved() == 0);
  world.freeze(a);
  world.wait(4s);
  CHECK(world.serving(b) == 64);
  world.thaw(a);
  world.wait(6s); // check() holds at each step
  CHECK(a.core->counted().lost == 32);
  CHECK(world.serving(a) == 32); // rebalanced
  CHECK(world.serving(b) == 32);
}

TEST_CASE("a node without the store serves no longer than its leases", "[lease]") {
  cluster_world world{64};
  node& a = world.start("n1");
  world.wait(2s);
  a.cut = true;
  world.wait(2s);
  CHECK(world.serving(a) == 0);
  CHECK(a.loops.size() == 64); // nobody took them
  a.cut = false;
  world.wait(1s);
  CHECK(world.serving(a) == 64);
  CHECK(a.core->counted().lost == 0);
}

TEST_CASE("a node that is emptied gives all, each shard without a pause", "[lease]") {
  cluster_world world{256};
  node& a = world.start("n1");
  node& b = world.start("n2");
  world.wait(5s);
  world.empty(a);
  std::size_t most = 0;
  for (int i = 0; i < 300 && !a.emptied; ++i) {
    world.wait(10ms);
    most = std::max(most, world.unserved());
  }
  CHECK(a.emptied);
  CHECK(most <= 3 * limits::leaving_shards_max); // going, between the two, and coming
  CHECK(world.suspected == 0);
  world.wait(1s);
  CHECK(world.serving(b) == 256);
  CHECK(b.core->counted().lost == 0);
  CHECK(world.hints > 0);
}

TEST_CASE("a node that was emptied stays, is told of as leaving, and takes part again", "[lease]") {
  cluster_world world{64};
  node& a = world.start("n1");
  node& b = world.start("n2", 3);
  world.wait(5s);
  world.empty(a);
  world.wait(3s);
  CHECK(world.serving(b) == 64);
  for (const node* each : {&a, &b}) { // each knows of both
    const auto known = each->core->members();
    REQUIRE(known.size() == 2);
    CHECK((known[0].node == "n1" && known[0].leaving && known[0].weight == 1));
    CHECK((known[1].node == "n2" && !known[1].leaving && known[1].weight == 3));
  }
  world.empty(a, false);
  world.wait(5s);
  CHECK(world.serving(a) == 16);
  CHECK(world.serving(b) == 48);
  CHECK_FALSE(b.core->members()[0].leaving);
}

TEST_CASE("a lease lasts from before the question, however late the answer comes", "[lease]") {
  lease_settings settings;
  settings.self.node = "n1";
  settings.self.boot = "1";
  settings.shards = 1;
  lease_core core{settings};
  std::vector<lease_effect> out;
  const auto at = [](duration time) { return moment{epoch_start + time, boot_time{time}}; };
  core.step(tick_in{}, at(1s), out);
  beat_in answered;
  answered.asked = boot_time{1s};
  answered.view = journal::cluster_view{
      epoch_start, {{settings.self, epoch_start + 2s, false}}, {{shard_id{}, {}, "", no_instant}}};
  answered.held = std::vector<journal::held_shard>{};
  core.step(std::move(answered), at(1'500ms), out);
  std::vector<boot_time> told;
  for (const lease_effect& each : out)
    if (const auto* until = std::get_if<lease_until_effect>(&each))
      told.push_back(until->until);
  CHECK(told == std::vector{boot_time{1s + settings.ttl - settings.margin}});
}

TEST_CASE("of two processes of one name the second gives way, and has had no shard", "[lease]") {
  cluster_world world{64};
  node& a = world.start("n1");
  node& b = world.start("n2");
  world.wait(5s);
  node& again = world.start("n1");
  world.wait(3s);
  CHECK(again.has_twin);
  CHECK_FALSE(a.has_twin);
  CHECK(again.core->counted().taken == 0);
  world.wait(3s);
  CHECK(world.serving(a) == 32);
  CHECK(world.serving(b) == 32);
}

TEST_CASE("a process that starts again is no second one", "[lease]") {
  cluster_world world{64};
  node& a = world.start("n1");
  node& b = world.start("n2");
  world.wait(5s);
  world.kill(a);
  node& again = world.start("n1");
  world.wait(6s);
  CHECK_FALSE(again.has_twin);
  CHECK(world.serving(again) == 32);
  CHECK(world.serving(b) == 32);
  CHECK(again.core->members().size() == 2);
}

TEST_CASE("a shard whose turn is long goes on meanwhile, and leaves in the end", "[lease]") {
  cluster_world world{4};
  node& a = world.start("n1");
  a.busy = 1h;
  world.wait(1s);
  world.start("n2");
  world.wait(3s);
  CHECK(world.stayed > 0);
  CHECK(world.serving(a) == 4);
  world.wait(60s);
  CHECK(world.serving(a) == 2); // what ran was stopped
  CHECK(world.unserved() == 0);
}

TEST_CASE("64 nodes and 1,024 shards come to rest, each with its share", "[lease]") {
  cluster_world world{1'024, 7};
  std::vector<node*> all;
  for (int i = 0; i < 64; ++i)
    all.push_back(&world.start("n" + std::to_string(100 + i)));
  const auto at_rest = [&] {
    return world.unserved() == 0 && std::all_of(all.begin(), all.end(), [&](const node* each) {
             return world.serving(*each) == 16;
           });
  };
  for (int i = 0; i < 30 && !at_rest(); ++i)
    world.wait(1s);
  CHECK(at_rest());
  const std::size_t before = world.beats;
  world.wait(10s);
  CHECK(world.beats - before <= 64 * 26); // one a beat and node, nothing else is asked
  world.kill(*all[5]);
  world.wait(4s);
  CHECK(world.unserved() == 0);
}

TEST_CASE("whatever happens to nodes, no shard is two nodes' at once", "[lease]") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    cluster_world world{32, seed};
    std::mt19937_64 dice{seed};
    std::vector<node*> all;
    for (int i = 0; i < 4; ++i)
      all.push_back(&world.start("n" + std::to_string(i)));
    std::map<node*, bool> gone;
    for (int i = 0; i < 30; ++i) {
      node& which = *all[dice() % all.size()];
      switch (dice() % 7) {
        case 0:
          if (!gone[&which] && dice() % 3 == 0) {
            world.kill(which);
            gone[&which] = true;
            all.push_back(&world.start(which.name));
          }
          break;
        case 1:
          if (!gone[&which])
            world.freeze(which);
          break;
        case 2:
        case 3:
          if (!gone[&which] && which.frozen)
            world.thaw(which);
          break;
        case 4:
          which.cut = !which.cut;
          break;
        case 5:
          which.busy = std::chrono::milliseconds{dice() % 4'000};
          break;
        default:
          break;
      }
      world.wait(std::chrono::milliseconds{dice() % 2'500});
    }
    for (node* each : all) {
      each->cut = false;
      each->busy = 1ms;
      if (!gone[each] && each->frozen)
        world.thaw(*each);
    }
    world.wait(30s);
    INFO("seed " << seed);
    CHECK(world.unserved() == 0);
  }
}
