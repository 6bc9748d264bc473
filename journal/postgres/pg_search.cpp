#include "journal/postgres/pg_search.hpp"

#include "journal/pending_codec.hpp"
#include "journal/postgres/pg_commit_codec.hpp"
#include "journal/postgres/pg_saved.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

namespace skein::journal {

namespace {

std::vector<std::uint64_t> numbers_of(const pg_rows& rows) {
  std::vector<std::uint64_t> all;
  for (int row = 0; row < rows.size(); ++row)
    all.push_back(rows.natural(row, 0));
  return all;
}

/// By a statement whose conditions are put together once. $1: below which number, $2: how many.
class sql_walk final : public number_walk {
 public:
  sql_walk(pg_connection& db, std::string sql) : db_{db}, sql_{std::move(sql)} {}

  void with_bytes(std::string bytes) { values_.push_back({std::move(bytes), 0, true}); }
  void with_number(std::int64_t number) { values_.push_back({{}, number, false}); }

  result<std::vector<std::uint64_t>> below(std::uint64_t number, std::size_t most) override {
    pg_params params;
    params.int8(number).int8(most);
    for (const value& each : values_)
      each.is_bytes ? params.bytes(each.bytes) : params.int8(each.number);
    const auto rows = db_.query(sql_, params);
    if (!rows)
      return rows.error();
    return numbers_of(*rows);
  }

 private:
  struct value {
    std::string bytes;
    std::int64_t number;
    bool is_bytes;
  };
  pg_connection& db_;
  std::string sql_;
  std::vector<value> values_;
};

/// Numbers that are there already.
class list_walk final : public number_walk {
 public:
  explicit list_walk(std::vector<std::uint64_t> falling) : all_{std::move(falling)} {}
  result<std::vector<std::uint64_t>> below(std::uint64_t number, std::size_t most) override {
    const auto from = std::lower_bound(all_.begin(), all_.end(), number, std::greater_equal<>{});
    const auto left = static_cast<std::size_t>(all_.end() - from);
    return std::vector<std::uint64_t>(from,
                                      from + static_cast<std::ptrdiff_t>(std::min(left, most)));
  }

 private:
  std::vector<std::uint64_t> all_;
};

std::unique_ptr<number_walk> walk_rows(pg_connection& db, const event_filter& filter) {
  std::string sql = "SELECT no FROM event WHERE no < $1";
  int next = 3;
  const auto parameter = [&next] { return "$" + std::to_string(next++); };
  if (filter.id)
    sql += " AND id = " + parameter();
  if (filter.key)
    sql += " AND key = " + parameter();
  if (filter.since != no_instant)
    sql += " AND at >= " + parameter();
  if (filter.until != no_instant)
    sql += " AND at < " + parameter();
  auto walk = std::make_unique<sql_walk>(db, sql + " ORDER BY no DESC LIMIT $2");
  for (const auto& each : {filter.id, filter.key})
    if (each)
      walk->with_bytes(*each);
  for (const instant each : {filter.since, filter.until})
    if (each != no_instant)
      walk->with_number(to_ns(each));
  return walk;
}

/// Those that have a row in a table of deliveries: number by number, so that an event with many
/// rows is one step.
std::unique_ptr<number_walk> walk_deliveries(pg_connection& db, const std::string& table) {
  return std::make_unique<sql_walk>(
      db, "WITH RECURSIVE found AS ((SELECT id / 16 AS no FROM " + table +
              " WHERE id < $1 * 16 ORDER BY id DESC LIMIT 1) UNION ALL "
              "SELECT (SELECT t.id / 16 FROM " +
              table +
              " t WHERE t.id < f.no * 16 ORDER BY t.id DESC LIMIT 1) FROM found f "
              "WHERE f.no IS NOT NULL) SELECT no FROM found WHERE no IS NOT NULL LIMIT $2");
}

/// The saved pending set with the commits after it.
class pending_now {
 public:
  pending_now(pg_connection& db, std::uint64_t range_events, std::optional<agent_no> agent)
    : db_{db}, range_events_{range_events}, agent_{agent} {}

  result<std::vector<std::uint64_t>> read() {
    for (const auto step : {&pending_now::read_saved, &pending_now::read_commits})
      if (auto done = (this->*step)(); !done)
        return done.error();
    std::vector<std::uint64_t> all;
    for (const auto& [number, one] : live_)
      if (one.mask != 0)
        all.push_back(number);
    std::sort(all.begin(), all.end(), std::greater<>{});
    return all;
  }

 private:
  struct live_event {
    std::uint16_t mask = 0;
  };

  bool is_wanted(const delivery_list& list) const {
    return !agent_ || std::find(list.begin(), list.end(), *agent_) != list.end();
  }

  result<void> read_saved() {
    const auto saved = db_.query("SELECT shard, upto FROM saved");
    const auto ranges = db_.query("SELECT range, marks FROM pending_range");
    if (!saved || !ranges)
      return saved ? ranges.error() : saved.error();
    for (int row = 0; row < saved->size(); ++row)
      upto_[saved->integer(row, 0)] = saved->natural(row, 1);
    for (int row = 0; row < ranges->size(); ++row) {
      route_book routes;
      const auto marks = unpack_shard_marks(ranges->bytes(row, 1), range_events_, routes);
      if (!marks)
        return error{errc::store_corrupt, "what is pending is not readable"};
      for (const placed_mark& each : *marks) {
        const delivery_list* list = routes.find(each.mark.route());
        if (list == nullptr || is_wanted(*list))
          live_[ranges->natural(row, 0) * range_events_ + each.slot] = {each.mark.live};
      }
    }
    return {};
  }

  result<void> read_commits() {
    std::uint64_t from = std::numeric_limits<std::int64_t>::max();
    for (const auto& [shard, upto] : upto_)
      from = std::min(from, upto);
    pg_params params;
    params.xid(from);
    const auto rows = db_.query("SELECT xid, first, events, accepted, outcomes FROM commits "
                                "WHERE xid > $1 AND NOT void ORDER BY xid",
                                params);
    if (!rows)
      return rows.error();
    for (int row = 0; row < rows->size(); ++row)
      if (auto done = replay(*rows, row); !done)
        return done;
    return {};
  }

  result<void> replay(const pg_rows& rows, int row) {
    const std::uint64_t xid = rows.natural(row, 0);
    std::string_view left = rows.bytes(row, 3);
    for (std::int64_t i = 0; i < rows.integer(row, 2); ++i) {
      const auto entry = take_accepted(left);
      if (!entry)
        return error{errc::store_corrupt, "a commit is not readable"};
      if (xid > upto_[raw(entry->shard)] && !entry->deliveries.empty() &&
          is_wanted(entry->deliveries))
        live_[static_cast<std::uint64_t>(rows.integer(row, 1) + i)] = {
            static_cast<std::uint16_t>((1u << entry->deliveries.size()) - 1)};
    }
    const auto ended = read_outcome_list(rows.bytes(row, 4));
    if (!ended)
      return error{errc::store_corrupt, "a commit's outcomes are not readable"};
    for (const delivery_id& each : *ended)
      if (xid > upto_[raw(each.event.shard)])
        if (const auto at = live_.find(each.event.sequence); at != live_.end())
          at->second.mask = static_cast<std::uint16_t>(at->second.mask & ~(1u << each.index));
    return {};
  }

  pg_connection& db_;
  std::uint64_t range_events_;
  std::optional<agent_no> agent_;
  std::map<std::int64_t, std::uint64_t> upto_; // by shard
  std::unordered_map<std::uint64_t, live_event> live_;
};

/// Those of another walk that are in a list too.
class both_walk final : public number_walk {
 public:
  both_walk(std::unique_ptr<number_walk> walk, std::vector<std::uint64_t> falling)
    : walk_{std::move(walk)}, list_{std::move(falling)} {}
  result<std::vector<std::uint64_t>> below(std::uint64_t number, std::size_t most) override {
    std::vector<std::uint64_t> found;
    while (found.size() < most) {
      const auto some = walk_->below(number, std::max<std::size_t>(most, 256));
      if (!some)
        return some;
      if (some->empty())
        break;
      for (const std::uint64_t each : *some)
        if (found.size() < most &&
            std::binary_search(list_.begin(), list_.end(), each, std::greater<>{}))
          found.push_back(each);
      number = some->back();
    }
    return found;
  }

 private:
  std::unique_ptr<number_walk> walk_;
  std::vector<std::uint64_t> list_;
};

} // namespace

std::unique_ptr<number_walk> walk_dead(pg_connection& db) { return walk_deliveries(db, "dead"); }

result<std::unique_ptr<number_walk>> walk_for(pg_connection& db, const event_filter& filter,
                                              std::uint64_t range_events) {
  const bool is_named = filter.id || filter.key;
  const bool is_live = filter.state && !is_terminal(*filter.state);
  if (!is_named && filter.state == delivery_state::dead)
    return walk_dead(db);
  if (!is_named && filter.state == delivery_state::retrying)
    return walk_deliveries(db, "attempt");
  if (!is_live)
    return walk_rows(db, filter);
  auto pending = pending_now{db, range_events, filter.agent}.read();
  if (!pending)
    return pending.error();
  if (is_named)
    return std::unique_ptr<number_walk>{
        std::make_unique<both_walk>(walk_rows(db, filter), std::move(*pending))};
  return std::unique_ptr<number_walk>{std::make_unique<list_walk>(std::move(*pending))};
}

} // namespace skein::journal
