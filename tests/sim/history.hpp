// What happened to one simulated node, as its clients, its store and its agents' runner saw it: the
// only thing that the checker looks at. In the order in which it happened; the store's records in
// commit order.
#pragma once

#include "actors/jobs/job_record.hpp"
#include "journal/journal.hpp"
#include "protocol/error.hpp"
#include "protocol/ids.hpp"
#include "protocol/messages.hpp"
#include "protocol/time.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace skein::test {

// ---- the process ------------------------------------------------------------------------------

struct booted {
  bool unclean = false; // as the store said
};
struct crashed {};
struct drain_began {};
struct drain_ended {
  int code = 0;
  bool hastened = false;
};

// ---- clients ----------------------------------------------------------------------------------

/// One member of an offer: who it is, and a digest of what it says.
struct offered_member {
  hash128 identity;
  std::uint64_t content = 0;
};
struct offered {
  std::uint64_t request = 0;
  std::vector<offered_member> members;
};
struct answered {
  std::uint64_t request = 0;
  std::vector<publish_result> members;
};
struct cancel_asked {
  std::uint64_t request = 0;
  event_id event;
};
struct cancel_answered {
  std::uint64_t request = 0;
  errc code = errc::none;
};

// ---- the store --------------------------------------------------------------------------------

/// What a turn does to the state of its lane: nothing if empty; an empty text deletes it.
using kept_state = std::optional<std::string>;

/// A new event. `cause`: the delivery whose turn emitted it; `kept`: it came with states of ours,
/// without a delivery.
struct accepted {
  event_id event;
  offered_member what;
  std::string key;
  std::vector<agent_no> agents{};
  std::uint64_t body = 0; // digest of the encoded event
  instant at = no_instant;
  instant due = no_instant;
  instant expires = no_instant;
  std::optional<delivery_id> cause{};
  bool kept = false;
};
struct finished { // `attempt` without the turns that slept
  delivery_id delivery;
  delivery_state state = delivery_state::done;
  errc code = errc::none;
  std::uint32_t attempt = 0;
  std::vector<event_id> emits{}; // also those that were there already
  bool refused = false;          // an emit conflicted: nothing of it happened
  instant at = no_instant;       // of its commit
  kept_state kept{};
};
/// Or slept: `attempt` is the number of the turn.
struct attempt_failed {
  delivery_id delivery;
  std::uint32_t attempt = 0;
  instant next_due = no_instant;
  bool slept = false;
  kept_state kept{};
};
struct start_marked {
  delivery_id delivery;
  bool alone = false;
};
/// What the keeper of the jobs wrote down in one commit, with the events of its runs.
struct jobs_kept {
  std::vector<std::pair<std::string, job_record>> records; // by job
  std::size_t events = 0;
  instant at = no_instant;
  std::map<std::string, bool> paused; // of definitions that changed
  std::vector<std::string> idle;      // runs wait, and none goes on
};
/// How a job stands at the end.
struct job_stands {
  std::string job;
  instant created, through;
  std::optional<job_record> open;
  std::vector<instant> queued;
  std::vector<instant> running; // due ones
  bool paused = false;
};
/// A commit came back with an error.
struct commit_failed {
  errc code = errc::none;
};
/// A step of upkeep, which may drop what has been over for the retention time.
struct kept_up {
  instant at = no_instant;
};
struct ledgers_read {
  journal::ledger events;
  journal::ledger deliveries;
};
/// Read back from the store at the very end.
struct found_event {
  event_id event;
  std::uint64_t body = 0; // as in accepted
  std::vector<delivery_state> states{};
};

// ---- agents -----------------------------------------------------------------------------------

struct turn_started {
  turn_id turn;
  agent_no agent{};
  std::string token;
  std::uint32_t attempt = 1; // as the agent is told
  std::uint32_t sleeps = 0;
  std::string state{}; // empty = none
};
struct turn_ended {
  turn_id turn;
  agent_no agent{};
  turn_verdict verdict = turn_verdict::done;
  std::size_t emits = 0;
  duration rest{0}; // for which it sleeps
  kept_state kept{};
};

// ---- the end ----------------------------------------------------------------------------------

/// All faults were over and the node had all the time it needed.
struct settled {};

using happening = std::variant<booted, crashed, drain_began, drain_ended, offered, answered,
                               cancel_asked, cancel_answered, accepted, finished, attempt_failed,
                               start_marked, jobs_kept, job_stands, commit_failed, kept_up,
                               ledgers_read, found_event, turn_started, turn_ended, settled>;

struct record {
  moment at{};
  happening what;
};

/// What was configured and is needed to judge.
struct history_settings {
  struct job {
    duration period{};
    instant end;                      // no instant is due there or behind it
    std::vector<std::string> after{}; // instead: it has the instants that those have, when they end
  };
  std::map<std::string, job> jobs{};
  bool window_fills = false;                // of identities: then nothing is taken in for a while
  std::vector<std::uint32_t> concurrency{}; // by agent number
  std::vector<bool> pure{};
  std::uint32_t loops = 1;
  duration dedupe_window = limits::dedupe_window;
  duration retention = limits::retention;
};
struct history {
  history_settings settings;
  std::vector<record> records;
};

/// One line, for the trace.
std::string to_string(const record& each);

} // namespace skein::test
