// Leases of a store in memory that several engines share: the oracle, and what a simulation runs
// on.
#pragma once

#include "journal/lease_store.hpp"

#include <functional>
#include <memory>

namespace skein::journal {

class memory_store;

/// The store must have been opened by an engine before (open_shared_memory). `clock` is the
/// store's.
std::unique_ptr<lease_store> open_memory_leases(std::shared_ptr<memory_store> store,
                                                const member_info& who,
                                                std::function<instant()> clock);

} // namespace skein::journal
