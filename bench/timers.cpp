// bench/timers: events that are due later.
//
//   timers [--events N] [--far M] [--payload B] [--keys K] [--loops L] [--json]
//
//   near  N (1,000,000) events, due within 60 s in no order; how late each turn starts after its
//         event's due, and that none starts before
//   far   M (10,000,000) events that are due in 1 to 31 days: what they cost in memory
//
// What became of the near ones is read from the store's file after the node has closed it.
#include "bench/child.hpp"
#include "bench/load.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <thread>
#include <vector>

namespace {

using namespace skein;
using namespace skein::bench;
using std::chrono::days;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr duration near_span = seconds{60};
constexpr duration far_span = days{30};

/// A different one of [0, 1) for each number, without order.
double spread(std::size_t number) {
  return static_cast<double>((number * 0x9e3779b97f4a7c15ull) >> 11) * 0x1.0p-53;
}

/// Publishes all events of the load, each due at its time after `base`; the seconds that took.
double publish_due(node_api& api, const load& of, instant base, duration span) {
  const auto begin = std::chrono::steady_clock::now();
  window edge{of.window};
  for (std::size_t at = 0; at < of.events; at += of.batch) {
    const std::size_t count = std::min(of.batch, of.events - at);
    std::vector<offered_event> batch;
    const instant now = api.now();
    for (std::size_t i = at; i < at + count; ++i) {
      event made = make_event(of, i);
      const auto after = std::chrono::duration<double>(span) * spread(i);
      made.set_extension("due",
                         format_rfc3339(base + std::chrono::duration_cast<milliseconds>(after)));
      batch.push_back(must(offer(made, api.hash(), api.event_bounds(), now)));
    }
    edge.take(count);
    api.publish(std::move(batch), [&edge, count](const publish_reply& reply) {
      edge.give(count, reply.code == errc::none ? 0 : count);
    });
  }
  edge.take(of.window);
  if (edge.refused() > 0)
    die("events were refused");
  return seconds_since(begin);
}

void publish_near(const plan& of) {
  const auto node = start_part(of, noop_agent());
  // Time to publish them: half of the rate that the empty pipeline has.
  const auto lead = seconds{2 + of.events / 50'000};
  const instant base = node->api().now() + lead;
  const double took = publish_due(node->api(), of, base, near_span);
  static_cast<void>(must(await_all_done(node->api())));
  tell({{"insert_per_s", static_cast<double>(of.events) / took},
        {"lead_s", lead.count()},
        {"insert_s", took}});
}

void publish_far(const plan& of) {
  const auto node = start_part(of, noop_agent());
  const double took = publish_due(node->api(), of, node->api().now() + days{1}, far_span);
  tell({{"insert_per_s", static_cast<double>(of.events) / took}});
}

void start_far(const plan& of) {
  const auto node = start_and_tell(of, noop_agent());
  end_as_killed();
}

/// In milliseconds, in rising order.
std::vector<double> lateness_of(const std::string& folder) {
  sqlite3* db = nullptr;
  sqlite3_stmt* rows = nullptr;
  const std::string path = folder + "/journal.db";
  if (sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr) != SQLITE_OK ||
      sqlite3_prepare_v2(db,
                         "SELECT o.started - e.due FROM outcome o JOIN event e ON e.no = o.id / 16",
                         -1, &rows, nullptr) != SQLITE_OK)
    die(sqlite3_errmsg(db));
  std::vector<double> found;
  while (sqlite3_step(rows) == SQLITE_ROW)
    found.push_back(static_cast<double>(sqlite3_column_int64(rows, 0)) / 1e6);
  sqlite3_finalize(rows);
  sqlite3_close(db);
  std::sort(found.begin(), found.end());
  return found;
}

nlohmann::json measure_near(const plan& of) {
  const own_folder folder;
  auto figures = run_part(of, "near", folder);
  const auto late = lateness_of(folder.path());
  figures["events"] = late.size();
  figures["early"] = std::lower_bound(late.begin(), late.end(), 0.0) - late.begin();
  for (const auto& [name, part] :
       {std::pair{"p50_ms", 0.5}, {"p99_ms", 0.99}, {"p999_ms", 0.999}, {"max_ms", 1.0}})
    figures[name] = quantile(late, part);
  return figures;
}

nlohmann::json measure_far(const plan& of) {
  const own_folder folder;
  plan many = of;
  many.events = of.far;
  auto figures = run_part(many, "far", folder);
  figures["events"] = of.far;
  figures["start"] = run_part(many, "start far", folder);
  return figures;
}

nlohmann::json measure(const plan& of) {
  return {{"bench", "timers"}, {"near", measure_near(of)}, {"far", measure_far(of)}};
}

void print_table(const nlohmann::json& of) {
  const auto number = [](const nlohmann::json& value) { return value.get<double>(); };
  const auto& near = of["near"];
  const auto& far = of["far"];
  std::printf("%-6s %12s %10s %8s %10s %10s %10s %12s\n", "", "events", "insert/s", "early",
              "p50, ms", "p99, ms", "max, ms", "memory, MB");
  std::printf("%-6s %12.0f %10.0f %8.0f %10.2f %10.2f %10.2f %12.0f\n", "near",
              number(near["events"]), number(near["insert_per_s"]), number(near["early"]),
              number(near["p50_ms"]), number(near["p99_ms"]), number(near["max_ms"]),
              number(near["rss_peak"]) / 1e6);
  std::printf("%-6s %12.0f %10.0f %8s %10s %10s %10s %12.0f\n", "far", number(far["events"]),
              number(far["insert_per_s"]), "", "", "", "", number(far["rss_peak"]) / 1e6);
  std::printf("a start with the far ones: %.2f s, %.0f MB\n", number(far["start"]["seconds"]),
              number(far["start"]["rss_peak"]) / 1e6);
}

} // namespace

int main(int argc, char** argv) {
  return run_bench(read_plan(argc, argv),
                   {{{"near", publish_near}, {"far", publish_far}, {"start far", start_far}},
                    measure,
                    print_table});
}
