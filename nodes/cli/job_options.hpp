// The options that say a job's definition: one for each of its keys, and what they make of a
// definition that there is.
#pragma once

#include "nodes/cli/context.hpp"
#include "nodes/cli/remote.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace skein::cli {

struct job_options {
  std::map<std::string, std::optional<std::string>> texts; // by key of the definition
  std::map<std::string, std::optional<std::uint32_t>> numbers;
  std::optional<std::string> data_text, data_json, data_file;
  std::optional<std::string> unset; // keys, separated by commas
};

void add_job_options(CLI::App& app, job_options& into);
/// Of an edit.
void add_unset(CLI::App& app, job_options& into);

/// Puts what was given into a definition; keys that only fitted what they replace go. False when
/// the options are wrong, which is told.
bool put_options(context& at, const job_options& options, json& definition);

} // namespace skein::cli
