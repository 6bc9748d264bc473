// What the saved pending set says of an event whose rows cannot be read. For a reader, in one state
// of the store. The rows of outcomes are not read, only whether they are there.
#pragma once

#include "journal/postgres/pg_connection.hpp"
#include "journal/route_book.hpp"
#include "journal/unread_pending.hpp"

namespace skein::journal {

class pg_saved_pending final : public saved_pending {
 public:
  pg_saved_pending(pg_connection& db, std::uint64_t range_events)
    : db_{db}, range_events_{range_events} {}

  result<bool> open() override { return true; }
  result<std::optional<pending_mark>> mark_of(std::uint64_t sequence) override;
  result<std::optional<delivery_list>> deliveries_of(const pending_mark& mark) override;

 private:
  result<pending_mark> without_ended(pending_mark mark, std::uint64_t sequence);
  result<bool> may_be_unsaved(std::uint64_t sequence);

  pg_connection& db_;
  std::uint64_t range_events_;
  route_book routes_; // of the rows read so far
};

} // namespace skein::journal
