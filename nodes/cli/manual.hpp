// The pages of the manual, made of the table of commands, their options and the declared keys of
// the configuration: nothing is written twice.
#pragma once

#include <string>
#include <vector>

namespace skein::cli {

struct manual_page {
  std::string name; // "skein-job"
  char section;     // '1' or '5'
  std::string text; // roff

  /// "skein-job.1"
  std::string file() const { return name + '.' + section; }
};

/// skein(1), a page for each first word of the commands, and cluster.toml(5).
std::vector<manual_page> manual_pages();

/// cluster.toml(5)
manual_page manual_of_config();

} // namespace skein::cli
