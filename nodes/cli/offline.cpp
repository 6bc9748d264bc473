#include "nodes/cli/offline.hpp"

#include "journal/journal.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/config/node_options.hpp"

#include <fmt/format.h>

#include <ostream>

namespace skein::cli {

namespace {

int exit_code_of(errc code) {
  switch (code) {
    case errc::store_locked:
    case errc::disk_full:
      return exit_code::busy;
    case errc::not_found:
      return exit_code::not_found;
    case errc::store_unsafe:
      return exit_code::not_allowed;
    case errc::state_conflict:
      return exit_code::conflict;
    case errc::invalid_argument:
      return exit_code::usage;
    default:
      return exit_code::failed;
  }
}

/// What mends it, where the cause says more than the command does.
std::string remedy(const error& problem, const std::string& todo) {
  if (problem.code == errc::disk_full)
    return "free some space there, or use another place";
  if (problem.code == errc::store_locked)
    return "stop the node that has it open";
  if (problem.detail.ends_with("No such file or directory"))
    return "make its folder first, with: mkdir -p";
  return todo;
}

/// What to do about a damaged store stands behind what is wrong with it.
std::size_t advice_in(const error& problem) {
  const bool is_of_store =
      problem.code == errc::store_corrupt && (problem.detail.starts_with("journal.db") ||
                                              problem.detail.starts_with("the file high-water"));
  return is_of_store ? problem.detail.find("; ") : std::string::npos;
}

} // namespace

instant wall_now() { return from_ns(std::chrono::system_clock::now().time_since_epoch().count()); }

int complain_of_store(context& at, const std::string& what, const error& problem,
                      const std::string& todo) {
  const std::size_t advice = advice_in(problem);
  return complain(
      at, exit_code_of(problem.code),
      {what, fmt::format("{} {}", sentence(problem.code), problem.detail.substr(0, advice)),
       advice == std::string::npos ? remedy(problem, todo) : problem.detail.substr(advice + 2),
       std::string{slug(problem.code)}});
}

handler on_folder(folder_option folder, std::string instead,
                  std::function<int(context&, const std::string& folder)> work) {
  return [=](context& at) {
    const std::string named = folder->value_or(node_options{}.data_dir);
    if (journal::is_postgres_url(named)) // never repeated: it may hold a password
      return complain(at, exit_code::usage,
                      {"this command does not work on PostgreSQL",
                       "it works on the files of a SQLite store, and --data names a server",
                       instead, std::string{slug(errc::invalid_argument)}});
    return work(at, named);
  };
}

progress_line::progress_line(context& at, std::string doing)
  : at_{at}, doing_{std::move(doing)}, shown_{std::chrono::steady_clock::now()} {}

void progress_line::show(std::uint64_t done, std::uint64_t all) {
  const auto now = std::chrono::steady_clock::now();
  if (!at_.world.err_is_terminal || all == 0 || now - shown_ < std::chrono::seconds{1})
    return;
  shown_ = now;
  is_there_ = true;
  at_.world.err << fmt::format("\r{}: {} of {} ({} %)", doing_, done, all, done * 100 / all)
                << std::flush;
}

void progress_line::end() {
  if (is_there_)
    at_.world.err << "\r\x1b[K" << std::flush;
  is_there_ = false;
}

} // namespace skein::cli
