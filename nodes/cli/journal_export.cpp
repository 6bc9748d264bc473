// skein journal export | import: a store as JSON Lines, and back.
#include "journal/store_export.hpp"
#include "journal/store_folder.hpp"
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/offline.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"
#include "protocol/limits.hpp"
#include "protocol/unique_fd.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <ostream>
#include <unistd.h>

namespace skein::cli {

namespace {

constexpr std::string_view standard = "-";

std::string counts_text(const journal::export_counts& counts) {
  return fmt::format("{} events, {} of their {} deliveries pending, {} states", counts.events,
                     counts.pending, counts.deliveries, counts.states);
}

/// A new file that has its name only when it is whole and on disk.
class export_file {
 public:
  explicit export_file(std::string path)
    : path_{std::move(path)}, unfinished_{path_ + ".unfinished"} {}
  ~export_file() {
    if (fd_)
      ::unlink(unfinished_.c_str());
  }
  export_file(const export_file&) = delete;
  export_file& operator=(const export_file&) = delete;

  result<void> open() {
    if (::access(path_.c_str(), F_OK) == 0)
      return error{errc::state_conflict, path_ + " is there already"};
    // Never opened to be emptied: of an export that was stopped after it got its name, it is the
    // same file under another name.
    if (::unlink(unfinished_.c_str()) != 0 && errno != ENOENT)
      return journal::system_error(errno, "removing " + unfinished_);
    fd_.reset(
        ::open(unfinished_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    return fd_ ? result<void>{} : journal::system_error(errno, "making " + unfinished_);
  }
  result<void> write(std::string_view bytes) {
    buffer_ += bytes;
    return buffer_.size() < buffer_bytes ? result<void>{} : flush();
  }
  result<void> finish() {
    if (auto written = flush(); !written)
      return written;
    if (::fsync(fd_.get()) != 0)
      return journal::system_error(errno, "syncing " + unfinished_);
    if (::link(unfinished_.c_str(), path_.c_str()) != 0) // not a rename: what came in between stays
      return errno == EEXIST ? error{errc::state_conflict, path_ + " is there already"}
                             : journal::system_error(errno, "naming " + path_);
    const auto parent = std::filesystem::path{path_}.parent_path().string();
    return journal::sync_directory(parent.empty() ? "." : parent);
  }

 private:
  static constexpr std::size_t buffer_bytes = 1 << 20;
  result<void> flush() {
    for (std::string_view rest = buffer_; !rest.empty();) {
      const ssize_t done = ::write(fd_.get(), rest.data(), rest.size());
      if (done < 0)
        return journal::system_error(errno, "writing " + unfinished_);
      rest.remove_prefix(static_cast<std::size_t>(done));
    }
    buffer_.clear();
    return {};
  }
  std::string path_;
  std::string unfinished_;
  std::string buffer_;
  unique_fd fd_;
};

int not_written(context& at, const error& why) {
  return complain_of_store(at, "the export was not written", why, "name a new file with --out");
}

int export_store(context& at, const std::string& folder, const std::string& out) {
  std::optional<export_file> file;
  const bool to_file = out != standard && !at.global.dry_run;
  if (to_file)
    if (const auto opened = file.emplace(out).open(); !opened)
      return not_written(at, opened.error());
  result<void> written;
  progress_line progress{at, "exporting events"};
  const auto counts = journal::export_sqlite(
      {.directory = folder,
       .now = wall_now(),
       .progress = [&](std::uint64_t done, std::uint64_t all) { progress.show(done, all); }},
      [&](std::string_view line) {
        if (at.global.dry_run)
          return true;
        if (to_file)
          written = file->write(line);
        else if (!(at.world.out << line))
          written = error{errc::io_error, "standard output takes no more"};
        return written.ok();
      });
  progress.end();
  if (!written)
    return not_written(at, written.error());
  if (!counts)
    return complain_of_store(
        at, fmt::format("the store in {} was not exported", folder), counts.error(),
        "name the folder of a store with --data; what a damaged one lost: skein journal repair");
  if (to_file)
    if (const auto finished = file->finish(); !finished)
      return not_written(at, finished.error());
  if (!at.world.out.flush())
    return not_written(at, {errc::io_error, "standard output takes no more"});
  say(at, counts_text(*counts));
  return exit_code::done;
}

int import_store(context& at, const std::string& file, const std::string& folder,
                 std::uint32_t shards) {
  std::ifstream from;
  if (file != standard) {
    from.open(file, std::ios::binary);
    if (!from)
      return complain_of_store(at, fmt::format("{} cannot be read", file),
                               errno == ENOENT ? error{errc::not_found, "there is no file " + file}
                                               : journal::system_error(errno, "opening " + file),
                               "name a file of 'skein journal export' that you may read");
  }
  const auto counts =
      journal::import_sqlite({.directory = folder, .shards = shards, .dry_run = at.global.dry_run},
                             file == standard ? at.world.in : from);
  if (!counts)
    return complain_of_store(at, fmt::format("{} was not imported", file), counts.error(),
                             "name a whole export and, with --data, an empty folder");
  if (at.global.output != output_format::table)
    print_json(at, {{"folder", folder},
                    {"events", counts->events},
                    {"deliveries", counts->deliveries},
                    {"pending", counts->pending},
                    {"states", counts->states},
                    {"done", !at.global.dry_run}});
  at.world.out.flush();
  say(at, (at.global.dry_run ? "nothing was written; the export is whole: " : "imported: ") +
              counts_text(*counts));
  return exit_code::done;
}

} // namespace

handler define_journal_export(CLI::App& app) {
  auto folder = std::make_shared<std::optional<std::string>>();
  auto out = std::make_shared<std::optional<std::string>>();
  add_text(app, "--data", *folder, "DIR", "folder of the store (default ./skein-data)");
  add_text(app, "--out", *out, "FILE", "a new file; - is standard output (default)");
  return on_folder(folder, "read the view 'delivery' of its schema with psql, or use pg_dump",
                   [out](context& at, const std::string& named) {
                     return export_store(at, named, out->value_or(std::string{standard}));
                   });
}

handler define_journal_import(CLI::App& app) {
  auto file = std::make_shared<std::string>();
  auto folder = std::make_shared<std::optional<std::string>>();
  auto shards = std::make_shared<std::optional<std::uint32_t>>();
  add_argument(app, "FILE", *file, "the export; - is standard input");
  add_text(app, "--data", *folder, "DIR",
           "folder of the new store, absent or empty (default ./skein-data)");
  add_number(app, "--shards", *shards, 1, limits::shards_max,
             "another count of shards: the events get other numbers (17-42 becomes 3-42)");
  return on_folder(folder, "an export goes into a folder; send its events to the cluster anew",
                   [file, shards](context& at, const std::string& named) {
                     return import_store(at, *file, named, shards->value_or(0));
                   });
}

} // namespace skein::cli
