// What a machine can do for Skein: its disk, SQLite on it, the whole durable road. For `skein
// bench`; takes about half a minute.
#pragma once

#include "protocol/result.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace skein::bench {

/// Whether a sync that has returned means that the bytes outlive a power cut. Nobody can ask the
/// disk; its speed tells.
enum class sync_verdict {
  plausible, // as long as a disk takes
  slow,      // each commit that nothing else waits with takes that long
  too_fast,  // a disk whose cache survives a power cut, or one that does not wait
  in_memory, // the folder is on a file system in memory: there is no disk
};

sync_verdict judge_syncs(double median_ms, bool in_memory) noexcept;

struct machine_figures {
  double sync_p50_ms = 0; // of 4 KiB, each written and synced alone
  double sync_p99_ms = 0;
  double sync_max_ms = 0;
  sync_verdict verdict = sync_verdict::plausible;
  double raw_events_per_s = 0;        // batches of 512 bodies of 200 bytes
  double sqlite_commits_per_s = 0;    // transactions with one row
  double sqlite_events_per_s = 0;     // rows inserted and deleted, in batches of 512
  double accepted_per_s = 0;          // events acknowledged, with a window
  double done_per_s = 0;              // events done on disk, of the same run
  double written_bytes_per_event = 0; // of the same run
  double latency_rate = 0;            // events a second, sent singly
  double latency_p50_ms = 0;          // from publish to the start of the turn
  double latency_p99_ms = 0;
  double latency_max_ms = 0;
};

struct machine_plan {
  std::string below;       // a folder; everything happens in a new one in it
  double part_seconds = 4; // of each of the parts, about
};

/// Makes a folder in `below`, and removes it whatever happens; SIGINT and SIGTERM too remove it,
/// and end the process. `progress` is told what begins.
result<machine_figures> measure_machine(const machine_plan& plan,
                                        const std::function<void(std::string_view)>& progress);

} // namespace skein::bench
