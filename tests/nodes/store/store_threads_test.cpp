#include "nodes/store/store_threads.hpp"
#include "tests/support/faulty_journal.hpp"
#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 60s;
constexpr std::uint32_t loops = 2;

/// Stands still but for advance().
class hand_clock final : public clock_port {
 public:
  moment now() const override {
    const duration passed{passed_.load()};
    return {from_ns(1'700'000'000'000'000'000) + passed, boot_time{} + passed};
  }
  void advance(duration by) { passed_ += by.count(); }
  void wake_at(boot_time, std::function<void()>) override {}
  duration thread_cpu() const override { return {}; }

 private:
  std::atomic<duration::rep> passed_{0};
};

/// The store's threads over a journal in memory that fails to order. What they say is written down
/// in one list, a line each.
class store_world {
 public:
  /// `prepare` is called before the threads run.
  explicit store_world(disk_watch* disk = nullptr,
                       const std::function<void(store_world&)>& prepare = {}) {
    journal::open_options options;
    options.shards = 4;
    options.now = clock.now().wall;
    options.seed = 1;
    auto opened = journal::open("memory:", options);
    REQUIRE(opened.ok());
    journal = std::make_unique<faulty_journal>(*std::move(opened));
    bot = *journal->agent_number("bot");
    REQUIRE(journal->recover([](const journal::pending_event&) {}).ok());
    store = std::make_unique<store_threads>(
        *journal, store_threads::readers{*journal->new_reader(), *journal->new_reader()}, clock,
        loops,
        store_threads::calls{
            [this](const error& why) { tell("fatal " + std::string{slug(why.code)}); },
            [this](const error& why) { tell("upkeep " + std::string{slug(why.code)}); }},
        disk);
    for (std::uint32_t loop = 0; loop < loops; ++loop)
      store->attach(static_cast<loop_no>(loop), [this, loop](const foreign_events& told) {
        for (const auto& each : told.events)
          tell("loop " + std::to_string(loop) + " foreign " + to_string(each.event));
      });
    store->on_commit([this](commit_no number) { tell("commit " + std::to_string(raw(number))); });
    if (prepare)
      prepare(*this);
    store->start();
  }

  journal::accept_op accept(unsigned shard, const std::string& id) const {
    journal::accept_op op;
    op.epoch = static_cast<epoch_no>(journal->identity().boot);
    event value;
    value.id = id;
    value.source = "/s";
    value.type = "t";
    auto offered = offer(value, journal->identity().hash, {}, clock.now().wall);
    REQUIRE(offered.ok());
    op.event = *offered;
    op.event.shard = static_cast<shard_id>(shard);
    op.deliveries.add(bot);
    return op;
  }
  journal::finish_op finish(event_id event, std::vector<journal::accept_op> emits) const {
    journal::finish_op op;
    op.epoch = static_cast<epoch_no>(journal->identity().boot);
    op.delivery = {event, 0};
    op.agent = bot;
    op.attempt = 1;
    op.emits = std::move(emits);
    return op;
  }

  journal::keep_op keep(std::vector<journal::accept_op> emits) const {
    journal::keep_op op;
    op.epoch = static_cast<epoch_no>(journal->identity().boot);
    op.emits = std::move(emits);
    return op;
  }

  /// Written down as "loop L NAME: n events" or the error.
  void submit(std::uint32_t loop, const std::string& name, std::vector<journal::operation> batch) {
    store->submit(static_cast<loop_no>(loop), std::move(batch),
                  [this, loop, name](result<journal::commit_receipt> receipt,
                                     std::vector<journal::operation> back) {
                    std::string line = "loop " + std::to_string(loop) + " " + name + ": ";
                    if (receipt) {
                      if (receipt->results.size() != back.size())
                        line += "not one result an operation ";
                      for (const auto& each : receipt->results)
                        if (each.event)
                          line += to_string(each.event) + " ";
                    } else {
                      line += std::string{slug(receipt.error().code)} + " ";
                    }
                    tell(line + "with " + std::to_string(back.size()));
                  });
  }

  void tell(std::string line) {
    const std::lock_guard lock{mutex_};
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }
  /// The lines, once there are so many.
  std::vector<std::string> lines(std::size_t count) {
    std::unique_lock lock{mutex_};
    CHECK(changed_.wait_for(lock, patience, [&] { return lines_.size() >= count; }));
    return std::exchange(lines_, {});
  }

  hand_clock clock;
  std::unique_ptr<faulty_journal> journal;
  agent_no bot{};
  std::unique_ptr<store_threads> store;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

using lines = std::vector<std::string>;

/// What the writer does from the first commit on, a letter each: c a commit, u a step of upkeep.
/// Each takes 50 ms.
class writer_log {
 public:
  using calls = std::function<void()>;
  /// `commit` and `upkeep` are called in the middle of one; there is `more` upkeep to do while it
  /// says so.
  writer_log(calls commit, calls upkeep, std::function<bool()> more)
    : world_{nullptr, [&](store_world& made) {
               made.journal->watch(
                   [this, &made, commit] {
                     write(made, 'c');
                     commit();
                   },
                   [this, &made, upkeep, more] {
                     if (letters_.empty())
                       return false;
                     write(made, 'u');
                     upkeep();
                     return more();
                   });
             }} {}

  store_world& world() { return world_; }
  /// The first ones of them; the writer ends with this.
  std::string first(std::size_t count) {
    REQUIRE(world_.store->close().ok());
    return letters_.substr(0, count);
  }

 private:
  void write(store_world& in, char letter) {
    letters_ += letter;
    in.clock.advance(50ms);
  }

  std::string letters_; // the writer's, until it ends
  store_world world_;
};

} // namespace

TEST_CASE("one submit is one commit, and its operations come back with their results") {
  store_world world;
  world.submit(0, "a", {world.accept(0, "1"), world.accept(2, "2")});
  CHECK(world.lines(2) == lines{"loop 0 a: 0-1 2-2 with 2", "commit 1"});
  CHECK(world.journal->commits() == std::vector<std::size_t>{2});
}

TEST_CASE("what comes while a commit syncs is gathered into the next one, answered in order") {
  store_world world;
  world.journal->hold();
  world.submit(0, "first", {world.accept(0, "1")});
  world.journal->wait_for_commit();
  world.submit(0, "a", {world.accept(0, "2"), world.accept(0, "3")});
  world.submit(1, "b", {world.accept(1, "4")});
  world.submit(0, "c", {world.accept(0, "5")});
  world.journal->let_go();
  CHECK(world.lines(6) == lines{"loop 0 first: 0-1 with 1", "commit 1", "loop 0 a: 0-2 0-3 with 2",
                                "loop 1 b: 1-4 with 1", "loop 0 c: 0-5 with 1", "commit 2"});
  CHECK(world.journal->commits() == std::vector<std::size_t>{1, 4});
}

TEST_CASE("a commit gathers no more than it may have operations") {
  store_world world;
  world.journal->hold();
  world.submit(0, "first", {world.accept(0, "first")});
  world.journal->wait_for_commit();
  const std::size_t half = limits::commit_operations_max / 2;
  for (int part = 0; part < 3; ++part) {
    std::vector<journal::operation> batch;
    for (std::size_t i = 0; i < half; ++i)
      batch.emplace_back(world.accept(0, std::to_string(part) + "." + std::to_string(i)));
    world.submit(0, std::to_string(part), std::move(batch));
  }
  world.journal->let_go();
  world.lines(7); // four answers, three commits
  CHECK(world.journal->commits() == std::vector<std::size_t>{1, 2 * half, half});
}

TEST_CASE("another loop hears of its new events in commit order, before any later answer") {
  store_world world;
  world.submit(0, "a", {world.accept(0, "1")});
  world.lines(2);
  world.journal->hold();
  world.submit(1, "first", {world.accept(1, "2")});
  world.journal->wait_for_commit();
  // 0-1 emits to its own loop (shard 2) and to the other one (shards 1 and 3).
  world.submit(0, "b",
               {world.finish({shard_id{0}, 1}, {world.accept(1, "e1"), world.accept(2, "e2"),
                                                world.accept(3, "e3")})});
  world.submit(1, "c", {world.accept(1, "e1"), world.accept(1, "3")});
  world.journal->let_go();
  CHECK(world.lines(7) == lines{"loop 1 first: 1-2 with 1", "commit 2", "loop 1 foreign 1-3",
                                "loop 1 foreign 3-5", "loop 0 b: with 1",
                                "loop 1 c: 1-3 1-6 with 2", "commit 3"});
}

TEST_CASE("events of a submitter that is no loop are told to their owners, in commit order") {
  store_world world;
  world.submit(1, "a", {world.accept(1, "known")});
  world.lines(2);
  world.journal->hold();
  world.submit(1, "first", {world.accept(1, "2")});
  world.journal->wait_for_commit();
  world.submit(
      loops, "b",
      {world.keep({world.accept(0, "e1"), world.accept(1, "known"), world.accept(3, "e2")}),
       world.keep({world.accept(2, "e3"), world.accept(0, "e1")}), world.accept(1, "alone"),
       world.accept(1, "known")});
  world.submit(1, "c", {world.accept(1, "3")});
  world.journal->let_go();
  CHECK(world.lines(9) == lines{"loop 1 first: 1-2 with 1", "commit 2", "loop 0 foreign 0-3",
                                "loop 0 foreign 2-5", "loop 1 foreign 3-4", "loop 1 foreign 1-6",
                                "loop 2 b: 1-6 1-1 with 4", "loop 1 c: 1-7 with 1", "commit 3"});
}

TEST_CASE("a loop hears of what it keeps itself only in its answer") {
  store_world world;
  world.submit(0, "a", {world.keep({world.accept(0, "e1"), world.accept(1, "e2")})});
  CHECK(world.lines(3) == lines{"loop 1 foreign 1-2", "loop 0 a: with 1", "commit 1"});
}

TEST_CASE("a submitter that is no loop may be told of foreign events, of which there are none") {
  store_world world{nullptr, [](store_world& made) {
                      made.store->attach(static_cast<loop_no>(loops), [&made](foreign_events told) {
                        made.tell("nobody's " + std::to_string(told.events.size()));
                      });
                    }};
  world.submit(0, "a", {world.keep({world.accept(1, "e")})});
  CHECK(world.lines(3) == lines{"loop 1 foreign 1-1", "loop 0 a: with 1", "commit 1"});
  world.submit(loops, "b", {world.keep({world.accept(2, "f")})});
  CHECK(world.lines(3) == lines{"loop 0 foreign 2-2", "loop 2 b: with 1", "commit 2"});
}

TEST_CASE("an emitted event that was there already is news to nobody") {
  store_world world;
  world.submit(0, "a", {world.accept(0, "1"), world.accept(1, "e1")});
  world.lines(2);
  world.submit(0, "b", {world.finish({shard_id{0}, 1}, {world.accept(1, "e1")})});
  CHECK(world.lines(2) == lines{"loop 0 b: with 1", "commit 2"});
}

TEST_CASE("states count among the bytes of a commit, with their keys and what comes with them") {
  store_world world;
  world.journal->hold();
  world.submit(0, "first", {world.accept(0, "first")});
  world.journal->wait_for_commit();
  for (int part = 0; part < 3; ++part) {
    journal::keep_op large = world.keep({world.accept(0, std::to_string(part))});
    for (int i = 0; i < 2; ++i)
      large.states.push_back({world.bot,
                              {std::string(commit_bytes_max / 8, static_cast<char>('a' + i)), false,
                               slice{std::string(commit_bytes_max / 8, 'x')}}});
    world.submit(0, std::to_string(part), {large});
  }
  world.journal->let_go();
  world.lines(8); // four answers, four commits
  CHECK(world.journal->commits() == std::vector<std::size_t>{1, 1, 1, 1});
}

TEST_CASE("a commit gathers no more bytes than it may have") {
  store_world world;
  world.journal->hold();
  world.submit(0, "first", {world.accept(0, "first")});
  world.journal->wait_for_commit();
  for (int part = 0; part < 3; ++part) {
    journal::finish_op large = world.finish({shard_id{0}, 1}, {});
    large.reply_kind = data_kind::binary;
    large.reply = slice{std::string(commit_bytes_max / 2, 'x')};
    world.submit(0, std::to_string(part), {large});
  }
  world.journal->let_go();
  world.lines(7); // four answers, three commits
  CHECK(world.journal->commits() == std::vector<std::size_t>{1, 2, 1});
}

TEST_CASE("what a full disk refuses together is tried one by one: small submits pass large ones") {
  store_world world;
  world.journal->fail_next({errc::none, errc::disk_full, errc::disk_full, errc::none});
  world.journal->hold();
  world.submit(0, "first", {world.accept(0, "1")});
  world.journal->wait_for_commit();
  world.submit(0, "large", {world.accept(0, "2"), world.accept(0, "3")});
  world.submit(1, "small", {world.accept(1, "4")});
  world.journal->let_go();
  CHECK(world.lines(5) == lines{"loop 0 first: 0-1 with 1", "commit 1",
                                "loop 0 large: disk-full with 2", "loop 1 small: 1-2 with 1",
                                "commit 2"});
  CHECK(world.journal->commits() == std::vector<std::size_t>{1, 3, 2, 1});
}

TEST_CASE("a commit that finds no room is tried again once with the room of the ballast") {
  const temp_dir folder;
  std::vector<disk_news> told;
  constexpr disk_share none{disk_share::form::bytes, 0};
  constexpr disk_share some{disk_share::form::bytes, 1 << 20};
  disk_watch disk{folder.path(),
                  {none, some},
                  [&](disk_news news, const disk_facts&, const error&) { told.push_back(news); }};
  disk.look();
  REQUIRE(disk.facts().ballast == 1 << 20);
  store_world world{&disk};
  world.journal->fail_next({errc::disk_full, errc::none});
  world.submit(0, "a", {world.accept(0, "1")});
  CHECK(world.lines(2) == lines{"loop 0 a: 0-1 with 1", "commit 1"});
  REQUIRE(world.store->close().ok());
  CHECK(told == std::vector{disk_news::made, disk_news::released, disk_news::made});
}

TEST_CASE("facts tell of the disk, if there is one") {
  const temp_dir folder;
  disk_watch disk{folder.path(), {}, [](disk_news, const disk_facts&, const error&) {}};
  disk.look();
  store_world world{&disk};
  world.store->facts(
      [&](const result<store_facts>& got) { world.tell(got->disk->total > 0 ? "disk" : "none"); });
  CHECK(world.lines(1) == lines{"disk"});
}

TEST_CASE("a refusal is a definite no and the store goes on") {
  const errc code = GENERATE(errc::disk_full, errc::store_locked);
  store_world world;
  const std::string name{slug(code)};
  world.journal->fail_next({code});
  world.submit(0, "a", {world.accept(0, "1")});
  CHECK(world.lines(1) == lines{"loop 0 a: " + name + " with 1"});
  world.submit(0, "again", {world.accept(0, "1")});
  CHECK(world.lines(2) == lines{"loop 0 again: 0-1 with 1", "commit 1"});
  CHECK(world.store->close().ok());
}

TEST_CASE("a full disk is a definite no for the whole commit, and the next one goes on") {
  store_world world;
  world.journal->fail_next({errc::none, errc::disk_full, errc::disk_full, errc::disk_full});
  world.journal->hold();
  world.submit(0, "first", {world.accept(0, "1")});
  world.journal->wait_for_commit();
  world.submit(0, "a", {world.accept(0, "2"), world.accept(0, "3")});
  world.submit(1, "b", {world.accept(1, "4")});
  world.journal->let_go();
  CHECK(world.lines(4) == lines{"loop 0 first: 0-1 with 1", "commit 1",
                                "loop 0 a: disk-full with 2", "loop 1 b: disk-full with 1"});
  world.submit(0, "again", {world.accept(0, "2")});
  CHECK(world.lines(2) == lines{"loop 0 again: 0-2 with 1", "commit 2"});
  CHECK(world.store->close().ok());
}

TEST_CASE("after an unknown outcome the store says fatal once and never commits again") {
  const errc code = GENERATE(errc::unknown_outcome, errc::io_error);
  store_world world;
  world.journal->fail_next({code});
  world.submit(0, "a", {world.accept(0, "1")});
  const std::string name{slug(code)};
  CHECK(world.lines(2) == lines{"loop 0 a: " + name + " with 1", "fatal " + name});
  world.submit(0, "b", {world.accept(0, "2")});
  world.submit(1, "c", {world.accept(1, "3")});
  CHECK(world.lines(2) == lines{"loop 0 b: unknown with 1", "loop 1 c: unknown with 1"});
  CHECK(world.journal->commits() == std::vector<std::size_t>{1});
  const auto closed = world.store->close();
  REQUIRE_FALSE(closed.ok());
  CHECK(closed.error().code == errc::unknown_outcome);
  CHECK_FALSE(world.journal->closed()); // not marked clean: the next start looks at the disk
}

TEST_CASE("upkeep that is refused is told of once, and once when it was made up for") {
  store_world world;
  world.journal->fail_upkeep({errc::disk_full, errc::disk_full, errc::none});
  for (int i = 0; i < 3; ++i) // an idle writer that answers does its upkeep too
    world.store->facts([](const result<store_facts>&) {});
  CHECK(world.lines(2) == lines{"upkeep disk-full", "upkeep none"});
  world.submit(0, "a", {world.accept(0, "1")});
  CHECK(world.lines(2) == lines{"loop 0 a: 0-1 with 1", "commit 1"});
}

TEST_CASE("upkeep that fails is fatal, and nothing is committed after it") {
  store_world world;
  world.journal->fail_upkeep({errc::io_error});
  world.store->facts([](const result<store_facts>&) {});
  CHECK(world.lines(1) == lines{"fatal io-error"});
  world.submit(0, "a", {world.accept(0, "1")});
  CHECK(world.lines(1) == lines{"loop 0 a: unknown with 1"});
  CHECK(world.journal->commits().empty());
  CHECK_FALSE(world.store->close().ok());
}

TEST_CASE("under load upkeep goes on between commits, for a quarter of the writer's time") {
  constexpr std::size_t commits = 32;
  std::size_t left = commits;
  std::vector<journal::operation> load;
  store_world* world = nullptr;
  writer_log log{[&] { // the next one waits before this one is over
                   if (--left > 0)
                     world->submit(0, "load", load);
                 },
                 [] {}, [&] { return left > 0; }};
  world = &log.world();
  load = {world->accept(0, "1")};
  world->submit(0, "load", load);
  world->lines(2 * commits);
  std::string expected(20, 'c'); // a second
  for (int i = 0; i < 4; ++i)
    expected += "uccc";
  expected += 'u';
  CHECK(log.first(expected.size()) == expected);
}

TEST_CASE("what waits is committed before upkeep goes on, one full commit after the other") {
  std::vector<journal::operation> load;
  std::size_t steps = 0;
  store_world* world = nullptr;
  writer_log log{[&] {
                   if (steps == 0)
                     world->clock.advance(1s);
                 },
                 [&] {
                   if (++steps == 1)
                     for (int i = 0; i < 3; ++i)
                       world->submit(0, "load", load);
                   else
                     world->tell("upkeep goes on");
                 },
                 [&] { return steps == 1; }};
  world = &log.world();
  load.assign(limits::commit_operations_max, world->accept(0, "1"));
  world->submit(0, "first", {world->accept(0, "1")});
  world->lines(9); // four answers, four commits, upkeep
  CHECK(log.first(6) == "cucccu");
}

TEST_CASE("close finishes what is queued, then closes the journal in order") {
  store_world world;
  world.journal->hold();
  world.submit(0, "first", {world.accept(0, "1")});
  world.journal->wait_for_commit();
  for (int i = 0; i < 20; ++i)
    world.submit(0, "s", {world.accept(0, "s" + std::to_string(i))});
  world.store->read([&](journal::reader&) { world.tell("read"); });
  bool in_order = false;
  std::thread closing{[&] { in_order = world.store->close().ok(); }};
  world.journal->let_go();
  closing.join();
  CHECK(in_order);
  CHECK(world.lines(24).size() == 24); // 21 answers, two commits, the read
  CHECK(world.journal->closed());
}

TEST_CASE("reads run in order of arrival and see what was committed before") {
  store_world world;
  world.submit(0, "a", {world.accept(0, "1")});
  world.lines(2);
  world.store->read([&](journal::reader& from) {
    const auto found = from.find({shard_id{0}, 1});
    world.tell(found && *found ? "there" : "not there");
  });
  world.store->read([&](journal::reader&) { world.tell("second"); });
  CHECK(world.lines(2) == lines{"there", "second"});
}

TEST_CASE("reads do not wait for a commit that syncs") {
  store_world world;
  world.journal->hold();
  world.submit(0, "a", {world.accept(0, "1")});
  world.journal->wait_for_commit();
  world.store->read([&](journal::reader&) { world.tell("read"); });
  CHECK(world.lines(1) == lines{"read"});
  world.journal->let_go();
  world.lines(2);
}

TEST_CASE("what turns wait for does not wait behind look-ups, nor the other way round") {
  store_world world;
  std::promise<void> go;
  const auto held = go.get_future().share();
  const bool look_up_hangs = GENERATE(true, false);
  const auto slow = [&, held](journal::reader&) {
    held.wait();
    world.tell("slow");
  };
  const auto quick = [&](journal::reader&) { world.tell("quick"); };
  if (look_up_hangs) {
    world.store->look_up(slow);
    world.store->read(quick);
  } else {
    world.store->read(slow);
    world.store->look_up(quick);
  }
  CHECK(world.lines(1) == lines{"quick"});
  go.set_value();
  CHECK(world.lines(1) == lines{"slow"});
}

TEST_CASE("facts count what the writer did") {
  store_world world;
  world.journal->fail_next({errc::disk_full, errc::none});
  world.submit(0, "a", {world.accept(0, "1")});
  world.lines(1);
  world.submit(0, "b", {world.accept(0, "1"), world.accept(0, "2")});
  world.lines(2);
  world.submit(0, "c", {world.accept(0, "1")}); // known: nothing is written
  world.lines(2);
  world.store->facts([&](const result<store_facts>& got) {
    const writer_facts& of = got->writer;
    world.tell(std::to_string(of.operations) + " " + std::to_string(of.refused) + " " +
               std::to_string(std::accumulate(of.took.begin(), of.took.end(), std::uint64_t{0})) +
               " " + std::to_string(of.queued_operations));
  });
  CHECK(world.lines(1) == lines{"3 1 1 0"});
}

TEST_CASE("facts are the ledgers of what is durable") {
  store_world world;
  world.submit(0, "a", {world.accept(0, "1"), world.accept(0, "2")});
  world.lines(2);
  world.store->facts([&](const result<store_facts>& got) {
    if (!got)
      world.tell(to_string(got.error()));
    else
      world.tell(std::to_string(got->events.accepted) + " " + std::to_string(got->events.pending) +
                 " " + std::to_string(raw(got->last_commit)));
  });
  CHECK(world.lines(1) == lines{"2 2 1"});
}
