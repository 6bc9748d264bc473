// Running totals.
#pragma once

#include "journal/journal.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace skein::journal {

/// Of the events and of the deliveries of a store.
struct ledgers {
  ledger events;
  ledger deliveries;
  friend bool operator==(const ledgers&, const ledgers&) = default;
};

/// Each count with the name that people see, in the order in which they see them.
struct named_count {
  std::string_view name;
  std::uint64_t value = 0;
};
std::array<named_count, 8> counts_of(const ledger& totals) noexcept;

/// Sums, `pending` too.
void add(ledger& sum, const ledger& more) noexcept;
void add(ledgers& sum, const ledgers& more) noexcept;
/// What was added before.
void subtract(ledgers& sum, const ledgers& less) noexcept;

/// One more that ended so; the state must be terminal.
void count_terminal(ledger& totals, delivery_state state);

} // namespace skein::journal
