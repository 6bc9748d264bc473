// The identities of events as the commits of journal.db have them: what the files of the dedupe
// window are made from, and held against.
#pragma once

#include "journal/checked_rows.hpp"
#include "journal/dedupe_buckets.hpp"

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
  /// Numbers of the commits that are kept: from first to before end.
  struct range {
    std::uint64_t first = 1;
    std::uint64_t end = 1;
  };
  result<range> commits();
  /// The first commit of the range for which `is_before` does not hold; it holds for none behind
  /// that one.
  template <class Before>
  result<std::uint64_t> search(range among, Before is_before);

  database& db_;
  unchecked_rows old_;
  std::uint64_t searched_from_ = 1; // no commit before it is within the window
  statement last_, place_, rows_, seal_;
};

} // namespace skein::journal
