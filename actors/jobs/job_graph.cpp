#include "actors/jobs/job_graph.hpp"

#include <functional>

namespace skein {

namespace {

std::vector<std::string> names_of(const after_schedule& after) {
  std::vector<std::string> names;
  for (const auto& each : after.jobs)
    names.push_back(each.job);
  return names;
}

} // namespace

void job_graph::put(const job_definition& definition) {
  erase(definition.name);
  auto& before = before_[definition.name];
  if (const auto* after = std::get_if<after_schedule>(&definition.schedule))
    before = names_of(*after);
  for (const std::string& each : before)
    behind_[each].insert(definition.name);
}

void job_graph::erase(const std::string& name) {
  const auto gone = before_.extract(name);
  if (gone.empty())
    return;
  for (const std::string& each : gone.mapped())
    if (const auto found = behind_.find(each); found != behind_.end()) {
      found->second.erase(name);
      if (found->second.empty())
        behind_.erase(found);
    }
}

const std::vector<std::string>& job_graph::before(const std::string& name) const {
  static const std::vector<std::string> none;
  const auto found = before_.find(name);
  return found == before_.end() ? none : found->second;
}

const std::set<std::string>& job_graph::behind(const std::string& name) const {
  static const std::set<std::string> none;
  const auto found = behind_.find(name);
  return found == behind_.end() ? none : found->second;
}

bool job_graph::meets_by_instant(const std::string& name) const {
  return roots_of(name).size() == 1;
}

/// The jobs with a schedule of their own that this one goes back to.
std::set<std::string> job_graph::roots_of(const std::string& name) const {
  std::set<std::string> roots, seen;
  std::vector<std::string> next{name};
  while (!next.empty()) {
    const std::string each = std::move(next.back());
    next.pop_back();
    if (!seen.insert(each).second)
      continue;
    const auto found = before_.find(each);
    if (found == before_.end() || found->second.empty())
      roots.insert(each);
    else
      next.insert(next.end(), found->second.begin(), found->second.end());
  }
  return roots;
}

result<void> job_graph::check(const job_definition& definition) const {
  const auto* after = std::get_if<after_schedule>(&definition.schedule);
  if (after == nullptr)
    return {};
  for (const auto& up : after->jobs)
    if (up.job != definition.name && !before_.contains(up.job))
      return error{errc::invalid_argument, "after: there is no job " + up.job};
  if (const std::string cycle = cycle_through(definition.name, *after); !cycle.empty())
    return error{errc::invalid_argument, "after: it would come after itself: " + cycle};
  return {};
}

bool job_graph::comes_after(const std::string& name, const std::string& other) const {
  std::set<std::string> seen;
  std::vector<std::string> next{before(name)};
  while (!next.empty()) {
    const std::string each = std::move(next.back());
    next.pop_back();
    if (each == other)
      return true;
    if (seen.insert(each).second)
      next.insert(next.end(), before(each).begin(), before(each).end());
  }
  return false;
}

/// "a -> b -> a", or empty.
std::string job_graph::cycle_through(const std::string& name, const after_schedule& after) const {
  std::vector<std::string> path{name};
  std::set<std::string> seen;
  const std::function<bool(const std::vector<std::string>&)> walk = [&](const auto& before) {
    for (const std::string& each : before) {
      path.push_back(each);
      if (each == name)
        return true;
      const auto found = before_.find(each);
      if (found != before_.end() && seen.insert(each).second && walk(found->second))
        return true;
      path.pop_back();
    }
    return false;
  };
  if (!walk(names_of(after)))
    return {};
  std::string text;
  for (auto each = path.rbegin(); each != path.rend(); ++each)
    text += (text.empty() ? "" : " -> ") + *each;
  return text;
}

} // namespace skein
