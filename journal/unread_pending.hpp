// Pending events whose rows cannot be read: what the saved pending set says of them, so that their
// deliveries can be ended, and told, in the place of holding up all others.
#pragma once

#include "journal/journal.hpp"
#include "journal/pending_view.hpp"

#include <cstdint>
#include <map>
#include <vector>

namespace skein::journal {

struct unread_event {
  std::uint64_t sequence = 0;
  error why;
};

class unread_pending {
 public:
  /// Adds the deliveries of those that are pending to `into`, with their damage, and puts all in
  /// order. An error if one is to be asked for again: the disk may give its row yet, or what it has
  /// is not saved.
  result<void> resolve(const std::vector<unread_event>& unread, pending_view& view,
                       const unchecked_rows& old, std::vector<pending_delivery>& into);

 private:
  result<void> add(const unread_event& event, pending_view& view,
                   std::vector<pending_delivery>& into);

  std::map<std::uint64_t, std::size_t> tries_; // of rows that the disk did not give
};

} // namespace skein::journal
