// What the journal costs: events accepted and finished a second, beside what the disk and SQLite
// alone can do in the same run. Every row syncs before it counts.
//
//   raw        write() a batch and fdatasync, to a file that grows
//   sqlite     insert a batch in one transaction, delete it in the next (a table of three columns)
//   journal    accept a batch and finish the one before, in one commit
//   journal 2  accept a batch in one commit, finish it in the next
//   shuffled   journal 2, finished in an arbitrary order, as turns of many lanes end
#include "bench/journal_load.hpp"
#include "bench/load.hpp"
#include "nodes/bench/disk_limits.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using namespace skein;
using namespace skein::bench;

constexpr std::size_t body_bytes = journal_load_body_bytes;

struct figure {
  std::string what;
  std::size_t batch = 0;
  batch_run run;
  double syncs = -1; // an event
  double bytes = -1; // an event, written by the engine
};

figure figure_of(std::string what, std::size_t batch, batch_run run) {
  return {.what = std::move(what), .batch = batch, .run = std::move(run)};
}

figure raw_log(const std::string& directory, std::size_t batch, std::size_t events) {
  auto found = figure_of(
      "raw", batch, must(write_and_sync(directory, file_use::grows, batch, body_bytes, {events})));
  found.syncs = 1.0 / static_cast<double>(batch);
  found.bytes = body_bytes;
  return found;
}

figure sqlite_alone(const std::string& directory, std::size_t batch, std::size_t events) {
  return figure_of("sqlite", batch,
                   must(sqlite_insert_delete(directory, batch, body_bytes, {events})));
}

figure journal_alone(const std::string& url, const std::string& what, std::size_t batch,
                     std::size_t events, bool one_commit, bool shuffled = false) {
  constexpr std::chrono::milliseconds pause{1};
  journal_load run{url, {.now = from_ns(1'700'000'000'000'000'000)}, batch};
  run.recover();
  const auto before = run.engine().counters();
  const auto step = [&](std::size_t) -> result<void> {
    if (one_commit)
      run.add_finishes();
    run.add_accepts();
    run.commit(pause);
    if (one_commit)
      return {};
    if (shuffled)
      run.shuffle();
    run.add_finishes();
    run.commit(pause);
    return {};
  };
  auto found = figure_of(what, batch, must(run_batches(batch, {events}, step)));
  const auto after = run.engine().counters();
  const auto count = static_cast<double>(found.run.events);
  found.syncs = static_cast<double>(after.syncs - before.syncs) / count;
  found.bytes = static_cast<double>(after.bytes_written - before.bytes_written) / count;
  return found;
}

void print_table(const std::vector<figure>& all) {
  std::printf("%-10s %7s %10s %12s %12s %12s %12s %11s\n", "what", "batch", "events", "events/s",
              "us CPU/ev", "syncs/ev", "bytes/ev", "slowest ms");
  for (const figure& each : all) {
    const auto count = static_cast<double>(each.run.events);
    std::printf("%-10s %7zu %10zu %12.0f %12.2f ", each.what.c_str(), each.batch, each.run.events,
                count / each.run.seconds, each.run.cpu_seconds / count * 1e6);
    if (each.bytes >= 0)
      std::printf("%12.5f %12.0f", each.syncs, each.bytes);
    else
      std::printf("%12s %12s", "-", "-");
    std::printf(" %11.1f\n", quantile(each.run.batch_ms, 1));
  }
}

void print_json(const std::vector<figure>& all) {
  std::printf("[");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const figure& each = all[i];
    const auto count = static_cast<double>(each.run.events);
    std::printf("%s{\"what\":\"%s\",\"batch\":%zu,\"events\":%zu,\"events_per_s\":%.0f,"
                "\"cpu_us_per_event\":%.3f,\"syncs_per_event\":%.6f,\"bytes_per_event\":%.1f,"
                "\"slowest_ms\":%.2f}",
                i == 0 ? "" : ",\n ", each.what.c_str(), each.batch, each.run.events,
                count / each.run.seconds, each.run.cpu_seconds / count * 1e6, each.syncs,
                each.bytes, quantile(each.run.batch_ms, 1));
  }
  std::printf("]\n");
}

} // namespace

int main(int argc, char** argv) {
  bool json = false;
  std::size_t events = 1'000'000;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--json")
      json = true;
    else if (argument.starts_with("--events="))
      events = std::strtoull(argv[i] + 9, nullptr, 10);
    else
      die("usage: journal_bench [--json] [--events=N]; files go below $TMPDIR, not on a tmpfs");
  }
  const own_folder folder;
  const std::string& directory = folder.path();
  std::vector<figure> all;
  for (const std::size_t batch : {std::size_t{1}, std::size_t{64}, std::size_t{512},
                                  std::size_t{1'000}, std::size_t{4'000}}) {
    const std::size_t count = std::min(events, batch * 2'000); // small batches are slow
    const auto fresh = [&](const char* name) {
      return directory + "/" + name + std::to_string(batch);
    };
    all.push_back(raw_log(directory, batch, count));
    all.push_back(sqlite_alone(directory, batch, count));
    all.push_back(journal_alone(fresh("one"), "journal", batch, count, true));
    std::filesystem::remove_all(fresh("one"));
    all.push_back(journal_alone(fresh("two"), "journal 2", batch, count, false));
    std::filesystem::remove_all(fresh("two"));
    all.push_back(journal_alone(fresh("three"), "shuffled", batch, count, false, true));
    std::filesystem::remove_all(fresh("three"));
    all.push_back(journal_alone("memory:", "memory", batch, count, true));
  }
  json ? print_json(all) : print_table(all);
}
