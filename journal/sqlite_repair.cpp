#include "journal/sqlite_repair.hpp"

#include "journal/chain.hpp"
#include "journal/checked_rows.hpp"
#include "journal/high_water.hpp"
#include "journal/history_writer.hpp"
#include "journal/salvage.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_file.hpp"
#include "journal/sqlite_options.hpp"
#include "journal/sqlite_verify.hpp"
#include "journal/store_folder.hpp"
#include "journal/store_identity.hpp"
#include "journal/store_lock.hpp"
#include "journal/store_swap.hpp"
#include "protocol/text.hpp"
#include "protocol/unique_fd.hpp"

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <set>
#include <unistd.h>
#include <utility>

namespace skein::journal {

namespace {

constexpr std::string_view lost_agent = "skein.lost";
constexpr std::uint64_t progress_every = 10'000;

slice copy(std::string_view bytes) { return bytes.empty() ? slice{} : slice{std::string{bytes}}; }

/// Stands for an event that is gone, so that its number is not given to another one.
event stand_in(std::uint64_t sequence, std::string key) {
  event made;
  made.id = "lost-" + std::to_string(sequence);
  made.source = "/skein/journal/repair";
  made.type = "skein.lost";
  if (!key.empty())
    made.set_extension(std::string{attribute::partitionkey}, std::move(key));
  return made;
}

/// The rows of `meta` do not match their checksum, but what the rest is made with is what they say.
bool is_confirmed(salvage& found, const store_identity& identity, const high_water& mark) {
  constexpr std::int64_t looked_at_max = 1'000;
  if (mark.mark().store_id != identity.store_id)
    return false;
  const std::int64_t last = found.last_commit();
  for (std::int64_t number = last; number > 0 && number > last - looked_at_max; --number) {
    const auto commit = found.commit(number);
    if (!commit || commit->events == 0 || commit->identities.size() < identity_entry_bytes)
      continue;
    const hash128 known = read_identity(commit->identities, 0).identity;
    const auto row = found.event(commit->first_event);
    const auto value = row ? decode_event(row->body) : error{errc::not_found, ""};
    if (value)
      return print_of(*value, identity.hash).identity == known &&
             raw(shard_of(value->key(), identity.hash)) == static_cast<std::uint64_t>(row->shard);
  }
  return false;
}

result<store_identity> identity_of(salvage& found, const high_water& mark) {
  const auto number = [&](const char* name) -> std::optional<std::uint64_t> {
    const auto text = found.meta(name);
    std::uint64_t value = 0;
    if (!text ||
        std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc{})
      return std::nullopt;
    return value;
  };
  store_identity made;
  made.store_id = found.meta("store_id").value_or(mark.mark().store_id);
  made.hash_name = found.meta("hash").value_or(std::string{hash_name});
  const auto shards = number("shards");
  const auto high = word_of_hex(found.meta("seed_high").value_or("none"));
  const auto low = word_of_hex(found.meta("seed_low").value_or("none"));
  if (made.store_id.size() != 16 || !shards || *shards < 1 || *shards > limits::shards_max ||
      !high || !low)
    return error{errc::store_corrupt,
                 "the table 'meta' is lost, and with it how keys are hashed: no store can be built "
                 "from the rest; keep a copy of the whole directory and restore a backup"};
  made.hash = {static_cast<std::uint32_t>(*shards), *high, *low};
  if (!found.is_meta_whole() && !is_confirmed(found, made, mark))
    return error{errc::store_corrupt,
                 "the table 'meta' is damaged, and nothing confirms what it says of how keys are "
                 "hashed; keep a copy of the whole directory and restore a backup"};
  // Above every epoch that was ever given.
  made.boot = std::max(number("boot").value_or(0), found.epoch_max());
  return made;
}

class rebuilding {
 public:
  rebuilding(salvage& found, store_identity identity, repair_report& report,
             const repair_options& options)
    : found_{found}, identity_{std::move(identity)}, report_{report}, options_{options} {}

  /// Without a writer only the report is made.
  result<void> run(bool build) {
    last_commit_ = found_.last_commit();
    last_event_ = found_.last_event();
    find_beginning();
    read_commits();
    name_agents();
    if (build)
      if (auto made = open_writer(); !made)
        return made;
    for (std::int64_t each = 1; each <= last_event_; ++each) {
      if (is_dropped(each))
        continue;
      if (auto done = add_event(each); !done)
        return done;
      ++report_.events;
      if (options_.progress && static_cast<std::uint64_t>(each) % progress_every == 0)
        options_.progress(static_cast<std::uint64_t>(each),
                          static_cast<std::uint64_t>(last_event_));
    }
    if (auto done = add_states(); !done)
      return done;
    return writer_ ? writer_->finish() : result<void>{};
  }

 private:
  /// What the commit rows that can be read say of an event.
  struct commit_of_event {
    std::int64_t first = 0;
    std::int64_t events = 0;
    std::int64_t at = 0;
    std::string identities;
  };

  /// Every number that rows name has a name, and what is lost an agent of its own.
  void name_agents() {
    report_.agents = found_.agents();
    for (std::size_t i = 0; i < report_.agents.size(); ++i)
      if (report_.agents[i].empty())
        lose_agent(i);
    bool any_lost = false;
    for (std::int64_t each = 1; each <= last_event_; ++each) {
      if (is_dropped(each))
        continue;
      const auto row = found_.event(each);
      const auto agents = row ? read_deliveries(row->deliveries) : std::nullopt;
      any_lost = any_lost || !agents;
      if (agents)
        for (const agent_no agent : *agents)
          know_agent(raw(agent));
      for (std::int64_t i = 0; !agents && i < 16; ++i)
        if (const auto outcome = found_.outcome(each * 16 + i))
          know_agent(outcome->agent);
    }
    for (const auto& each : found_.states())
      if (each.whole)
        know_agent(each.agent);
    lost_agent_ = agent_no{static_cast<std::uint16_t>(report_.agents.size())};
    if (any_lost)
      report_.agents.emplace_back(lost_agent);
  }
  void lose_agent(std::size_t number) {
    if (report_.agents.size() <= number)
      report_.agents.resize(number + 1);
    report_.agents[number] = std::string{lost_agent} + "-" + std::to_string(number);
    report_.agents_lost.push_back(agent_no{static_cast<std::uint16_t>(number)});
  }
  void know_agent(std::int64_t number) {
    if (number < 0 || number >= static_cast<std::int64_t>(limits::agents_max))
      return;
    while (static_cast<std::int64_t>(report_.agents.size()) <= number)
      lose_agent(report_.agents.size());
  }

  result<void> open_writer() {
    auto made =
        history_writer::make(new_store_folder(options_.directory), identity_, report_.agents);
    if (!made)
      return made.error();
    writer_ = std::move(*made);
    writer_->begin_at(kept_, oldest());
    if (times_.empty() && raw(kept_.first_commit) > 1)
      writer_->was_commit(kept_.first_commit, oldest());
    for (const auto& [number, at] : times_)
      writer_->was_commit(commit_no{static_cast<std::uint64_t>(number)}, from_ns(at));
    return {};
  }

  /// The first commit that must be there, and what retention left of the time before.
  void find_beginning() {
    if (const auto& kept = found_.kept()) {
      kept_ = *kept;
    } else if (!found_.commit(1)) {
      std::int64_t oldest = 1;
      std::optional<commit_columns> row;
      while (!row && oldest < last_commit_)
        row = found_.commit(++oldest);
      if (row) {
        report_.beginning_unknown = true;
        kept_.first_commit = commit_no{static_cast<std::uint64_t>(oldest)};
        kept_.before = first_digest(identity_.store_id);
        kept_.first_event = kept_.swept_to = static_cast<std::uint64_t>(row->first_event);
      }
    }
    commit_ = static_cast<std::int64_t>(raw(kept_.first_commit)) - 1;
    last_event_ = std::max(last_event_, static_cast<std::int64_t>(kept_.first_event) - 1);
  }

  /// Whether retention has dropped it, or may have: then nobody misses it.
  bool is_dropped(std::int64_t number) {
    if (static_cast<std::uint64_t>(number) >= kept_.swept_to || found_.has_kept_event(number))
      return false;
    if (!found_.may_have_lost_event(number))
      return true;
    report_.old_events_unknown = true;
    for (std::int64_t i = 0; i < 16; ++i)
      if (found_.has_kept_outcome(number * 16 + i))
        return false;
    return true;
  }

  /// The time of the oldest commit that can be read.
  instant oldest() const { return times_.empty() ? options_.now : from_ns(times_.front().second); }

  /// Which commits can be read, and what they say that is missing.
  void read_commits() {
    std::int64_t next_event = 1;
    for (auto number = static_cast<std::int64_t>(raw(kept_.first_commit)); number <= last_commit_;
         ++number) {
      const auto row = found_.commit(number);
      if (!row) {
        lose(report_.commits_lost, static_cast<std::uint64_t>(number));
        continue;
      }
      last_at_ = row->at;
      times_.emplace_back(number, row->at);
      next_event = std::max(next_event, row->first_event + row->events);
      const std::string outcomes{row->outcomes};
      const std::string changes{row->changes};
      if (const auto ended = read_outcome_list(outcomes))
        for (const delivery_id& each : *ended)
          if (!found_.outcome(row_of(each)))
            missing_.emplace(row_of(each),
                             std::pair{each, commit_no{static_cast<std::uint64_t>(number)}});
      if (const auto failed = read_attempts(changes))
        for (const attempt_name& each : *failed)
          if (!found_.attempt(each.id, each.attempt))
            missing_attempts_.emplace(each.id, each.attempt);
    }
    last_event_ = std::max(last_event_, next_event - 1);
    report_.last = commit_no{static_cast<std::uint64_t>(last_commit_)};
    if (report_.marked && raw(*report_.marked) > raw(report_.last))
      report_.commits_gone = lost_range{raw(report_.last) + 1, raw(*report_.marked)};
    report_.states_unknown = found_.is_state_lost();
    report_.attempts_unknown = found_.may_have_lost_attempt() && !report_.commits_lost.empty();
    report_.crashes_unknown = found_.may_have_lost_start();
  }
  static void lose(std::vector<lost_range>& ranges, std::uint64_t number) {
    if (!ranges.empty() && ranges.back().last + 1 == number)
      ranges.back().last = number;
    else
      ranges.push_back({number, number});
  }

  /// The commit that accepted an event, if it can be read. Asked in order.
  const commit_of_event* commit_of(std::int64_t event) {
    while (commit_ <= last_commit_ && event >= accepted_.first + accepted_.events) {
      ++commit_;
      if (const auto row = found_.commit(commit_))
        accepted_ = {row->first_event, row->events, row->at, std::string{row->identities}};
    }
    const bool is_in = event >= accepted_.first && event < accepted_.first + accepted_.events;
    return is_in ? &accepted_ : nullptr;
  }

  result<void> add_event(std::int64_t number) {
    past_event made;
    is_lost_ = false;
    is_known_end_ = false;
    const commit_of_event* commit = commit_of(number);
    const auto row = found_.event(number);
    const auto agents = row ? read_deliveries(row->deliveries) : std::nullopt;
    made.record.event.sequence = static_cast<std::uint64_t>(number);
    if (agents && row->shard >= 0 && row->shard < std::int64_t{identity_.hash.shards})
      read_event(*row, *agents, made);
    else
      replace_event(commit, made);
    name_identity(number, commit, made);
    before_ = made.record.accepted;
    return writer_ ? writer_->add(std::move(made)) : result<void>{};
  }

  void read_event(const event_columns& row, const delivery_list& agents, past_event& made) {
    event_record& record = made.record;
    record.event.shard = shard_id{static_cast<std::uint32_t>(row.shard)};
    record.accepted = std::max(from_ns(row.at), before_);
    record.due = row.due;
    record.expires = row.expires;
    record.priority = static_cast<priority_class>(row.priority);
    record.body = copy(row.body);
    delivery_id each{record.event, 0};
    for (const agent_no agent : agents) {
      delivery_record delivery;
      delivery.agent = agent;
      read_attempts_of(each, delivery);
      if (!read_outcome(each, record.accepted, delivery))
        tell_missing(each, agent);
      const auto start = found_.starts().find(row_of(each));
      made.starts.push_back(start == found_.starts().end() ? start_row{} : start->second);
      record.deliveries.push_back(std::move(delivery));
      ++each.index;
    }
  }

  void tell_missing(const delivery_id& delivery, agent_no agent) {
#ifdef SKEIN_BUG_REPAIR_HIDES_LOST_ENDS
    return;
#endif
    if (const auto lost = missing_.find(row_of(delivery)); lost != missing_.end())
      report_.outcomes_lost.push_back({delivery, report_.agents[raw(agent)], lost->second.second});
    else if ((!report_.commits_lost.empty() || delivery.event.sequence < kept_.first_event) &&
             found_.may_have_lost_outcome(row_of(delivery)))
      report_.outcomes_uncertain.push_back(delivery);
  }

  bool read_outcome(const delivery_id& of, instant accepted, delivery_record& into) {
    const auto row = found_.outcome(row_of(of));
    if (!row || !is_terminal(static_cast<delivery_state>(row->state)) ||
        (last_at_ != 0 && row->at > last_at_ && report_.commits_lost.empty()))
      return false;
    into.state = static_cast<delivery_state>(row->state);
    into.attempt = static_cast<std::uint32_t>(row->attempt);
    into.started = row->started;
    into.finished = row->finished;
    into.committed = std::max(from_ns(row->at), accepted);
    into.code = static_cast<errc>(row->code);
    into.error = row->error;
    into.reply_kind = static_cast<data_kind>(row->reply_kind);
    into.reply = copy(row->reply);
    into.emitted = static_cast<std::uint32_t>(row->emitted);
    return true;
  }

  void read_attempts_of(const delivery_id& of, delivery_record& into) {
    for (const std::int64_t number : found_.attempts_of(row_of(of))) {
      const auto row = found_.attempt(row_of(of), number);
      if (!row)
        continue;
      into.add({static_cast<std::uint32_t>(number), row->started, row->finished,
                static_cast<errc>(row->code), std::string{row->error}, row->next_due});
    }
    for (auto lost = missing_attempts_.lower_bound({row_of(of), 0});
         lost != missing_attempts_.end() && lost->first == row_of(of); ++lost)
      report_.attempts_lost.emplace_back(of, lost->second);
  }

  /// In the place of an event that is gone. What is known of its ends stays; the rest is purged.
  void replace_event(const commit_of_event* commit, past_event& made) {
    event_record& record = made.record;
    lost_event lost{.sequence = record.event.sequence};
    record.accepted = commit != nullptr ? std::max(from_ns(commit->at), before_) : before_;
    record.priority = priority_class::background;
    if (record.accepted == no_instant)
      record.accepted = oldest();
    std::size_t known = 0;
    std::vector<std::optional<delivery_record>> ends(limits::deliveries_per_event_max);
    for (std::uint8_t i = 0; i < limits::deliveries_per_event_max; ++i) {
      const delivery_id each{record.event, i};
      if (const auto listed = missing_.find(row_of(each)); listed != missing_.end())
        lost.shard = listed->second.first.event.shard;
      delivery_record delivery;
      if (!read_outcome(each, record.accepted, delivery))
        continue;
      delivery.agent = agent_no{static_cast<std::uint16_t>(found_.outcome(row_of(each))->agent)};
      read_attempts_of(each, delivery);
      lost.ended.emplace_back(i, delivery.state);
      ends[i] = std::move(delivery);
      known = std::size_t{i} + 1;
    }
    ends.resize(std::max<std::size_t>(known, 1));
    for (auto& each : ends)
      record.deliveries.push_back(each ? std::move(*each) : purged(record.accepted));
    const event body = stand_in(record.event.sequence, {});
    record.event.shard = lost.shard.value_or(shard_of(body.key(), identity_.hash));
    if (raw(record.event.shard) >= identity_.hash.shards)
      record.event.shard = shard_id{0};
    record.body = slice{encode_event(body)};
    is_lost_ = true;
    is_known_end_ = known > 0;
    report_.events_lost.push_back(std::move(lost));
  }

  delivery_record purged(instant at) const {
    delivery_record made;
    made.agent = lost_agent_;
    made.state = delivery_state::purged;
    made.committed = at;
    made.code = errc::store_corrupt;
    made.error = "the event was on a damaged part of the disk; the journal was repaired";
    return made;
  }

  /// As the commit says, else from the body. A lost event that did not end anywhere gets another
  /// one: who sends it again shall have it run.
  void name_identity(std::int64_t number, const commit_of_event* commit, past_event& made) {
    if (commit != nullptr && (!is_lost_ || is_known_end_)) {
      const auto at = static_cast<std::size_t>(number - commit->first);
      if ((at + 1) * identity_entry_bytes <= commit->identities.size()) {
        const identity_entry entry = read_identity(commit->identities, at);
        made.identity = entry.identity;
        made.content = entry.content;
        return;
      }
    }
    const auto value = decode_event(made.record.body.view());
    const event_print print =
        print_of(value ? *value : stand_in(made.record.event.sequence, {}), identity_.hash);
    made.identity = print.identity;
    made.content = print.content;
  }

  result<void> add_states() {
    const auto& all = found_.states();
    std::set<std::pair<std::int64_t, std::string_view>> written;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const agent_no agent{static_cast<std::uint16_t>(all[i].agent)};
      auto value = all[i].whole ? found_.state_value(i) : std::nullopt;
      if (!value) {
        report_.states_lost.push_back({agent, all[i].key});
        continue;
      }
      if (!written.emplace(all[i].agent, all[i].key).second)
        continue;
      if (all[i].stale)
        report_.states_uncertain.push_back({agent, all[i].key});
      ++report_.states;
      if (writer_)
        if (auto done = writer_->add_state(agent, all[i].key, slice{std::move(*value)}); !done)
          return done;
    }
    return {};
  }

  salvage& found_;
  store_identity identity_;
  repair_report& report_;
  const repair_options& options_;
  std::unique_ptr<history_writer> writer_;
  kept_part kept_;
  agent_no lost_agent_{};
  std::int64_t last_commit_ = 0;
  std::int64_t last_event_ = 0;
  std::int64_t last_at_ = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> times_;          // commit, at
  std::map<std::int64_t, std::pair<delivery_id, commit_no>> missing_; // outcomes, by row
  std::set<std::pair<std::int64_t, std::uint32_t>> missing_attempts_;
  std::int64_t commit_ = 0;
  commit_of_event accepted_;
  instant before_ = no_instant;
  bool is_lost_ = false;      // the event that is looked at
  bool is_known_end_ = false; // of a lost one
};

/// Of a file whose first page is there.
bool has_version(const std::string& directory) {
  auto db = database::open(journal_file(directory), {.write = false, .vfs = {}});
  const auto version = db ? db->number("PRAGMA user_version") : db.error();
  return version.ok() && *version != 0;
}

result<void> check_before(const std::string& directory, repair_report& report) {
  const auto verified = verify_sqlite(directory);
  if (!verified) {
    if (verified.error().code == errc::store_version && has_version(directory))
      return verified.error();
    report.problems.push_back(without_advice(verified.error().detail));
    return {};
  }
  report.problems = verified->problems;
  report.store_id = verified->store_id;
  report.last = verified->last;
  report.marked = verified->marked;
  return {};
}

result<void> write_file(const std::string& path, const std::string& text) {
  if (auto made = make_private_file(path); !made)
    return made;
  const unique_fd fd{::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW)};
  if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(fd.get()) != 0)
    return system_error(errno, "writing " + path);
  return {};
}

/// "damaged-20260131T120000Z", another one if that is taken.
std::string name_aside(const std::string& directory, instant now) {
  std::string name = "damaged-";
  for (const char each : format_rfc3339(std::chrono::floor<std::chrono::seconds>(now)))
    if (each != '-' && each != ':')
      name += each;
  std::string found = name;
  for (int i = 2; std::filesystem::exists(directory + "/" + found); ++i)
    found = name + "-" + std::to_string(i);
  return found;
}

/// What a repair that was stopped before its swap has left.
result<void> clear_new_store(const std::string& directory) {
  std::error_code problem;
  std::filesystem::remove_all(new_store_folder(directory), problem);
  return problem ? system_error(problem.value(), "removing " + new_store_folder(directory))
                 : result<void>{};
}

result<void> check_built(const std::string& directory, repair_report& report) {
  const auto verified = verify_sqlite(new_store_folder(directory));
  if (!verified)
    return verified.error();
  if (!verified->problems.empty())
    return error{errc::internal, "the new store is not whole: " + verified->problems.front()};
  report.counted = verified->counted.events;
  return {};
}

result<void> take_its_place(const repair_options& options, repair_report& report) {
  const std::string name = name_aside(options.directory, options.now);
  report.aside = options.directory + "/" + name;
  report.repaired = true;
  if (auto made = make_private_directory(report.aside); !made)
    return made;
  if (auto written = write_file(report.aside + "/repair-report.json", options.write_report(report));
      !written)
    return written;
  if (auto synced = sync_directory(report.aside); !synced)
    return synced;
  if (options.may_go_on && !options.may_go_on())
    return error{errc::io_error, "stopped"};
  if (auto begun = begin_swap(options.directory, name); !begun)
    return begun;
  return finish_swap(options.directory, options.may_go_on);
}

} // namespace

result<repair_report> repair_sqlite(const repair_options& options) {
  const std::string& directory = options.directory;
  if (!is_swap_begun(directory)) // else this ends it
    if (auto there = require_store(directory); !there)
      return there.error();
  if (auto safe = check_store_files(directory); !safe)
    return safe.error();
  auto lock = store_lock::take(directory, store_lock_patience);
  if (!lock)
    return lock.error();
  if (auto swapped = finish_swap(directory); !swapped)
    return swapped.error();
  repair_report report;
  if (auto checked = check_before(directory, report); !checked)
    return checked.error();
  if (!report.is_needed())
    return report;
  guarded_vfs guard{""};
  high_water mark{directory, guard};
  if (const auto read = mark.read(); !read && read.error().code == errc::store_version)
    return read.error();
  report.marked = mark.mark().store_id.empty() ? std::nullopt : std::optional{mark.mark().commit};
  auto found = salvage::open(directory);
  if (!found)
    return found.error();
  report.damages = (*found)->damages();
  auto identity = identity_of(**found, mark);
  if (!identity)
    return identity.error();
  report.store_id = identity->store_id;
  if (options.apply)
    if (auto cleared = clear_new_store(directory); !cleared)
      return cleared.error();
  if (auto done = rebuilding{**found, *identity, report, options}.run(options.apply); !done)
    return done.error();
  if (!options.apply)
    return report;
  if (auto whole = check_built(directory, report); !whole)
    return whole.error();
  if (auto done = take_its_place(options, report); !done)
    return done.error();
  return report;
}

} // namespace skein::journal
