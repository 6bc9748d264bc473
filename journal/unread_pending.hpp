// Pending events whose rows cannot be read: what the saved pending set says of them, so that their
// deliveries can be told in the place of holding up all others. Those whose own rows are damaged
// are to be ended (store_corrupt). Of those on a page that cannot be read, damaged or not given by
// the disk, nothing is lost for certain: they wait (io_error).
#pragma once

#include "journal/journal.hpp"
#include "journal/pending_set.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace skein::journal {

struct unread_event {
  std::uint64_t sequence = 0;
  error why{};
  bool is_page = false; // else the rows are damaged themselves, or the event's is not there
  std::optional<pending_delivery> known{}; // what the event's row says, if that can be read
};

/// What a store has saved of its pending set, at a reader's moment.
class saved_pending {
 public:
  virtual ~saved_pending() = default;
  /// False if nothing usable was saved: then nothing is known.
  virtual result<bool> open() = 0;
  /// Of an event that was accepted, without its row: which of its deliveries are pending, none if
  /// it is over. Empty if that is not saved yet, or damaged.
  virtual result<std::optional<pending_mark>> mark_of(std::uint64_t sequence) = 0;
  /// All deliveries that a mark's event has; empty if that is damaged, or in the event's row alone.
  virtual result<std::optional<delivery_list>> deliveries_of(const pending_mark& mark) = 0;
};

class unread_pending {
 public:
  /// Adds the deliveries of those that are pending to `into`, with their damage, and puts all in
  /// order. An error if one is to be asked for again: the disk may give its row yet, or what it has
  /// is not saved.
  result<void> resolve(const std::vector<unread_event>& unread, saved_pending& saved,
                       std::vector<pending_delivery>& into);
  /// Of what was asked for, all that is not in `unread` was read: its tries begin anew.
  void were_read(std::span<const std::uint64_t> asked, const std::vector<unread_event>& unread);

 private:
  result<void> add(const unread_event& event, saved_pending& saved,
                   std::vector<pending_delivery>& into);

  std::map<std::uint64_t, std::size_t> tries_; // in a row, of rows that the disk did not give
};

} // namespace skein::journal
