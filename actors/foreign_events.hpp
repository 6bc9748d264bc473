// Whom a commit concerns beside its submitter: the loops that own the events which it brought into
// being on their shards.
#pragma once

#include "actors/ports.hpp"

#include <map>
#include <span>

namespace skein {

/// What each loop is to be told of what `by` submitted: the events that were emitted on its shards
/// and were not there already. Of a submitter that is no loop (number `loops`) all of its events.
std::map<loop_no, foreign_events> foreign_events_of(loop_no by, std::uint32_t loops,
                                                    std::span<const journal::operation> operations,
                                                    const journal::commit_receipt& receipt);

/// Takes the shards over in the engine and tells every loop; between two commits, by the thread
/// that commits. After an error no loop was told.
result<void> adopt_shards(journal::engine& engine, const std::vector<journal::held_shard>& shards,
                          bool in_order, std::uint32_t loops,
                          const std::map<loop_no, loop_feed>& feeds);

} // namespace skein
