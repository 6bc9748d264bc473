#include "tests/support/sim_store.hpp"

#include <algorithm>
#include <iterator>

namespace skein::test {

sim_store::sim_store(journal::engine& engine, std::unique_ptr<journal::reader> reader,
                     sim_timeline& timeline, sim_random dice, const store_faults& faults,
                     std::uint32_t loops, hooks call)
  : engine_{engine}, reader_{std::move(reader)}, timeline_{timeline}, dice_{dice}, faults_{faults},
    loops_{loops}, foreign_{loops}, call_{std::move(call)} {}

std::function<void()> sim_store::while_alive(std::function<void()> what) {
  return [alive = std::weak_ptr<int>{alive_}, what = std::move(what)] {
    if (alive.lock())
      what();
  };
}

void sim_store::submit(loop_no loop, std::vector<journal::operation> batch, committed done) {
  queue_.push_back({loop, std::move(batch), std::move(done)});
  if (!std::exchange(busy_, true))
    timeline_.after(dice_.skewed(std::chrono::microseconds{1}, std::chrono::microseconds{100}),
                    while_alive([this] { begin(); }));
}

void sim_store::begin() {
  auto commit = std::make_shared<under_way>();
  while (!queue_.empty() &&
         (commit->requests.empty() || commit->operations.size() + queue_.front().batch.size() <=
                                          limits::commit_operations_max)) {
    request& next = queue_.front();
    foreign_.announce(next.loop, next.batch);
    commit->operations.insert(commit->operations.end(), next.batch.begin(), next.batch.end());
    commit->requests.push_back(std::move(next));
    queue_.pop_front();
  }
  commit->began = call_.now();
  current_ = commit;
  timeline_.after(dice_.skewed(std::chrono::microseconds{100}, faults_.sync_max),
                  while_alive([this, commit] { sync(commit); }));
}

void sim_store::sync(std::shared_ptr<under_way> commit) {
  commit->synced = true;
  if (broken_)
    commit->receipt = errc::unknown_outcome;
#ifndef SKEIN_BUG_COMMITS_AFTER_THE_LEASE
  else if (timeline_.now() >= commit_until_)
    commit->receipt = errc::store_unreachable;
#endif
  else
    commit->receipt = call_.commit(commit->operations, commit->began);
  timeline_.after(dice_.skewed(std::chrono::microseconds{1}, faults_.answer_max),
                  while_alive([this, commit] {
                    answer(*commit);
                    busy_ = !queue_.empty();
                    if (busy_)
                      begin();
                  }));
}

void sim_store::answer(under_way& commit) {
  std::size_t at = 0;
  for (request& each : commit.requests) {
    const std::size_t count = each.batch.size();
    if (!commit.receipt) {
      each.done(commit.receipt.error(), std::move(each.batch));
      continue;
    }
    journal::commit_receipt part{commit.receipt->commit, commit.receipt->at, {}};
    const auto first = commit.receipt->results.begin() + static_cast<std::ptrdiff_t>(at);
    part.results.assign(first, first + static_cast<std::ptrdiff_t>(count));
    at += count;
    tell_foreign(each.loop, each.batch, part);
    each.done(std::move(part), std::move(each.batch));
  }
  foreign_.over();
  if (commit.receipt)
    for (const auto& listener : listeners_)
      listener(commit.receipt->commit);
  else if (!journal::is_refusal(commit.receipt.error().code) && !std::exchange(broken_, true))
    call_.fatal();
}

void sim_store::tell_foreign(loop_no by, const std::vector<journal::operation>& operations,
                             const journal::commit_receipt& receipt) {
  for (auto& [owner, events] : foreign_events_of(by, loops_, operations, receipt)) {
    feeds_.at(owner).foreign(std::move(events));
    foreign_.told(owner);
  }
}

void sim_store::read(std::function<void(journal::reader&)> work) {
  // In order of arrival, as one reading thread does it.
  last_read_ = std::max(
      last_read_, timeline_.now() + dice_.between(std::chrono::microseconds{20}, faults_.read_max));
  timeline_.at(last_read_, while_alive([this, work = std::move(work)] { work(*reader_); }));
}

void sim_store::look_up(std::function<void(journal::reader&)> work) {
  last_look_up_ =
      std::max(last_look_up_, timeline_.now() + dice_.skewed(std::chrono::microseconds{20},
                                                             std::chrono::milliseconds{20}));
  timeline_.at(last_look_up_, while_alive([this, work = std::move(work)] { work(*reader_); }));
}

void sim_store::facts(std::function<void(result<store_facts>)> done) {
  auto events = engine_.events_ledger();
  auto deliveries = engine_.deliveries_ledger();
  if (!events || !deliveries)
    return done(errc::io_error);
  done(store_facts{
      *events, *deliveries, engine_.counters(), {}, engine_.last_commit(), engine_.retention()});
}

/// Between two commits: nothing of what is under way is of these shards.
void sim_store::adopt(std::vector<journal::held_shard> shards, bool in_order,
                      std::function<void(result<void>)> done) {
  timeline_.after(
      dice_.skewed(std::chrono::milliseconds{1}, faults_.read_max),
      while_alive([this, shards = std::move(shards), in_order, done = std::move(done)] {
        done(broken_ ? result<void>{errc::unknown_outcome}
                     : adopt_shards(engine_, shards, in_order, loops_, feeds_, call_.not_before));
      }));
}

void sim_store::release(std::vector<shard_id> shards, std::function<void()> done) {
  timeline_.after(dice_.skewed(std::chrono::microseconds{10}, faults_.sync_max),
                  while_alive([this, shards = std::move(shards), done = std::move(done)] {
                    engine_.release(shards);
                    done();
                  }));
}

void sim_store::know_agents(std::vector<std::string> names,
                            std::function<void(result<std::vector<std::string>>)> done) {
  timeline_.after(dice_.skewed(std::chrono::microseconds{10}, faults_.sync_max),
                  while_alive([this, names = std::move(names), done = std::move(done)] {
                    done(broken_ ? result<std::vector<std::string>>{errc::unknown_outcome}
                                 : number_agents(engine_, names));
                  }));
}

void sim_store::finish() {
  alive_.reset(); // what is under way is taken over from here
  if (current_ && !current_->synced && !broken_)
    static_cast<void>(call_.commit(current_->operations, current_->began));
  while (!queue_.empty() && !broken_) {
    static_cast<void>(call_.commit(queue_.front().batch, call_.now()));
    queue_.pop_front();
  }
}

} // namespace skein::test
