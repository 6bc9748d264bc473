#include "nodes/store/lease_thread.hpp"

#include <utility>

namespace skein {

lease_thread::lease_thread(std::unique_ptr<journal::lease_store> leases, const clock_port& clock,
                           listener heard)
  : clock_{clock}, heard_{std::move(heard)}, thread_{"skein-leases", std::move(leases)} {}

lease_thread::~lease_thread() {
  if (started_)
    close();
}

void lease_thread::start() {
  started_ = true;
  thread_.start();
}

void lease_thread::close() {
  started_ = false;
  // Not heard of any more it would be gone as well, only later.
  thread_.add([](journal::lease_store& leases) { static_cast<void>(leases.leave()); });
  thread_.close();
}

/// Renewed first: the view is then at least as new as what is held.
void lease_thread::beat_now(duration ttl, bool leaving, std::function<void(beat)> done) {
  thread_.add([this, ttl, leaving, done = std::move(done)](journal::lease_store& leases) {
    beat told;
    told.held = leases.renew(ttl);
    const boot_time asked = clock_.now().boot;
    if (told.held)
      told.view = leases.heartbeat(ttl, leaving);
    else
      told.view = told.held.error();
    if (told.view && heard_) // before anybody acts on what is told
      heard_(told.view->at, asked, clock_.now().boot);
    done(std::move(told));
  });
}

void lease_thread::take(std::vector<shard_id> shards, duration ttl,
                        std::function<void(result<std::vector<journal::taken_shard>>)> done) {
  thread_.add([shards = std::move(shards), ttl, done = std::move(done)](
                  journal::lease_store& leases) { done(leases.take(shards, ttl)); });
}

void lease_thread::release(std::vector<shard_id> shards, std::function<void(result<void>)> done) {
  thread_.add([shards = std::move(shards), done = std::move(done)](journal::lease_store& leases) {
    done(leases.release(shards));
  });
}

} // namespace skein
