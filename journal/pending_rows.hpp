// Reads the pending deliveries of given events from their rows: event, outcomes, attempts, start.
#pragma once

#include "journal/checked_rows.hpp"
#include "journal/journal.hpp"
#include "journal/rows_by_delivery.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace skein::journal {

class pending_rows {
 public:
  result<void> prepare(database& db);
  /// As reader::pending; within the read transaction that is under way.
  result<std::vector<pending_delivery>> read(std::span<const std::uint64_t> sequences,
                                             const unchecked_rows& old);

 private:
  using found_list = std::vector<pending_delivery>;
  result<void> read_run(std::span<const std::uint64_t> run, const unchecked_rows& old,
                        found_list& into);

  statement events_, outcomes_, attempts_, starts_;
};

} // namespace skein::journal
