#include "actors/jobs/job_reading.hpp"

#include <algorithm>
#include <map>

namespace skein {

result<void> each_state(journal::reader& reader, agent_no agent, std::string after,
                        const std::string& before,
                        const std::function<void(const std::string&, const slice&)>& take) {
  for (bool more = true; more;) {
    auto page = reader.states(agent, after, before, limits::page_rows_max);
    if (!page)
      return page.error();
    for (const auto& [key, value] : page->states)
      take(key, value);
    more = page->more;
    if (!page->states.empty())
      after = page->states.back().first;
  }
  return {};
}

result<void> recover_jobs(journal::reader& reader, agent_no jobs, agent_no states, job_core& core) {
  std::map<std::string, slice> stands;
  auto done = each_state(reader, states, {}, {}, [&](const std::string& name, const slice& state) {
    stands.emplace(name, state);
  });
  if (!done)
    return done;
  core.recover_starts(stands["!node"].view());
  return each_state(reader, jobs, {}, {}, [&](const std::string& name, const slice& definition) {
    core.recover(name, definition.view(), stands[name].view());
  });
}

result<std::optional<journal::event_record>> find_run(journal::reader& reader,
                                                      const std::string& job, const std::string& id,
                                                      const std::optional<event_id>& event) {
  if (event)
    return reader.find(*event);
  journal::event_filter wanted{.source = job_source(job), .id = id, .limit = 1};
  while (true) {
    auto page = reader.list(wanted);
    if (!page)
      return page.error();
    if (!page->events.empty())
      return std::optional{std::move(page->events.front())};
    if (page->next == 0)
      return std::optional<journal::event_record>{};
    wanted.before = page->next; // the search has a budget: that none was found yet says nothing
  }
}

/// For a page of records: what one budget of the search does not find is left out of it.
std::optional<journal::event_record> glimpse_run(journal::reader& reader, const std::string& job,
                                                 const std::string& id) {
  auto page = reader.list({.source = job_source(job), .id = id, .limit = 1});
  if (!page || page->events.empty())
    return std::nullopt;
  return std::move(page->events.front());
}

job_records_in read_job_records(journal::reader& reader, agent_no records,
                                const read_records_effect& which) {
  job_records_in read;
  read.read = which.read;
  std::uint64_t first = which.first;
  if (const auto limit = which.wanted.limit())
    first = std::max(first, which.last - std::min<std::uint64_t>(which.last, *limit));
  record_choice wanted = which.wanted;
  const auto take = [&](const std::string&, const slice& value) {
    if (auto record = read_record(value.view()))
      wanted.offer(*std::move(record));
  };
  auto done =
      each_state(reader, records, record_key(which.job, first - std::min<std::uint64_t>(first, 1)),
                 record_key(which.job, which.last), take);
  if (!done) {
    read.records = done.error();
    return read;
  }
  std::vector<job_record> found = wanted.take();
  for (const job_record& each : found)
    if (each.has_run())
      if (const auto run = glimpse_run(reader, which.job, each.id))
        read.events[each.id] = {run->event, run->state()};
  read.records = std::move(found);
  return read;
}

} // namespace skein
