// The journal in memory: the oracle that the tests hold the engines on disk to, and what
// `--ephemeral` runs on. It keeps what it was given in plain containers and judges each operation
// by looking at them, so that it is easy to see that it is right.
//
// What lasts lives in a memory_store, which outlives the engines opened on it one after the other:
// closing and opening again, with or without close(), is what a restart is on disk.
#pragma once

#include "journal/journal.hpp"

#include <memory>
#include <string>

namespace skein::journal {

class memory_store;

std::shared_ptr<memory_store> make_memory_store();

/// One of several engines on a store, one a node. It owns what it adopts: shards whose leases
/// (memory_leases.hpp) name this owner, "node:boot nonce". store_mismatch as open().
result<std::unique_ptr<engine>> open_shared_memory(std::shared_ptr<memory_store> store,
                                                   const open_options& options,
                                                   const std::string& owner);

/// Errors as open(): store_locked while another engine has the store, store_mismatch.
result<std::unique_ptr<engine>> open_memory(std::shared_ptr<memory_store> store,
                                            const open_options& options);

} // namespace skein::journal
