// Ways through the rows of `event`, newest first. A way may lead past events that are not looked
// for; it leaves out none that is.
#pragma once

#include "journal/sqlite_db.hpp"

#include <optional>

namespace skein::journal {

/// Sequences of events: [from, below).
struct event_bounds {
  std::uint64_t from = 0;
  std::uint64_t below = 0;
};

class event_walk {
 public:
  virtual ~event_walk() = default;
  /// The next row, which the statement is at; null at the end.
  virtual result<statement*> next() = 0;
};

/// All events. The statement has the parameters (below, from).
class row_walk final : public event_walk {
 public:
  row_walk(statement& rows, const event_bounds& within);
  result<statement*> next() override;

 private:
  statement& rows_;
  reset_at_end end_;
};

/// The events of deliveries in a list. `deliveries` gives their row numbers, the highest first,
/// with the parameters (below, from); `find` the event of a sequence.
class delivery_walk final : public event_walk {
 public:
  delivery_walk(statement& deliveries, statement& find, const event_bounds& within);
  result<statement*> next() override;

 private:
  statement& deliveries_;
  statement& find_;
  reset_at_end end_, end_of_find_;
  std::uint64_t last_ = 0; // an event with several deliveries comes once
};

} // namespace skein::journal
