// The pending deliveries of one loop, in their lanes, and which lanes may start a turn.
//
// A lane is the FIFO of one (agent, key), in order of (ready_at, sequence). One turn at a time; a
// lane of a pure agent may have up to limits::pipeline_depth in flight, whose outcomes are used in
// lane order.
//
//   lane:  [closing|held|running|starting ...][waiting waiting waiting ...]
//          head                              first_waiting              tail
//
// Ready lanes stand in one FIFO an agent and class; a lane's class is the highest that waits in it.
// A lane goes to the back after each start, so that inside a class lanes take turns. An entry in
// those queues carries a ticket: when the lane's class rises it is queued again with a new ticket,
// and the old entry is skipped when it comes to the front.
#pragma once

#include "actors/flat_index.hpp"
#include "actors/sequence_queue.hpp"
#include "actors/slab.hpp"
#include "journal/journal.hpp"
#include "protocol/messages.hpp"

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace skein {

/// Where a pending delivery is. The public state: sleeping and waiting are "pending".
enum class stage : std::uint8_t {
  sleeping, // not due yet: in no lane
  waiting,
  starting, // its durable start is being committed
  running,  // dispatched
  deciding, // failed; the retry actor is asked
  held,     // its outcome waits for earlier ones of the lane (pure agents)
  closing,  // its outcome is with the journal
  retrying, // waits for its next turn, at the head of its lane: one failed or went to sleep
};

/// What is known of a delivery that was pending at an unclean stop.
enum class suspicion : std::uint8_t {
  none,
  suspect, // may have been running: its start must be durable
  accused, // was durably started: runs alone
};

constexpr std::size_t end_index(delivery_state state) noexcept {
  return static_cast<std::size_t>(state) - static_cast<std::size_t>(delivery_state::done);
}

struct live_event {
  event_id id;
  slice body; // empty = on disk only
  priority_class priority = priority_class::hook;
  instant accepted = no_instant;
  instant expires = no_instant;
  std::uint32_t first_delivery = no_slot; // linked by next_sibling
  std::uint8_t open = 0;    // deliveries without a submitted outcome, those on disk too
  std::uint8_t live = 0;    // deliveries that are here
  std::uint8_t away = 0;    // pending ones that are on disk only, as far as is known
  std::string sleeping_key; // only while a delivery sleeps
  /// Submitted outcomes by their state, from delivery_state::done on.
  std::array<std::uint8_t, end_index(delivery_state::purged) + 1> ends{};

  void count_end(delivery_state state, int by);
  /// What the event ends as by the outcomes so far: dead if one is, else done if one is, ...
  delivery_state ended_as() const noexcept;
};

struct live_delivery {
  std::uint32_t event = no_slot;
  std::uint32_t next_sibling = no_slot;
  std::uint32_t lane = no_slot;
  std::uint32_t previous = no_slot; // in the lane
  std::uint32_t next = no_slot;
  instant ready_at = no_instant;
  agent_no agent{};
  std::uint8_t index = 0;
  stage at = stage::sleeping;
  suspicion suspected = suspicion::none;
  bool alone = false;         // holds the node's slot for accused deliveries
  bool unripe = false;        // waiting, but its place is not certain yet; see enter
  bool asleep = false;        // its last turn went to sleep
  bool begun_pure = false;    // the agent was pure when its turn began
  std::uint32_t attempts = 0; // turns that ended and did not end it: they failed or went to sleep
  std::uint32_t sleeps = 0;   // so many of them went to sleep
  std::uint32_t crashes = 0;
  instant next_due = no_instant;         // of the next turn, once it was decided
  boot_time wake;                        // the same by the other clock, in this process
  instant started = no_instant;          // of the turn under way
  std::unique_ptr<turn_outcome> outcome; // from held on, while it may be needed

  std::uint32_t failures() const noexcept { return attempts - sleeps; }
  /// As far as is known here: its time may have come a moment ago.
  bool sleeps_on() const noexcept {
    return asleep && next_due != no_instant && (at == stage::retrying || at == stage::waiting);
  }
};

/// Where something stands among what is ready.
struct lane_place {
  instant ready_at;
  std::uint64_t sequence = 0;
  friend auto operator<=>(const lane_place&, const lane_place&) = default;
};

/// Deliveries on disk behind those that are here, as the numbers of their events. The first ones
/// are read as a portion: some of `waiting`, and what became due among them.
struct away_list {
  lane_place from;                  // whatever stands before it is here
  lane_place last;                  // nothing in it has ever stood behind this
  sequence_queue waiting;           // in order of place
  std::deque<lane_place> late;      // became due while the list was there; in order, to be merged
  std::vector<std::uint64_t> asked; // the rows of these are being read
  bool reading = false;             // else they are to be asked for again
  bool begun = false;               // a portion is under way
  std::vector<journal::pending_delivery> rows; // of the portion, so far

  bool empty() const noexcept { return size() == 0 && !begun; }
  bool in_vain() const noexcept { return !asked.empty() && !reading; }
  /// On their way from the disk into a lane.
  std::size_t coming() const noexcept { return asked.size() + rows.size(); }
  std::size_t size() const noexcept {
    return waiting.size() + late.size() + asked.size() + rows.size();
  }
};

struct lane {
  std::string key;
  shard_id shard{};
  agent_no agent{};
  std::uint32_t head = no_slot;
  std::uint32_t tail = no_slot;
  std::uint32_t first_waiting = no_slot;
  std::uint32_t closed_to = no_slot; // it and all before it are closing; see first_open
  std::uint32_t size = 0;
  std::uint32_t active = 0;                              // from starting to closing
  std::uint32_t closing = 0;                             // of these
  std::array<std::uint32_t, priority_classes> waiting{}; // per class
  std::uint32_t ticket = 0;                              // of its valid entry in a ready queue
  std::uint8_t queued_as = priority_classes; // class of that entry; priority_classes = not queued
  std::uint32_t stopping =
      0;                // turns of deliveries that are over, which run until they are reported
  bool loading = false; // waits for something; see set_loading
  bool reading = false; // that is a body or its state, from the store
  bool gated = false;   // that is the knowledge of what is due before it (scheduler_ahead.cpp)
  std::uint32_t loading_for = no_slot; // the delivery that was its first waiting one then
  std::uint64_t read_number = 0;       // of the last state read asked for
  std::unique_ptr<away_list> away;     // what stands behind all that is here
  bool state_known = false;
  bool has_state = false;
  slice state;
};

/// Which shards; by number.
using shard_set = std::vector<bool>;

class lane_set {
 public:
  struct agent_traits {
    bool pure = false;
  };
  lane_set(std::vector<agent_traits> agents, std::uint32_t shards);
  /// With the next number.
  void add_agent(agent_traits traits);
  /// What has started goes on; what starts from here on does so by the new ones.
  void change_agent(agent_no agent, agent_traits traits);

  slab<live_event> events;
  slab<live_delivery> deliveries;
  slab<lane> lanes;

  std::uint32_t find_event(std::uint64_t sequence) const noexcept {
    return by_sequence_.find(sequence);
  }
  /// no_slot if the event or that delivery is not pending here.
  std::uint32_t find_delivery(const delivery_id& id) const noexcept;
  std::uint32_t find_lane(agent_no agent, std::string_view key) const noexcept;

  /// `open`: its pending deliveries, whether they come here or stay on disk.
  std::uint32_t add_event(event_id id, priority_class priority, instant accepted, instant expires,
                          slice body, std::size_t open);
  /// A new delivery, sleeping.
  std::uint32_t add_delivery(std::uint32_t event, std::uint8_t index, agent_no agent);
  /// Ends a delivery after its outcome is durable; the event goes with its last one.
  void remove_delivery(std::uint32_t delivery);
  /// Leaves a sleeping delivery to the disk.
  void forget_delivery(std::uint32_t delivery);
  /// Goes if nothing is in it.
  void release_if_empty(std::uint32_t lane);
  bool has_away(std::uint32_t lane) const noexcept {
    return lanes[lane].away != nullptr && !lanes[lane].away->empty();
  }

  /// Puts a sleeping delivery into its lane at its place by (ready_at, sequence), behind what has
  /// started. While it is unripe it does not start, nor does what stands behind it: something with
  /// an earlier place may still come.
  void enter(std::uint32_t delivery, std::string_view key, instant ready_at, bool ripe = true);
  void ripen(std::uint32_t delivery);
  /// The turn of a delivery that is being ended by other means goes on until its runner says
  /// otherwise. Meanwhile the lane starts nothing and stays, even empty.
  void hold(std::uint32_t lane);
  void let_go(std::uint32_t lane);
  /// waiting or retrying -> `to`: the delivery joins the active part of its lane.
  void activate(std::uint32_t delivery, stage to);
  /// starting or running -> waiting, or deciding -> retrying: it is the lane's first again.
  void deactivate(std::uint32_t delivery, stage to);
  /// retrying -> waiting: its time has come.
  void retry_ready(std::uint32_t delivery);
  /// any stage -> closing: its outcome is with the journal. Nothing starts in the lane until it is
  /// removed (of a pure agent: nothing from this place on).
  void close(std::uint32_t delivery);
  /// The lane's first delivery that is not closing; no_slot if there is none. It goes on where the
  /// last call ended: with many of a lane at the journal, each outcome would walk over all of them.
  std::uint32_t first_open(std::uint32_t lane);
  /// A loading lane starts nothing. Afterwards it is the first of its queue, unless it is to wait
  /// its turn anew: what was read for it is used before more is read.
  void set_loading(std::uint32_t lane, bool loading, bool goes_first = true);

  /// What the store has as the state of the lane's key.
  void know_state(std::uint32_t lane, std::optional<slice> state);
  /// It is read again before the next turn.
  void forget_state(std::uint32_t lane);
  /// Of all states that are known.
  std::size_t state_bytes() const noexcept { return state_bytes_; }

  /// The next lane that may start a turn of this agent, highest class first; no_slot if none. The
  /// lane leaves its queue: the caller starts lanes[it].first_waiting or sets the lane loading.
  std::uint32_t take_ready(agent_no agent);
  /// Puts the lane back into its queue if it may start (another) turn.
  void offer_ready(std::uint32_t lane, bool goes_first = false);

  /// Nothing of a frozen shard's lanes starts.
  void freeze(const shard_set& shards, bool frozen);
  /// Deliveries of the shard from starting to closing, as far as they are in lanes.
  std::size_t active_of(shard_id shard) const noexcept { return active_[raw(shard)]; }
  /// Every delivery that is here of events of these shards; their lanes. Each looks at all there
  /// are, once.
  std::vector<std::uint32_t> deliveries_of(const shard_set& shards) const;
  std::vector<std::uint32_t> lanes_of(const shard_set& shards) const;

  /// How many lanes of this agent could start a turn now.
  std::size_t ready_count(agent_no agent) const noexcept { return agents_[raw(agent)].ready; }
  /// Since when the oldest delivery that could start now waits, as far as the heads of the queues
  /// tell; no_instant if none does.
  instant oldest_ready() const noexcept;
  std::size_t events_here() const noexcept { return by_sequence_.size(); }
  std::size_t deliveries_here(agent_no agent) const noexcept { return agents_[raw(agent)].here; }
  /// So many of them wait for the end of a sleep.
  std::size_t asleep_count(agent_no agent) const noexcept { return agents_[raw(agent)].asleep; }
  std::size_t waiting_count(agent_no agent) const noexcept { return agents_[raw(agent)].waiting; }
  std::size_t lane_count() const noexcept { return lanes.used(); }
  /// Calls each(slot) for the lanes of all agents with this key.
  template <class Each>
  void for_each_lane_of(std::string_view key, Each each) const {
    for (const agent_lanes& agent : agents_)
      if (const auto found = agent.by_key.find(key); found != agent.by_key.end())
        each(found->second);
  }
  /// Calls each(slot) for every lane, in no particular but repeatable order.
  template <class Each>
  void for_each_lane(Each each) const {
    for (const agent_lanes& agent : agents_)
      for (const auto& [key, slot] : agent.by_key)
        each(slot);
  }
  bool pure(agent_no agent) const noexcept { return agents_[raw(agent)].pure; }

 private:
  struct queue_entry {
    std::uint32_t lane;
    std::uint32_t ticket;
  };
  struct agent_lanes {
    bool pure = false;
    bool was_pure = false;                                      // before its configuration changed
    std::unordered_map<std::string_view, std::uint32_t> by_key; // views of lane::key
    std::array<std::deque<queue_entry>, priority_classes> queues;
    std::size_t ready = 0;
    std::size_t waiting = 0;
    std::size_t here = 0;   // deliveries in memory
    std::size_t asleep = 0; // of them in stage retrying after a sleep
  };

  bool may_start(const lane& which) const noexcept;
  bool yields_to(const live_delivery& there, instant ready_at,
                 std::uint64_t sequence) const noexcept;
  std::uint32_t waiting_from(std::uint32_t delivery) const noexcept;
  void unqueue(lane& which) noexcept;
  void count_active(lane& which, int by) noexcept;
  std::uint8_t top_class(const lane& which) const noexcept;
  void unlink(std::uint32_t delivery);
  void count_waiting(lane& which, std::uint32_t delivery, int by);
  void leave_retrying(const live_delivery& which) noexcept;

  std::vector<agent_lanes> agents_;
  std::vector<std::uint32_t> active_; // by shard
  std::vector<bool> frozen_;          // by shard
  flat_index by_sequence_;
  std::size_t state_bytes_ = 0;
};

} // namespace skein
