// Parts of a benchmark that run in a process of their own, so that their memory is theirs alone,
// and so that they can end as after a kill.
#pragma once

#include "bench/load.hpp"

#include <nlohmann/json.hpp>

#include <string>

namespace skein::bench {

/// Runs this part of this program's plan in this folder and waits for its end. What the child told
/// (see tell), and beside it:
///   rss_max    the most of its VmRSS, in bytes, looked at each 100 ms
///   rss_peak   its VmHWM then, in bytes
/// Ends the process when the child told nothing.
nlohmann::json run_part(const plan& of, const std::string& part, const own_folder& folder);

/// In the child: its figures, to the parent. Memory of later does not count.
void tell(const nlohmann::json& figures);

/// As SIGKILL from outside: nothing is closed.
[[noreturn]] void end_as_killed();

} // namespace skein::bench
