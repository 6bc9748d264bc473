// Random operations, by seed, on stores of different engines at once: after each step they must
// agree.
#pragma once

#include "tests/journal/store_fixture.hpp"

#include <random>

namespace skein::test {

class random_workload {
 public:
  explicit random_workload(std::uint64_t seed) : random_{seed} {}

  /// The next batch; it knows what earlier ones did from their receipts. Epochs are left at 0.
  std::vector<operation> next(const hash_settings& hash, instant now);
  /// The batch that next() gave was committed with this receipt.
  void committed(const std::vector<operation>& batch, const commit_receipt& receipt);

  /// How far the clock goes on before the next batch; now and then backwards.
  duration pause();

  /// An accept of every event that was ever accepted.
  std::vector<accept_op> all_accepts() const { return accepts_; }
  std::uint64_t number(std::uint64_t below) { return random_() % below; }

 private:
  accept_op make_accept(const hash_settings& hash, instant now);
  delivery_id some_delivery();
  finish_op make_finish(const hash_settings& hash, instant now);
  keep_op make_keep(const hash_settings& hash, instant now);
  state_change make_state();
  void remember(const accept_op& op, event_id event);

  std::mt19937_64 random_;
  std::vector<std::pair<event_id, std::size_t>> events_; // with their numbers of deliveries
  std::vector<accept_op> accepts_;
  std::uint64_t ids_ = 0;
  std::uint32_t attempts_ = 0;
};

/// Sets the epoch of every operation.
void set_epoch(std::vector<operation>& batch, epoch_no epoch);

/// The names that a workload's agents have; to be numbered in this order.
std::vector<std::string> workload_agents();

} // namespace skein::test
