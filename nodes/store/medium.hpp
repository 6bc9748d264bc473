// What the data folder lies on: some file systems do not keep what they have said to be on disk.
#pragma once

#include <optional>
#include <string>

namespace skein {

/// A sentence of warning, if the folder lies on memory, on a network, or in a container's own
/// layer.
std::optional<std::string> medium_warning(const std::string& directory);

/// By the system's number of a file system; for tests.
std::optional<std::string> medium_warning_of(long type);

} // namespace skein
