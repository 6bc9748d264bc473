// Both sides of the credit, over a way that loses, repeats and reorders.
#include "actors/slot_account.hpp"
#include "nodes/broker/credit_book.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <variant>

using namespace skein;

TEST_CASE("a loop asks for what it could start and uses what it was given") {
  slot_account slots;
  CHECK_FALSE(slots.adjust(0));
  CHECK(slots.adjust(3));
  CHECK_FALSE(slots.adjust(3));
  CHECK(slots.told("bot") == demand{"bot", 3, 0});
  slots.granted(2);
  CHECK(slots.free() == 2);
  CHECK(slots.outstanding() == 1);
  slots.use();
  slots.use();
  CHECK_FALSE(slots.adjust(1));
  slots.granted(3);
  CHECK(slots.adjust(0));
  CHECK(slots.told("bot") == demand{"bot", 3, 1});
  CHECK(slots.free() == 0);
}

TEST_CASE("late and repeated grants change nothing") {
  slot_account slots;
  slots.adjust(5);
  slots.granted(5);
  slots.use();
  slots.granted(2);
  slots.granted(5);
  CHECK(slots.free() == 4);
}

TEST_CASE("a used slot that served nothing goes back") {
  slot_account slots;
  slots.adjust(1);
  slots.granted(1);
  slots.use();
  slots.put_back();
  CHECK(slots.free() == 0);
  CHECK(slots.told("bot") == demand{"bot", 1, 1});
}

TEST_CASE("the book gives to loops in turns, and no more than was opened") {
  credit_book book;
  const address one{"n1", "loop/0"};
  const address two{"n1", "loop/1"};
  CHECK(book.on_demand(one, {"bot", 10, 0}).empty());
  CHECK(book.on_demand(two, {"bot", 10, 0}).empty());
  const auto given = book.on_credit({"bot", 6});
  REQUIRE(given.size() == 2);
  CHECK(given[0].second.granted_total == 3);
  CHECK(given[1].second.granted_total == 3);
  CHECK(book.free("bot") == 0);
  CHECK(book.free("nobody") == 0);
  std::map<address, std::uint64_t> last;
  for (std::uint64_t opened = 7; opened <= 10; ++opened)
    for (const auto& [loop, each] : book.on_credit({"bot", opened}))
      last[loop] = each.granted_total;
  CHECK(last[one] == 5);
  CHECK(last[two] == 5);
}

TEST_CASE("a loop cannot return more than it was given") {
  credit_book book;
  const address one{"n1", "loop/0"};
  book.on_credit({"bot", 2});
  book.on_demand(one, {"bot", 1, 0});
  book.on_demand(one, {"bot", 1, 1'000});
  CHECK(book.free("bot") == 2);
}

TEST_CASE("who asks again is told again") {
  credit_book book;
  const address one{"n1", "loop/0"};
  book.on_credit({"bot", 2});
  REQUIRE(book.on_demand(one, {"bot", 2, 0}).size() == 1);
  const auto again = book.on_demand(one, {"bot", 2, 0});
  REQUIRE(again.size() == 1);
  CHECK(again[0].second.granted_total == 2);
}

namespace {

/// Some loops and one agent around one book. Every message may be lost, repeated, overtaken; the
/// senders repeat what they said as the cores do.
class slot_world {
 public:
  slot_world(unsigned seed, std::size_t loops, unsigned concurrency)
    : random_{seed}, loops_(loops), opened_{concurrency}, concurrency_{concurrency} {}

  void run(bool lossy, int steps) {
    for (int step = 0; step < steps; ++step) {
      if (lossy && random_() % 3 == 0)
        loops_[random_() % loops_.size()].work += random_() % 5;
      if (lossy && random_() % 50 == 0) // cancelled before it could start
        loops_[random_() % loops_.size()].work = 0;
      work();
      if (random_() % 4 == 0)
        tell_again();
      carry(lossy);
      check();
    }
  }

  void settle() {
    for (int round = 0; round < 2'000; ++round) {
      run(false, 1);
      tell_again();
    }
  }

  std::uint64_t work_left() const {
    std::uint64_t left = 0;
    for (const auto& each : loops_)
      left += each.work + each.running;
    return left;
  }
  std::uint64_t served() const { return served_; }
  std::uint64_t free_in_book() const { return book_.free("bot"); }

 private:
  struct loop_side {
    slot_account slots;
    std::uint64_t work = 0;
    std::uint64_t running = 0;
    std::uint64_t returns_told = 0; // until it is acknowledged a return is told again
    std::uint64_t returns_known = 0;
  };
  struct receipt {
    std::uint64_t returns = 0;
  };
  using letter = std::pair<std::size_t, std::variant<credit, demand, grant, receipt>>;

  address at(std::size_t loop) const { return {"n1", "loop/" + std::to_string(loop)}; }

  void work() {
    for (std::size_t i = 0; i < loops_.size(); ++i) {
      loop_side& each = loops_[i];
      while (each.work > 0 && each.slots.free() > 0) {
        each.slots.use();
        --each.work;
        ++each.running;
      }
      if (each.running > 0 && random_() % 2 == 0) {
        --each.running;
        ++served_;
        if (random_() % 8 == 0) {
          each.slots.put_back(); // it was no start after all: the agent never saw it
          tell(i);
        } else {
          under_way_.push_back({0, credit{"bot", ++opened_}});
        }
      }
      if (each.slots.adjust(each.work))
        tell(i);
    }
  }

  void tell(std::size_t loop) {
    const demand told = loops_[loop].slots.told("bot");
    if (loops_[loop].slots.tells_return())
      loops_[loop].returns_told = told.returned_total;
    under_way_.push_back({loop, told});
  }

  void tell_again() {
    for (std::size_t i = 0; i < loops_.size(); ++i)
      if (loops_[i].slots.outstanding() > 0 || loops_[i].returns_known < loops_[i].returns_told)
        under_way_.push_back({i, loops_[i].slots.told("bot")});
    under_way_.push_back({0, credit{"bot", opened_}});
  }

  void carry(bool lossy) {
    const std::size_t count = under_way_.size();
    for (std::size_t i = 0; i < count && !under_way_.empty(); ++i) {
      if (lossy)
        std::swap(under_way_[random_() % under_way_.size()], under_way_.back());
      const letter one = under_way_.back();
      under_way_.pop_back();
      if (lossy && random_() % 3 == 0)
        continue;
      if (lossy && random_() % 5 == 0)
        under_way_.push_back(one);
      deliver(one);
    }
    if (lossy && random_() % 3 == 0)
      std::shuffle(under_way_.begin(), under_way_.end(), random_);
  }

  void deliver(const letter& one) {
    credit_book::grants given;
    if (const auto* told = std::get_if<credit>(&one.second))
      given = book_.on_credit(*told);
    else if (const auto* asked = std::get_if<demand>(&one.second)) {
      given = book_.on_demand(at(one.first), *asked);
      under_way_.push_back({one.first, receipt{asked->returned_total}});
    } else if (const auto* known = std::get_if<receipt>(&one.second))
      loops_[one.first].returns_known = std::max(loops_[one.first].returns_known, known->returns);
    else
      loops_[one.first].slots.granted(std::get<grant>(one.second).granted_total);
    for (const auto& [to, each] : given)
      for (std::size_t i = 0; i < loops_.size(); ++i)
        if (at(i) == to)
          under_way_.push_back({i, each});
  }

  void check() const {
    std::uint64_t out = 0;
    for (const auto& each : loops_)
      out += each.running + each.slots.free();
    REQUIRE(out <= concurrency_);
  }

  std::mt19937 random_;
  std::vector<loop_side> loops_;
  std::vector<letter> under_way_;
  credit_book book_;
  std::uint64_t opened_;
  std::uint64_t concurrency_;
  std::uint64_t served_ = 0;
};

} // namespace

TEST_CASE("never more slots are out than were opened, all work is served, and no slot leaks") {
  const unsigned seed = GENERATE(range(1u, 41u));
  CAPTURE(seed);
  const unsigned concurrency = 1 + seed % 7;
  slot_world world{seed, 1 + seed % 4, concurrency};
  world.run(true, 600);
  world.settle();
  CHECK(world.served() > 0);
  CHECK(world.work_left() == 0);
  CHECK(world.free_in_book() == concurrency);
}
