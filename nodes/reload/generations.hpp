// The configurations that a node has worked by: the one in force and the one before, numbered. The
// node keeps them in its folder, so that it can go back to the one before whatever became of the
// file meanwhile.
#pragma once

#include "protocol/result.hpp"
#include "protocol/time.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace skein {

struct generation {
  std::uint64_t number = 0;
  std::string hash; // config_hash
  instant at = no_instant;
  std::string by;   // "start", "file", "signal", or who asked for it
  std::string text; // of the file
};

struct generations {
  generation current;
  std::optional<generation> previous;
};

/// A start that reads this. The same content keeps its number; another is the next generation.
generations begin_generations(std::optional<generations> kept, generation now);
/// The next one, by a change.
generations next_generation(const generations& before, generation now);

/// As JSON, and back; empty: it is none.
std::string generations_text(const generations& which);
std::optional<generations> read_generations(std::string_view text);

inline constexpr const char* generations_file = "config-generations.json";

/// Of a folder; empty: there is no such file. A file that says something else is an error.
result<std::optional<generations>> load_generations(const std::string& folder);
/// Durable on return. Makes the folder, for its owner alone, if it is absent.
result<void> save_generations(const std::string& folder, const generations& which);

} // namespace skein
