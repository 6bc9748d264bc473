#include "journal/postgres/pg_window.hpp"

#include "journal/byte_words.hpp"
#include "journal/crc32c.hpp"
#include "journal/dedupe_filter.hpp"
#include "journal/postgres/copy_row.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace skein::journal {

namespace {

constexpr std::size_t entry_bytes = 40; // identity, content, sequence, time
constexpr std::size_t block_entries = 100;

const pg_statement list_buckets{
    "list_buckets", "SELECT shard, bucket, last_at, identities, blocks, crc, filter "
                    "FROM dedupe_bucket WHERE shard = ANY($1) AND last_at > $2 ORDER BY shard, "
                    "bucket"};
const pg_statement read_blocks{
    "read_blocks", "SELECT b.shard, b.bucket, b.block, b.crc, b.entries FROM dedupe_block b "
                   "JOIN unnest($1::int4[], $2::int8[], $3::int4[]) AS d(shard, bucket, block) "
                   "ON b.shard = d.shard AND b.bucket = d.bucket AND b.block = d.block"};
const pg_statement next_bucket{"next_bucket", "SELECT nextval('dedupe_no')"};
const pg_statement add_bucket{
    "add_bucket", "INSERT INTO dedupe_bucket (shard, bucket, last_at, identities, blocks, crc, "
                  "filter) VALUES ($1, $2, $3, $4, $5, $6, $7)"};
const pg_statement note_closed{
    "note_closed", "UPDATE saved SET identities = greatest(identities, $2) WHERE shard = $1"};
const pg_statement drop_blocks{
    "drop_blocks", "DELETE FROM dedupe_block b USING dedupe_bucket d WHERE d.shard = ANY($1) AND "
                   "d.last_at <= $2 AND b.shard = d.shard AND b.bucket = d.bucket"};
const pg_statement drop_buckets{
    "drop_buckets", "DELETE FROM dedupe_bucket WHERE shard = ANY($1) AND last_at <= $2"};

/// Identities are hashes: as many of them fall into each block.
std::uint32_t block_of(const hash128& identity, std::uint32_t blocks) {
  return static_cast<std::uint32_t>((identity.high >> 32) * blocks >> 32);
}

bool may_have(std::string_view filter, const hash128& identity) {
  filter_probe probe{identity, filter.size() * 8};
  const auto has = [&](std::uint64_t at) { return (filter[at / 8] >> (at % 8) & 1) != 0; };
  for (unsigned i = 0; i < filter_near_positions; ++i)
    if (!has(probe.next_near()))
      return false;
  for (unsigned i = filter_near_positions; i < filter_positions; ++i)
    if (!has(probe.next_far()))
      return false;
  return true;
}

std::int64_t signed_crc(std::string_view bytes) { return static_cast<std::int32_t>(crc32c(bytes)); }

pg_array numbers_of(std::span<const shard_id> shards) {
  pg_array all{pg_type::int4};
  for (const shard_id each : shards)
    all.add_int4(raw(each));
  return all;
}

} // namespace

struct pg_window::build {
  shard_id shard{};
  std::unique_ptr<identity_bucket> ids;
  std::uint64_t xid = 0; // of the commit with the last one
  closed_bucket made;
  std::atomic<bool> done = false; // `made` is there, or `failed`
  bool failed = false;            // it is tried again
  std::atomic<bool> give_up = false;

  result<void> write(pg_connection& db);
  std::string rows() const;
};

/// Its blocks as rows of COPY's binary form.
std::string pg_window::build::rows() const {
  std::vector<const identity_bucket::record*> sorted;
  for (const auto& each : ids->records())
    sorted.push_back(&each);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) {
    return std::tie(a->identity, b->sequence) < std::tie(b->identity, a->sequence);
  });
  std::string out;
  std::string entries;
  auto next = sorted.begin();
  for (std::uint32_t block = 0; block < made.blocks; ++block) {
    entries.clear();
    for (; next != sorted.end() && block_of((*next)->identity, made.blocks) == block; ++next) {
      append_word(entries, (*next)->identity.high);
      append_word(entries, (*next)->identity.low);
      append_word(entries, (*next)->content);
      append_word(entries, (*next)->sequence);
      append_word(entries, static_cast<std::uint64_t>(to_ns((*next)->at)));
    }
    copy_row{out, 5}
        .int4(raw(shard))
        .int8(made.number)
        .int4(block)
        .int4(signed_crc(entries))
        .bytes(entries);
  }
  return out;
}

result<void> pg_window::build::write(pg_connection& db) {
  made.identities = static_cast<std::uint32_t>(ids->size());
  made.blocks = static_cast<std::uint32_t>(std::max<std::size_t>(1, ids->size() / block_entries));
  made.last_at = ids->records().back().at;
  filter_bits filter{filter_size(made.identities)};
  for (const auto& each : ids->records())
    filter.add(each.identity);
  made.filter = filter.bytes();
  return db.transact([&]() -> result<void> {
    const auto number = db.execute(next_bucket);
    if (!number)
      return number.error();
    made.number = number->integer(0, 0);
    if (auto copied = db.copy_in("COPY dedupe_block (shard, bucket, block, crc, entries) FROM "
                                 "STDIN (FORMAT binary)",
                                 rows());
        !copied)
      return copied;
    pg_params bucket;
    bucket.int4(raw(shard)).int8(made.number).int8(to_ns(made.last_at)).int4(made.identities);
    bucket.int4(made.blocks).int4(signed_crc(made.filter)).bytes(made.filter);
    pg_params upto;
    upto.int4(raw(shard)).xid(xid);
    const auto noted = db.execute_all({{&add_bucket, &bucket}, {&note_closed, &upto}});
    return noted ? result<void>{} : noted.error();
  });
}

pg_window::pg_window(settings how, pg_connection& db) : how_{std::move(how)}, db_{db} {}

pg_window::~pg_window() {
  for (auto& [shard, in] : shards_)
    if (in.full)
      in.full->give_up = true;
}

result<std::optional<pg_window::known>> pg_window::find(const placed_identity& which, instant now) {
  const auto at = shards_.find(which.shard);
  if (at == shards_.end())
    return std::optional<known>{};
  const of_shard& in = at->second;
  if (const auto* found = in.open->find(which.identity, oldest(now)))
    return std::optional{known{found->content, found->sequence}};
  if (in.full)
    if (const auto* found = in.full->ids->find(which.identity, oldest(now)))
      return std::optional{known{found->content, found->sequence}};
  for (const closed_bucket& each : in.closed) {
    if (each.last_at <= oldest(now))
      break;
    if (!may_have(each.filter, which.identity))
      continue;
    auto found = ask(which.shard, each, which.identity, now);
    if (!found || *found)
      return found;
  }
  return std::optional<known>{};
}

result<std::optional<pg_window::known>> pg_window::ask(shard_id shard, const closed_bucket& bucket,
                                                       const hash128& identity, instant now) {
  const block_name name{shard, bucket.number, block_of(identity, bucket.blocks)};
  if (!ahead_.contains(name))
    if (auto read = look_ahead(std::array{placed_identity{shard, identity}}); !read)
      return read.error();
  const auto block = ahead_.find(name);
  if (block == ahead_.end())
    return error{errc::store_corrupt,
                 "a block of identities of shard " + std::to_string(raw(shard)) + " is missing"};
  for (std::string_view left = block->second; left.size() >= entry_bytes;
       left.remove_prefix(entry_bytes)) {
    const hash128 found{read_word(left), read_word(left.substr(8))};
    if (found == identity &&
        from_ns(static_cast<std::int64_t>(read_word(left.substr(32)))) > oldest(now))
      return std::optional{known{read_word(left.substr(16)), read_word(left.substr(24))}};
  }
  ++counts_.false_reads;
  return std::optional<known>{};
}

result<void> pg_window::look_ahead(std::span<const placed_identity> identities) {
  ahead_.clear();
  pg_array shards{pg_type::int4};
  pg_array buckets{pg_type::int8};
  pg_array blocks{pg_type::int4};
  std::set<block_name> wanted;
  for (const placed_identity& which : identities) {
    const auto at = shards_.find(which.shard);
    if (at == shards_.end())
      continue;
    for (const closed_bucket& each : at->second.closed) {
      const std::uint32_t block = block_of(which.identity, each.blocks);
      if (!may_have(each.filter, which.identity) ||
          !wanted.emplace(which.shard, each.number, block).second)
        continue;
      shards.add_int4(raw(which.shard));
      buckets.add_int8(each.number);
      blocks.add_int4(block);
    }
  }
  if (wanted.empty())
    return {};
  counts_.reads += wanted.size();
  pg_params params;
  params.array(shards).array(buckets).array(blocks);
  const auto rows = db_.execute(read_blocks, params);
  if (!rows)
    return rows.error();
  for (int row = 0; row < rows->size(); ++row) {
    if (rows->integer(row, 3) != signed_crc(rows->bytes(row, 4)))
      return error{errc::store_corrupt, "a block of identities is damaged"};
    ahead_[{shard_id{static_cast<std::uint32_t>(rows->integer(row, 0))}, rows->integer(row, 1),
            static_cast<std::uint32_t>(rows->integer(row, 2))}] = rows->text(row, 4);
  }
  return {};
}

void pg_window::prefetch(const placed_identity& which) const noexcept {
  if (const auto at = shards_.find(which.shard); at != shards_.end())
    at->second.open->prefetch(which.identity);
}

std::size_t pg_window::held_identities() const noexcept { return in_memory_ + in_closed_; }

result<bool> pg_window::insert(const placed_identity& which, std::uint64_t content,
                               std::uint64_t sequence, instant at) {
  if (held_identities() >= how_.entries_max && swept_at_ < at) {
    while (sweep(at, how_.entries_max))
      ;
    static_cast<void>(drop_old(at)); // their rows go in the upkeep
    drop_rows_ = true;
    swept_at_ = at;
  }
  if (held_identities() >= how_.entries_max)
    return false;
  shards_[which.shard].open->insert({which.identity, content, sequence, at});
  ++in_memory_;
  touched_.push_back(which.shard);
  return true;
}

void pg_window::take_back(std::uint64_t sequence) {
  for (const shard_id each : touched_)
    while (shards_[each].open->take_back(sequence))
      --in_memory_;
}

bool pg_window::sweep(instant now, std::size_t records_max) {
  for (auto& [shard, in] : shards_)
    while (in.open->expire(oldest(now))) {
      --in_memory_;
      if (--records_max == 0)
        return true;
    }
  return false;
}

bool pg_window::drop_old(instant now) {
  bool any = false;
  for (auto& [shard, in] : shards_)
    for (; !in.closed.empty() && in.closed.back().last_at <= oldest(now); any = true) {
      in_closed_ -= in.closed.back().identities;
      in.closed.pop_back();
    }
  return any;
}

result<void> pg_window::drop_rows(std::span<const shard_id> shards, instant now) {
  pg_array asked = numbers_of(shards);
  pg_params old;
  old.array(asked).int8(to_ns(oldest(now)));
  const auto dropped = db_.execute_all({{&drop_blocks, &old}, {&drop_buckets, &old}});
  return dropped ? result<void>{} : dropped.error();
}

void pg_window::keep(std::uint64_t xid) {
  std::sort(touched_.begin(), touched_.end());
  touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
  for (const shard_id each : touched_) {
    of_shard& in = shards_[each];
    take_built(in);
    if (!in.full && in.open->size() >= how_.bucket)
      close(each, in, xid);
  }
  touched_.clear();
  last_ = std::max(last_, xid);
}

void pg_window::close(shard_id shard, of_shard& in, std::uint64_t xid) {
  in.full = std::make_shared<build>();
  in.full->shard = shard;
  in.full->ids = std::exchange(in.open, std::make_unique<identity_bucket>());
  in.full->xid = xid;
  how_.run([work = in.full, database = how_.database] {
    if (work->give_up)
      return;
    auto db = pg_connection::open(database);
    work->failed = !db || !work->write(*db);
    work->done = true;
  });
}

/// What was written meanwhile is asked from now on; what could not be goes back in front of what
/// came since.
void pg_window::take_built(of_shard& in) {
  if (!in.full || !in.full->done)
    return;
  build& work = *in.full;
  if (work.failed) {
    auto open = std::move(work.ids);
    for (const auto& each : in.open->records())
      open->insert(each);
    in.open = std::move(open);
  } else {
    in_memory_ -= work.ids->size();
    in_closed_ += work.made.identities;
    in.closed.push_front(std::move(work.made));
  }
  in.full.reset();
}

result<bool> pg_window::upkeep(instant now) {
  const bool must_drop = drop_old(now) || std::exchange(drop_rows_, false);
  std::vector<shard_id> held;
  bool more = false;
  for (auto& [shard, in] : shards_) {
    held.push_back(shard);
    take_built(in);
    if (!in.full && !in.open->empty() &&
        (now - in.open->records().front().at >= how_.bucket_time || in.open->size() >= how_.bucket))
      close(shard, in, last_);
    more = more || in.full;
  }
  if (must_drop)
    if (auto dropped = drop_rows(held, now); !dropped)
      return dropped.error();
  return more;
}

result<void> pg_window::load(std::span<const shard_id> shards, instant now) {
  if (auto dropped = drop_rows(shards, now); !dropped)
    return dropped;
  pg_array asked = numbers_of(shards);
  pg_params params;
  params.array(asked).int8(to_ns(oldest(now)));
  const auto rows = db_.execute(list_buckets, params);
  if (!rows)
    return rows.error();
  for (const shard_id each : shards)
    shards_[each];
  for (int row = 0; row < rows->size(); ++row) {
    closed_bucket found;
    found.number = rows->integer(row, 1);
    found.last_at = rows->time(row, 2);
    found.identities = static_cast<std::uint32_t>(rows->integer(row, 3));
    found.blocks = static_cast<std::uint32_t>(rows->integer(row, 4));
    found.filter = rows->text(row, 6);
    if (rows->integer(row, 5) != signed_crc(found.filter) || found.blocks == 0 ||
        found.filter.size() * 8 != filter_size(found.identities))
      return error{errc::store_corrupt, "a filter of identities is damaged"};
    in_closed_ += found.identities;
    shards_[shard_id{static_cast<std::uint32_t>(rows->integer(row, 0))}].closed.push_front(
        std::move(found));
  }
  return {};
}

void pg_window::restore(shard_id shard, const identity_bucket::record& one, std::uint64_t xid) {
  last_ = std::max(last_, xid);
  shards_[shard].open->insert(one);
  ++in_memory_;
}

void pg_window::forget(std::span<const shard_id> shards) {
  for (const shard_id each : shards) {
    const auto at = shards_.find(each);
    if (at == shards_.end())
      continue;
    in_memory_ -= at->second.open->size();
    if (at->second.full)
      in_memory_ -= at->second.full->ids->size();
    for (const closed_bucket& bucket : at->second.closed)
      in_closed_ -= bucket.identities;
    shards_.erase(at);
  }
  ahead_.clear();
}

bool pg_window::is_all_closed(shard_id shard) const {
  const auto at = shards_.find(shard);
  return at != shards_.end() && at->second.open->empty() && !at->second.full;
}

pg_window::counts pg_window::counted() const noexcept {
  counts all = counts_;
  all.identities = held_identities();
  all.in_memory = in_memory_;
  for (const auto& [shard, in] : shards_)
    for (const closed_bucket& each : in.closed) {
      ++all.buckets;
      all.bytes += each.filter.size();
    }
  return all;
}

} // namespace skein::journal
