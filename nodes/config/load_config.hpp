// From a file to a checked configuration, or to everything that is wrong with it.
#pragma once

#include "nodes/config/cluster_config.hpp"
#include "protocol/result.hpp"

#include <string>
#include <string_view>

namespace skein {

struct loaded_config {
  std::string file; // as named by the user
  config_values values;
  cluster_config config;    // meaningful if ok()
  config_problems problems; // by place; warnings too
  bool is_read = true;      // else there is one problem, the file

  bool ok() const { return !has_errors(problems); }
};

/// `file` only names the text in errors.
loaded_config load_config(std::string_view text, std::string file,
                          const config_surroundings& around);

/// A file that cannot be read is one of the problems. Looks at the working directory and PATH.
/// `text`, if given, gets what stands in it.
loaded_config load_config_file(const std::string& file, std::string* text = nullptr);

/// What the rules look up, as of this process.
config_surroundings own_surroundings();

/// Every problem on a line of its own.
std::string problem_lines(const loaded_config& loaded);

} // namespace skein
