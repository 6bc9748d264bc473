#include "actors/route_table.hpp"

#include <algorithm>

namespace skein {

namespace {

constexpr std::size_t known_max = 10'000; // remembered (type, source) pairs; then start anew

bool any(std::string_view pattern) noexcept { return pattern.empty() || pattern == "*"; }

} // namespace

bool glob_matches(std::string_view pattern, std::string_view text) noexcept {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p, ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

bool type_matches(std::string_view pattern, std::string_view type) noexcept {
  const bool wild = pattern.empty() || pattern.find_first_of("*?") != std::string_view::npos;
  if (wild && type.starts_with("skein.") && type != "skein.message")
    return false;
  return any(pattern) || glob_matches(pattern, type);
}

route_table::route_table(std::vector<route> routes) : routes_{std::move(routes)} {
  by_key_ = std::any_of(routes_.begin(), routes_.end(), [](const route& r) { return !any(r.key); });
}

result<journal::delivery_list> route_table::match(const event_head& head) {
  bool overflow = false;
  if (by_key_) {
    auto agents = match_all(head, overflow);
    if (overflow)
      return errc::too_many_deliveries;
    return agents;
  }
  thread_local std::string pair;
  pair.assign(head.type).append(1, '\0').append(head.source);
  if (const auto found = known_.find(pair); found != known_.end())
    return found->second;
  auto agents = match_all(head, overflow);
  if (overflow)
    return errc::too_many_deliveries;
  if (known_.size() >= known_max)
    known_.clear();
  known_.emplace(pair, agents);
  return agents;
}

journal::delivery_list route_table::match_all(const event_head& head, bool& overflow) const {
  journal::delivery_list agents;
  for (const route& each : routes_) {
    if (!type_matches(each.type, head.type) ||
        !(any(each.source) || glob_matches(each.source, head.source)) ||
        !(any(each.key) || glob_matches(each.key, head.key)))
      continue;
    if (std::find(agents.begin(), agents.end(), each.agent) != agents.end())
      continue;
    if (agents.size() == limits::deliveries_per_event_max) {
      overflow = true;
      break;
    }
    agents.add(each.agent);
  }
  return agents;
}

} // namespace skein
