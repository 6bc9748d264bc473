// Small files that are their owner's alone: keys, and who may come in. Links are not followed, a
// file that others could read or have changed is refused, and a new content is there whole or not
// at all.
#pragma once

#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace skein {

/// Empty: there is no such file. store_unsafe, too_large, io_error.
result<std::optional<std::string>> read_private_file(const std::string& path,
                                                     std::size_t bytes_max);

enum class if_there { keep, replace };

/// Mode 0600, synced with its directory. state_conflict: it is there and is to be kept.
result<void> write_private_file(const std::string& path, std::string_view text, if_there what);

/// Nobody else who asks for it has the lock of this file while it is held: what is read from
/// another file and written back is not lost to another process. Made if it is absent.
/// `not_found`: there is no such folder; store_locked: somebody has it for too long.
result<unique_fd> take_file_lock(const std::string& path);

/// Changes whenever the file does; equal texts: it is the same content.
std::string file_stamp(const std::string& path);

} // namespace skein
