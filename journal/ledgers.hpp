// Running totals.
#pragma once

#include "journal/journal.hpp"

namespace skein::journal {

/// Of the events and of the deliveries of a store.
struct ledgers {
  ledger events;
  ledger deliveries;
  friend bool operator==(const ledgers&, const ledgers&) = default;
};

/// One more that ended so; the state must be terminal.
void count_terminal(ledger& totals, delivery_state state);

} // namespace skein::journal
