#include "tests/journal/store_fixture.hpp"

#include "journal/memory_journal.hpp"
#include "journal/memory_leases.hpp"
#include "journal/postgres/postgres_options.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/temp_dir.hpp"

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace skein::test {

std::vector<shard_id> every_shard(std::uint32_t count) {
  std::vector<shard_id> all;
  for (std::uint32_t shard = 0; shard < count; ++shard)
    all.push_back(shard_id{shard});
  return all;
}

namespace {

class memory_place final : public store_place {
 public:
  result<std::unique_ptr<engine>> open(const open_options& options) override {
    return open_memory(store_, options);
  }

 private:
  std::shared_ptr<memory_store> store_ = make_memory_store();
};

/// Each opening is another process; the leases of the one before are over.
class shared_memory_place final : public store_place {
 public:
  result<std::unique_ptr<engine>> open(const open_options& options) override {
    who_ = {.node = "node", .boot = std::to_string(++opened_), .address = {}, .zone = {}};
    return open_shared_memory(store_, options, who_.owner());
  }
  result<void> begin(engine& opened,
                     const std::function<void(const pending_event&)>& each) override {
    now_ += std::chrono::hours{2};
    const auto leases = open_memory_leases(store_, who_, [this] { return now_; });
    const auto taken =
        leases->take(every_shard(opened.identity().hash.shards), std::chrono::hours{1});
    return taken ? opened.adopt(held_of(*taken), each) : taken.error();
  }

 private:
  std::shared_ptr<memory_store> store_ = make_memory_store();
  member_info who_;
  int opened_ = 0;
  instant now_ = from_ns(1'700'000'000'000'000'000);
};

class sqlite_place final : public store_place {
 public:
  explicit sqlite_place(std::size_t bucket) : bucket_{bucket} {}
  result<std::unique_ptr<engine>> open(const open_options& options) override {
    sqlite_options all{.directory = directory_.path() + "/store", .store = options};
    all.dedupe_bucket = bucket_;
    return open_sqlite(all);
  }

 private:
  temp_dir directory_;
  std::size_t bucket_;
};

/// A schema of the tests' server.
class postgres_place final : public store_place {
 public:
  explicit postgres_place(std::size_t bucket) {
    options_.url = postgres_server::shared().url();
    options_.schema = postgres_server::shared().new_schema();
    options_.who.node = "node";
    options_.single = true;
    options_.idle_in_transaction = std::chrono::minutes{2}; // no machine is too slow
    options_.answer_within = std::chrono::minutes{2};
    options_.dedupe_bucket = bucket;
    options_.run = run_at_once;
  }
  ~postgres_place() override {
    postgres_server::shared().try_run("SET client_min_messages TO error; DROP SCHEMA " +
                                      options_.schema + " CASCADE");
  }
  result<std::unique_ptr<engine>> open(const open_options& options) override {
    options_.store = options;
    options_.who.boot = std::to_string(++opened_);
    return open_postgres(options_);
  }
  /// The leases of the opening before are over.
  result<void> begin(engine& opened,
                     const std::function<void(const pending_event&)>& each) override {
    auto leases = open_postgres_leases(options_);
    if (!leases)
      return leases.error();
    const auto all = every_shard(opened.identity().hash.shards);
    if (auto over = before_ ? before_->release(all) : result<void>{}; !over)
      return over;
    const auto taken = (*leases)->take(all, std::chrono::hours{1});
    before_ = std::move(*leases);
    return taken ? opened.adopt(held_of(*taken), each) : taken.error();
  }

 private:
  postgres_options options_;
  int opened_ = 0;
  std::unique_ptr<lease_store> before_;
};

std::string show(instant at) { return std::to_string(to_ns(at)); }

std::string show(const ledger& totals) {
  std::ostringstream out;
  out << totals.accepted << ' ' << totals.done << ' ' << totals.dead << ' ' << totals.cancelled
      << ' ' << totals.superseded << ' ' << totals.expired << ' ' << totals.purged << ' '
      << totals.pending;
  return out.str();
}

std::string show(const std::vector<event_record>& events) {
  std::string out;
  for (const event_record& each : events)
    out += describe(each) + "\n";
  return out;
}

} // namespace

std::ostream& operator<<(std::ostream& out, const engine_kind& kind) { return out << kind.name; }

engine_kind memory_engine_kind() {
  return {"memory", [] { return std::make_unique<memory_place>(); }};
}
engine_kind shared_memory_engine_kind() {
  return {"memory, shared", [] { return std::make_unique<shared_memory_place>(); }, true};
}
engine_kind sqlite_engine_kind() {
  return {"sqlite",
          [] { return std::make_unique<sqlite_place>(limits::dedupe_bucket_identities); }};
}
engine_kind sqlite_of_small_buckets() {
  return {"sqlite, small buckets", [] { return std::make_unique<sqlite_place>(4); }};
}
engine_kind postgres_engine_kind() {
  return {"postgres", [] { return std::make_unique<postgres_place>(16'384); }, true};
}
engine_kind postgres_of_small_buckets() {
  return {"postgres, small buckets", [] { return std::make_unique<postgres_place>(4); }, true,
          false};
}
bool is_wanted(std::string_view engine) {
  const char* which = std::getenv("SKEIN_TEST_ENGINES");
  return which == nullptr ||
         engine.starts_with("postgres") == (std::string_view{which} == "postgres");
}

unsigned seeds_of(const engine_kind& kind, unsigned all) {
  const char* which = std::getenv("SKEIN_TEST_SEEDS");
  const bool is_all = which != nullptr && std::string_view{which} == "all";
  return is_all || !kind.name.starts_with("postgres") ? all : std::min(all, 1u);
}

std::vector<engine_kind> all_engines() {
  return engines_beside({memory_engine_kind(), shared_memory_engine_kind(), sqlite_engine_kind(),
                         sqlite_of_small_buckets()});
}
std::vector<engine_kind> engines_beside(std::vector<engine_kind> these) {
  if (postgres_server::is_installed()) {
    these.push_back(postgres_engine_kind());
    these.push_back(postgres_of_small_buckets());
  }
  const engine_kind first = these.at(0);
  std::erase_if(these, [](const engine_kind& each) { return !is_wanted(each.name); });
  if (these.empty())
    these.push_back(first);
  return these;
}

std::vector<engine_kind> engines_of_one_process() {
  auto all = all_engines();
  std::erase_if(all, [](const engine_kind& each) { return each.shared; });
  if (all.empty())
    all.push_back(memory_engine_kind());
  return all;
}

test_store::test_store(const engine_kind& kind, open_options options)
  : place_{kind.make()}, options_{options}, shared_{kind.shared} {
  options_.now = now;
  options_.seed = 42;
  opened(place_->open(options_));
  must(place_->begin(*engine_, [](const pending_event&) {}));
}

void test_store::opened(result<std::unique_ptr<engine>> made) {
  engine_ = must(std::move(made));
  reader_ = must(engine_->new_reader());
}

namespace {

/// `begin` tells what is pending.
std::vector<pending_delivery> read_pending(
    reader& view,
    const std::function<result<void>(const std::function<void(const pending_event&)>&)>& begin) {
  std::vector<std::uint64_t> sequences;
  must(begin([&](const pending_event& each) { sequences.push_back(each.event.sequence); }));
  std::sort(sequences.begin(), sequences.end());
  return must(view.pending(sequences));
}

} // namespace

std::vector<pending_delivery> recover_all(engine& store, reader& view) {
  return read_pending(view, [&](const auto& each) { return store.recover(each); });
}

std::vector<pending_delivery> test_store::reopen(bool clean) {
  if (clean)
    must(engine_->close());
  open_again();
  return read_pending(*reader_, [&](const auto& each) { return place_->begin(*engine_, each); });
}

void test_store::reopen_raw(const std::function<void(const pending_event&)>& each) {
  open_again();
  must(place_->begin(*engine_, each));
}

void test_store::open_again() {
  reader_.reset();
  engine_.reset();
  options_.now = now;
  opened(place_->open(options_));
}

event event_of(const event_words& words) {
  event value;
  value.id = words.id;
  value.source = words.source;
  value.type = words.type;
  value.kind = data_kind::text;
  value.datacontenttype = "text/plain";
  value.data = words.data;
  value.set_extension(std::string{attribute::partitionkey}, words.key);
  if (!words.due.empty())
    value.set_extension(std::string{attribute::due}, words.due);
  if (!words.expires.empty())
    value.set_extension(std::string{attribute::expires}, words.expires);
  return value;
}

accept_op test_store::accept(const event_words& words) {
  accept_op op;
  op.epoch = epoch();
  op.event = must(offer(event_of(words), engine_->identity().hash, {}, now));
  for (const std::string& name : words.agents)
    op.deliveries.add(agent(name));
  return op;
}

finish_op test_store::finish(delivery_id delivery, delivery_state state) {
  finish_op op;
  op.epoch = epoch();
  op.delivery = delivery;
  op.agent = agent("bot");
  op.state = op.event_state = state;
  op.attempt = 1;
  op.started = now;
  op.finished = now + std::chrono::milliseconds{5};
  return op;
}

attempt_op test_store::attempt(delivery_id delivery, std::uint32_t number) {
  attempt_op op;
  op.epoch = epoch();
  op.delivery = delivery;
  op.agent = agent("bot");
  op.attempt = number;
  op.started = now;
  op.finished = now + std::chrono::milliseconds{3};
  op.code = errc::agent_failed;
  op.error = "failed " + std::to_string(number);
  op.next_due = now + std::chrono::seconds{number};
  return op;
}

attempt_op test_store::asleep(delivery_id delivery, std::uint32_t number, duration time) {
  attempt_op op = attempt(delivery, number);
  op.code = errc::none;
  op.error.clear();
  op.next_due = now + time;
  return op;
}

start_op test_store::start(delivery_id delivery, bool alone) {
  return {.epoch = epoch(), .delivery = delivery, .alone = alone};
}

commit_receipt test_store::commit(std::vector<operation> batch) {
  auto receipt = must(engine_->commit(batch, now));
  REQUIRE(receipt.results.size() == batch.size());
  return receipt;
}

op_result test_store::one(operation op) { return commit({std::move(op)}).results.at(0); }

event_id test_store::add(const event_words& words) {
  const op_result judged = one(accept(words));
  REQUIRE(judged.status == op_status::applied);
  return judged.event;
}

std::optional<event_record> test_store::find(event_id event) { return must(reader_->find(event)); }
event_page test_store::list(const event_filter& filter) { return must(reader_->list(filter)); }
event_page test_store::list_dead(const dead_filter& filter) {
  return must(reader_->list_dead(filter));
}
ledger test_store::events() { return must(engine_->events_ledger()); }
ledger test_store::deliveries() { return must(engine_->deliveries_ledger()); }

std::string describe(const event_record& record) {
  std::ostringstream out;
  out << to_string(record.event) << " at " << show(record.accepted) << " due " << show(record.due)
      << " expires " << show(record.expires) << ' ' << to_string(record.priority) << " body "
      << std::hash<std::string_view>{}(record.body.view()) << ' ' << to_string(record.state());
  for (const delivery_record& each : record.deliveries) {
    out << " [" << raw(each.agent) << ' ' << to_string(each.state) << ' ' << each.attempt << ' '
        << show(each.started) << ' ' << show(each.finished) << ' ' << show(each.committed) << ' '
        << slug(each.code) << " '" << each.error << "' " << static_cast<int>(each.reply_kind)
        << " '" << each.reply.view() << "' " << each.emitted;
    for (const attempt_record& failed : each.attempts)
      out << " (" << failed.attempt << ' ' << show(failed.started) << ' ' << show(failed.finished)
          << ' ' << slug(failed.code) << " '" << failed.error << "' " << show(failed.next_due)
          << ')';
    if (each.slept.attempt != 0)
      out << " slept " << each.sleeps() << " (" << each.slept.attempt << ' '
          << show(each.slept.finished) << ' ' << show(each.next_due()) << ')';
    out << ']';
  }
  return out.str();
}

std::string describe(const pending_delivery& delivery) {
  std::ostringstream out;
  out << to_string(delivery.delivery.event) << '.' << int{delivery.delivery.index} << " agent "
      << raw(delivery.agent) << ' ' << to_string(delivery.priority) << " key '" << delivery.key
      << "' at " << show(delivery.accepted) << " due " << show(delivery.due) << " expires "
      << show(delivery.expires) << " attempts " << delivery.attempts << " sleeps "
      << delivery.sleeps << (delivery.asleep ? " asleep" : "") << " next "
      << show(delivery.next_due) << " crashes " << delivery.crashes << " mark "
      << static_cast<int>(delivery.mark) << " of";
  for (std::size_t i = 0; i < delivery.siblings.size(); ++i)
    out << ' ' << raw(delivery.siblings[i]) << ':' << to_string(delivery.sibling_states[i]);
  return out.str();
}

std::string describe(const op_result& judged) {
  std::ostringstream out;
  out << "status " << static_cast<int>(judged.status) << ' ' << to_string(judged.event) << ' '
      << to_string(judged.actual) << ' ' << judged.emit;
  for (const auto& each : judged.emits)
    out << ' ' << to_string(each.event) << (each.duplicate ? " duplicate" : "");
  return out.str();
}

/// Of all agents, in small pages.
void describe_states(std::ostream& out, engine& store, reader& view) {
  for (const agent_no each : must(store.agents_with_state())) {
    out << "states of " << raw(each);
    bool more = true;
    for (std::string after; more;) {
      const auto page = must(view.states(each, after, {}, 2));
      for (const auto& [key, value] : page.states)
        out << " '" << key << "': '" << value.view() << '\'';
      more = page.more;
      if (more)
        after = page.states.at(1).first;
    }
    out << '\n';
  }
}

std::string describe(engine& store, reader& view) {
  std::ostringstream out;
  out << "events " << show(must(store.events_ledger())) << "\ndeliveries "
      << show(must(store.deliveries_ledger())) << "\nagents";
  for (const std::string& name : store.agent_names())
    out << ' ' << name;
  out << '\n';
  describe_states(out, store, view);
  event_filter filter;
  filter.limit = 7;
  do {
    const event_page page = must(view.list(filter));
    out << show(page.events) << "next " << page.next << " scanned " << page.scanned << '\n';
    filter.before = page.next;
  } while (filter.before != 0);
  dead_filter dead;
  dead.limit = 3;
  do {
    const event_page page = must(view.list_dead(dead));
    out << "dead " << show(page.events) << "next " << page.next << '\n';
    dead.before = page.next;
  } while (dead.before != 0);
  int number = 0;
  for (const feed_commit& each : must(view.commits_after(commit_no{}, 10'000)).commits) {
    out << "commit " << ++number << " at " << show(each.at);
    for (const feed_item& item : each.items)
      out << (item.kind == feed_item::what::accepted ? " +" : " -")
          << to_string(item.delivery.event) << '.' << int{item.delivery.index};
    out << '\n';
  }
  return out.str();
}

} // namespace skein::test
