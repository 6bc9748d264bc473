// Whom a commit concerns beside its submitter: the loops that own the events which it brought into
// being on their shards.
#pragma once

#include "actors/ports.hpp"

#include <atomic>
#include <map>
#include <span>
#include <vector>

namespace skein {

/// What each loop is to be told of what `by` submitted: the events that were emitted on its shards
/// and were not there already. Of a submitter that is no loop (number `loops`) all of its events.
std::map<loop_no, foreign_events> foreign_events_of(loop_no by, std::uint32_t loops,
                                                    std::span<const journal::operation> operations,
                                                    const journal::commit_receipt& receipt);

/// Counts for each loop what it is told, from before a commit begins:
/// store_port::foreign_announced.
class foreign_announcer {
 public:
  explicit foreign_announcer(std::uint32_t loops) : announced_(loops), open_(loops) {}

  /// A commit begins, of which each loop is told at most what these operations bring it. By the
  /// thread that commits, as told() and over().
  void announce(loop_no by, std::span<const journal::operation> operations);
  void told(loop_no owner);
  /// All was told: what was announced beyond that does not come.
  void over();

  /// Any thread.
  std::uint64_t announced(loop_no loop) const { return announced_[raw(loop)]; }

 private:
  std::vector<std::atomic<std::uint64_t>> announced_; // by loop
  std::vector<std::uint64_t> open_;                   // of them, not told yet
};

/// Takes the shards over in the engine and tells every loop; between two commits, by the thread
/// that commits. After an error no loop was told. `not_before` is called before that: engine time
/// is not below what the shards' last owners have given to their events.
result<void> adopt_shards(journal::engine& engine, const std::vector<journal::held_shard>& shards,
                          bool in_order, std::uint32_t loops,
                          const std::map<loop_no, loop_feed>& feeds,
                          const std::function<void(instant)>& not_before);

/// store_port::know_agents.
result<std::vector<std::string>> number_agents(journal::engine& engine,
                                               const std::vector<std::string>& names);

} // namespace skein
