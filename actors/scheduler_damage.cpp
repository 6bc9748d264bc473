// scheduler_core: pending deliveries that the store cannot read.
//
// One whose own rows are damaged ends dead, and holds nothing up. So many at most: more than that
// are rather one damage, and a person has a backup or a repair for it. One whose rows lie on a page
// that cannot be read may be whole behind it, and waits for the next opening, which comes after a
// repair. With its event's row its place is known, and its lane stands; without, it stands in none,
// and those of its key pass it.
#include "actors/scheduler_core.hpp"

#include <algorithm>
#include <utility>

namespace skein {

namespace {

/// Deliveries that a loop ends for damage without a person.
constexpr std::size_t damage_ends_max = 1'000;

bool is_readable(const journal::pending_delivery& row) { return row.damage.code == errc::none; }

} // namespace

/// What stays in `read` is to stand in its lane, or to be ended by who asked for it.
void scheduler_core::take_unreadable(bool is_wanted, rows_read& read) {
  if (!read || std::all_of(read->begin(), read->end(), is_readable))
    return;
  std::vector<journal::pending_delivery> kept;
  std::size_t waiting = 0;
  std::string why;
  for (journal::pending_delivery& row : *read) {
    if (is_readable(row)) {
      kept.push_back(std::move(row));
      continue;
    }
    if (is_taken_out(row.delivery) || end_damaged(row))
      continue;
    ++waiting;
    why = row.damage.detail;
    if (is_wanted || row.accepted != no_instant)
      kept.push_back(std::move(row));
  }
  read = std::move(kept);
  if (waiting > 0 && out_ != nullptr) // before the start the reader alone has told it
    log(log_severity::error, "rows-unread",
        std::to_string(waiting) + " deliveries wait for the next start, or a repair: " + why);
}

bool scheduler_core::end_damaged(journal::pending_delivery& row) {
  if (row.damage.code != errc::store_corrupt || damage_ends_ == damage_ends_max)
    return false;
  ++damage_ends_;
  bring_in(row); // in no lane: its time and mostly its key are lost
  unreadable_.emplace_back(row.delivery, row.damage.detail);
  return true;
}

void scheduler_core::end_unreadable() {
#ifdef SKEIN_BUG_UNREADABLE_ROW_FORGOTTEN
  unreadable_.clear();
#endif
  for (auto& [which, why] : std::exchange(unreadable_, {}))
    if (const std::uint32_t slot = lanes_.find_delivery(which);
        slot != no_slot && lanes_.deliveries[slot].at != stage::closing)
      finish_without_turn(slot, delivery_state::dead, errc::store_corrupt, std::move(why));
}

} // namespace skein
