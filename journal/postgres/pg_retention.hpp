// What is old goes, in steps of bounded rows, beside the commits: on a connection and, unless it is
// told otherwise, a thread of its own. Of all nodes one does it at a time. First the oldest
// commits, then their events that were over before the oldest commit that stays; what is pending,
// dead or over for too short a time stays where it is and is noted as a survivor.
#pragma once

#include "journal/background_thread.hpp"
#include "journal/postgres/pg_connection.hpp"

#include <cstdint>
#include <memory>

namespace skein::journal {

class pg_retention {
 public:
  struct facts {
    instant oldest = no_instant;      // commit that is kept
    std::uint64_t dropped_events = 0; // ever
    std::uint64_t dropped_rows = 0;   // by this engine
    std::uint64_t bytes_used = 0;
    duration longest_step{};
    bool has_more = false; // it stopped although there was more to do
    result<void> ended;
  };

  pg_retention(pg_settings database, job_runner run);
  ~pg_retention();

  /// Begins a round unless one is under way: commits no younger than `before` go.
  void begin(instant before);
  bool is_busy() const noexcept;
  /// Of the last round.
  const facts& last() const noexcept;

 private:
  struct round;
  std::shared_ptr<round> round_;
  job_runner run_;
};

} // namespace skein::journal
