// Which agents get an event: the routes in force, matched at acceptance.
#pragma once

#include "actors/settings.hpp"
#include "journal/journal.hpp"

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace skein {

/// "*" matches any run, "?" one byte, anything else itself. Linear in text times stars.
bool glob_matches(std::string_view pattern, std::string_view text) noexcept;

/// As glob_matches, but a pattern with a wildcard never matches a type that begins "skein." other
/// than skein.message: what the engine says of itself goes only to those who name it.
bool type_matches(std::string_view pattern, std::string_view type) noexcept;

class route_table {
 public:
  struct route {
    std::string type, source, key; // "" = any
    agent_no agent{};
  };

  explicit route_table(std::vector<route> routes);

  /// Agents in order of their first matching route, each once. Fails with too_many_deliveries.
  result<journal::delivery_list> match(const event_head& head);

 private:
  journal::delivery_list match_all(const event_head& head, bool& overflow) const;

  std::vector<route> routes_;
  bool by_key_ = false; // some route looks at the key, so answers cannot be kept by (type, source)
  std::unordered_map<std::string, journal::delivery_list> known_;
};

} // namespace skein
