#include "nodes/cli/job_page.hpp"

#include "nodes/cli/output.hpp"
#include "nodes/logging/log_line.hpp"
#include "protocol/raw_json.hpp"

#include <fmt/format.h>

#include <array>
#include <ostream>

namespace skein::cli {

namespace {

constexpr std::array instant_columns{column{"LOCAL", "local", weight::exact},
                                     column{"UTC", "utc", weight::exact},
                                     column{"REMARK", "remark", weight::text, true}};
constexpr std::array run_columns{column{"DUE", "due", weight::whole},
                                 column{"EVENT", "event", weight::whole},
                                 column{"ID", "id", weight::note}};
constexpr std::array change_columns{column{"AT", "at", weight::whole},
                                    column{"BY", "by", weight::text},
                                    column{"WHAT", "what", weight::text}};

json list_of(const json& row, const char* name) {
  const auto found = row.find(name);
  return found != row.end() && found->is_array() ? *found : json::array();
}

json object_of(const json& row, const char* name) {
  const auto found = row.find(name);
  return found != row.end() && found->is_object() ? *found : json::object();
}

std::string state_of(const json& job) {
  const json paused = object_of(job, "paused");
  if (paused.empty())
    return cell_of(job, "state");
  const std::string why = cell_of(paused, "why");
  return fmt::format("paused by {} at {}{}", cell_of(paused, "by"), cell_of(paused, "at"),
                     why.empty() || why == "-" ? "" : ": " + why);
}

std::string owner_of(const json& job) {
  return cell_of(job, "owner") == "file" ? "file: the configuration; change it there"
                                         : cell_of(job, "owner");
}

/// What is configured, and the delay of this job within it.
std::string jitter_of(const json& job, const json& definition) {
  const std::string own = cell_of(job, "jitter");
  return definition.contains("jitter")
             ? fmt::format("{} (this job: {})", cell_of(definition, "jitter"),
                           own == "-" ? "0s" : own)
             : own;
}

void print_rows_of(context& at, const json& job, const char* member, std::string_view heading,
                   std::span<const column> columns) {
  const json rows = list_of(job, member);
  if (rows.empty())
    return;
  print_heading(at, heading);
  print_rows(at, rows, columns);
}

void print_head(context& at, const json& job) {
  const json definition = object_of(job, "definition");
  text_values head;
  head.add("job", job, "job");
  head.add("state", state_of(job));
  head.add("problem", job, "problem");
  head.add("owner", owner_of(job));
  head.add("schedule", job, "schedule");
  head.add("zone", job, "zone");
  for (const char* name : {"anchor", "gap", "repeat", "start", "end"})
    head.add(name, definition, name);
  for (const char* name : {"agent", "type", "key", "priority"})
    head.add(name, definition, name);
  if (definition.contains("data"))
    head.add("data", escape_controls(write_json(definition["data"])));
  if (const std::string jitter = jitter_of(job, definition); jitter != "-")
    head.add("jitter", jitter);
  for (const char* name : {"running", "waiting", "failures"})
    if (cell_of(job, name) != "0")
      head.add(name, job, name);
  head.add("created", job, "created");
  head.add("revision", job, "revision");
  head.print(at);
}

} // namespace

void print_instants(context& at, const json& instants) {
  print_rows(at, instants, instant_columns);
}

void print_job(context& at, const json& job) {
  if (at.global.output != output_format::table)
    return print_json(at, job);
  print_head(at, job);
  print_rows_of(at, job, "next", "NEXT", instant_columns);
  if (const json policies = list_of(job, "policies"); !policies.empty()) {
    print_heading(at, "POLICIES");
    for (const json& each : policies)
      at.world.out << cell_of(each) << '\n';
  }
  print_rows_of(at, job, "runs", "RUNNING", run_columns);
  print_rows_of(at, job, "changes", "CHANGES", change_columns);
}

} // namespace skein::cli
