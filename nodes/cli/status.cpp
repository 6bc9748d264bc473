// skein status
#include "nodes/cli/agent_page.hpp"
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "protocol/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace skein::cli {

namespace {

constexpr std::array<std::string_view, 8> counts{"accepted",   "done",    "dead",   "cancelled",
                                                 "superseded", "expired", "purged", "pending"};

std::uint64_t count_of(const json& ledger, std::string_view name) {
  const auto found = ledger.find(std::string{name});
  return found != ledger.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

/// What was accepted is in exactly one of the other counts. A ledger that is not there says
/// nothing.
bool balanced(const json& status, const char* name) {
  if (!status.contains(name) || !status[name].is_object())
    return true;
  const json& ledger = status[name];
  std::uint64_t sum = 0;
  for (const std::string_view each : counts)
    sum += each == "accepted" ? 0 : count_of(ledger, each);
  return sum == count_of(ledger, "accepted");
}

/// Over the rows of a list.
std::uint64_t sum_of(const json& status, const char* list, std::string_view name) {
  std::uint64_t sum = 0;
  if (const auto rows = status.find(list); rows != status.end() && rows->is_array())
    for (const json& row : *rows)
      sum += count_of(row, name);
  return sum;
}

std::string ledger_text(const json& ledger) {
  std::string text;
  for (const std::string_view each : counts)
    if (ledger.contains(std::string{each}))
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", cell_of(ledger, each), each);
  return text;
}

/// "1s 2.000, 10s 0.900": a group within a group, its spans of time from short to long.
std::string inner_text(const json& group) {
  std::vector<std::pair<std::size_t, std::string>> parts;
  for (const auto& [name, value] : group.items())
    parts.emplace_back(name.size(), fmt::format("{} {}", name, cell_of(value)));
  std::sort(parts.begin(), parts.end());
  std::string text;
  for (const auto& [length, part] : parts)
    text += (text.empty() ? "" : ", ") + part;
  return text;
}

/// "rates", "lag", "store", "disk", "retention": whatever the node tells, as "name.member".
void add_group(text_values& values, const json& status, const std::string& group) {
  const auto found = status.find(group);
  if (found == status.end() || !found->is_object())
    return;
  for (const auto& [name, value] : found->items())
    values.add(fmt::format("{}.{}", group, name),
               value.is_object() ? inner_text(value) : cell_of(value));
}

std::string jobs_text(const json& jobs) {
  return fmt::format("{}, {} paused, {} running, next {}", cell_of(jobs, "count"),
                     cell_of(jobs, "paused"), cell_of(jobs, "running"), cell_of(jobs, "next"));
}

/// "3d 4h", "1h 2m", "2m 5s": the two largest units.
std::string uptime_text(const json& seconds) {
  const double value = seconds.get<double>();
  const auto whole = value > 0 && value < 1e12 ? static_cast<std::int64_t>(value) : 0;
  if (whole >= 86'400)
    return fmt::format("{}d {}h", whole / 86'400, whole / 3'600 % 24);
  if (whole >= 3'600)
    return fmt::format("{}h {}m", whole / 3'600, whole / 60 % 60);
  if (whole >= 60)
    return fmt::format("{}m {}s", whole / 60, whole % 60);
  return fmt::format("{}s", whole);
}

/// The generation, whether other nodes work by another one, and what was refused last.
void add_config(text_values& values, const json& config) {
  std::string text =
      fmt::format("generation {}, {}", cell_of(config, "generation"), cell_of(config, "hash"));
  if (const auto equal = config.find("equal"); equal != config.end() && *equal == false)
    text += "; other nodes have another";
  if (const auto differs = config.find("file_differs"); differs != config.end() && *differs == true)
    text += "; the file says something else";
  values.add("config", text);
  const auto refused = config.find("refused");
  if (refused != config.end() && refused->is_object())
    values.add("config refused", fmt::format("{}, {}: {}", cell_of(*refused, "at"),
                                             cell_of(*refused, "code"), cell_of(*refused, "why")));
}

void print_page(context& at, const json& status) {
  text_values head;
  head.add("node", status, "node");
  head.add("ready", status, "ready");
  head.add("version", status, "version");
  if (status.contains("uptime_s") && status["uptime_s"].is_number())
    head.add("uptime", uptime_text(status["uptime_s"]));
  if (status.value("stale", false))
    head.add("counts",
             fmt::format("of {} s ago: the store does not answer", cell_of(status, "stale_s")));
  for (const char* name : {"ledger", "deliveries"})
    if (status.contains(name) && status[name].is_object())
      head.add(name == std::string_view{"ledger"} ? "events" : name,
               ledger_text(status[name]) + (balanced(status, name) ? "" : " (do not add up)"));
  if (const std::uint64_t unrouted = sum_of(status, "loops", "unrouted"); unrouted > 0)
    head.add("unrouted", fmt::format("{} of the events since its start: no route matched, and "
                                     "nothing ran",
                                     unrouted));
  if (status.contains("config") && status["config"].is_object())
    add_config(head, status["config"]);
  if (status.contains("jobs") && status["jobs"].is_object())
    head.add("jobs", jobs_text(status["jobs"]));
  for (const char* group : {"rates", "lag", "gateway", "store", "disk", "retention"})
    add_group(head, status, group);
  head.print(at);
  const auto print = [&](const char* member, const char* title, std::span<const column> columns) {
    const auto found = status.find(member);
    if (found == status.end() || !found->is_array() || found->empty())
      return;
    print_heading(at, title);
    print_rows(at, *found, columns);
  };
  print("loops", "LOOPS", loop_columns());
  print("agents", "AGENTS", agent_columns());
}

int complain_of_readiness(context& at, const json& status) {
  const std::string code =
      status.contains("not_ready_because") ? cell_of(status, "not_ready_because") : "not-ready";
  if (code == slug(errc::disk_low))
    return complain(at, exit_code::unhealthy,
                    {"the node takes no new events",
                     "its disk has too little free space; what it has taken goes on",
                     "free some space, or set limits.disk_free_min", code});
  if (code == slug(errc::draining))
    return complain(at, exit_code::unhealthy,
                    {"the node is draining",
                     "it takes no new events, and ends when what runs has ended",
                     "skein status again, or see its log", code});
  return complain(at, exit_code::unhealthy,
                  {"the node is not ready", "it is starting or cannot write", "see its log", code});
}

int show_status(context& at) {
  const auto answer = look_up(at, "/v1/status");
  if (!answer)
    return answer.exit;
  if (at.global.output == output_format::table)
    print_page(at, answer.body);
  else
    print_json(at, answer.body);
  if (answer.body.value("ready", true) == false)
    return complain_of_readiness(at, answer.body);
  if (!balanced(answer.body, "ledger") || !balanced(answer.body, "deliveries"))
    return complain(
        at, exit_code::unhealthy,
        {"the node's counts do not add up",
         "accepted is not the sum of done, dead, cancelled, superseded, expired, purged and "
         "pending",
         "keep the data folder as it is and report this", "internal"});
  return exit_code::done;
}

} // namespace

handler define_status(CLI::App&) { return show_status; }

} // namespace skein::cli
