#include "journal/store_rebuild.hpp"

#include "journal/chain.hpp"
#include "journal/history_writer.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/store_swap.hpp"

#include <algorithm>
#include <map>
#include <set>
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

class rebuilding {
 public:
  rebuilding(salvage& found, const store_identity& identity, const high_water_mark& mark,
             repair_report& report, const repair_options& options)
    : found_{found}, identity_{identity}, mark_{mark}, report_{report}, options_{options} {}

  /// Without a writer only the report is made.
  result<void> run() {
    if (mark_.store_id == identity_.store_id)
      found_.take_commit(static_cast<std::int64_t>(raw(mark_.commit)), mark_.digest);
    last_commit_ = found_.last_commit();
    last_event_ = found_.last_event();
    find_beginning();
    read_commits();
    name_agents();
    if (options_.apply)
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

    std::optional<identity_entry> entry_of(std::int64_t number) const {
      const auto index = static_cast<std::size_t>(number - first);
      if ((index + 1) * identity_entry_bytes > identities.size())
        return std::nullopt;
      return read_identity(identities, index);
    }
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
      const auto row = row_of_event(each, commit_of(each));
      const auto agents = row ? read_deliveries(row->deliveries) : std::nullopt;
      any_lost = any_lost || !agents;
      if (agents)
        for (const agent_no agent : *agents)
          know_agent(raw(agent));
      for (std::int64_t i = 0; !agents && i < 16; ++i)
        if (const auto outcome = outcome_of(each * 16 + i))
          know_agent(outcome->agent);
    }
    begin_asking();
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
    writer_->begin_at(kept_, oldest_);
    if (times_.empty() && raw(kept_.first_commit) > 1)
      writer_->was_commit(kept_.first_commit, oldest_);
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
      } else if (const std::uint64_t event = first_event(); event > 1) {
        report_.beginning_unknown = true;
        kept_.first_commit =
            commit_no{static_cast<std::uint64_t>(std::max<std::int64_t>(oldest, 2))};
        kept_.before = first_digest(identity_.store_id);
        kept_.first_event = kept_.swept_to = event;
      }
    }
    begin_asking();
    last_event_ = std::max(last_event_, static_cast<std::int64_t>(kept_.first_event) - 1);
  }

  /// That can be read; 0 if there is none.
  std::uint64_t first_event() {
    for (std::int64_t each = 1; each <= last_event_; ++each)
      if (found_.event(each))
        return static_cast<std::uint64_t>(each);
    return 0;
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
    return !found_.has_dead(number);
  }

  /// When the oldest commit was made that is kept. If none of them can be read, its first event
  /// tells, or the next one that can be read; all before it were accepted no later.
  instant oldest() {
    if (!times_.empty())
      return from_ns(times_.front().second);
    for (auto each = static_cast<std::int64_t>(kept_.first_event); each <= last_event_; ++each)
      if (const auto row = found_.event(each))
        return from_ns(row->at);
    for (std::int64_t each = last_event_; each > 0; --each) // those of no commit that is kept
      if (const auto row = found_.event(each))
        return std::max(options_.now, from_ns(row->at));
    return options_.now;
  }

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
      look_for_outcomes(number, outcomes);
      if (const auto failed = read_attempts(changes))
        for (const attempt_name& each : *failed)
          if (!found_.attempt(each.id, each.attempt) && !found_.take_attempt(each.id, each.attempt))
            missing_attempts_.emplace(each.id, each.attempt);
    }
    last_event_ = std::max(last_event_, next_event - 1);
    oldest_ = oldest();
    report_.last = commit_no{static_cast<std::uint64_t>(last_commit_)};
    if (report_.marked && raw(*report_.marked) > raw(report_.last))
      report_.commits_gone = lost_range{raw(report_.last) + 1, raw(*report_.marked)};
    report_.states_unknown = found_.is_state_lost();
    report_.attempts_unknown =
        found_.may_have_lost_attempt() && (!report_.commits_lost.empty() || has_old_part());
    report_.crashes_unknown = found_.may_have_lost_start();
  }
  /// Of which no commit says what was in it.
  bool has_old_part() const { return kept_.first_event > 1; }

  /// Those that commit `number`, made last, names.
  void look_for_outcomes(std::int64_t number, const std::string& names) {
    const auto ended = read_outcome_list(names);
    if (!ended)
      return;
    for (const delivery_id& each : *ended) {
      if (found_.outcome(row_of(each)))
        continue;
      // Behind the last commit in the log: it must be of this one, not of one that was refused.
      named_at_[row_of(each)] = last_at_;
      if (outcome_of(row_of(each)))
        continue;
      named_at_.erase(row_of(each));
      missing_.emplace(row_of(each),
                       std::pair{each, commit_no{static_cast<std::uint64_t>(number)}});
    }
  }
  std::optional<outcome_columns> outcome_of(std::int64_t id) {
    const auto named = named_at_.find(id);
    if (named == named_at_.end())
      return found_.outcome(id);
    return found_.outcome(id, [&](const outcome_columns& row) { return row.at == named->second; });
  }
  static void lose(std::vector<lost_range>& ranges, std::uint64_t number) {
    if (!ranges.empty() && ranges.back().last + 1 == number)
      ranges.back().last = number;
    else
      ranges.push_back({number, number});
  }

  void begin_asking() {
    commit_ = static_cast<std::int64_t>(raw(kept_.first_commit)) - 1;
    accepted_ = {};
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

  /// A row that does not stand in its table must be the one that the commit names: the number may
  /// have been given before, by a commit that was refused.
  std::optional<event_columns> row_of_event(std::int64_t number, const commit_of_event* commit) {
    const auto entry = commit == nullptr ? std::nullopt : commit->entry_of(number);
#ifdef SKEIN_BUG_REPAIR_TAKES_REFUSED
    return found_.event(number);
#endif
    if (!entry)
      return found_.event(number);
    return found_.event(number, [&](const event_columns& row) {
      const auto value = decode_event(row.body);
      if (!value || row.at != commit->at)
        return false;
      const event_print print = print_of(*value, identity_.hash);
      return print.identity == entry->identity && print.content == entry->content;
    });
  }

  result<void> add_event(std::int64_t number) {
    past_event made;
    is_lost_ = false;
    is_known_end_ = false;
    const commit_of_event* commit = commit_of(number);
    const auto row = row_of_event(number, commit);
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
        tell_missing(each, record.accepted, delivery);
      const auto start = found_.starts().find(row_of(each));
      made.starts.push_back(start == found_.starts().end() ? start_row{} : start->second);
      record.deliveries.push_back(std::move(delivery));
      ++each.index;
    }
  }

  /// What is known of a delivery without a readable end.
  void tell_missing(const delivery_id& of, [[maybe_unused]] instant accepted,
                    delivery_record& into) {
    const auto lost = missing_.find(row_of(of));
    const bool is_lost = lost != missing_.end();
    const bool may_be_lost =
        (!report_.commits_lost.empty() || of.event.sequence < kept_.first_event) &&
        found_.may_have_lost_outcome(row_of(of));
#ifndef SKEIN_BUG_REPAIR_REVIVES_DEAD
    if ((is_lost || may_be_lost) && found_.is_dead(row_of(of)))
      return keep_dead(of, is_lost ? time_of(lost->second.second) : accepted, accepted, into);
#endif
#ifdef SKEIN_BUG_REPAIR_HIDES_LOST_ENDS
    return;
#endif
    if (is_lost)
      report_.outcomes_lost.push_back({of, report_.agents[raw(into.agent)], lost->second.second});
    else if (may_be_lost || found_.is_dead(row_of(of)))
      report_.outcomes_uncertain.push_back(of);
  }

  /// The table of dead letters has it: it does not run again, whatever is lost of how it ended.
  void keep_dead(const delivery_id& of, instant at, instant accepted, delivery_record& into) {
    into.state = delivery_state::dead;
    into.attempt = into.last_turn() + 1;
    into.committed = std::max(at, accepted);
    into.code = errc::store_corrupt;
    into.error = "why it was dead was on a damaged part of the disk; the journal was repaired";
    report_.dead_without_error.push_back(of);
  }
  instant time_of(commit_no number) const {
    const auto at =
        std::lower_bound(times_.begin(), times_.end(), static_cast<std::int64_t>(raw(number)),
                         [](const auto& each, std::int64_t wanted) { return each.first < wanted; });
    return at == times_.end() ? oldest_ : from_ns(at->second);
  }

  bool read_outcome(const delivery_id& of, instant accepted, delivery_record& into) {
    const auto row = outcome_of(row_of(of));
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
      record.accepted = oldest_;
    std::size_t known = 0;
    std::vector<std::optional<delivery_record>> ends(limits::deliveries_per_event_max);
    for (std::uint8_t i = 0; i < limits::deliveries_per_event_max; ++i) {
      const delivery_id each{record.event, i};
      if (const auto listed = missing_.find(row_of(each)); listed != missing_.end())
        lost.shard = listed->second.first.event.shard;
      delivery_record delivery;
      if (!read_outcome(each, record.accepted, delivery))
        continue;
      delivery.agent = agent_no{static_cast<std::uint16_t>(outcome_of(row_of(each))->agent)};
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
    if (commit != nullptr && (!is_lost_ || is_known_end_))
      if (const auto entry = commit->entry_of(number)) {
        made.identity = entry->identity;
        made.content = entry->content;
        return;
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
  const store_identity& identity_;
  const high_water_mark& mark_;
  repair_report& report_;
  const repair_options& options_;
  std::unique_ptr<history_writer> writer_;
  kept_part kept_;
  instant oldest_ = no_instant; // see oldest()
  agent_no lost_agent_{};
  std::int64_t last_commit_ = 0;
  std::int64_t last_event_ = 0;
  std::int64_t last_at_ = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> times_;          // commit, at
  std::map<std::int64_t, std::pair<delivery_id, commit_no>> missing_; // outcomes, by row
  std::map<std::int64_t, std::int64_t> named_at_; // outcomes that count by their commit alone
  std::set<std::pair<std::int64_t, std::uint32_t>> missing_attempts_;
  std::int64_t commit_ = 0;
  commit_of_event accepted_;
  instant before_ = no_instant;
  bool is_lost_ = false;      // the event that is looked at
  bool is_known_end_ = false; // of a lost one
};

} // namespace

result<void> rebuild_store(salvage& found, const store_identity& identity,
                           const high_water_mark& mark, const repair_options& options,
                           repair_report& report) {
  return rebuilding{found, identity, mark, report, options}.run();
}

} // namespace skein::journal
