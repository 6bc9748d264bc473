#include "tests/actors/jobs/job_world.hpp"

#include "nodes/clock/time_zones.hpp"

#include <catch2/catch.hpp>

namespace skein::test {

using nlohmann::json;

namespace {

template <class T>
T must(result<T> given) {
  if (!given)
    FAIL(to_string(given.error()));
  return *std::move(given);
}
void must(const result<void>& given) {
  if (!given)
    FAIL(to_string(given.error()));
}

} // namespace

json every(const char* period, json more) {
  more["every"] = period;
  more["agent"] = "bot";
  return more;
}

json after(const std::vector<std::string>& jobs, json more) {
  more["after"] = jobs;
  more["agent"] = "bot";
  return more;
}

job_world::job_world() {
  journal::open_options options;
  options.now = now_.wall;
  engine_ = must(journal::open("memory:", options));
  must(engine_->recover([](const journal::pending_event&) {}));
  bot_ = must(engine_->agent_number("bot"));
  jobs_ = must(engine_->agent_number(jobs_agent));
  states_ = must(engine_->agent_number(job_states_agent));
  records_ = must(engine_->agent_number(job_records_agent));
  audit_ = must(engine_->agent_number(audit_agent));
  open();
}
job_world::~job_world() = default;

instant job_world::at(const std::string& text) {
  const auto read = parse_rfc3339("2026-" + text + "Z");
  REQUIRE(read);
  return *read;
}

const zone_rules* job_world::zone(std::string_view name) {
  const auto found = find_zone(name);
  return found ? *found : nullptr;
}

job_surroundings job_world::around() { return {zone, "UTC", {"bot"}}; }

void job_world::open() {
  job_settings settings;
  settings.epoch = static_cast<epoch_no>(engine_->identity().boot);
  settings.hash = engine_->identity().hash;
  settings.agent_names = engine_->agent_names();
  settings.routes = {{"routed", "", "", bot_}};
  settings.around = around();
  settings.around.agents = agents_;
  settings.jobs_agent = jobs_;
  settings.states_agent = states_;
  settings.records_agent = records_;
  settings.audit_agent = audit_;
  settings.node = "n1";
  settings.of_file = of_file_;
  settings.unclean = unclean_;
  core_ = std::make_unique<job_core>(std::move(settings));
  std::map<std::string, std::string> state;
  for (const auto& [name, value] : states(states_, "", ""))
    state[name] = std::string{value.view()};
  for (const auto& [name, value] : states(jobs_, "", ""))
    core_->recover(name, value.view(), state[name]);
  core_->recover_starts(state["!node"]);
  std::vector<job_effect> effects;
  core_->start(now_, effects);
  perform(effects);
}

void job_world::restart(bool clean) {
  held_.clear();
  watched_.clear();
  unclean_ = !clean;
  open();
}

void job_world::stop_starting() {
  std::vector<job_effect> effects;
  core_->step(stop_starting_in{}, now_, effects);
  perform(effects);
}

void job_world::reload() {
  job_file_in changed;
  changed.of_file = of_file_;
  changed.agent_names = engine_->agent_names();
  changed.agents = agents_;
  changed.routes = {{"routed", "", "", bot_}};
  std::vector<job_effect> effects;
  core_->step(std::move(changed), now_, effects);
  perform(effects);
}

std::size_t job_world::timers() const {
  return static_cast<std::size_t>(
      std::count_if(wakes_.begin(), wakes_.end(), [this](boot_time at) { return at > now_.boot; }));
}

std::size_t job_world::looks_in(duration time) {
  std::size_t looks = 0;
  for (const boot_time end = now_.boot + time; wake_ && *wake_ <= end && looks < 1'000; ++looks) {
    const duration step = std::max<duration>(*wake_ - now_.boot, duration{0});
    now_ = {now_.wall + step, now_.boot + step};
    tick();
  }
  return looks;
}

void job_world::tick() {
  std::vector<job_effect> effects;
  core_->step(tick_in{}, now_, effects);
  perform(effects);
}

void job_world::run_until(instant end) {
  while (now_.wall < end) {
    duration step = std::min<duration>(end - now_.wall, std::chrono::seconds{1});
    if (wake_ && *wake_ > now_.boot)
      step = std::min<duration>(
          std::max<duration>(*wake_ - now_.boot, std::chrono::milliseconds{1}), end - now_.wall);
    now_ = {now_.wall + step, now_.boot + step};
    tick();
  }
}

bool job_world::is_there(const std::string& id) {
  return !must(must(engine_->new_reader())->list({.id = id, .limit = 1})).events.empty();
}

std::size_t job_world::stand_still(duration time) {
  std::size_t looks = 0;
  for (const boot_time end = now_.boot + time; wake_ && *wake_ < end; ++looks) {
    now_.boot = std::max(*wake_, now_.boot + duration{1});
    tick();
  }
  return looks;
}

void job_world::perform(std::vector<job_effect>& effects) {
  std::vector<job_ended_in> gone; // of runs that the journal does not know when it is looked up
  for (job_effect& each : effects) {
    if (auto* submit = std::get_if<submit_effect>(&each)) {
      commits.push_back(std::get<journal::keep_op>(submit->batch.front()).states.size());
      held_.push_back(std::move(submit->batch));
    } else if (auto* told = std::get_if<job_answer_effect>(&each))
      answers_[told->ticket] = std::move(told->answer);
    else if (auto* watch = std::get_if<watch_run_effect>(&each))
      is_there(watch->id)
          ? void(watched_[watch->id] = watch->job)
          : gone.push_back({watch->job, watch->id, delivery_state::purged, {}, false});
    else if (auto* cancel = std::get_if<cancel_run_effect>(&each))
      cancelled.push_back(cancel->id);
    else if (auto* read = std::get_if<read_records_effect>(&each))
      holds_reads ? held_reads_.push_back(*read) : read_records(*read);
    else if (auto* wake = std::get_if<wake_effect>(&each))
      wakes_.push_back(*(wake_ = wake->at));
    else if (auto* line = std::get_if<log_effect>(&each))
      log.push_back(std::string{line->id} + ": " + line->text);
  }
  while (!holds_commits && !held_.empty())
    commit_one();
  for (job_ended_in& each : gone) {
    std::vector<job_effect> more;
    core_->step(std::move(each), now_, more);
    perform(more);
  }
}

void job_world::commit_one() {
  REQUIRE(!held_.empty());
  auto batch = std::move(held_.front());
  held_.pop_front();
  committed_in input;
  if (refuses != errc::none)
    input.receipt = refuses;
  else
    input.receipt = engine_->commit(batch, now_.wall);
  input.batch = std::move(batch);
  std::vector<job_effect> effects;
  core_->step(std::move(input), now_, effects);
  perform(effects);
}

json job_world::ask(const std::string& operation, json arguments) {
  std::vector<job_effect> effects;
  const std::uint64_t ticket = ++ticket_;
  core_->step(job_command_in{ticket, operation, arguments.dump(), by}, now_, effects);
  perform(effects);
  return answer_of_last();
}

std::vector<audit_record> job_world::audit() {
  std::vector<audit_record> all;
  for (const auto& [key, value] : states(audit_, "/", ""))
    all.push_back(*read_audit(value.view()));
  return all;
}

json job_world::answer_of_last() const {
  const auto found = answers_.find(ticket_);
  if (found == answers_.end())
    return nullptr;
  if (found->second.code != errc::none)
    return {{"code", slug(found->second.code)}, {"detail", found->second.body}};
  return json::parse(found->second.body);
}

std::vector<std::string> job_world::running(const std::string& job) const {
  std::vector<std::string> ids;
  for (const auto& [id, of] : watched_)
    if (of == job)
      ids.push_back(id);
  return ids;
}

void job_world::end(const std::string& id, delivery_state state, const std::string& reply) {
  const auto found = watched_.extract(id);
  REQUIRE_FALSE(found.empty());
  std::vector<job_effect> effects;
  core_->step(job_ended_in{found.mapped(), id, state, reply, true}, now_, effects);
  perform(effects);
}

void job_world::end_all() {
  while (!watched_.empty())
    end(watched_.begin()->first);
}

std::vector<std::pair<std::string, slice>>
job_world::states(agent_no agent, const std::string& after, const std::string& before) {
  auto reader = must(engine_->new_reader());
  std::vector<std::pair<std::string, slice>> all;
  std::string from = after;
  for (bool more = true; more;) {
    auto page = must(reader->states(agent, from, before, 100));
    for (auto& each : page.states)
      all.push_back(std::move(each));
    more = page.more;
    from = all.empty() ? from : all.back().first;
  }
  return all;
}

std::vector<job_record> job_world::ledger(const std::string& job) {
  std::vector<job_record> all;
  for (const auto& [key, value] : states(records_, job + "/", job + "0")) {
    const auto record = read_record(value.view());
    REQUIRE(record);
    all.push_back(*record);
  }
  for (const auto& [name, value] : states(states_, "", ""))
    if (name == job)
      if (const json state = json::parse(value.view()); state.contains("open"))
        all.push_back(*read_record(state["open"].dump()));
  return all;
}

std::vector<std::string> job_world::records(const std::string& job) {
  std::vector<std::string> lines;
  const auto clock = [](instant when) { return format_rfc3339(when).substr(11, 8); };
  for (const job_record& each : ledger(job)) {
    std::string line = std::string{to_text(each.kind)} + " " + clock(each.from);
    if (each.count > 1)
      line += ".." + clock(each.to) + " x" + std::to_string(each.count);
    if (!each.why.empty())
      line += ": " + each.why;
    lines.push_back(std::move(line));
  }
  return lines;
}

std::size_t job_world::instants_in_ledger(const std::string& job, const job_schedule& schedule,
                                          instant from, instant to) {
  const auto all = ledger(job);
  std::size_t counted = 0;
  for (const job_record& each : all)
    if (is_due_record(each.kind)) {
      const auto within = schedule.between(each.from - duration{1}, each.to, 1'000'000);
      REQUIRE(within);
      REQUIRE(within->count == each.count);
    }
  for (auto due = schedule.next(from); due && *due <= to; due = schedule.next(*due)) {
    std::size_t in = 0;
    for (const job_record& each : all)
      in += is_due_record(each.kind) && each.from <= *due && *due <= each.to ? 1u : 0u;
    INFO(format_rfc3339(*due));
    REQUIRE(in <= 1);
    counted += in;
  }
  return counted;
}

std::vector<std::string> job_world::events(const std::string& job) {
  auto reader = must(engine_->new_reader());
  const auto page = must(reader->list({.source = job_source(job), .limit = 1'000}));
  std::vector<std::string> ids;
  for (const auto& each : page.events)
    ids.insert(ids.begin(), std::string{read_head(each.body.view()).id});
  return ids;
}

event job_world::event_of(const std::string& id) {
  auto reader = must(engine_->new_reader());
  const auto page = must(reader->list({.id = id, .limit = 1}));
  REQUIRE(page.events.size() == 1);
  return must(decode_event(page.events.front().body.view()));
}

void job_world::read_held() {
  holds_reads = false;
  for (const read_records_effect& each : std::exchange(held_reads_, {}))
    read_records(each);
}

void job_world::read_records(const read_records_effect& effect) {
  job_records_in input;
  input.read = effect.read;
  record_choice wanted = effect.wanted;
  for (const auto& [key, value] : states(records_, record_key(effect.job, effect.first - 1),
                                         record_key(effect.job, effect.last)))
    wanted.offer(*read_record(value.view()));
  std::vector<job_record> all = wanted.take();
  auto reader = must(engine_->new_reader());
  for (const job_record& each : all)
    if (!each.id.empty())
      for (const auto& found : must(reader->list({.id = each.id, .limit = 1})).events)
        input.events[each.id] = {found.event, found.state()};
  input.records = std::move(all);
  std::vector<job_effect> effects;
  core_->step(std::move(input), now_, effects);
  perform(effects);
}

} // namespace skein::test
