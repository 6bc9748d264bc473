// Whether the clock can be believed at the start of a store. Its time never goes back: events that
// were accepted in the year 2100 by mistake would hold it there for good, and a window of 24 hours
// would forget its identities at once.
#pragma once

#include "protocol/result.hpp"
#include "protocol/time.hpp"

namespace skein::journal {

/// `last`: of the last commit; no_instant = there is none. A clock that is behind is believed: the
/// store's time stands still until it has caught up.
result<void> judge_clock(instant now, instant last, duration jump_max);

} // namespace skein::journal
