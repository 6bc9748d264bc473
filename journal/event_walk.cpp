#include "journal/event_walk.hpp"

namespace skein::journal {

namespace {

result<statement*> at_row(statement& rows, int code) {
  if (code == SQLITE_ROW)
    return &rows;
  if (code == SQLITE_DONE)
    return static_cast<statement*>(nullptr);
  return sqlite_error(rows.db(), code, "reading the store");
}

} // namespace

row_walk::row_walk(statement& rows, const event_bounds& within) : rows_{rows}, end_{rows} {
  rows_.bind(1, within.below).bind(2, within.from);
}

result<statement*> row_walk::next() { return at_row(rows_, rows_.step()); }

delivery_walk::delivery_walk(statement& deliveries, statement& find, const event_bounds& within)
  : deliveries_{deliveries}, find_{find}, end_{deliveries}, end_of_find_{find} {
  deliveries_.bind(1, within.below * 16).bind(2, within.from * 16);
}

result<statement*> delivery_walk::next() {
  while (true) {
    auto row = at_row(deliveries_, deliveries_.step());
    if (!row || *row == nullptr)
      return row;
    const std::uint64_t event = deliveries_.natural(0) / 16;
    if (event == last_)
      continue;
    last_ = event;
    find_.reset();
    auto found = at_row(find_, find_.bind(1, event).step());
    if (!found || *found != nullptr)
      return found;
  }
}

} // namespace skein::journal
