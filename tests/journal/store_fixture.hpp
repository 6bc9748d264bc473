// What the tests of the journal have in common: a store of any engine that can be closed and opened
// again, events that are easy to make, and comparing two stores in all that they show.
#pragma once

#include "journal/journal.hpp"
#include "journal/sqlite_options.hpp"
#include "protocol/event.hpp"

#include <catch2/catch.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace skein::test {

using namespace skein::journal;

/// Where a store lies between two openings.
class store_place {
 public:
  virtual ~store_place() = default;
  virtual result<std::unique_ptr<engine>> open(const open_options& options) = 0;
  /// Tells what is pending, as the first thing that an engine is asked for. Of a store that several
  /// nodes share this node takes all shards, whoever had them.
  virtual result<void> begin(engine& opened,
                             const std::function<void(const pending_event&)>& each) {
    return opened.recover(each);
  }
};

/// An engine under test: its name and how to make an empty place.
struct engine_kind {
  std::string name;
  std::function<std::unique_ptr<store_place>()> make;
  /// Of several nodes: numbers go on after a gap when shards change hands, and the epoch of a shard
  /// comes with its lease.
  bool shared = false;
  /// The dedupe window's budget counts what is within the window, to the last identity. Else it
  /// counts some that are out of it already.
  bool exact_budget = true;
};
std::ostream& operator<<(std::ostream& out, const engine_kind& kind);

/// Every engine; a new one joins the conformance suite by joining this list. ctest runs the suite
/// twice: SKEIN_TEST_ENGINES=local leaves those of a server out, =postgres the others (never all:
/// then one stands for a test that has no engine).
std::vector<engine_kind> all_engines();
/// Whether this run is about an engine of that name.
bool is_wanted(std::string_view engine);
/// These, and PostgreSQL's where there is a server.
std::vector<engine_kind> engines_beside(std::vector<engine_kind> these);
/// Those that own their store alone: a process says itself which epoch a shard is at.
std::vector<engine_kind> engines_of_one_process();
engine_kind memory_engine_kind();
engine_kind shared_memory_engine_kind();
engine_kind sqlite_engine_kind();
/// The same, with a file for every 4 identities.
engine_kind sqlite_of_small_buckets();

engine_kind postgres_engine_kind();
engine_kind postgres_of_small_buckets();

/// How many seeds a random test has: an engine behind a server, where each step is a round trip,
/// takes the first, and all with SKEIN_TEST_SEEDS=all.
unsigned seeds_of(const engine_kind& kind, unsigned all);

/// Shorthand for an event to accept.
struct event_words {
  std::string id;
  std::string key = "k";
  std::string type = "t";
  std::string source = "/s";
  std::string data = "data";
  std::vector<std::string> agents = {"bot"};
  std::string due{};
  std::string expires{};
};

event event_of(const event_words& words);

class test_store {
 public:
  explicit test_store(const engine_kind& kind, open_options options = {});

  engine& operator*() { return *engine_; }
  engine* operator->() { return engine_.get(); }
  /// Of all shards: a shared store is taken as a whole at each opening.
  epoch_no epoch() const { return epoch_no{engine_->identity().boot}; }

  /// Opens again, after close() or, if `clean` is false, as after a kill. Returns what was pending.
  std::vector<pending_delivery> reopen(bool clean = true);
  /// The same after a kill, told as the engine tells it.
  void reopen_raw(const std::function<void(const pending_event&)>& each);

  instant now = from_ns(1'700'000'000'000'000'000);
  bool is_shared() const noexcept { return shared_; }

  accept_op accept(const event_words& words);
  finish_op finish(delivery_id delivery, delivery_state state = delivery_state::done);
  attempt_op attempt(delivery_id delivery, std::uint32_t number);
  /// One that did not fail but asked for more time.
  attempt_op asleep(delivery_id delivery, std::uint32_t number, duration time);
  start_op start(delivery_id delivery, bool alone = false);

  /// Must succeed.
  commit_receipt commit(std::vector<operation> batch);
  op_result one(operation op);
  /// Accepts one event, which must be new.
  event_id add(const event_words& words);

  std::optional<event_record> find(event_id event);
  event_page list(const event_filter& filter = {});
  event_page list_dead(const dead_filter& filter = {});
  ledger events();
  ledger deliveries();
  agent_no agent(const std::string& name) { return *engine_->agent_number(name); }
  skein::journal::reader& reader() { return *reader_; }

 private:
  void opened(result<std::unique_ptr<engine>> made);
  void open_again();

  std::unique_ptr<store_place> place_;
  open_options options_;
  bool shared_;
  std::unique_ptr<engine> engine_;
  std::unique_ptr<skein::journal::reader> reader_;
};

std::vector<shard_id> every_shard(std::uint32_t count);

/// The first delivery of an event.
inline delivery_id first_of(event_id event) { return {event, 0}; }

/// What is pending in a store that was just opened, in order of number.
std::vector<pending_delivery> recover_all(engine& store, reader& view);

/// All that a store shows, as text: equal stores give equal texts. Commits are counted, whatever
/// their numbers are.
std::string describe(engine& store, reader& view);
std::string describe(const pending_delivery& delivery);
std::string describe(const op_result& judged);
std::string describe(const event_record& record);

/// The value of a result that must be there.
template <class T>
T must(result<T> got) {
  INFO((got ? std::string{} : to_string(got.error())));
  REQUIRE(got.ok());
  return std::move(*got);
}
inline void must(result<void> got) {
  INFO((got ? std::string{} : to_string(got.error())));
  REQUIRE(got.ok());
}

} // namespace skein::test
