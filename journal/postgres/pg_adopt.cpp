// Taking shards over: what was saved of them, the commits after that, and nothing of the history
// before. Everything is read first; only then do they count as held.
#include "journal/crc32c.hpp"
#include "journal/pending_codec.hpp"
#include "journal/postgres/pg_commit_codec.hpp"
#include "journal/postgres/postgres_journal.hpp"
#include "journal/record_crc.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

namespace skein::journal {

namespace {

constexpr int commits_at_once = 256;

const pg_statement read_fences{
    "read_fences", "SELECT f.shard, f.epoch, f.at, f.last, f.totals, s.upto, s.identities "
                   "FROM fence f JOIN saved s ON s.shard = f.shard "
                   "JOIN unnest($1::int4[], $2::int8[]) AS d(shard, epoch) "
                   "ON f.shard = d.shard AND f.epoch = d.epoch WHERE f.owner = $3"};
const pg_statement read_ranges{
    "read_ranges", "SELECT shard, range, crc, marks FROM pending_range WHERE shard = ANY($1)"};
const pg_statement read_commits{
    "read_commits", "SELECT xid, owner, no, at, first, events, crc, accepted, outcomes, changes "
                    "FROM commits WHERE xid > $1 AND NOT void ORDER BY xid LIMIT $2"};
const pg_statement count_alone{"count_alone",
                               "SELECT count(*) FROM start WHERE shard = ANY($1) AND mark = 2"};
const pg_statement add_crashes{
    "add_crashes", "UPDATE start SET mark = 1, crashes = crashes + 1 WHERE shard = ANY($1) AND "
                   "mark = 2"};
const pg_statement take_crashes{
    "take_crashes", "UPDATE start SET crashes = crashes - 1 WHERE shard = ANY($1) AND mark = 1 AND "
                    "crashes > 0"};
const pg_statement read_starts{"read_starts",
                               "SELECT shard, id, mark, crashes FROM start WHERE shard = ANY($1)"};
const pg_statement read_due{
    "read_due", "SELECT shard, no, at FROM timer WHERE shard = ANY($1) AND second <= $2 AND "
                "kind = 0 AND at <= $3"};
const pg_statement read_times{
    "read_times",
    "SELECT e.no, e.at FROM event e JOIN unnest($1::int4[], $2::int8[]) AS d(shard, no) "
    "ON e.shard = d.shard AND e.no = d.no"};
const pg_statement read_lists{"read_lists",
                              "SELECT deliveries FROM event WHERE shard = $1 AND no = $2"};

using teller = std::function<void(const pending_event&)>;

shard_id shard_at(const pg_rows& rows, int row, int column) {
  return shard_id{static_cast<std::uint32_t>(rows.integer(row, column))};
}

error damaged(const std::string& what) { return {errc::store_corrupt, what}; }

class adoption {
 public:
  adoption(postgres_parts& parts, pg_saved& saved) : parts_{parts}, saved_{saved} {}

  result<void> run(std::span<const held_shard> wanted, const teller& each) {
    if (auto found = find_mine(wanted); !found)
      return found;
    if (mine_.empty())
      return {};
    if (auto read = read_all(); !read) {
      forget();
      return read;
    }
    return tell_all(each);
  }

 private:
  struct of_shard {
    epoch_no epoch{};
    std::uint64_t upto = 0;       // what was saved holds up to it
    std::uint64_t identities = 0; // what is closed does
    ledgers totals;
  };

  pg_array numbers() const {
    pg_array all{pg_type::int4};
    for (const auto& [shard, one] : mine_)
      all.add_int4(raw(shard));
    return all;
  }
  std::vector<shard_id> shards() const {
    std::vector<shard_id> all;
    for (const auto& [shard, one] : mine_)
      all.push_back(shard);
    return all;
  }

  result<void> find_mine(std::span<const held_shard> wanted) {
    pg_array asked{pg_type::int4}, epochs{pg_type::int8};
    for (const held_shard& each : wanted) {
      asked.add_int4(raw(each.shard));
      epochs.add_int8(raw(each.epoch));
    }
    pg_params params;
    params.array(asked).array(epochs).text(parts_.owner_name);
    const auto rows = parts_.db->execute(read_fences, params);
    if (!rows)
      return rows.error();
    for (int row = 0; row < rows->size(); ++row) {
      of_shard& one = mine_[shard_at(*rows, row, 0)];
      one.epoch = epoch_no{rows->natural(row, 1)};
      parts_.last_at = std::max(parts_.last_at, rows->time(row, 2));
      parts_.last_xid = std::max(parts_.last_xid, rows->natural(row, 3));
      one.totals = totals_of(rows->integers(row, 4));
      one.upto = rows->natural(row, 5);
      one.identities = rows->natural(row, 6);
    }
    return {};
  }

  static ledgers totals_of(const std::vector<std::int64_t>& all) {
    ledgers sum;
    constexpr std::array counted{&ledger::accepted,  &ledger::done,       &ledger::dead,
                                 &ledger::cancelled, &ledger::superseded, &ledger::expired,
                                 &ledger::purged};
    for (std::size_t i = 0; i < counted.size() && counted.size() + i < all.size(); ++i) {
      sum.events.*counted[i] = static_cast<std::uint64_t>(all[i]);
      sum.deliveries.*counted[i] = static_cast<std::uint64_t>(all[counted.size() + i]);
    }
    return sum;
  }

  /// Names and numbers first: what follows may be told with names that others have added.
  result<void> read_all() {
    if (auto agents = load_agents(parts_); !agents)
      return agents;
    parts_.agents_told = std::max(parts_.agents_told, parts_.agents.size());
    if (auto numbers = take_numbers(parts_); !numbers)
      return numbers;
    if (auto window = parts_.window->load(shards(), parts_.last_at); !window)
      return window;
    for (const auto step : {&adoption::read_saved, &adoption::read_commits_after,
                            &adoption::count_crashes, &adoption::load_starts})
      if (auto done = (this->*step)(); !done)
        return done;
    ledgers totals = parts_.state->totals();
    for (const auto& [shard, one] : mine_) {
      parts_.held[shard] = one.epoch;
      parts_.totals[raw(shard)] = one.totals;
      parts_.state->hold({shard, one.epoch});
      add(totals, one.totals);
    }
    parts_.state->resume(parts_.state->next_sequence(), totals);
    return {};
  }

  void forget() {
    const auto all = shards();
    parts_.state->let_go(all);
    parts_.window->forget(all);
    saved_.forget(all);
  }

  result<void> read_saved() {
    pg_array asked = numbers();
    pg_params params;
    params.array(asked);
    const auto rows = parts_.db->execute(read_ranges, params);
    if (!rows)
      return rows.error();
    pending_set& pending = parts_.state->pending();
    for (int row = 0; row < rows->size(); ++row) {
      const shard_id shard = shard_at(*rows, row, 0);
      const std::uint64_t range = rows->natural(row, 1);
      const std::uint32_t crc = crc32c(rows->bytes(row, 3));
      const auto marks =
          unpack_shard_marks(rows->bytes(row, 3), pending.range_events(), parts_.state->routes());
      if (!marks || static_cast<std::int32_t>(crc) != rows->integer(row, 2))
        return damaged("what is pending of shard " + std::to_string(raw(shard)) +
                       " is not readable");
      for (const placed_mark& each : *marks)
        pending.add({shard, range * pending.range_events() + each.slot}, each.mark.live,
                    each.mark.tag);
      pending.set_changed(range); // so that a row that is empty by now goes
      saved_.note(shard, range, crc);
    }
    return {};
  }

  result<void> read_commits_after() {
    std::uint64_t from = parts_.last_xid;
    for (const auto& [shard, one] : mine_)
      from = std::min({from, one.upto, one.identities});
    while (true) {
      pg_params params;
      params.xid(from).int8(std::int64_t{commits_at_once});
      const auto rows = parts_.db->execute(read_commits, params);
      if (!rows)
        return rows.error();
      for (int row = 0; row < rows->size(); ++row) {
        from = rows->natural(row, 0);
        if (auto done = replay(*rows, row); !done)
          return done;
      }
      if (rows->size() < commits_at_once)
        return {};
    }
  }

  result<void> replay(const pg_rows& rows, int row) {
    const std::uint64_t xid = rows.natural(row, 0);
    const instant at = rows.time(row, 3);
    const commit_columns columns{.no = rows.integer(row, 2),
                                 .at = rows.integer(row, 3),
                                 .first_event = rows.integer(row, 4),
                                 .events = rows.integer(row, 5),
                                 .identities = rows.bytes(row, 7),
                                 .outcomes = rows.bytes(row, 8),
                                 .ledger = {},
                                 .low_water = rows.integer(row, 1),
                                 .changes = rows.bytes(row, 9)};
    const auto outcomes = read_outcome_list(columns.outcomes);
    if (static_cast<std::int32_t>(crc_of(columns)) != rows.integer(row, 6) || !outcomes)
      return damaged("commit " + std::to_string(columns.no) + " of owner " +
                     std::to_string(columns.low_water) + " is damaged");
    std::string_view left = columns.identities;
    for (std::int64_t i = 0; i < columns.events; ++i) {
      const auto entry = take_accepted(left);
      if (!entry)
        return damaged("the identities of a commit are not readable");
      accept({entry->shard, static_cast<std::uint64_t>(columns.first_event + i)}, *entry, at, xid);
    }
    for (const delivery_id& each : *outcomes)
      if (const auto one = mine_.find(each.event.shard);
          one != mine_.end() && xid > one->second.upto && parts_.state->pending().contains(each))
        parts_.state->pending().remove(each);
    return {};
  }

  /// What was saved may hold some of what follows already: all is as if it were done again.
  void accept(event_id event, const accepted_entry& entry, instant at, std::uint64_t xid) {
    const auto one = mine_.find(entry.shard);
    if (one == mine_.end())
      return;
    const duration window = parts_.options.store.dedupe_window;
    if (xid > one->second.identities && at > parts_.last_at - window)
      parts_.window->restore(
          entry.shard, {entry.known_by.identity, entry.known_by.content, event.sequence, at}, xid);
    if (xid <= one->second.upto || entry.deliveries.empty())
      return;
    pending_set& pending = parts_.state->pending();
    if (pending.holds(event.sequence))
      pending.drop(event);
    const auto all = static_cast<pending_set::mask>((1u << entry.deliveries.size()) - 1);
    pending.add(event, all,
                pending_mark::tag_of(parts_.state->routes().code_of(entry.deliveries),
                                     entry.delayed, entry.expires));
  }

  /// Each start alone that is found without its end is one crash. If there is none, the process
  /// died for something else while those that had crashed waited: each of them is taken one crash
  /// back.
  result<void> count_crashes() {
    return parts_.db->transact([&]() -> result<void> {
      pg_array asked = numbers(), epochs{pg_type::int8};
      for (const auto& [shard, one] : mine_)
        epochs.add_int8(raw(one.epoch));
      pg_params lock, which;
      lock.array(asked).array(epochs).text(parts_.owner_name).int8(asked.size());
      which.array(asked);
      const auto found = parts_.db->execute_all({{&lock_fences, &lock}, {&count_alone, &which}});
      if (!found)
        return parts_.db->sqlstate() == fence_lost_state
                   ? error{errc::fenced, "a shard was taken while it was adopted"}
                   : found.error();
      const bool any_alone = (*found)[1].integer(0, 0) > 0;
      const auto done = parts_.db->execute(any_alone ? add_crashes : take_crashes, which);
      return done ? result<void>{} : done.error();
    });
  }

  result<void> load_starts() {
    pg_array asked = numbers();
    pg_params params;
    params.array(asked);
    const auto rows = parts_.db->execute(read_starts, params);
    if (!rows)
      return rows.error();
    for (int row = 0; row < rows->size(); ++row) {
      const std::uint64_t id = rows->natural(row, 1);
      parts_.state->set_start(
          {{shard_at(*rows, row, 0), id / 16}, static_cast<std::uint8_t>(id % 16)},
          {static_cast<start_mark>(rows->integer(row, 2)),
           static_cast<std::uint32_t>(rows->integer(row, 3))});
    }
    return {};
  }

  // ---- telling, in the order of lanes ----

  struct delayed_event {
    instant due = no_instant;
    pending_event what;
    std::size_t low = 0; // its place lies between these, among those that were never delayed
    std::size_t high = 0;
  };
  struct told_shard {
    std::vector<pending_event> ready; // in order of number, which is that of acceptance
    std::vector<delayed_event> due;
  };

  result<void> tell_all(const teller& each) {
    auto due = read_due_ones();
    if (!due)
      return due.error();
    std::map<shard_id, told_shard> all;
    pending_set& pending = parts_.state->pending();
    for (const std::uint64_t range : pending.ranges())
      for (const placed_mark& one : pending.marks_of(range)) {
        const event_id event{shard_id{one.mark.shard}, range * pending.range_events() + one.slot};
        if (!mine_.contains(event.shard))
          continue;
        pending_event found{event, {}, one.mark.live, false};
        if (auto listed = list_deliveries(one.mark, found); !listed)
          return listed;
        const auto when = due->find(event.sequence);
        if (!one.mark.delayed())
          all[event.shard].ready.push_back(found);
        else if (when != due->end())
          all[event.shard].due.push_back({when->second, found});
        else
          found.sleeps = true, each(found);
      }
    if (auto placed = place(all); !placed)
      return placed;
    for (auto& [shard, one] : all)
      tell(one, each);
    return {};
  }

  static void tell(told_shard& of, const teller& each) {
    std::sort(of.due.begin(), of.due.end(), [](const auto& a, const auto& b) {
      return std::pair{a.due, a.what.event.sequence} < std::pair{b.due, b.what.event.sequence};
    });
    std::size_t next = 0;
    for (std::size_t i = 0; i <= of.ready.size(); ++i) {
      for (; next < of.due.size() && of.due[next].low <= i; ++next)
        each(of.due[next].what);
      if (i < of.ready.size())
        each(of.ready[i]);
    }
  }

  result<void> list_deliveries(const pending_mark& mark, pending_event& into) {
    if (const delivery_list* list = parts_.state->routes().find(mark.route())) {
      into.deliveries = *list;
      return {};
    }
    pg_params which;
    which.int4(raw(into.event.shard)).int8(into.event.sequence);
    const auto row = parts_.db->execute(read_lists, which);
    if (!row)
      return row.error();
    const auto list = row->empty() ? std::nullopt : read_deliveries(row->bytes(0, 0));
    if (!list)
      return damaged("event " + std::to_string(into.event.sequence) + " is pending and not there");
    into.deliveries = *list;
    return {};
  }

  result<std::unordered_map<std::uint64_t, instant>> read_due_ones() {
    pg_array asked = numbers();
    pg_params params;
    params.array(asked).int8(
        std::chrono::floor<std::chrono::seconds>(parts_.last_at.time_since_epoch()).count());
    params.int8(to_ns(parts_.last_at));
    const auto rows = parts_.db->execute(read_due, params);
    if (!rows)
      return rows.error();
    std::unordered_map<std::uint64_t, instant> due;
    for (int row = 0; row < rows->size(); ++row)
      due[rows->natural(row, 1)] = rows->time(row, 2);
    return due;
  }

  /// By halves, all of them at once: each step reads the times of the events in the middle.
  result<void> place(std::map<shard_id, told_shard>& all) {
    for (auto& [shard, one] : all)
      for (delayed_event& each : one.due)
        each.high = one.ready.size();
    while (true) {
      pg_array shards{pg_type::int4}, sequences{pg_type::int8};
      for (const auto& [shard, one] : all)
        for (const delayed_event& each : one.due)
          if (each.low < each.high) {
            shards.add_int4(raw(shard));
            sequences.add_int8(one.ready[(each.low + each.high) / 2].event.sequence);
          }
      if (sequences.empty())
        return {};
      pg_params params;
      params.array(shards).array(sequences);
      const auto rows = parts_.db->execute(read_times, params);
      if (!rows)
        return rows.error();
      std::unordered_map<std::uint64_t, instant> times;
      for (int row = 0; row < rows->size(); ++row)
        times[rows->natural(row, 0)] = rows->time(row, 1);
      for (auto& [shard, one] : all)
        for (delayed_event& each : one.due)
          if (each.low < each.high)
            halve(one, each, times);
    }
  }

  static void halve(const told_shard& of, delayed_event& one,
                    const std::unordered_map<std::uint64_t, instant>& times) {
    const std::size_t middle = (one.low + one.high) / 2;
    const event_id at = of.ready[middle].event;
    const auto time = times.find(at.sequence);
    const bool is_before = time == times.end() || time->second < one.due ||
                           (time->second == one.due && at.sequence < one.what.event.sequence);
    (is_before ? one.low : one.high) = is_before ? middle + 1 : middle;
  }

  postgres_parts& parts_;
  pg_saved& saved_;
  std::map<shard_id, of_shard> mine_;
};

} // namespace

result<void> adopt_shards(postgres_parts& parts, std::span<const held_shard> shards,
                          pg_saved& saved, const teller& each) {
  return adoption{parts, saved}.run(shards, each);
}

} // namespace skein::journal
