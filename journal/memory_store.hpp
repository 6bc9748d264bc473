// What a memory journal keeps. Private to the memory engine and its reader.
#pragma once

#include "journal/journal.hpp"
#include "journal/lease_store.hpp"
#include "journal/ledgers.hpp"

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace skein::journal {

/// The durable start of a delivery.
struct memory_start {
  start_mark mark = start_mark::none;
  std::uint32_t crashes = 0;
};

struct memory_event {
  event_record record;
  std::vector<memory_start> starts; // one a delivery
  bool gone = false;                // dropped by retention; its record is empty

  bool pending() const {
    for (const delivery_record& each : record.deliveries)
      if (!is_terminal(each.state))
        return true;
    return false;
  }
};

struct memory_identity {
  std::uint64_t content = 0;
  event_id event;
  instant at = no_instant;
};

struct hash_of_hash128 {
  std::size_t operator()(const hash128& value) const noexcept { return value.low; }
};

/// Where what is kept begins; what is before is empty.
struct memory_kept {
  std::uint64_t first_commit = 1;
  std::uint64_t first_event = 1;     // of that commit, or of the next one if it has none
  std::uint64_t swept_to = 1;        // of the events below, only the survivors remain
  std::set<std::uint64_t> survivors; // pending, dead, or over for too short a time
  std::uint64_t dropped_events = 0;
};

/// Who owns a shard of a store that several engines share, and who may commit to it.
struct memory_lease {
  epoch_no epoch{};
  std::string owner;
  instant until = no_instant;
};

/// `mutex` guards all else: the writing thread holds it for a commit, a reader for a call.
class memory_store {
 public:
  memory_event* at(std::uint64_t sequence) {
    return sequence == 0 || sequence > events.size() || events[sequence - 1].gone
               ? nullptr
               : &events[sequence - 1];
  }
  memory_event* at(event_id event) {
    memory_event* found = at(event.sequence);
    return found != nullptr && found->record.event == event ? found : nullptr;
  }

  /// Numbers go on at the next multiple, whether the ones before were used or not.
  void begin_block(std::uint64_t numbers) {
    const std::uint64_t first = numbers * number_blocks++;
    while (events.size() + 1 < first)
      events.emplace_back().gone = true;
  }
  /// Of the shards for which `is_one` holds.
  template <class IsOne>
  void clear_marks(IsOne is_one) {
    for (memory_event& event : events)
      if (is_one(event.record.event.shard))
        for (memory_start& each : event.starts)
          each.mark = start_mark::none;
  }
  template <class IsOne>
  bool any_ran_alone(IsOne is_one) const {
    for (const memory_event& event : events)
      for (std::size_t i = 0; is_one(event.record.event.shard) && i < event.starts.size(); ++i)
        if (!is_terminal(event.record.deliveries[i].state) &&
            event.starts[i].mark == start_mark::alone)
          return true;
    return false;
  }

  std::mutex mutex;
  bool made = false;
  bool open = false;
  bool shared = false;              // by several engines; `open` says nothing then
  std::vector<memory_lease> leases; // index = shard; of a shared one
  std::map<std::string, live_member, std::less<>> members; // by owner
  std::uint64_t number_blocks = 0;                         // given out
  store_identity identity;
  std::vector<std::string> agents;
  std::size_t agents_saved = 0;    // of them, the ones that a commit made to last
  std::deque<memory_event> events; // sequence 1 first, without gaps
  std::unordered_map<hash128, memory_identity, hash_of_hash128> identities;
  std::deque<std::pair<instant, hash128>> identities_by_time;
  std::map<std::pair<agent_no, std::string>, slice> states;
  std::map<shard_id, epoch_no> epochs; // above the boot number
  std::set<timer> timers;              // of events that wait for a time or expire
  std::deque<feed_commit> commits;     // number 1 first, without gaps
  std::vector<ledgers> totals;         // index = shard; without `pending`
  memory_kept kept;
};

std::unique_ptr<reader> new_memory_reader(std::shared_ptr<memory_store> store);

} // namespace skein::journal
