#include "nodes/store/store_threads.hpp"

#include "nodes/store/watched_reader.hpp"

#include "actors/foreign_events.hpp"
#include "journal/payload_bytes.hpp"
#include "protocol/check.hpp"
#include "protocol/limits.hpp"

#include <algorithm>
#include <iterator>
#include <pthread.h>
#include <utility>

namespace skein {

namespace {

constexpr std::chrono::seconds upkeep_every{1};
/// A step of upkeep begins when so many times what the last one took are over since it began.
constexpr int upkeep_share = 4;

} // namespace

store_threads::store_threads(journal::engine& engine, readers opened, const clock_port& clock,
                             std::uint32_t loops, calls call, disk_watch* disk)
  : engine_{engine}, clock_{clock}, call_{std::move(call)}, turns_{"skein-reader",
                                                                   watched(
                                                                       std::move(opened.of_turns))},
    look_ups_{"skein-look-up", watched(std::move(opened.of_look_ups))}, loops_{loops}, disk_{disk},
    foreign_{loops} {}

std::unique_ptr<journal::reader> store_threads::watched(std::unique_ptr<journal::reader> of) {
  return std::make_unique<watched_reader>(std::move(of), clock_, unreadable_, call_.unreadable);
}

store_threads::~store_threads() {
  if (writer_.joinable())
    static_cast<void>(close());
}

void store_threads::start() {
  writer_ = std::thread{[this] {
    pthread_setname_np(pthread_self(), "skein-journal");
    write_loop();
  }};
  turns_.start();
  look_ups_.start();
}

result<void> store_threads::close() {
  turns_.close();
  look_ups_.close();
  {
    const std::lock_guard lock{write_mutex_};
    closing_ = true;
  }
  write_ready_.notify_one();
  writer_.join();
  if (broken_)
    return error{errc::unknown_outcome, "a commit failed; the store is not closed in order"};
  return engine_.close();
}

void store_threads::submit(loop_no loop, std::vector<journal::operation> batch, committed done) {
  std::size_t bytes = 0;
  for (const journal::operation& each : batch)
    bytes += journal::payload_bytes(each);
  {
    const std::lock_guard lock{write_mutex_};
    queued_operations_ += batch.size();
    requests_.push_back({loop, std::move(batch), bytes, std::move(done)});
  }
  write_ready_.notify_one();
}

void store_threads::attach(loop_no loop, loop_feed feed) {
  const std::lock_guard lock{write_mutex_};
  feeds_[loop] = std::move(feed);
}

void store_threads::on_commit(std::function<void(commit_no)> listener) {
  const std::lock_guard lock{write_mutex_};
  listeners_.push_back(std::move(listener));
}

void store_threads::read(std::function<void(journal::reader&)> work) {
  turns_.add(std::move(work));
}

void store_threads::look_up(std::function<void(journal::reader&)> work) {
  look_ups_.add(std::move(work));
}

void store_threads::facts(std::function<void(result<store_facts>)> done) {
  {
    const std::lock_guard lock{write_mutex_};
    fact_calls_.push_back(std::move(done));
  }
  write_ready_.notify_one();
}

void store_threads::adopt(std::vector<journal::held_shard> shards, bool in_order,
                          std::function<void(result<void>)> done) {
  queue_shard_call([this, shards = std::move(shards), in_order, done = std::move(done)] {
    done(broken_ ? result<void>{errc::unknown_outcome}
                 : adopt_shards(engine_, shards, in_order, loops_, feeds_, call_.not_before));
  });
}

void store_threads::release(std::vector<shard_id> shards, std::function<void()> done) {
  queue_shard_call([this, shards = std::move(shards), done = std::move(done)] {
    engine_.release(shards);
    done();
  });
}

void store_threads::know_agents(std::vector<std::string> names,
                                std::function<void(result<std::vector<std::string>>)> done) {
  queue_shard_call([this, names = std::move(names), done = std::move(done)] {
    done(broken_ ? result<std::vector<std::string>>{errc::unknown_outcome}
                 : number_agents(engine_, names));
  });
}

void store_threads::queue_shard_call(std::function<void()> call) {
  {
    const std::lock_guard lock{write_mutex_};
    shard_calls_.push_back(std::move(call));
  }
  write_ready_.notify_one();
}

// ---- the writer -------------------------------------------------------------------------------

void store_threads::write_loop() {
  bool more_upkeep = false;
  while (true) {
    round now = next_round(!more_upkeep);
    const bool is_idle = now.requests.empty();
    for (const auto& each : now.shard_calls)
      each();
    if (is_idle && now.fact_calls.empty() && now.shard_calls.empty() && now.closing)
      return;
    if (!is_idle)
      commit_gathered(std::move(now.requests));
    if (!now.fact_calls.empty()) {
      const auto found = look_at_facts();
      for (const fact_call& each : now.fact_calls)
        each(found);
    }
    // Under load what is left of it goes on in small steps between the commits.
    const duration since = clock_.now().boot - last_upkeep_;
#ifdef SKEIN_BUG_UPKEEP_IN_EVERY_ROUND
    const bool is_due = more_upkeep || since >= upkeep_every;
#elif defined(SKEIN_BUG_UPKEEP_WHEN_IDLE_ALONE)
    const bool is_due = !more_upkeep && since >= upkeep_every;
#else
    const bool is_due = since >= (more_upkeep ? upkeep_rest_ : duration{upkeep_every});
#endif
    if (broken_)
      more_upkeep = false;
    else if (is_idle || is_due)
      more_upkeep = keep_up();
  }
}

/// All that waits, as far as one commit may hold it. With `wait` until there is something or it is
/// time for upkeep.
store_threads::round store_threads::next_round(bool wait) {
  round found;
  std::unique_lock lock{write_mutex_};
  if (wait)
    write_ready_.wait_for(lock, upkeep_every, [this] {
      return !requests_.empty() || !fact_calls_.empty() || !shard_calls_.empty() || closing_;
    });
  std::size_t operations = 0;
  std::size_t bytes = 0;
  while (!requests_.empty()) {
    request& next = requests_.front();
    operations += next.batch.size();
    bytes += next.bytes;
    if (!found.requests.empty() &&
        (operations > limits::commit_operations_max || bytes > commit_bytes_max))
      break;
    queued_operations_ -= next.batch.size();
    found.requests.push_back(std::move(next));
    requests_.pop_front();
  }
  found.fact_calls.swap(fact_calls_);
  found.shard_calls.swap(shard_calls_);
  found.closing = closing_;
  return found;
}

void store_threads::commit_gathered(std::vector<request> requests) {
  if (requests.size() == 1) {
    commit_each(requests);
    return;
  }
  std::vector<std::span<const journal::operation>> all;
  all.reserve(requests.size());
  for (const request& each : requests) {
    all.emplace_back(each.batch);
    foreign_.announce(each.loop, each.batch);
  }
  auto receipt = commit(all);
  if (!receipt && receipt.error().code == errc::disk_full) {
    foreign_.over();
    commit_each(requests);
    return;
  }
  std::size_t at = 0;
  for (request& each : requests) {
    if (!receipt) {
      answer(each, receipt.error());
      continue;
    }
    journal::commit_receipt part{receipt->commit, receipt->at, {}};
    const auto first = receipt->results.begin() + static_cast<std::ptrdiff_t>(at);
    at += each.batch.size();
    const auto last = receipt->results.begin() + static_cast<std::ptrdiff_t>(at);
    part.results.assign(std::make_move_iterator(first), std::make_move_iterator(last));
    answer(each, std::move(part));
  }
  foreign_.over();
  if (receipt)
    tell_listeners(receipt->commit);
  tell_if_broken();
}

/// A commit for each of them.
void store_threads::commit_each(std::vector<request>& requests) {
  for (request& each : requests) {
    const std::span<const journal::operation> own{each.batch};
    foreign_.announce(each.loop, own);
    auto receipt = commit({&own, 1});
    const commit_no number = receipt ? receipt->commit : commit_no{};
    const bool made = receipt.ok();
    answer(each, std::move(receipt));
    foreign_.over();
    if (made)
      tell_listeners(number);
  }
  tell_if_broken();
}

result<journal::commit_receipt> store_threads::commit(journal::batches all) {
  if (broken_)
    return errc::unknown_outcome;
  const moment began = clock_.now();
#if defined(SKEIN_BUG_COMMITS_AFTER_THE_LEASE)
  const bool is_over = false;
#elif defined(SKEIN_BUG_LEASE_BY_WALL_CLOCK)
  const bool is_over = began.wall >= commit_until_wall_.load();
#else
  const bool is_over = began.boot >= commit_until_.load();
#endif
  if (is_over)
    return error{errc::store_unreachable, "the leases of this node were not renewed in time"};
  auto receipt = engine_.commit(all, began.wall);
  if (!receipt && receipt.error().code == errc::disk_full && disk_ != nullptr) {
    if (disk_->give_way())
      receipt = engine_.commit(all, began.wall);
    disk_->look();
  }
  count(receipt, journal::count_operations(all), clock_.now().boot - began.boot);
  if (!receipt && !journal::is_refusal(receipt.error().code)) {
    broken_ = true;
    untold_ = receipt.error();
  }
  return receipt;
}

void store_threads::count(const result<journal::commit_receipt>& receipt, std::size_t operations,
                          duration took) {
  if (!receipt) {
    ++done_.refused;
    return;
  }
  done_.operations += operations;
  if (!receipt->wrote()) // duplicates alone: no sync
    return;
  const auto& bounds = writer_facts::bounds;
  const auto at = std::lower_bound(bounds.begin(), bounds.end(), took) - bounds.begin();
  ++done_.took[static_cast<std::size_t>(at)];
  done_.took_in_all += took;
}

/// The loop gets its own answers and the foreign events of others in the order of the commits.
void store_threads::answer(request& to, result<journal::commit_receipt> receipt) {
  if (receipt)
    tell_foreign(to.loop, to.batch, *receipt);
  to.done(std::move(receipt), std::move(to.batch));
}

void store_threads::tell_listeners(commit_no number) {
  for (const auto& listener : listeners_)
    listener(number);
}

/// After the answers, so that nobody who waits for the broken commit is left without one.
void store_threads::tell_if_broken() {
  if (untold_)
    call_.fatal(*std::exchange(untold_, std::nullopt));
}

void store_threads::tell_foreign(loop_no by, const std::vector<journal::operation>& operations,
                                 const journal::commit_receipt& receipt) {
  for (auto& [owner, events] : foreign_events_of(by, loops_, operations, receipt)) {
    const auto found = feeds_.find(owner);
    SKEIN_CHECK(found != feeds_.end());
    found->second.foreign(std::move(events));
    foreign_.told(owner);
  }
}

result<store_facts> store_threads::look_at_facts() {
  const auto events = engine_.events_ledger();
  const auto deliveries = engine_.deliveries_ledger();
  if (!events || !deliveries)
    return !events ? events.error() : deliveries.error();
  store_facts found{*events, *deliveries,           engine_.counters(),
                    done_,   engine_.last_commit(), engine_.retention()};
  if (disk_ != nullptr)
    found.disk = disk_->facts();
  found.writer.unreadable = unreadable_ + found.io.unreadable;
  const std::lock_guard lock{write_mutex_};
  found.writer.queued_operations = queued_operations_;
  return found;
}

/// True if there is more to do at once. Nobody waits for it, so what fails here is told to the
/// node.
bool store_threads::keep_up() {
  const moment now = clock_.now();
  last_upkeep_ = now.boot;
  if (disk_ != nullptr)
    disk_->look();
  const auto left = engine_.upkeep(now.wall);
  upkeep_rest_ = (clock_.now().boot - now.boot) * upkeep_share;
  for (std::string& each : engine_.take_notes())
    if (call_.note)
      call_.note(std::move(each));
  const error why = left ? error{} : left.error();
  if (!left && !journal::is_refusal(why.code)) {
    broken_ = true;
    untold_ = why;
    tell_if_broken();
    return false;
  }
  if (why.code == errc::disk_full && disk_ != nullptr)
    disk_->give_way(); // the next upkeep has its room
  if (std::exchange(upkeep_refused_, why.code) != why.code)
    call_.upkeep(why);
  return left && *left;
}

} // namespace skein
