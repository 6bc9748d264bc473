// From the local times of a cron expression to instants, over the changes of a zone's clocks.
//
//   a local time that does not exist   the first instant behind the gap (once, however many there
//                                      are in it), or not at all
//   one that comes twice               the first, the second, or both
//
// An expression of any hour ("*/2") means "every so often": it takes what exists, each time it
// comes, so that the time between two runs stays what it is. Others mean a time of the day: each
// day has it once.
#pragma once

#include "actors/jobs/cron.hpp"
#include "actors/jobs/zone_rules.hpp"

#include <optional>

namespace skein {

enum class gap_rule : std::uint8_t { behind, skip };
enum class repeat_rule : std::uint8_t { first, second, both };

struct dst_rules {
  gap_rule gap = gap_rule::behind;
  repeat_rule repeat = repeat_rule::first;

  static dst_rules of(const cron& expression) noexcept {
    return expression.is_of_any_hour() ? dst_rules{gap_rule::skip, repeat_rule::both} : dst_rules{};
  }
};

/// The first instant behind `after`; empty if the next 50 years have none.
std::optional<instant> next_due(const cron& expression, const zone_rules& zone, dst_rules rules,
                                instant after);

} // namespace skein
