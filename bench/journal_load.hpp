// Batches of events for a journal that stands alone, made as fast as may be: one encoded body a
// key, with the identity of each event of its own.
#pragma once

#include "journal/journal.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace skein::bench {

inline constexpr std::size_t journal_load_keys = 1'000;
inline constexpr std::size_t journal_load_body_bytes = 200;

/// Ends the process on an error.
class journal_load {
 public:
  journal_load(const std::string& url, journal::open_options how, std::size_t batch);

  /// How many events are pending; once, before the first commit.
  std::size_t recover();

  // What the next commit does.
  void add_accepts();
  /// Of all that was accepted since the last time.
  void add_finishes();
  /// They are finished in another order.
  void shuffle();
  /// They stay pending.
  void forget();
  /// `pause` after the last one.
  void commit(duration pause);

  /// Whether there is more to do.
  bool upkeep();
  void let_pass(duration time) { now_ += time; }
  instant now() const { return now_; }
  journal::engine& engine() { return *engine_; }

 private:
  void make_models();

  std::size_t batch_;
  instant now_;
  std::unique_ptr<journal::engine> engine_;
  agent_no agent_{};
  std::vector<offered_event> models_; // one a key
  std::vector<journal::operation> operations_;
  std::vector<event_id> accepted_;
  std::uint64_t accepted_in_all_ = 0;
  std::mt19937_64 random_{1};
};

} // namespace skein::bench
