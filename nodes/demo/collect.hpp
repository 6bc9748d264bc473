// What the check is made of: asked of the nodes, read from the programs' histories.
#pragma once

#include "nodes/demo/check.hpp"
#include "nodes/demo/load.hpp"
#include "nodes/demo/stage.hpp"
#include "protocol/result.hpp"

#include <string>
#include <vector>

namespace skein::demo {

/// All events of a source, or those accepted in the last `since`. store_unreachable: no node
/// answers.
result<std::vector<stored_event>> events_of(stage& from, const std::string& source,
                                            duration since = {});

/// Events that wait or run, of all nodes' shards; nothing: some shard has no node, or a node that
/// has some does not answer.
std::optional<std::uint64_t> pending(stage& from);

result<evidence> collect(stage& from, const load& sent);

/// One of a program's lines; empty: it was killed while it wrote it.
std::optional<program_run> read_run(const std::string& line);

} // namespace skein::demo
