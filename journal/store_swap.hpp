// Puts a store that was built anew into the place of a damaged one, so that a stop at any moment
// leaves one of the two: what is built lies in DIR/repair-new, the step that cannot be taken back
// is the file DIR/repair-step, and whoever opens the store next goes on from there.
#pragma once

#include "protocol/result.hpp"

#include <functional>
#include <string>

namespace skein::journal {

/// Where the new store is built.
std::string new_store_folder(const std::string& directory);

/// From here on the new store counts. `aside` is a folder of the directory that is there already,
/// for the files of the old one: "damaged-20260131T120000Z".
result<void> begin_swap(const std::string& directory, const std::string& aside);

/// Asked before each step; false leaves it there, as a stop of the process would.
using swap_step = std::function<bool()>;

/// Moves what begin_swap() decided and has not been moved. Nothing to do without its file. The
/// caller has the store's lock.
result<void> finish_swap(const std::string& directory, const swap_step& go_on = {});

/// Whether a swap was begun and not ended: the files are of two stores until the next start.
bool is_swap_begun(const std::string& directory);

} // namespace skein::journal
