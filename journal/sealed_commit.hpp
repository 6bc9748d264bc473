// A commit with the CRCs of its records and its place in the chain, all known before it is written.
#pragma once

#include "journal/record_crc.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/store_state.hpp"

#include <span>
#include <string>
#include <vector>

namespace skein::journal {

/// One commit, as rows.
struct commit_rows {
  commit_no number{};
  const staged_batch* staged = nullptr;
  std::uint64_t first_event = 0; // or the next one
  const ledgers* totals = nullptr;
  std::uint64_t low_water = 0;
  std::span<const std::string> new_agents;
  std::size_t first_agent = 0; // number of the first of them
};

/// Kept from commit to commit for its memory. Its spans and texts are valid until the next make().
class sealed_commit {
 public:
  /// Of the commit that follows one with the digest `before`. The rows must stay.
  void make(const commit_rows& rows, const hash128& before);

  const commit_rows& rows() const noexcept { return rows_; }
  /// In the order in which they are staged.
  std::span<const std::uint32_t> event_crcs() const { return part(0, events()); }
  std::span<const std::uint32_t> outcome_crcs() const { return part(events(), outcomes()); }
  std::span<const std::uint32_t> attempt_crcs() const {
    return part(events() + outcomes(), rows_.staged->attempts.size());
  }
  /// Of event number `index` of them: reading an event's head twice costs more than its CRC.
  std::string_view key(std::size_t index) const { return heads_[index].key; }
  std::string_view id(std::size_t index) const { return heads_[index].id; }
  /// Its row of `commits`.
  const commit_columns& row() const noexcept { return row_; }
  std::uint32_t crc() const noexcept { return crc_; }
  const hash128& digest() const noexcept { return digest_; }

 private:
  std::size_t events() const noexcept { return rows_.staged->events.size(); }
  std::size_t outcomes() const noexcept { return rows_.staged->outcomes.size(); }
  std::span<const std::uint32_t> part(std::size_t from, std::size_t count) const {
    return std::span{crcs_}.subspan(from, count);
  }
  void add_events();
  void add_outcomes();
  void add_changes();
  std::uint32_t crc_of_unnumbered() const;

  commit_rows rows_;
  std::vector<std::uint32_t> crcs_;
  std::vector<event_head> heads_;
  std::string identities_;
  outcome_list_writer outcomes_;
  std::string ledger_;
  std::string changes_;
  commit_columns row_;
  std::uint32_t crc_ = 0;
  hash128 digest_;
};

} // namespace skein::journal
