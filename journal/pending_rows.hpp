// Reads the pending deliveries of given events from their rows: event, outcomes, attempts, start.
#pragma once

#include "journal/checked_rows.hpp"
#include "journal/journal.hpp"
#include "journal/rows_by_delivery.hpp"
#include "journal/unread_pending.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace skein::journal {

class pending_rows {
 public:
  result<void> prepare(database& db);
  struct found {
    std::vector<pending_delivery> rows;
    std::vector<unread_event> unread; // in order; they may be over
  };
  /// As reader::pending; within the read transaction that is under way. Of an event a row of which
  /// cannot be read, is damaged or not there, nothing is told but that.
  result<found> read(std::span<const std::uint64_t> sequences, const unchecked_rows& old);

 private:
  using run_of_events = std::span<const std::uint64_t>;
  result<void> read_run(run_of_events run, const unchecked_rows& old, found& into);
  result<void> try_run(run_of_events run, const unchecked_rows& old, found& into);

  std::optional<pending_delivery> read_alone(std::uint64_t sequence, const unchecked_rows& old);

  struct cursors;
  static result<void> add_event(cursors& at, const unchecked_rows& old, found& into);
  statement events_, outcomes_, attempts_, starts_;
};

} // namespace skein::journal
