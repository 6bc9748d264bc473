#include "nodes/reload/settling.hpp"

#include <utility>

namespace skein {

bool settling::look(std::string stamp, boot_time now, duration settle) {
  if (stamp != seen_) {
    seen_ = std::move(stamp);
    since_ = now;
  }
  if (seen_ == known_ || now < since_ + settle)
    return false;
  known_ = seen_;
  return true;
}

std::optional<boot_time> settling::next(duration settle) const {
  if (seen_ == known_)
    return std::nullopt;
  return since_ + settle;
}

void settling::know(std::string stamp) { known_ = seen_ = std::move(stamp); }

void settling::changed(std::string stamp, boot_time now) {
  known_.clear(); // as of no file
  seen_ = std::move(stamp);
  since_ = now;
}

} // namespace skein
