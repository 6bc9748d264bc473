// The dedupe window of the shards that are held, most of it in the database.
//
//     out of the window      closed buckets        being written   open
//   |.......................|#####|#####|#####|===|===============|--->
//                             blocks, behind filters    in memory
//
//   bucket   identities of one shard that followed each other
//   open     in memory, read back from the commits when the shard is adopted
//   full     (so many, or so old) when its last identity is durable it is written, sorted, by
//   another
//            connection; it answers from memory until it is there
//   closed   asked only if its Bloom filter, which is in memory, does not exclude the identity;
//   then
//            one block is read. It goes when its last identity is out of the window
//
// Exact by time. The budget counts what is within the window, a closed bucket as a whole until its
// last identity is old: at the limit nothing is inserted, and nothing goes before its time.
// A bucket that an owner writes although its shard was taken from it is true nevertheless: it has
// committed identities alone, which the next owner has too.
#pragma once

#include "journal/background_thread.hpp"
#include "journal/postgres/identity_bucket.hpp"
#include "journal/postgres/pg_connection.hpp"

#include <atomic>
#include <list>
#include <map>
#include <memory>
#include <tuple>

namespace skein::journal {

class pg_window final : public identity_window {
 public:
  struct settings {
    duration window{};
    std::size_t entries_max = 0;
    std::size_t bucket = 0; // identities
    duration bucket_time{};
    pg_settings database; // of the connection that writes buckets
    job_runner run;       // carries that out, one after the other
  };
  struct counts {
    std::uint64_t identities = 0;
    std::uint64_t in_memory = 0;
    std::uint64_t buckets = 0; // closed
    std::uint64_t bytes = 0;   // of their filters
    std::uint64_t reads = 0;   // of blocks, as a filter did not exclude an identity
    std::uint64_t false_reads = 0;
  };

  /// Blocks are read on `db`, the writer's.
  pg_window(settings how, pg_connection& db);
  ~pg_window() override;

  result<std::optional<known>> find(const placed_identity& which, instant now) override;
  result<void> look_ahead(std::span<const placed_identity> identities) override;
  void prefetch(const placed_identity& which) const noexcept override;
  result<bool> insert(const placed_identity& which, std::uint64_t content, std::uint64_t sequence,
                      instant at) override;
  void take_back(std::uint64_t sequence) override;
  bool sweep(instant now, std::size_t records_max) override;

  /// What was inserted is durable, the last of it with this commit. Full buckets are closed.
  void keep(std::uint64_t xid);
  /// Takes over what was written meanwhile; true if there is more to come.
  result<bool> upkeep(instant now);

  // When shards come and go.
  /// Reads the filters of these shards' closed buckets.
  result<void> load(std::span<const shard_id> shards, instant now);
  /// One that is in no closed bucket; in the order of commits.
  void restore(shard_id shard, const identity_bucket::record& one, std::uint64_t xid);
  void forget(std::span<const shard_id> shards);
  /// Held shards with nothing in memory: closed buckets have all of their identities.
  bool is_all_closed(shard_id shard) const;

  counts counted() const noexcept;

 private:
  struct closed_bucket {
    std::int64_t number = 0;
    instant last_at = no_instant;
    std::uint32_t identities = 0;
    std::uint32_t blocks = 0;
    std::string filter;
  };
  /// On its way; shared with who writes it.
  struct build;
  struct of_shard {
    std::unique_ptr<identity_bucket> open = std::make_unique<identity_bucket>();
    std::shared_ptr<build> full;
    std::list<closed_bucket> closed; // newest first
  };
  using block_name = std::tuple<shard_id, std::int64_t, std::uint32_t>;

  instant oldest(instant now) const noexcept { return now - how_.window; }
  void close(shard_id shard, of_shard& in, std::uint64_t xid);
  result<std::optional<known>> ask(shard_id shard, const closed_bucket& bucket,
                                   const hash128& identity, instant now);
  void take_built(of_shard& in);
  bool drop_old(instant now);
  result<void> drop_rows(std::span<const shard_id> shards, instant now);
  std::size_t held_identities() const noexcept;

  settings how_;
  pg_connection& db_;
  std::map<shard_id, of_shard> shards_;
  std::vector<shard_id> touched_;           // since the last keep()
  std::map<block_name, std::string> ahead_; // blocks that look_ahead() has read
  instant swept_at_ = no_instant;           // when nothing in memory was old
  std::uint64_t last_ = 0;                  // commit that is known to be durable
  bool drop_rows_ = false;
  std::size_t in_memory_ = 0;
  std::size_t in_closed_ = 0;
  counts counts_;
};

} // namespace skein::journal
