// What a node knows of the time of a store that several nodes share. There the store's clock alone
// counts: each node's own may be wrong by another amount, and an event that is due by one of them
// would be early by the others', or behind one that it stands before.
//
//   asked ......... the store reads its clock: `at` ......... answered
//
// By then the store's clock had at least passed `at`. From there on it is counted by the clock that
// is never set, a little slower than that goes, so that what is told has been passed for certain.
#pragma once

#include "protocol/time.hpp"

#include <mutex>
#include <optional>

namespace skein {

/// Any thread.
class store_time {
 public:
  /// The store's clock said `at`, at some moment between these two. True if it is far ahead of what
  /// was thought: it was set, and who waits for a time is to look anew.
  bool heard(instant at, boot_time asked, boot_time answered);
  /// A time that the store's clock has passed; empty before it was heard.
  std::optional<instant> passed(boot_time now) const;

 private:
  instant counted(boot_time now) const noexcept; // with mutex_ held

  mutable std::mutex mutex_;
  std::optional<instant> at_; // guarded by mutex_, as is since_: it had passed this then
  boot_time since_{};
};

} // namespace skein
