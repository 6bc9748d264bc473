// Which jobs come after which. Pure, and cheap to ask: a run that ends asks for those behind it.
#pragma once

#include "actors/jobs/job_definition.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace skein {

class job_graph {
 public:
  /// The job is there, with this definition; one it had before is forgotten.
  void put(const job_definition& definition);
  void erase(const std::string& name);

  /// The jobs that this one comes after; none if it has a schedule of its own.
  const std::vector<std::string>& before(const std::string& name) const;
  /// The jobs that come after this one, by name.
  const std::set<std::string>& behind(const std::string& name) const;
  /// Whether it comes after the other one, also by way of others.
  bool comes_after(const std::string& name, const std::string& other) const;
  /// Whether all the jobs before this one go back to one and the same job: then the runs of one
  /// instant belong together.
  bool meets_by_instant(const std::string& name) const;
  /// Every upstream must be there, and none may come after the job itself: the cycle is named.
  result<void> check(const job_definition& definition) const;

 private:
  std::set<std::string> roots_of(const std::string& name) const;
  std::string cycle_through(const std::string& name, const after_schedule& after) const;

  std::map<std::string, std::vector<std::string>> before_; // of each job; none of most
  std::map<std::string, std::set<std::string>> behind_;    // only of those that have some
};

} // namespace skein
