// Members and leases on PostgreSQL, on a connection of their own.
#include "journal/postgres/pg_connection.hpp"
#include "journal/postgres/postgres_options.hpp"

#include <utility>

namespace skein::journal {

namespace {

const pg_statement be_there{
    "be_there", "INSERT INTO member (owner, node, boot, address, weight, zone, leaving, until) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, "
                "clock_timestamp() + $8 * interval '1 microsecond') "
                "ON CONFLICT (owner) DO UPDATE SET address = excluded.address, "
                "weight = excluded.weight, zone = excluded.zone, leaving = excluded.leaving, "
                "until = excluded.until"};
// Those of the past are no members; who cleans up does not wait for anybody.
const pg_statement forget_members{"forget_members",
                                  "DELETE FROM member WHERE owner IN (SELECT owner FROM member "
                                  "WHERE until < clock_timestamp() FOR UPDATE SKIP LOCKED)"};
const pg_statement list_members{"list_members",
                                "SELECT node, boot, address, weight, zone, leaving, "
                                "(extract(epoch FROM until) * 1000000)::int8 FROM member "
                                "WHERE until >= clock_timestamp() ORDER BY owner COLLATE \"C\""};
const pg_statement list_leases{
    "list_leases",
    "SELECT shard, epoch, owner, CASE WHEN until = '-infinity' THEN 0 "
    "ELSE (extract(epoch FROM until) * 1000000)::int8 END FROM lease ORDER BY shard"};
const pg_statement tell_time{"tell_time",
                             "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8"};

// What somebody else takes or renews at this moment is not waited for.
const pg_statement take_leases{
    "take_leases", "UPDATE lease l SET epoch = l.epoch + 1, owner = $2, "
                   "until = clock_timestamp() + $3 * interval '1 microsecond' "
                   "FROM (SELECT shard, until = '-infinity' AS in_order FROM lease "
                   "WHERE shard = ANY($1) AND until < clock_timestamp() "
                   "ORDER BY shard FOR UPDATE SKIP LOCKED) AS free "
                   "WHERE l.shard = free.shard RETURNING l.shard, l.epoch, free.in_order"};
// Waits for commits that the owner before has under way: the rows are locked in order of shard.
const pg_statement wait_for_fences{
    "wait_for_fences",
    "SELECT 1 FROM fence WHERE shard = ANY($1) ORDER BY shard FOR NO KEY UPDATE"};
const pg_statement raise_fences{"raise_fences",
                                "UPDATE fence f SET epoch = t.epoch, owner = $3 "
                                "FROM unnest($1::int4[], $2::int8[]) AS t(shard, epoch) "
                                "WHERE f.shard = t.shard AND f.epoch < t.epoch"};
const pg_statement renew_leases{
    "renew_leases",
    "WITH mine AS (SELECT shard FROM lease WHERE owner = $1 AND until <> '-infinity' "
    "ORDER BY shard FOR UPDATE) "
    "UPDATE lease l SET until = clock_timestamp() + $2 * interval '1 microsecond' "
    "FROM mine WHERE l.shard = mine.shard RETURNING l.shard, l.epoch"};
const pg_statement release_leases{
    "release_leases", "UPDATE lease l SET until = '-infinity' FROM (SELECT shard FROM lease "
                      "WHERE shard = ANY($1) AND owner = $2 ORDER BY shard FOR UPDATE) AS mine "
                      "WHERE l.shard = mine.shard"};
const pg_statement leave_members{"leave_members", "DELETE FROM member WHERE owner = $1"};

std::int64_t microseconds(duration time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

instant time_of(const pg_rows& rows, int row, int column) {
  return from_ns(rows.integer(row, column) * 1'000);
}

held_shard held_at(const pg_rows& rows, int row) {
  return {shard_id{static_cast<std::uint32_t>(rows.integer(row, 0))},
          epoch_no{rows.natural(row, 1)}};
}

std::vector<held_shard> shards_of(const pg_rows& rows) {
  std::vector<held_shard> all;
  for (int row = 0; row < rows.size(); ++row)
    all.push_back(held_at(rows, row));
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<taken_shard> taken_of(const pg_rows& rows) {
  std::vector<taken_shard> all;
  for (int row = 0; row < rows.size(); ++row)
    all.push_back({held_at(rows, row), rows.boolean(row, 2)});
  std::sort(all.begin(), all.end(),
            [](const taken_shard& a, const taken_shard& b) { return a.held < b.held; });
  return all;
}

pg_array numbers_of(std::span<const shard_id> shards) {
  pg_array all{pg_type::int4};
  for (const shard_id each : shards)
    all.add_int4(raw(each));
  return all;
}

class pg_leases final : public lease_store {
 public:
  pg_leases(const postgres_options& options, pg_connection db)
    : settings_{settings_of(options)}, who_{options.who}, owner_{who_.owner()}, db_{std::move(db)} {
  }

  static pg_settings settings_of(const postgres_options& options) {
    return {.url = options.url,
            .schema = options.schema,
            .purpose = "skein leases",
            .answer_within = options.answer_within,
            .idle_in_transaction = options.idle_in_transaction};
  }

  result<cluster_view> heartbeat(duration ttl, bool leaving) override {
    if (auto ready = connect(); !ready)
      return ready.error();
    pg_params me;
    me.text(owner_)
        .text(who_.node)
        .text(who_.boot)
        .text(who_.address)
        .int8(std::int64_t{who_.weight});
    me.text(who_.zone).boolean(leaving).int8(microseconds(ttl));
    const auto rows = db_.execute_all({{&be_there, &me},
                                       {&forget_members, nullptr},
                                       {&list_members, nullptr},
                                       {&list_leases, nullptr},
                                       {&tell_time, nullptr}});
    if (!rows)
      return failed(rows.error());
    cluster_view view;
    view.at = time_of((*rows)[4], 0, 0);
    for (int row = 0; row < (*rows)[2].size(); ++row)
      view.members.push_back(member_at((*rows)[2], row));
    const pg_rows& leases = (*rows)[3];
    for (int row = 0; row < leases.size(); ++row)
      view.leases.push_back({shard_id{static_cast<std::uint32_t>(leases.integer(row, 0))},
                             epoch_no{leases.natural(row, 1)}, leases.text(row, 2),
                             time_of(leases, row, 3)});
    return view;
  }

  result<std::vector<taken_shard>> take(std::span<const shard_id> shards, duration ttl) override {
    if (auto ready = connect(); !ready)
      return ready.error();
    std::vector<taken_shard> taken;
    const auto done = db_.transact([&]() -> result<void> {
      pg_array asked = numbers_of(shards);
      pg_params params;
      params.array(asked).text(owner_).int8(microseconds(ttl));
      const auto rows = db_.execute(take_leases, params);
      if (!rows)
        return rows.error();
      taken = taken_of(*rows);
      return raise(taken);
    });
    if (!done)
      return failed(done.error());
    return taken;
  }

  result<std::vector<held_shard>> renew(duration ttl) override {
    if (auto ready = connect(); !ready)
      return ready.error();
    pg_params params;
    params.text(owner_).int8(microseconds(ttl));
    const auto rows = db_.execute(renew_leases, params);
    if (!rows)
      return failed(rows.error());
    return shards_of(*rows);
  }

  result<void> release(std::span<const shard_id> shards) override {
    pg_array asked = numbers_of(shards);
    pg_params params;
    params.array(asked).text(owner_);
    return run(release_leases, params);
  }

  result<void> leave() override {
    pg_params params;
    params.text(owner_);
    return run(leave_members, params);
  }

 private:
  result<void> raise(const std::vector<taken_shard>& taken) {
    if (taken.empty())
      return {};
    pg_array shards{pg_type::int4};
    pg_array epochs{pg_type::int8};
    for (const taken_shard& each : taken) {
      shards.add_int4(raw(each.held.shard));
      epochs.add_int8(raw(each.held.epoch));
    }
    pg_params wait;
    wait.array(shards);
    pg_params to;
    to.array(shards).array(epochs).text(owner_);
#ifdef SKEIN_BUG_EPOCH_NOT_FENCED
    return {};
#endif
    const auto done = db_.execute_all({{&wait_for_fences, &wait}, {&raise_fences, &to}});
    return done ? result<void>{} : done.error();
  }

  result<void> run(const pg_statement& which, const pg_params& params) {
    if (auto ready = connect(); !ready)
      return ready;
    const auto done = db_.execute(which, params);
    return done ? result<void>{} : failed(done.error());
  }

  static live_member member_at(const pg_rows& rows, int row) {
    return {{.node = rows.text(row, 0),
             .boot = rows.text(row, 1),
             .address = rows.text(row, 2),
             .weight = static_cast<std::uint32_t>(rows.integer(row, 3)),
             .zone = rows.text(row, 4)},
            time_of(rows, row, 6),
            rows.boolean(row, 5)};
  }

  result<void> connect() {
    if (!db_.is_lost())
      return {};
    auto made = pg_connection::open(settings_);
    if (!made)
      return made.error();
    db_ = std::move(*made);
    return {};
  }

  /// A lost connection is a matter of trying again: every call here may be made twice.
  error failed(const error& why) {
    db_.roll_back();
    return {db_.is_lost() ? errc::store_unreachable : why.code, why.detail};
  }

  pg_settings settings_;
  member_info who_;
  std::string owner_;
  pg_connection db_;
};

} // namespace

result<std::unique_ptr<lease_store>> open_postgres_leases(const postgres_options& options) {
  auto db = pg_connection::open(pg_leases::settings_of(options));
  if (!db)
    return db.error();
  return std::unique_ptr<lease_store>{std::make_unique<pg_leases>(options, std::move(*db))};
}

} // namespace skein::journal
