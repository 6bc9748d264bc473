#include "nodes/bench/machine.hpp"

#include "nodes/bench/disk_limits.hpp"
#include "nodes/bench/load.hpp"
#include "nodes/bench/load_node.hpp"
#include "nodes/bench/scratch_folder.hpp"
#include "nodes/logging/logging.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace skein::bench {

namespace {

constexpr double fastest_disk_ms = 0.03; // with a cache that outlives a power cut
constexpr double slow_disk_ms = 5;

constexpr std::size_t sync_bytes = 4'096;
constexpr std::size_t body_bytes = 200;
constexpr std::size_t batch = 512;
constexpr std::size_t warm_up_events = 20'000;
constexpr std::size_t most_events = 2'000'000; // less than 2 GB in the store
constexpr std::size_t latency_rate = 500;      // a load that every machine should carry

using progress_teller = std::function<void(std::string_view)>;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

result<void> measure_disk(const scratch_folder& folder, double seconds, machine_figures& into) {
  const auto syncs = write_and_sync(folder.path(), file_use::written_over, 1, sync_bytes,
                                    {.seconds = seconds / 2});
  if (!syncs)
    return syncs.error();
  into.sync_p50_ms = quantile(syncs->batch_ms, 0.5);
  into.sync_p99_ms = quantile(syncs->batch_ms, 0.99);
  into.sync_max_ms = quantile(syncs->batch_ms, 1);
  into.verdict = judge_syncs(into.sync_p50_ms, folder.is_in_memory());
  const auto raw = write_and_sync(folder.path(), file_use::written_over, batch, body_bytes,
                                  {.seconds = seconds / 2});
  if (!raw)
    return raw.error();
  into.raw_events_per_s = raw->events_per_s();
  return {};
}

result<void> measure_sqlite(const scratch_folder& folder, double seconds, machine_figures& into) {
  const auto single = sqlite_insert_delete(folder.path(), 1, body_bytes, {.seconds = seconds / 2});
  if (!single)
    return single.error();
  into.sqlite_commits_per_s = 2 * single->events_per_s(); // one inserts, one deletes
  const auto many = sqlite_insert_delete(folder.path(), batch, body_bytes, {.seconds = seconds});
  if (!many)
    return many.error();
  into.sqlite_events_per_s = many->events_per_s();
  return {};
}

/// Publishes that many, and waits for their end.
struct road_run {
  double accept_seconds = 0;
  double all_seconds = 0;
};
result<road_run> run_road(node_api& api, const load& of) {
  road_run found;
  const auto begin = std::chrono::steady_clock::now();
  if (publish_windowed(api, of) > 0)
    return error{errc::overloaded, "the node refused events"};
  found.accept_seconds = seconds_since(begin);
  if (auto done = await_all_done(api); !done)
    return done.error();
  found.all_seconds = seconds_since(begin);
  return found;
}

/// A short run says how many events take as long as they should.
result<void> measure_road(node_api& api, double seconds, machine_figures& into) {
  load of;
  of.events = warm_up_events;
  const auto warm_up = run_road(api, of);
  if (!warm_up)
    return warm_up.error();
  const double rate = static_cast<double>(of.events) / warm_up->all_seconds;
  of.first = of.events;
  of.events = std::clamp(static_cast<std::size_t>(rate * seconds), batch, most_events);
  const auto before = look_up(api, "status", nlohmann::json::object());
  const auto run = run_road(api, of);
  const auto after = look_up(api, "status", nlohmann::json::object());
  if (!run || !before || !after)
    return !run ? run.error() : !before ? before.error() : after.error();
  const auto events = static_cast<double>(of.events);
  into.accepted_per_s = events / run->accept_seconds;
  into.done_per_s = events / run->all_seconds;
  const auto written = [](const nlohmann::json& status) {
    return status["store"]["bytes_written"].get<double>();
  };
  into.written_bytes_per_event = (written(*after) - written(*before)) / events;
  return {};
}

result<void> measure_latency(node_api& api, double seconds, machine_figures& into) {
  load of;
  of.first = 2 * most_events; // identities of their own
  of.rate = latency_rate;
  of.events = std::max<std::size_t>(
      4, static_cast<std::size_t>(seconds * static_cast<double>(latency_rate)));
  const auto sent = publish_at_rate(api, of);
  if (auto done = await_all_done(api); !done)
    return done.error();
  const auto late = start_latencies(api, sent, of.events / 4);
  into.latency_rate = static_cast<double>(latency_rate);
  into.latency_p50_ms = quantile(late, 0.5);
  into.latency_p99_ms = quantile(late, 0.99);
  into.latency_max_ms = quantile(late, 1);
  return {};
}

result<void> measure_node(const scratch_folder& folder, const machine_plan& plan,
                          const progress_teller& progress, machine_figures& into) {
  const std::uint32_t loops = std::max(1u, std::thread::hardware_concurrency());
  set_log_level(log_level::warn); // the figures are what there is to say
  auto node = load_node::start(folder.path() + "/store", loops, noop_agent(), {});
  if (!node)
    return node.error();
  progress("the whole road: publish, turn, done on disk");
  if (auto done = measure_road((*node)->api(), plan.part_seconds * 2, into); !done)
    return done;
  progress("events sent singly: how soon their turns start");
  return measure_latency((*node)->api(), plan.part_seconds, into);
}

} // namespace

sync_verdict judge_syncs(double median_ms, bool in_memory) noexcept {
  if (in_memory)
    return sync_verdict::in_memory;
  if (median_ms < fastest_disk_ms)
    return sync_verdict::too_fast;
  return median_ms > slow_disk_ms ? sync_verdict::slow : sync_verdict::plausible;
}

result<machine_figures> measure_machine(const machine_plan& plan, const progress_teller& progress) {
  auto folder = scratch_folder::make(plan.below);
  if (!folder)
    return folder.error();
  machine_figures found;
  progress("the disk: write and fdatasync");
  if (auto done = measure_disk(**folder, plan.part_seconds, found); !done)
    return done.error();
  progress("SQLite alone");
  if (auto done = measure_sqlite(**folder, plan.part_seconds, found); !done)
    return done.error();
  if (auto done = measure_node(**folder, plan, progress, found); !done)
    return done.error();
  return found;
}

} // namespace skein::bench
