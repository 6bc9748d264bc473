// What a store is made with, and whether it fits what is asked of it now.
#pragma once

#include "journal/journal.hpp"

namespace skein::journal {

/// The one way keys are hashed so far; a store names its own.
inline constexpr std::string_view hash_name = "siphash24-128";

/// Of a store that does not exist yet; its id and hash seed come from options.seed. Boot is 0.
store_identity new_store_identity(const open_options& options);

/// invalid_argument if no store can be made or opened with these options.
result<void> check_options(const open_options& options);

/// store_mismatch, naming both sides, unless the store can be opened with these options.
result<void> check_identity(const store_identity& identity, const open_options& options);

} // namespace skein::journal
