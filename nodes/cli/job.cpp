// skein job list | describe | next | history | explain
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/job_page.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <ostream>

namespace skein::cli {

namespace {

constexpr std::array list_columns{column{"JOB", "job", weight::whole},
                                  column{"SCHEDULE", "schedule", weight::text},
                                  column{"ZONE", "zone"},
                                  column{"STATE", "state", weight::whole},
                                  column{"NEXT", "next_local", weight::whole},
                                  column{"AGENT", "agent"},
                                  column{"OWNER", "owner", weight::extra},
                                  column{"RUNNING", "running", weight::extra},
                                  column{"WAITING", "waiting", weight::extra},
                                  column{"FAILURES", "failures"}};

constexpr std::array record_columns{column{"FROM", "local", weight::whole},
                                    column{"TO", "local_to", weight::extra},
                                    column{"COUNT", "count", weight::extra},
                                    column{"VERDICT", "verdict", weight::whole},
                                    column{"LATE", "late"},
                                    column{"EVENT", "event", weight::whole},
                                    column{"STATE", "state", weight::whole},
                                    column{"WHY", "why", weight::text}};

struct name_and_limit {
  std::string name;
  std::optional<std::uint32_t> limit;
  std::optional<std::string> after; // of a history

  std::optional<std::string> limit_text() const {
    return limit ? std::optional{std::to_string(*limit)} : std::nullopt;
  }
};

std::string path_of(const std::string& name, std::string_view part) {
  return fmt::format("/v1/jobs/{}{}", percent_encode(name), part);
}

int list_jobs(context& at) {
  const auto answer = look_up(at, "/v1/jobs");
  if (!answer)
    return answer.exit;
  print_list(at, answer.body, "jobs", list_columns,
             "there are no jobs; make one with: skein job create NAME --every 1h --agent AGENT");
  return exit_code::done;
}

int describe_job(context& at, const std::string& name) {
  const auto answer = look_up(at, path_of(name, ""));
  if (answer)
    print_job(at, answer.body);
  return answer.exit;
}

int show_next(context& at, const name_and_limit& which) {
  const auto answer =
      look_up(at, with_query(path_of(which.name, "/next"), {{"limit", which.limit_text()}}));
  if (!answer)
    return answer.exit;
  const auto found = answer.body.find("next");
  const json instants = found != answer.body.end() && found->is_array() ? *found : json::array();
  if (at.global.output == output_format::json)
    print_json(at, answer.body);
  else if (at.global.output == output_format::jsonl)
    for (const json& each : instants)
      print_json(at, each);
  else if (!instants.empty())
    print_instants(at, instants);
  const std::string schedule = cell_of(answer.body, "schedule");
  if (instants.empty())
    say(at, schedule.starts_with("after ")
                ? fmt::format("it has no instants of its own: it comes {}", schedule)
                : std::string{"no instant comes any more, or the job cannot run; see: "} +
                      "skein job describe " + shell_quoted(which.name));
  else
    say(at, fmt::format("{}, zone {}{}", schedule, cell_of(answer.body, "zone"),
                        cell_of(answer.body, "state") == "paused"
                            ? "; it is paused, and runs at none of these until: skein job resume " +
                                  shell_quoted(which.name)
                            : ""));
  return exit_code::done;
}

/// "0.003s", "8.806s", "1m4s", "1h21m4s": always in seconds and what is above them.
std::string lateness_text(std::chrono::milliseconds late) {
  using namespace std::chrono;
  if (late < minutes{1})
    return fmt::format("{:.3f}s", std::chrono::duration<double>(late).count());
  const auto hour = floor<hours>(late);
  const auto minute = floor<minutes>(late - hour);
  return (hour > hours{0} ? fmt::format("{}h", hour.count()) : "") +
         fmt::format("{}m{}s", minute.count(), floor<seconds>(late - hour - minute).count());
}

/// What a record leaves to be worked out.
void complete_record(json& record) {
  if (const auto late = record.find("late_ms"); late != record.end() && late->is_number_integer())
    record["late"] = lateness_text(std::chrono::milliseconds{late->get<std::int64_t>()});
  for (const auto& [local, utc] : {std::pair{"local", "from"}, std::pair{"local_to", "to"}})
    if (!record.contains(local))
      record[local] = cell_of(record, utc);
}

int show_history(context& at, const name_and_limit& which) {
  auto answer = look_up(at, with_query(path_of(which.name, "/history"),
                                       {{"limit", which.limit_text()}, {"after", which.after}}));
  if (!answer)
    return answer.exit;
  if (at.global.output == output_format::table && answer.body.contains("records"))
    for (json& each : answer.body["records"])
      complete_record(each);
  print_list(at, answer.body, "records", record_columns,
             "nothing was decided yet; see when it is due with: skein job next " +
                 shell_quoted(which.name));
  return exit_code::done;
}

int explain_job(context& at, const std::string& name, const std::optional<std::string>& time) {
  const auto answer = look_up(at, with_query(path_of(name, "/explain"), {{"at", time}}));
  if (!answer)
    return answer.exit;
  if (at.global.output != output_format::table) {
    print_json(at, answer.body);
    return exit_code::done;
  }
  if (const auto found = answer.body.find("explanation"); found != answer.body.end())
    for (const json& sentence : *found)
      at.world.out << cell_of(sentence) << '\n';
  return exit_code::done;
}

} // namespace

handler define_job_list(CLI::App&) { return list_jobs; }

handler define_job_describe(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  add_argument(app, "NAME", *name, "name of the job");
  return [name](context& at) { return describe_job(at, *name); };
}

handler define_job_next(CLI::App& app) {
  auto which = std::make_shared<name_and_limit>();
  add_argument(app, "NAME", which->name, "name of the job");
  add_number(app, "--limit", which->limit, 1, limits::page_rows_max, "instants (default 5)");
  return [which](context& at) { return show_next(at, *which); };
}

handler define_job_history(CLI::App& app) {
  auto which = std::make_shared<name_and_limit>();
  add_argument(app, "NAME", which->name, "name of the job");
  add_number(app, "--limit", which->limit, 1, limits::page_rows_max,
             fmt::format("records, the newest (default {})", limits::page_rows_default));
  add_text(app, "--after", which->after, "NEXT", "go on where the page before ended");
  return [which](context& at) { return show_history(at, *which); };
}

handler define_job_explain(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  auto time = std::make_shared<std::optional<std::string>>();
  add_argument(app, "NAME", *name, "name of the job");
  add_text(app, "--at", *time, "TIME",
           "RFC 3339, or of the job's zone, such as 2026-08-17T09:00; default now");
  return [name, time](context& at) { return explain_job(at, *name, *time); };
}

} // namespace skein::cli
