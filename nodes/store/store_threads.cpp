#include "nodes/store/store_threads.hpp"

#include "protocol/check.hpp"
#include "protocol/limits.hpp"

#include <iterator>
#include <pthread.h>
#include <utility>

namespace skein {

namespace {
constexpr std::chrono::seconds upkeep_every{1};
}

store_threads::store_threads(journal::engine& engine, std::unique_ptr<journal::reader> reader,
                             const clock_port& clock, std::uint32_t loops,
                             std::function<void(error)> fatal)
  : engine_{engine}, reader_{std::move(reader)}, clock_{clock}, loops_{loops}, fatal_{std::move(
                                                                                   fatal)} {}

store_threads::~store_threads() {
  if (writer_.joinable())
    static_cast<void>(close());
}

void store_threads::start() {
  writer_ = std::thread{[this] {
    pthread_setname_np(pthread_self(), "skein-journal");
    write_loop();
  }};
  reading_ = std::thread{[this] {
    pthread_setname_np(pthread_self(), "skein-reader");
    read_loop();
  }};
}

result<void> store_threads::close() {
  {
    const std::lock_guard lock{read_mutex_};
    read_closing_ = true;
  }
  read_ready_.notify_one();
  reading_.join();
  {
    const std::lock_guard lock{write_mutex_};
    closing_ = true;
  }
  write_ready_.notify_one();
  writer_.join();
  reader_.reset();
  if (broken_)
    return error{errc::unknown_outcome, "a commit failed; the store is not closed in order"};
  return engine_.close();
}

void store_threads::submit(loop_no loop, std::vector<journal::operation> batch, committed done) {
  {
    const std::lock_guard lock{write_mutex_};
    requests_.push_back({loop, std::move(batch), std::move(done)});
  }
  write_ready_.notify_one();
}

void store_threads::attach(loop_no loop, std::function<void(foreign_events)> foreign) {
  const std::lock_guard lock{write_mutex_};
  foreign_[loop] = std::move(foreign);
}

void store_threads::on_commit(std::function<void(commit_no)> listener) {
  const std::lock_guard lock{write_mutex_};
  listeners_.push_back(std::move(listener));
}

void store_threads::read(std::function<void(journal::reader&)> work) {
  {
    const std::lock_guard lock{read_mutex_};
    reads_.push_back(std::move(work));
  }
  read_ready_.notify_one();
}

void store_threads::facts(std::function<void(result<store_facts>)> done) {
  {
    const std::lock_guard lock{write_mutex_};
    fact_calls_.push_back(std::move(done));
  }
  write_ready_.notify_one();
}

// ---- the writer -------------------------------------------------------------------------------

void store_threads::write_loop() {
  bool more_upkeep = false;
  while (true) {
    std::vector<request> gathered;
    std::vector<fact_call> calls;
    bool timed_out = false;
    {
      std::unique_lock lock{write_mutex_};
      const auto anything = [this] {
        return !requests_.empty() || !fact_calls_.empty() || closing_;
      };
      if (!more_upkeep)
        timed_out = !write_ready_.wait_for(lock, upkeep_every, anything);
      std::size_t operations = 0;
      while (!requests_.empty() &&
             (gathered.empty() ||
              operations + requests_.front().batch.size() <= limits::commit_operations_max)) {
        operations += requests_.front().batch.size();
        gathered.push_back(std::move(requests_.front()));
        requests_.pop_front();
      }
      calls.swap(fact_calls_);
      if (gathered.empty() && calls.empty() && closing_)
        return;
    }
    if (!gathered.empty())
      commit_gathered(std::move(gathered));
    if (!calls.empty())
      answer_facts(std::move(calls));
    more_upkeep = false;
    if (!broken_ && (timed_out || gathered.empty())) {
      const auto left = engine_.upkeep(clock_.now().wall);
      more_upkeep = left && *left;
    }
  }
}

void store_threads::commit_gathered(std::vector<request> requests) {
  std::vector<journal::operation> operations;
  if (requests.size() == 1) {
    operations = std::move(requests.front().batch);
  } else {
    std::size_t count = 0;
    for (const request& each : requests)
      count += each.batch.size();
    operations.reserve(count);
    for (request& each : requests)
      operations.insert(operations.end(), std::make_move_iterator(each.batch.begin()),
                        std::make_move_iterator(each.batch.end()));
  }
  auto receipt = broken_ ? result<journal::commit_receipt>{errc::unknown_outcome}
                         : engine_.commit(operations, clock_.now().wall);
  if (!receipt && receipt.error().code != errc::disk_full && !std::exchange(broken_, true)) {
    const error problem = receipt.error();
    answer_all(requests, std::move(receipt), operations);
    fatal_(problem);
    return;
  }
  answer_all(requests, std::move(receipt), operations);
}

/// Each loop gets its own answers and the foreign events of others in the order of the commit.
void store_threads::answer_all(std::vector<request>& requests,
                               result<journal::commit_receipt> receipt,
                               std::vector<journal::operation>& operations) {
  std::size_t at = 0;
  for (request& each : requests) {
    const std::size_t count = requests.size() == 1 ? operations.size() : each.batch.size();
    if (!receipt) {
      auto back = requests.size() == 1 ? std::move(operations) : std::vector<journal::operation>{};
      if (requests.size() > 1)
        for (std::size_t i = at; i < at + count; ++i)
          back.push_back(std::move(operations[i]));
      each.done(receipt.error(), std::move(back));
      at += count;
      continue;
    }
    journal::commit_receipt part{receipt->commit, receipt->at, {}};
    if (requests.size() == 1) {
      part.results = std::move(receipt->results);
      tell_foreign(each.loop, operations, part);
      each.done(std::move(part), std::move(operations));
    } else {
      const auto first = static_cast<std::ptrdiff_t>(at);
      const auto last = static_cast<std::ptrdiff_t>(at + count);
      part.results.assign(std::make_move_iterator(receipt->results.begin() + first),
                          std::make_move_iterator(receipt->results.begin() + last));
      each.batch.assign(std::make_move_iterator(operations.begin() + first),
                        std::make_move_iterator(operations.begin() + last));
      tell_foreign(each.loop, each.batch, part);
      each.done(std::move(part), std::move(each.batch));
    }
    at += count;
  }
  if (receipt)
    for (const auto& listener : listeners_)
      listener(receipt->commit);
}

void store_threads::tell_foreign(loop_no by, const std::vector<journal::operation>& operations,
                                 const journal::commit_receipt& receipt) {
  std::map<loop_no, foreign_events> told;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const auto* finish = std::get_if<journal::finish_op>(&operations[i]);
    if (finish == nullptr)
      continue;
    for (std::size_t emit = 0; emit < receipt.results[i].emits.size(); ++emit) {
      const auto& made = receipt.results[i].emits[emit];
      const auto owner = static_cast<loop_no>(raw(made.event.shard) % loops_);
      if (made.duplicate || owner == by)
        continue;
      told[owner].events.push_back(
          {made.event, finish->emits[emit].event, finish->emits[emit].deliveries});
    }
  }
  for (auto& [owner, events] : told) {
    events.at = receipt.at;
    const auto found = foreign_.find(owner);
    SKEIN_CHECK(found != foreign_.end());
    found->second(std::move(events));
  }
}

void store_threads::answer_facts(std::vector<fact_call> calls) {
  auto events = engine_.events_ledger();
  auto deliveries = engine_.deliveries_ledger();
  result<store_facts> answer = errc::internal;
  if (!events)
    answer = events.error();
  else if (!deliveries)
    answer = deliveries.error();
  else
    answer = store_facts{*events, *deliveries, engine_.counters(), engine_.last_commit()};
  for (const fact_call& each : calls)
    each(answer);
}

// ---- the reader -------------------------------------------------------------------------------

void store_threads::read_loop() {
  while (true) {
    std::deque<std::function<void(journal::reader&)>> work;
    {
      std::unique_lock lock{read_mutex_};
      read_ready_.wait(lock, [this] { return !reads_.empty() || read_closing_; });
      if (reads_.empty())
        return;
      work.swap(reads_);
    }
    for (auto& each : work)
      each(*reader_);
  }
}

} // namespace skein
