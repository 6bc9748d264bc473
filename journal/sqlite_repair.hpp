// Makes a store that a node can start on again out of a damaged one, and says what is lost by it. A
// new store is built from every record that can be read and whose checksum holds; the damaged files
// are moved aside, never deleted.
#pragma once

#include "journal/journal.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace skein::journal {

/// An event that is gone: its number is kept, as purged or with the ends that are known.
struct lost_event {
  std::uint64_t sequence = 0;
  std::optional<shard_id> shard{}; // known from the list of a commit's outcomes
  std::vector<std::pair<std::uint8_t, delivery_state>> ended{}; // deliveries whose end is known
};

/// A delivery whose end was committed and is gone: it is pending again, and runs again.
struct lost_outcome {
  delivery_id delivery;
  std::string agent;
  commit_no commit{};
};

struct lost_range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

struct repair_report {
  std::string store_id;
  std::vector<std::string> problems; // of `journal verify`, before; none: nothing to do
  std::vector<std::string> damages;  // pages and frames that could not be read
  commit_no last{};                  // that can be read
  std::optional<commit_no> marked{}; // by high-water; empty if that is damaged too
  /// Commits that were acknowledged, as the mark says, and of which nothing is left.
  std::optional<lost_range> commits_gone{};
  std::vector<lost_range> commits_lost{}; // rows alone: what they held is named below
  std::vector<lost_event> events_lost{};
  std::vector<lost_outcome> outcomes_lost{};
  /// Pending, but their ends may have been on a page or in a row that is lost.
  std::vector<delivery_id> outcomes_uncertain{};
  /// Dead letters of which that alone is known. They stay dead.
  std::vector<delivery_id> dead_without_error{};
  std::vector<std::pair<delivery_id, std::uint32_t>> attempts_lost{};
  struct state_name {
    agent_no agent{};
    std::string key;
  };
  std::vector<state_name> states_lost{};      // damaged
  std::vector<state_name> states_uncertain{}; // may be older than they were
  /// What was below the oldest commit, as retention left it: where that is, is lost (it begins now
  /// with the oldest commit that can be read); pages or rows of it are lost, nobody knows with
  /// what.
  bool beginning_unknown = false;
  bool old_events_unknown = false;
  bool states_unknown = false;         // pages of states are lost: nobody knows which
  bool attempts_unknown = false;       // likewise
  bool crashes_unknown = false;        // likewise: counts of crashes
  std::vector<agent_no> agents_lost{}; // names
  std::vector<std::string> agents{};   // of the new store, index = number
  // What is in the new store.
  std::uint64_t events = 0;
  std::uint64_t states = 0;
  ledger counted{};    // only after it was built
  std::string aside{}; // folder with the damaged files and the report
  bool repaired = false;

  bool is_needed() const noexcept { return !problems.empty(); }
  bool loses_nothing() const noexcept {
    return !commits_gone && events_lost.empty() && outcomes_lost.empty() &&
           outcomes_uncertain.empty() && dead_without_error.empty() && attempts_lost.empty() &&
           states_lost.empty() && states_uncertain.empty() && !states_unknown &&
           !attempts_unknown && !crashes_unknown && agents_lost.empty() && !beginning_unknown &&
           !old_events_unknown;
  }
};

struct repair_options {
  std::string directory;
  bool apply = false; // else nothing is changed
  instant now = no_instant;
  /// The report as it is kept with the damaged files.
  std::function<std::string(const repair_report&)> write_report;
  std::function<void(std::uint64_t done, std::uint64_t all)> progress = {}; // in events
  std::function<bool()> may_go_on = {}; // as swap_step, for tests
};

/// store_locked while a node has the store; store_corrupt if too little is left to build one from:
/// then nothing was changed.
result<repair_report> repair_sqlite(const repair_options& options);

} // namespace skein::journal
