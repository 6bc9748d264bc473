// The rules between keys, a function a kind of section. Each reports all that it finds and goes on.
#pragma once

#include "nodes/config/cluster_config.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>

namespace skein {

class route_table;

/// One section under the eyes of a rule.
class rule_context {
 public:
  rule_context(const configured_section& section, const config_surroundings& around,
               config_problems& problems)
    : section_{section}, around_{around}, problems_{problems} {}

  const configured_section& section() const { return section_; }
  const config_surroundings& around() const { return around_; }

  /// Whether a rule may look at the key: not refused already.
  bool usable(std::string_view key) const { return !section_[key].wrong; }
  bool given(std::string_view key) const { return section_[key].given; }

  void error(std::string_view key, std::string what, std::string legal) {
    add(problem_level::error, key, std::move(what), std::move(legal));
  }
  /// Of the section itself.
  void error(std::string what, std::string legal) {
    problems_.push_back(
        {problem_level::error, section_.at, section_.title(), std::move(what), std::move(legal)});
  }
  void warning(std::string_view key, std::string what, std::string legal) {
    add(problem_level::warning, key, std::move(what), std::move(legal));
  }

 private:
  void add(problem_level level, std::string_view key, std::string what, std::string legal) {
    problems_.push_back({level, section_[key].at, fmt::format("{} {}", section_.title(), key),
                         std::move(what), std::move(legal)});
  }

  const configured_section& section_;
  const config_surroundings& around_;
  config_problems& problems_;
};

/// 1 to 64 letters, digits, '-' and '_', beginning with a letter or digit: names stand in ids,
/// paths and metrics.
bool is_legal_name(std::string_view name);
std::string_view legal_name_text();

void check_cluster(rule_context context, cluster_config& out);
/// Reads the files, for what is wrong with them.
void check_tls(rule_context context, cluster_config& out);
/// Behind check_tls. Looks at all nodes together too: names, addresses and folders are their own.
void check_nodes(const config_values& values, const config_surroundings& around,
                 cluster_config& out, config_problems& problems);
/// Sets `pure` of echo and noop agents that do not say.
void check_agents(config_values& values, const config_surroundings& around, cluster_config& out,
                  config_problems& problems);
void check_routes(const config_values& values, const config_surroundings& around,
                  cluster_config& out, config_problems& problems);

/// Of routes that were checked; agents are numbered as they come.
route_table table_of(const std::vector<route_settings>& routes);

/// Fills in what depends on other keys, for `config show`.
void check_jobs(config_values& values, const config_surroundings& around, cluster_config& out,
                config_problems& problems);

/// "did you mean "Europe/Berlin"?", or how names look.
std::string legal_zone_text(std::string_view read);

} // namespace skein
