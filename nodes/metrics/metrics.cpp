#include "nodes/metrics/metrics.hpp"

#include "journal/ledgers.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cstdio>
#include <initializer_list>
#include <limits>
#include <unistd.h>
#include <utility>

namespace skein {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using label_list = std::initializer_list<std::pair<const char*, std::string>>;

/// Gathers the families of one page; a family is complete before the next one begins.
class page {
 public:
  page& family(MetricType type, const char* name, const char* help) {
    families_.push_back({name, help, type, {}});
    return *this;
  }
  page& value(double number, label_list labels = {}) {
    ClientMetric metric;
    for (const auto& [name, text] : labels)
      metric.label.push_back({name, text});
    if (families_.back().type == MetricType::Counter)
      metric.counter.value = number;
    else
      metric.gauge.value = number;
    families_.back().metric.push_back(std::move(metric));
    return *this;
  }
  /// Classes as a Prometheus histogram counts them: each with those below it.
  page& histogram(const char* name, const char* help, const writer_facts& of) {
    family(MetricType::Histogram, name, help);
    ClientMetric metric;
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < of.took.size(); ++i) {
      count += of.took[i];
      const double bound =
          i < of.bounds.size() ? seconds(of.bounds[i]) : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({count, bound});
    }
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum = seconds(of.took_in_all);
    families_.back().metric.push_back(std::move(metric));
    return *this;
  }
  page& counter(const char* name, const char* help) {
    return family(MetricType::Counter, name, help);
  }
  page& gauge(const char* name, const char* help) { return family(MetricType::Gauge, name, help); }
  static double seconds(duration time) { return std::chrono::duration<double>(time).count(); }
  std::string text() const { return prometheus::TextSerializer{}.Serialize(families_); }

 private:
  std::vector<MetricFamily> families_;
};

double number(std::uint64_t value) { return static_cast<double>(value); }

double resident_bytes() {
  long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%*s %ld", &pages) != 1)
      pages = 0;
    std::fclose(file);
  }
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

void put_ledger(page& out, const char* name, const char* help, const journal::ledger& of) {
  page& family = out.gauge(name, help);
  for (const auto& [state, value] : journal::counts_of(of))
    family.value(number(value), {{"state", std::string{state}}});
}

void put_store(page& out, const store_facts& store) {
  put_ledger(out, "skein_events", "Events in the store, by state; accepted is their sum.",
             store.events);
  put_ledger(out, "skein_deliveries", "Deliveries in the store, by state; accepted is their sum.",
             store.deliveries);
  out.counter("skein_journal_commits_total", "Commits made durable.")
      .value(number(store.io.commits));
  out.counter("skein_journal_syncs_total", "Times the journal was synced to disk.")
      .value(number(store.io.syncs));
  out.counter("skein_journal_written_bytes_total", "Bytes handed to the journal's files.")
      .value(number(store.io.bytes_written));
  out.counter("skein_journal_checkpoints_total", "Checkpoints of the journal.")
      .value(number(store.io.checkpoints));
  out.counter("skein_journal_operations_total", "Operations that the commits consisted of.")
      .value(number(store.writer.operations));
  out.counter("skein_journal_refused_commits_total",
              "Commits of which nothing was written, as the disk was full or the file locked.")
      .value(number(store.writer.refused));
  out.counter("skein_journal_unreadable_total", "Reads of the store that failed, or found damage.")
      .value(number(store.writer.unreadable));
  out.histogram("skein_journal_commit_seconds", "Time that a commit took, with its sync.",
                store.writer);
  out.gauge("skein_journal_queued_operations", "Operations that wait for the next commit.")
      .value(number(store.writer.queued_operations));
  out.gauge("skein_journal_wal_bytes", "Bytes in the write-ahead log since it last began anew.")
      .value(number(store.io.wal_bytes));
  out.gauge("skein_store_used_bytes", "Bytes of the store's file that are in use.")
      .value(number(store.retention.bytes_used));
  out.gauge("skein_store_free_bytes", "Bytes in the store's file that are free for what comes.")
      .value(number(store.retention.bytes_free));
  out.gauge("skein_store_pending_ranges", "Ranges of event numbers with pending events.")
      .value(number(store.retention.ranges));
  out.gauge("skein_retention_oldest_timestamp_seconds",
            "When the oldest commit that is kept was made, in seconds since 1970; 0 without one.")
      .value(number(static_cast<std::uint64_t>(to_ns(store.retention.oldest) / 1'000'000'000)));
  out.counter("skein_retention_dropped_events_total", "Events that retention dropped, ever.")
      .value(number(store.retention.dropped_events));
  out.counter("skein_retention_dropped_rows_total", "Rows that retention dropped, since the start.")
      .value(number(store.retention.dropped_rows));
  out.gauge("skein_dedupe_identities", "Identities in the dedupe window.")
      .value(number(store.io.dedupe_entries));
  out.gauge("skein_dedupe_identities_max", "Identities that the dedupe window may hold.")
      .value(number(store.io.dedupe_entries_max));
  out.gauge("skein_dedupe_memory_identities",
            "Identities of the dedupe window that are in no file yet.")
      .value(number(store.io.dedupe_in_memory));
  out.gauge("skein_dedupe_buckets", "Files of identities of the dedupe window.")
      .value(number(store.io.dedupe_buckets));
  out.gauge("skein_dedupe_bytes", "Bytes of the files of identities.")
      .value(number(store.io.dedupe_bytes));
  out.counter("skein_dedupe_reads_total",
              "Reads of files of identities, whose filter did not exclude one.")
      .value(number(store.io.dedupe_reads));
  out.counter("skein_dedupe_false_reads_total", "Reads of files of identities that found nothing.")
      .value(number(store.io.dedupe_false_reads));
  out.counter("skein_dedupe_remade_total",
              "Files that were missing or damaged at the start and made anew from the commits.")
      .value(number(store.io.dedupe_remade));
  out.counter("skein_dedupe_healed_total",
              "Files that were found damaged while they were read, and made anew.")
      .value(number(store.io.dedupe_healed));
}

void put_disk(page& out, const disk_facts& disk) {
  out.gauge("skein_disk_free_bytes", "Free space of the store's disk, for this user.")
      .value(number(disk.free));
  out.gauge("skein_disk_free_min_bytes", "Free space below which no new events are taken.")
      .value(number(disk.mark));
  out.gauge("skein_disk_low", "1 while new events are refused for want of free space.")
      .value(disk.low ? 1 : 0);
  out.gauge("skein_disk_ballast_bytes", "Space kept in a file for when the disk is full.")
      .value(number(disk.ballast));
}

void put_jobs(page& out, const job_facts& jobs) {
  out.gauge("skein_jobs", "Jobs: active, paused, and unreadable, which do not run.")
      .value(number(jobs.jobs - jobs.paused - jobs.unreadable), {{"state", "active"}})
      .value(number(jobs.paused), {{"state", "paused"}})
      .value(number(jobs.unreadable), {{"state", "unreadable"}});
  out.gauge("skein_job_runs", "Runs of jobs that go on.").value(number(jobs.running));
  out.counter("skein_job_instants_total", "Due instants of jobs since the start: fired, "
                                          "caught-up, merged, skipped.")
      .value(number(jobs.counted.fired), {{"verdict", "fired"}})
      .value(number(jobs.counted.caught_up), {{"verdict", "caught-up"}})
      .value(number(jobs.counted.merged), {{"verdict", "merged"}})
      .value(number(jobs.counted.skipped), {{"verdict", "skipped"}});
}

void put_gateway(page& out, const gateway_facts& gateway) {
  out.counter("skein_offered_events_total", "Events offered to this node.")
      .value(number(gateway.counted.offered));
  out.counter("skein_accepted_events_total", "Events acknowledged as durable, first time.")
      .value(number(gateway.counted.accepted));
  out.counter("skein_duplicate_events_total", "Events that were known already.")
      .value(number(gateway.counted.duplicates));
  out.counter("skein_refused_events_total", "Well-formed events that were not accepted: overload, "
                                            "drain, a conflict, a refusal of the store.")
      .value(number(gateway.counted.refused));
  out.gauge("skein_in_flight_events", "Events that wait for their commit.")
      .value(number(gateway.events_in_flight));
  out.gauge("skein_in_flight_bytes", "Their bytes.").value(number(gateway.bytes_in_flight));
}

void put_loops(page& out, const std::vector<loop_facts>& loops) {
  const auto each = [&](auto pick) {
    for (std::size_t i = 0; i < loops.size(); ++i)
      out.value(pick(loops[i]), {{"loop", std::to_string(i)}});
  };
  out.gauge("skein_loop_pending_events", "Pending events of a loop.");
  each([](const loop_facts& of) { return number(of.pending); });
  out.gauge("skein_loop_running_turns", "Turns of a loop under way.");
  each([](const loop_facts& of) { return number(of.running); });
  out.gauge("skein_loop_lanes", "Lanes with something in them.");
  each([](const loop_facts& of) { return number(of.lanes); });
  out.counter("skein_loop_accepted_events_total", "Events taken in, emitted ones too.");
  each([](const loop_facts& of) { return number(of.counted.accepted); });
  out.counter("skein_loop_done_deliveries_total", "Deliveries that ended well.");
  each([](const loop_facts& of) { return number(of.counted.done); });
  out.counter("skein_loop_turns_total", "Turns started.");
  each([](const loop_facts& of) { return number(of.counted.turns); });
  out.counter("skein_loop_retries_total", "Failed attempts that are made again.");
  each([](const loop_facts& of) { return number(of.counted.retried); });
  out.counter("skein_loop_sleeps_total", "Turns that went to sleep.");
  each([](const loop_facts& of) { return number(of.counted.slept); });
  out.counter("skein_loop_dead_total", "Deliveries that became dead letters.");
  each([](const loop_facts& of) { return number(of.counted.dead); });
  out.counter("skein_loop_unrouted_total", "Events that no route matched.");
  each([](const loop_facts& of) { return number(of.counted.unrouted); });
  out.counter("skein_loop_cpu_seconds_total", "Processor time of a loop.");
  each([](const loop_facts& of) { return std::chrono::duration<double>(of.cpu).count(); });
}

/// Also of agents that are no longer configured: what waits for them waits for their return.
void put_waiting(page& out, const metrics_sources& from) {
  out.gauge("skein_agent_waiting_deliveries",
            "Deliveries that wait for an agent, configured or not.");
  for (std::size_t i = 0; i < from.agents.size(); ++i) {
    std::size_t waiting = 0;
    for (const loop_facts& loop : from.parts.loops)
      waiting += i < loop.waiting.size() ? loop.waiting[i] : 0;
    out.value(number(waiting), {{"agent", from.agents[i]}});
  }
}

void put_agents(page& out, const metrics_sources& from) {
  const auto each = [&](auto pick) {
    for (std::size_t i = 0; i < from.parts.agents.size(); ++i)
      out.value(pick(from.parts.agents[i]), {{"agent", from.parts.agent_names[i]}});
  };
  out.gauge("skein_agent_running_turns", "Turns of an agent under way.");
  each([](const agent_facts& of) { return number(of.running); });
  out.counter("skein_agent_turns_total", "Turns an agent was given.");
  each([](const agent_facts& of) { return number(of.counted.turns); });
  out.counter("skein_agent_done_total", "Turns that ended well.");
  each([](const agent_facts& of) { return number(of.counted.done); });
  out.counter("skein_agent_failed_total", "Turns that failed, the rejected ones too.");
  each([](const agent_facts& of) { return number(of.counted.failed); });
  out.counter("skein_agent_rejected_total", "Turns that failed for good.");
  each([](const agent_facts& of) { return number(of.counted.rejected); });
  out.counter("skein_agent_slept_total", "Turns that went to sleep.");
  each([](const agent_facts& of) { return number(of.counted.slept); });
  out.counter("skein_agent_timeouts_total", "Turns that were stopped for taking too long.");
  each([](const agent_facts& of) { return number(of.counted.timeouts); });
}

void put_broker(page& out, const broker::counters& broker) {
  out.counter("skein_broker_forwarded_frames_total", "Frames handed on.")
      .value(number(broker.forwarded));
  out.counter("skein_broker_dropped_frames_total",
              "Frames not handed on; reliable ones are sent again.")
      .value(number(broker.not_sent), {{"reason", "full"}})
      .value(number(broker.unroutable), {{"reason", "unroutable"}})
      .value(number(broker.malformed), {{"reason", "malformed"}})
      .value(number(broker.impostors), {{"reason", "impostor"}});
}

/// Peers are few: as many as there are nodes, and those that are allowed.
void put_mesh(page& out, const mesh_facts& mesh) {
  const auto each = [&](auto pick) {
    for (const peer_facts& peer : mesh.peers)
      out.value(pick(peer), {{"peer", peer.name}});
  };
  out.gauge("skein_peer_up", "1 while another node answers and frames go to it.");
  each([](const peer_facts& of) { return of.up ? 1.0 : 0.0; });
  out.gauge("skein_peer_round_trip_seconds", "Time between the last hello and its welcome.");
  each([](const peer_facts& of) { return page::seconds(of.rtt); });
  out.counter("skein_peer_sent_frames_total", "Frames given to the connection to another node.");
  each([](const peer_facts& of) { return number(of.counted.frames_out); });
  out.counter("skein_peer_sent_bytes_total", "Their bytes.");
  each([](const peer_facts& of) { return number(of.counted.bytes_out); });
  out.counter("skein_peer_received_frames_total", "Frames taken from another node.");
  each([](const peer_facts& of) { return number(of.counted.frames_in); });
  out.counter("skein_peer_received_bytes_total", "Their bytes.");
  each([](const peer_facts& of) { return number(of.counted.bytes_in); });
  out.counter("skein_peer_not_sent_frames_total",
              "Frames for another node that was down, or whose connection was full.");
  each([](const peer_facts& of) { return number(of.counted.not_sent); });
  out.counter("skein_peer_refused_total",
              "What came from other nodes, or from strangers, and was not taken.");
  for (std::size_t i = 0; i < refusals; ++i)
    out.value(number(mesh.refused[i]),
              {{"reason", std::string{to_string(static_cast<refusal>(i))}}});
  out.counter("skein_peer_handshake_failures_total",
              "Connections to the broker that ended without a handshake, or with an unknown key.")
      .value(number(mesh.refused[static_cast<std::size_t>(refusal::handshake)] +
                    mesh.refused[static_cast<std::size_t>(refusal::unknown_key)]));
  out.counter("skein_peer_accepted_connections_total", "Connections to the broker.")
      .value(number(mesh.accepted));
  out.counter("skein_peer_cut_connections_total",
              "Connections that ended: the peer left, sent too much, or what is no ZMTP.")
      .value(number(mesh.cut));
}

void put_leases(page& out, const metrics_sources& from) {
  const lease_facts& leases = from.parts.leases;
  const auto only = [&](double value) {
    if (from.shares_its_store)
      out.value(value);
  };
  out.gauge("skein_lease_shards", "Shards that this node has, of a store that nodes share.");
  only(number(leases.held));
  out.counter("skein_lease_taken_shards_total", "Shards taken over.");
  only(number(leases.counted.taken));
  out.counter("skein_lease_given_shards_total", "Shards given up in order.");
  only(number(leases.counted.given));
  out.counter("skein_lease_lost_shards_total",
              "Shards lost: their leases were over, or another node's.");
  only(number(leases.counted.lost));
  out.counter("skein_lease_beats_total", "Renewals of the leases.");
  only(number(leases.counted.beats));
  out.counter("skein_lease_failed_beats_total", "Renewals that the store did not answer in order.");
  only(number(leases.counted.beats_failed));
  out.gauge("skein_lease_silence_seconds", "Time since the store last answered a renewal.");
  only(page::seconds(from.now - leases.heard));
}

} // namespace

std::string render_metrics(const metrics_sources& from) {
  page out;
  out.gauge("skein_info", "Which Skein this is; always 1.")
      .value(1, {{"version", from.version}, {"node", from.node}});
  out.gauge("skein_ready", "1 while the node takes events, as /readyz says.")
      .value(from.ready ? 1 : 0);
  out.gauge("skein_config_generation",
            "Number of the configuration in force; grows with each that is taken over.")
      .value(number(from.parts.config_generation));
  out.gauge("skein_uptime_seconds", "Time since the start.").value(from.uptime_s);
  out.gauge("skein_resident_memory_bytes", "Resident memory of the process.")
      .value(resident_bytes());
  if (from.store)
    put_store(out, *from.store);
  if (from.store && from.store->disk)
    put_disk(out, *from.store->disk);
  put_gateway(out, from.parts.gateway);
  put_jobs(out, from.parts.jobs);
  put_loops(out, from.parts.loops);
  put_agents(out, from);
  put_waiting(out, from);
  put_broker(out, from.frames);
  put_mesh(out, from.mesh);
  put_leases(out, from);
  out.gauge("skein_stream_readers", "Readers of the event stream.")
      .value(number(from.parts.stream_readers));
  return out.text();
}

} // namespace skein
