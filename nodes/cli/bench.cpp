// skein bench: what this machine can do, measured beside its stores and never in one.
#include "nodes/bench/machine.hpp"
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <ostream>
#include <utility>

namespace skein::cli {

namespace {

using bench::machine_figures;
using bench::sync_verdict;

std::string_view name_of(sync_verdict verdict) {
  static constexpr std::array names{"plausible", "slow", "too-fast", "in-memory"};
  return names[static_cast<std::size_t>(verdict)];
}

std::string_view sentence_of(sync_verdict verdict) {
  switch (verdict) {
    case sync_verdict::plausible:
      return "a sync takes as long as a disk needs: what is acknowledged outlives a power cut, "
             "unless "
             "the disk or what it stands on lies";
    case sync_verdict::slow:
      return "a sync is slow: an event that is sent alone waits at least that long";
    case sync_verdict::too_fast:
      return "a sync is faster than disks are: fine if the disk's cache survives a power cut (its "
             "maker says so), else acknowledged events may be lost in one";
    case sync_verdict::in_memory:
      return "the folder is in memory, where a sync does nothing: name one on a disk with --data";
  }
  return {};
}

std::string rate(double value) { return fmt::format("{:.0f}", value); }
std::string ms(double value) { return fmt::format("{:.2f}", value); }

json view(const std::string& folder, const machine_figures& of) {
  return {{"folder", folder},
          {"sync",
           {{"verdict", name_of(of.verdict)},
            {"p50_ms", of.sync_p50_ms},
            {"p99_ms", of.sync_p99_ms},
            {"max_ms", of.sync_max_ms}}},
          {"raw", {{"events_per_s", of.raw_events_per_s}}},
          {"sqlite",
           {{"commits_per_s", of.sqlite_commits_per_s}, {"events_per_s", of.sqlite_events_per_s}}},
          {"pipeline",
           {{"accepted_per_s", of.accepted_per_s},
            {"done_per_s", of.done_per_s},
            {"written_bytes_per_event", of.written_bytes_per_event}}},
          {"latency",
           {{"events_per_s", of.latency_rate},
            {"p50_ms", of.latency_p50_ms},
            {"p99_ms", of.latency_p99_ms},
            {"max_ms", of.latency_max_ms}}}};
}

void print_figures(context& at, const machine_figures& of) {
  text_table table{{{"FIGURE", weight::whole},
                    {"VALUE", weight::whole},
                    {"UNIT", weight::whole},
                    {"MEANING", weight::text}}};
  table.add({"sync p50", ms(of.sync_p50_ms), "ms", "the least that a single event's commit takes"});
  table.add({"sync p99", ms(of.sync_p99_ms), "ms", "one commit in a hundred takes longer"});
  table.add({"sync max", ms(of.sync_max_ms), "ms", "the longest one seen"});
  table.add({"raw log", rate(of.raw_events_per_s), "events/s",
             "bodies of 200 bytes written and synced, 512 a time: the disk's limit"});
  table.add(
      {"sqlite single", rate(of.sqlite_commits_per_s), "commits/s", "transactions of one row"});
  table.add({"sqlite batch", rate(of.sqlite_events_per_s), "events/s",
             "rows inserted and deleted again, 512 a time, by SQLite alone"});
  table.add({"accepted", rate(of.accepted_per_s), "events/s",
             "events of 200 bytes acknowledged, each on disk before; no row is deleted for it"});
  table.add({"done", rate(of.done_per_s), "events/s",
             "the same events through an agent that does nothing, its outcomes on disk"});
  table.add({"written", rate(of.written_bytes_per_event), "bytes/event",
             "what the store wrote for each of them, its log too"});
  const std::string singly = fmt::format("from publish to the start of the turn, {:.0f} events/s "
                                         "sent singly",
                                         of.latency_rate);
  table.add({"latency p50", ms(of.latency_p50_ms), "ms", singly});
  table.add({"latency p99", ms(of.latency_p99_ms), "ms", "one event in a hundred waits longer"});
  table.add({"latency max", ms(of.latency_max_ms), "ms", "the longest one seen"});
  table.print(at);
}

int measure(context& at, const std::string& folder) {
  if (at.global.dry_run) {
    say(at, fmt::format("would measure for about 30 s in a new folder below {}, and remove it",
                        folder));
    return exit_code::done;
  }
  const bool talks = at.global.output == output_format::table;
  const auto found = at.hooks.measure_machine({.below = folder}, [&](std::string_view part) {
    if (talks)
      say(at, fmt::format("measuring {} ...", part));
  });
  if (!found)
    return complain(at, exit_code::failed,
                    {fmt::format("nothing can be measured in {}", folder),
                     fmt::format("{} {}", sentence(found.error().code), found.error().detail),
                     "name a folder on the disk that is to hold the store, with --data",
                     std::string{slug(found.error().code)}});
  if (talks)
    print_figures(at, *found);
  else
    print_json(at, view(folder, *found));
  at.world.out.flush();
  if (talks)
    say(at, sentence_of(found->verdict));
  return exit_code::done;
}

} // namespace

handler define_bench(CLI::App& app) {
  auto folder = std::make_shared<std::optional<std::string>>();
  add_text(app, "--data", *folder, "DIR",
           "measure in a new folder in this one, which is removed (default the current folder)");
  return [folder](context& at) { return measure(at, folder->value_or(".")); };
}

} // namespace skein::cli
