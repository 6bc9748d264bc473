// skein backup create | restore: one file with all of a store, and back.
#include "journal/ledgers.hpp"
#include "journal/sqlite_backup.hpp"
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/offline.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"

#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace skein::cli {

namespace {

void print_report(context& at, const journal::backup_report& report, std::string_view place) {
  const journal::ledger& events = report.checked.counted.events;
  if (at.global.output != output_format::table)
    return print_json(at, {{place, report.file},
                           {"store", report.checked.store_id},
                           {"commit", raw(report.checked.last)},
                           {"made", format_rfc3339(report.made)},
                           {"bytes", report.bytes},
                           {"events", events.accepted},
                           {"pending", events.pending},
                           {"states", report.checked.states},
                           {"done", !at.global.dry_run}});
  text_values lines;
  lines.add(place, report.file);
  lines.add("store", report.checked.store_id);
  lines.add("commit", std::to_string(raw(report.checked.last)));
  lines.add("made", format_rfc3339(report.made));
  lines.add("bytes", std::to_string(report.bytes));
  lines.add("events", fmt::format("{}, {} of them pending", events.accepted, events.pending));
  lines.add("states", std::to_string(report.checked.states));
  lines.print(at);
}

int create(context& at, const std::string& folder, const std::string& file) {
  if (file == "-")
    return complain(at, exit_code::usage,
                    {"a backup is not written to standard output", "it needs a file of its own",
                     "--out FILE; or write a stream with: skein journal export",
                     std::string{slug(errc::invalid_argument)}});
  progress_line progress{at, "copying pages"};
  const auto report = journal::create_backup(
      {.directory = folder,
       .file = file,
       .now = wall_now(),
       .dry_run = at.global.dry_run,
       .progress = [&](std::uint64_t done, std::uint64_t all) { progress.show(done, all); }});
  progress.end();
  if (!report)
    return complain_of_store(at, fmt::format("no backup of {} was made", folder), report.error(),
                             "name the folder of a store with --data and a new file with --out");
  print_report(at, *report, "file");
  at.world.out.flush();
  say(at, at.global.dry_run ? "nothing was written: the store is whole and could be copied"
                            : "the backup was checked and is whole");
  return exit_code::done;
}

int restore(context& at, const std::string& file, const std::string& folder) {
  progress_line progress{at, "copying bytes"};
  const auto report = journal::restore_backup(
      {.directory = folder,
       .file = file,
       .now = wall_now(),
       .dry_run = at.global.dry_run,
       .progress = [&](std::uint64_t done, std::uint64_t all) { progress.show(done, all); }});
  progress.end();
  if (!report)
    return complain_of_store(
        at, fmt::format("{} was not restored", file), report.error(),
        "name a file of 'skein backup create' and, with --data, an empty folder");
  print_report(at, *report, "folder");
  at.world.out.flush();
  say(at, at.global.dry_run ? "nothing was written: the backup is whole and the folder is free"
                            : "restored; what happened after this commit is not in it, and what is "
                              "pending runs again");
  return exit_code::done;
}

} // namespace

handler define_backup_create(CLI::App& app) {
  auto folder = std::make_shared<std::optional<std::string>>();
  auto file = std::make_shared<std::optional<std::string>>();
  add_text(app, "--data", *folder, "DIR", "folder of the store (default ./skein-data)");
  add_text(app, "--out", *file, "FILE",
           "the backup; a folder gets a file named by store and commit (default .)");
  return on_folder(folder, "copy the server with pg_basebackup",
                   [file](context& at, const std::string& named) {
                     return create(at, named, file->value_or("."));
                   });
}

handler define_backup_restore(CLI::App& app) {
  auto file = std::make_shared<std::string>();
  auto folder = std::make_shared<std::optional<std::string>>();
  add_argument(app, "FILE", *file, "the backup");
  add_text(app, "--data", *folder, "DIR",
           "folder of the new store, absent or empty (default ./skein-data)");
  return on_folder(
      folder,
      "a backup of SQLite goes into a folder; a server is restored from its own base backup",
      [file](context& at, const std::string& named) { return restore(at, *file, named); });
}

} // namespace skein::cli
