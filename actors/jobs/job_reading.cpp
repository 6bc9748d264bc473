#include "actors/jobs/job_reading.hpp"

#include <algorithm>
#include <map>

namespace skein {

namespace {

/// The event, and its box.
std::size_t forms_of_a_run(const run_places& places) { return places.outbox ? 2 : 1; }

} // namespace

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

bool run_places::is_box(const journal::event_record& record) const {
  return outbox && record.deliveries.size() == 1 && record.deliveries.front().agent == *outbox;
}

namespace {

/// Of the event and its box, the event.
std::optional<journal::event_record> better_of(const run_places& places,
                                               std::optional<journal::event_record> found,
                                               std::vector<journal::event_record>& more) {
  for (journal::event_record& each : more)
    if (!found || places.is_box(*found))
      found = std::move(each);
  return found;
}

/// For a page of records: what one budget of the search does not find is left out of it.
std::optional<journal::event_record> glimpse_run(journal::reader& reader, const run_places& places,
                                                 const std::string& job, const std::string& id) {
  auto page = reader.list({.source = job_source(job), .id = id, .limit = forms_of_a_run(places)});
  return page ? better_of(places, {}, page->events) : std::nullopt;
}

} // namespace

result<std::optional<journal::event_record>> find_run(journal::reader& reader,
                                                      const run_places& places,
                                                      const std::string& job, const std::string& id,
                                                      const std::optional<event_id>& event) {
  if (event)
    return reader.find(*event);
  journal::event_filter wanted{
      .source = job_source(job), .id = id, .limit = forms_of_a_run(places)};
  std::optional<journal::event_record> found;
  while (true) {
    auto page = reader.list(wanted);
    if (!page)
      return page.error();
    found = better_of(places, std::move(found), page->events);
    if ((found && !places.is_box(*found)) || page->next == 0)
      return found;
    wanted.before = page->next; // the search has a budget: that none was found yet says nothing
  }
}

job_records_in read_job_records(journal::reader& reader, const run_places& places,
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
  auto done = each_state(reader, places.records,
                         record_key(which.job, first - std::min<std::uint64_t>(first, 1)),
                         record_key(which.job, which.last), take);
  if (!done) {
    read.records = done.error();
    return read;
  }
  std::vector<job_record> found = wanted.take();
  for (const job_record& each : found)
    if (each.has_run())
      if (const auto run = glimpse_run(reader, places, which.job, each.id))
        read.events[each.id] = {run->event, run->state()};
  read.records = std::move(found);
  return read;
}

} // namespace skein
