// The folder of a store: made for its owner alone, and refused when others could change what is in
// it. Whoever can write there can put a link or a file of his own in the place of the store's.
#pragma once

#include "protocol/result.hpp"

#include <string>

namespace skein::journal {

/// Makes the directory (0700, whatever the umask) if it is absent; its parent must exist.
/// store_unsafe if it belongs to another user or others may write to it.
result<void> make_private_directory(const std::string& path);

/// The same of a folder within it, which must not be a link.
result<void> make_private_subfolder(const std::string& path);

/// Of the files that a store has in its directory, each that is there must be a plain file of this
/// user that nobody else may write to, else store_unsafe. What others may read is taken from them.
result<void> check_store_files(const std::string& directory);

/// The same of one file.
result<void> check_store_file(const std::string& path);

/// Makes the file (0600, whatever the umask) if it is absent. SQLite gives its other files the same
/// mode.
result<void> make_private_file(const std::string& path);

/// Makes names in a directory last.
result<void> sync_directory(const std::string& path);

/// A failed system call as an error: "DOING: No space left on device".
error system_error(int number, const std::string& doing);

} // namespace skein::journal
