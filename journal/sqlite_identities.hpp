// The identities of events as the commits of journal.db have them: what the files of the dedupe
// window are made from, and held against.
#pragma once

#include "journal/checked_rows.hpp"
#include "journal/dedupe_buckets.hpp"

#include <optional>

namespace skein::journal {

class sqlite_identities final : public identity_log {
 public:
  /// Reads by this connection, between its transactions.
  sqlite_identities(database& db, const unchecked_rows& old) : db_{db}, old_{old} {}

  /// Once the schema is there.
  result<void> prepare();

  result<std::uint64_t> first_after(instant oldest) override;
  result<bucket_seal> read(std::uint64_t first, std::uint64_t last, dedupe_window& into) override;
  result<bool> has(const bucket_seal& seal, std::uint64_t last) override;

 private:
  /// Where a commit stands.
  struct place {
    std::uint64_t commit = 1;
    std::uint64_t event = 1; // its first
  };
  struct whole_commit {
    place begin;
    std::uint64_t events = 0;
    instant at = no_instant;
  };
  /// What retention has left: from the first commit to before `end`.
  struct range {
    place first;
    std::uint64_t end = 1;
  };
  result<range> commits();
  /// The first commit of the range for which `is_before` does not hold; it holds for none behind
  /// that one. Only commits whose checksum holds are asked: an earlier place may be found if the
  /// others are in the way, never a later one.
  template <class Before>
  result<place> search(range among, Before is_before);
  /// The next one from this number on, before `end`.
  result<std::optional<whole_commit>> next_whole(std::uint64_t number, std::uint64_t end);

  database& db_;
  unchecked_rows old_;
  place searched_from_; // no commit before it is within the window
  statement last_, whole_, rows_, seal_;
};

} // namespace skein::journal
