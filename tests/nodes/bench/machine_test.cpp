// What `skein bench` measures, what it says of syncs, and that it leaves nothing behind.
#include "nodes/bench/load.hpp"
#include "nodes/bench/machine.hpp"
#include "nodes/bench/scratch_folder.hpp"
#include "nodes/logging/logging.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

using namespace skein;
using namespace skein::bench;

namespace {

struct outer_folder {
  outer_folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~outer_folder() { std::filesystem::remove_all(path); }
  outer_folder(const outer_folder&) = delete;
  outer_folder& operator=(const outer_folder&) = delete;
  bool is_empty() const { return std::filesystem::is_empty(path); }

  std::string path = (std::filesystem::temp_directory_path() / "skein-machine-XXXXXX").string();
};

} // namespace

TEST_CASE("a sync is judged by its median time and by where the folder is") {
  CHECK(judge_syncs(0.005, false) == sync_verdict::too_fast);
  CHECK(judge_syncs(0.3, false) == sync_verdict::plausible);
  CHECK(judge_syncs(12, false) == sync_verdict::slow);
  CHECK(judge_syncs(0.3, true) == sync_verdict::in_memory);
}

TEST_CASE("quantiles are of the values in order, and 0 of none") {
  const std::vector<double> values{1, 2, 3, 4, 50};
  CHECK(quantile(values, 0.5) == 3);
  CHECK(quantile(values, 1) == 50);
  CHECK(quantile({}, 0.5) == 0);
}

TEST_CASE("a machine is measured in a folder that is gone afterwards") {
  set_up_logging({log_level::error, false});
  const outer_folder outer;
  std::size_t parts = 0;
  const auto found = measure_machine({outer.path, 0.02}, [&](std::string_view) { ++parts; });
  REQUIRE(found.ok());
  CHECK(parts == 4);
  CHECK(outer.is_empty());
  for (const double each :
       {found->sync_p50_ms, found->raw_events_per_s, found->sqlite_commits_per_s,
        found->sqlite_events_per_s, found->accepted_per_s, found->done_per_s,
        found->written_bytes_per_event, found->latency_p50_ms})
    CHECK(each > 0);
  CHECK(found->sync_p50_ms <= found->sync_p99_ms);
  CHECK(found->done_per_s <= found->accepted_per_s);
  CHECK(found->written_bytes_per_event > 200); // what is written holds the body
}

TEST_CASE("nothing is measured in the folder of a store or in one that is not there") {
  const outer_folder outer;
  CHECK(scratch_folder::make(outer.path + "/none").error().code == errc::io_error);
  std::ofstream{outer.path + "/journal.db"} << "somebody's";
  CHECK(scratch_folder::make(outer.path).error().code == errc::invalid_argument);
}

TEST_CASE("a signal ends the process and removes the folder") {
  const outer_folder outer;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto folder = scratch_folder::make(outer.path);
    if (!folder || outer.is_empty())
      ::_exit(1);
    ::kill(::getpid(), SIGINT);
    ::pause();
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
  CHECK(outer.is_empty());
}
