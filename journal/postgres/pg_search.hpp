// Ways through the events, newest first, by numbers: whichever looks at the fewest. And which
// events may be pending at a reader's moment.
#pragma once

#include "journal/journal.hpp"
#include "journal/postgres/pg_connection.hpp"

#include <optional>
#include <string>
#include <vector>

namespace skein::journal {

/// Numbers of events in falling order, some at a time.
class number_walk {
 public:
  virtual ~number_walk() = default;
  /// The next ones below, at most so many; none = there are no more.
  virtual result<std::vector<std::uint64_t>> below(std::uint64_t number, std::size_t most) = 0;
};

/// What the walk has to look at, for this filter; within the read transaction that is under way.
result<std::unique_ptr<number_walk>> walk_for(pg_connection& db, const event_filter& filter,
                                              std::uint64_t range_events);
std::unique_ptr<number_walk> walk_dead(pg_connection& db);

} // namespace skein::journal
