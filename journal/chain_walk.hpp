// The commits of a store one after the other, each held against the chain: its digest is made anew
// from the records that it names.
#pragma once

#include "journal/checked_rows.hpp"
#include "protocol/ids.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace skein::journal {

class chain_walk {
 public:
  /// From the commit behind `last` on, which has this digest.
  chain_walk(database& db, const unchecked_rows& old, commit_no last, const hash128& digest)
    : db_{db}, old_{old}, last_{last}, digest_{digest} {}

  /// Once, before the first next().
  result<void> prepare();
  /// The next commit is whole; false if there is none. store_corrupt names what is wrong with it,
  /// and the walk may go on behind it, from the digest that stands there.
  result<bool> next();
  /// The last commit that was looked at.
  commit_no last() const noexcept { return last_; }

 private:
  error failed(int code);
  error broken(const std::string& why) const;
  result<hash128> digest_of_commit();
  result<void> add_events(const commit_columns& commit);
  result<void> add_outcomes(const commit_columns& commit);
  result<void> add_attempts(const commit_columns& commit);

  database& db_;
  unchecked_rows old_;
  commit_no last_{};
  hash128 digest_;
  bool over_ = false;
  statement commits_, events_, outcome_, attempt_, dead_;
  std::vector<std::uint32_t> records_;
};

} // namespace skein::journal
