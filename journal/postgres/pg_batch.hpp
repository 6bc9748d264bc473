// A judged batch as the parameters of the statements that write it, with its checksums and its
// place in its owner's chain. All known before anything is sent.
#pragma once

#include "journal/ledgers.hpp"
#include "journal/postgres/pg_commit_codec.hpp"
#include "journal/postgres/pg_connection.hpp"
#include "journal/record_crc.hpp"
#include "journal/store_state.hpp"

#include <map>
#include <span>
#include <string>
#include <vector>

namespace skein::journal {

/// Where a batch goes.
struct batch_place {
  std::int64_t owner = 0;
  std::string_view owner_name;
  std::uint64_t number = 0; // of the owner's commits
  std::uint64_t first = 0;  // number of its first event, or of the next one
  hash128 before;           // digest of the owner's commit before
};

/// Kept from commit to commit for its memory. What it was made from must stay until it is written.
class pg_batch {
 public:
  pg_batch();
  /// `totals` are those of each shard before it (index = shard).
  void make(const staged_batch& staged, const batch_place& place, const hash_settings& hash,
            const store_state& state, std::span<const ledgers> totals);

  /// One transaction, COMMIT last. The row before it is that of the commit: its xid. A small batch
  /// is one round trip. Of a large one the first `before_copies` steps come first, then the copies:
  /// they cost the server half, and a round trip each.
  std::span<const pg_connection::step> steps() const noexcept { return steps_; }
  static constexpr std::size_t before_copies = 2;
  struct copy {
    const char* sql;
    std::string_view rows;
  };
  std::span<const copy> copies() const noexcept { return copies_; }
  /// The shards it writes to, with what their totals are after it.
  const std::map<shard_id, ledgers>& totals() const noexcept { return totals_; }
  const hash128& digest() const noexcept { return digest_; }
  const batch_place& place() const noexcept { return place_; }

 private:
  struct columns;

  void clear();
  void add_event(const staged_batch::new_event& each, const event_columns& row,
                 std::string_view id);
  void add_outcome(const finish_op& op, const outcome_columns& row);
  void add_events(const staged_batch& staged);
  void add_outcomes(const staged_batch& staged);
  void add_attempts(const staged_batch& staged);
  void add_starts(const staged_batch& staged);
  void add_states(const staged_batch& staged, const hash_settings& hash);
  void add_shards(const staged_batch& staged, const store_state& state,
                  std::span<const ledgers> totals);
  void add_commit(const staged_batch& staged);
  void list_steps();

  batch_place place_;
  std::map<shard_id, ledgers> totals_;
  std::vector<std::uint32_t> crcs_; // of events, outcomes, attempts
  std::string accepted_;
  outcome_list_writer outcomes_;
  std::string changes_;
  std::string digest_bytes_;
  hash128 digest_;
  std::shared_ptr<columns> rows_;
  bool is_large_ = false;
  std::string event_rows_; // of a large one, in COPY's binary form
  std::string outcome_rows_;
  std::vector<copy> copies_;
  std::vector<pg_connection::step> steps_;
};

/// The statements that lock and check the fences of shards, for whoever else must be their owner.
/// Parameters: shards (int4[]), epochs (int8[]), the owner, how many there are (int8). Fails with
/// fence_lost_state if one is another's.
extern const pg_statement lock_fences;
inline constexpr std::string_view fence_lost_state = "22012";

extern const pg_statement begin_statement;
extern const pg_statement commit_statement;

} // namespace skein::journal
