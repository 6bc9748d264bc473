// skein job create | edit | delete | pause | resume | trigger | backfill
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/job_options.hpp"
#include "nodes/cli/job_page.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"
#include "protocol/raw_json.hpp"

#include <fmt/format.h>

#include <array>
#include <iostream>
#include <memory>
#include <pwd.h>
#include <unistd.h>

namespace skein::cli {

namespace {

/// A job, and who changes it.
struct change {
  std::string name;
  std::optional<std::string> by;
};

struct definition_change : change {
  job_options options;
};

std::string user_name(context& at) {
  for (const char* variable : {"USER", "LOGNAME"})
    if (const auto name = at.world.environment(variable); name && !name->empty())
      return *name;
  const passwd* const entry = ::getpwuid(::getuid());
  return entry != nullptr ? entry->pw_name : std::to_string(::getuid());
}

std::string who(context& at, const change& which) {
  if (which.by)
    return *which.by;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0 || host[0] == '\0')
    return user_name(at);
  return fmt::format("{}@{}", user_name(at), host.data());
}

std::string path_of(const std::string& name, std::string_view verb) {
  return fmt::format("/v1/jobs/{}{}", percent_encode(name), verb);
}

std::string told_of(std::string_view what, const std::string& name) {
  return fmt::format("{}; see it with: skein job describe {}", what, shell_quoted(name));
}

// ---- definitions --------------------------------------------------------------------------------

int put_definition(context& at, const definition_change& which, const std::string& target,
                   json body, std::string_view done) {
  body["by"] = who(at, which);
  if (at.global.dry_run)
    body["dry_run"] = true;
  const auto answer = post(at, target, body);
  if (!answer)
    return answer.exit;
  print_job(at, answer.body);
  say_warnings(at, answer.body);
  say(at, at.global.dry_run ? "nothing was changed" : told_of(done, which.name));
  return exit_code::done;
}

int create(context& at, const definition_change& which) {
  json definition = json::object();
  if (!put_options(at, which.options, definition))
    return exit_code::usage;
  return put_definition(at, which, "/v1/jobs",
                        {{"job", which.name}, {"definition", std::move(definition)}}, "created");
}

int edit(context& at, const definition_change& which) {
  const auto present = look_up(at, path_of(which.name, ""));
  if (!present)
    return present.exit;
  json definition = present.body.value("definition", json::object());
  const std::string before = write_json(definition);
  if (!put_options(at, which.options, definition))
    return exit_code::usage;
  if (write_json(definition) == before)
    return complain(at, exit_code::usage,
                    {"there is nothing to change", "no option says anything else than there is",
                     "skein help job edit", "invalid-argument"});
  json body{{"definition", std::move(definition)}};
  if (const auto seen = present.body.find("revision"); seen != present.body.end())
    body["revision"] = *seen; // somebody may edit it meanwhile
  return put_definition(at, which, path_of(which.name, "/edit"), std::move(body), "edited");
}

// ---- commands -----------------------------------------------------------------------------------

/// Has the node carry a command out and take it back; so what it would refuse is refused. Its
/// answer, or nothing: `exit` says why.
std::optional<json> try_out(context& at, const std::string& path, json body, int& exit) {
  body["dry_run"] = true;
  const auto answer = post(at, path, body);
  exit = answer.exit;
  return answer ? std::optional{answer.body} : std::nullopt;
}

/// Says what would be done to a job.
int foresee(context& at, const std::string& path, const json& body, const std::string& what) {
  int exit = exit_code::done;
  const auto answer = try_out(at, path, body, exit);
  if (!answer)
    return exit;
  if (at.global.output != output_format::table)
    print_json(at, {{"job", answer->value("job", "")}, {"would", what}});
  else
    at.world.out << fmt::format("would {}\n", what);
  return exit_code::done;
}

/// A command with members whose answer is the job.
int change_state(context& at, const change& which, std::string_view verb, json body,
                 std::string_view done) {
  body["by"] = who(at, which);
  const std::string path = path_of(which.name, fmt::format("/{}", verb));
  if (at.global.dry_run)
    return foresee(at, path, body, fmt::format("{} job {}", verb, which.name));
  const auto answer = post(at, path, body);
  if (!answer)
    return answer.exit;
  print_job(at, answer.body);
  say(at, std::string{done});
  return exit_code::done;
}

void print_values(context& at, const json& answer) {
  if (at.global.output != output_format::table)
    return print_json(at, answer);
  text_values values;
  values.add("job", answer, "job");
  for (const auto& [name, value] : answer.items())
    if (name != "job")
      values.add(name, answer, name);
  values.print(at);
}

/// A job goes with its records: asked for, unless --yes.
bool confirmed(context& at, const std::string& name, int& exit) {
  if (at.global.yes)
    return true;
  if (!at.world.in_is_terminal || !at.world.err_is_terminal) {
    exit = complain(at, exit_code::usage,
                    {fmt::format("this would delete job {} and its records", name),
                     "there is no terminal to ask on", "add --yes", "invalid-argument"});
    return false;
  }
  at.world.err << fmt::format("Delete job {} and its records? [y/N] ", name) << std::flush;
  std::string answer;
  std::getline(at.world.in, answer);
  if (answer == "y" || answer == "Y" || answer == "yes")
    return true;
  say(at, "nothing was deleted");
  exit = exit_code::failed;
  return false;
}

int remove(context& at, const change& which) {
  const std::string path = path_of(which.name, "/delete");
  const json body{{"by", who(at, which)}};
  if (at.global.dry_run)
    return foresee(at, path, body, fmt::format("delete job {} and its records", which.name));
  int exit = exit_code::done;
  if (!confirmed(at, which.name, exit))
    return exit;
  const auto answer = post(at, path, body);
  if (!answer)
    return answer.exit;
  print_values(at, answer.body);
  return exit_code::done;
}

int trigger(context& at, const change& which) {
  const std::string path = path_of(which.name, "/trigger");
  const json body{{"by", who(at, which)}};
  if (at.global.dry_run)
    return foresee(at, path, body, fmt::format("run job {} now", which.name));
  const auto answer = post(at, path, body);
  if (!answer)
    return answer.exit;
  print_values(at, answer.body);
  const bool waits = cell_of(answer.body, "waits") == "yes";
  const std::string id = cell_of(answer.body, "id");
  say(at, fmt::format("{}; see what comes of it with: skein {}",
                      waits ? "it waits until the run before has ended" : "started",
                      waits || id == "-" ? "job history " + shell_quoted(which.name)
                                         : "event list --id " + shell_quoted(id)));
  return exit_code::done;
}

struct backfill_options : change {
  std::optional<std::string> from, to;
};

int backfill(context& at, const backfill_options& which) {
  if (!which.from || !which.to)
    return complain(at, exit_code::usage,
                    {"a backfill needs --from and --to", "",
                     fmt::format("skein job backfill {} --from 2026-08-01 --to 2026-08-07T23:59",
                                 shell_quoted(which.name)),
                     "invalid-argument"});
  const std::string path = path_of(which.name, "/backfill");
  const json body{{"from", *which.from}, {"to", *which.to}, {"by", who(at, which)}};
  if (at.global.dry_run) {
    int exit = exit_code::done;
    if (const auto foreseen = try_out(at, path, body, exit))
      print_values(at, *foreseen);
    return exit;
  }
  const auto answer = post(at, path, body);
  if (!answer)
    return answer.exit;
  print_values(at, answer.body);
  if (cell_of(answer.body, "instants") == "0")
    say(at, "it had no instants then");
  else
    say(at, fmt::format("{}see what comes of them with: skein job history {}",
                        answer.body.value("paused", false)
                            ? "it is paused, so they wait until it is resumed; "
                            : "",
                        shell_quoted(which.name)));
  return exit_code::done;
}

void add_change(CLI::App& app, change& into) {
  add_argument(app, "NAME", into.name, "name of the job");
  add_text(app, "--by", into.by, "WHO", "who changes it (default USER@HOST)");
}

} // namespace

handler define_job_create(CLI::App& app) {
  auto which = std::make_shared<definition_change>();
  add_change(app, *which);
  add_job_options(app, which->options);
  return [which](context& at) { return create(at, *which); };
}

handler define_job_edit(CLI::App& app) {
  auto which = std::make_shared<definition_change>();
  add_change(app, *which);
  add_unset(app, which->options);
  add_job_options(app, which->options);
  return [which](context& at) { return edit(at, *which); };
}

handler define_job_delete(CLI::App& app) {
  auto which = std::make_shared<change>();
  add_change(app, *which);
  return [which](context& at) { return remove(at, *which); };
}

handler define_job_pause(CLI::App& app) {
  auto which = std::make_shared<change>();
  auto why = std::make_shared<std::optional<std::string>>();
  add_change(app, *which);
  add_text(app, "--why", *why, "TEXT", "the reason, for others to read");
  return [which, why](context& at) {
    json body = json::object();
    if (*why)
      body["why"] = **why;
    return change_state(at, *which, "pause", std::move(body),
                        "paused: its instants are skipped until: skein job resume " +
                            shell_quoted(which->name));
  };
}

handler define_job_resume(CLI::App& app) {
  auto which = std::make_shared<change>();
  add_change(app, *which);
  return [which](context& at) {
    return change_state(at, *which, "resume", json::object(), "resumed");
  };
}

handler define_job_trigger(CLI::App& app) {
  auto which = std::make_shared<change>();
  add_change(app, *which);
  return [which](context& at) { return trigger(at, *which); };
}

handler define_job_backfill(CLI::App& app) {
  auto which = std::make_shared<backfill_options>();
  add_change(app, *which);
  add_text(app, "--from", which->from, "TIME",
           "the first instant: RFC 3339, or of the job's zone, such as 2026-08-17T09:00");
  add_text(app, "--to", which->to, "TIME", "the last instant, as --from");
  return [which](context& at) { return backfill(at, *which); };
}

} // namespace skein::cli
