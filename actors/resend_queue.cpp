#include "actors/resend_queue.hpp"

#include "protocol/check.hpp"

namespace skein {

void resend_queue::sent(std::uint64_t number, slice frame, boot_time now) {
  bytes_ += frame.size();
  const std::size_t before = waiting_.size();
  waiting_.emplace_hint(waiting_.end(), number, entry{std::move(frame), now});
  SKEIN_CHECK(waiting_.size() == before + 1);
}

bool resend_queue::was_sent_again(std::uint64_t number) const {
  const auto found = waiting_.find(number);
  return found != waiting_.end() && found->second.again;
}

bool resend_queue::acknowledged(std::uint64_t number) {
  const auto found = waiting_.find(number);
  if (found == waiting_.end())
    return false;
  bytes_ -= found->second.frame.size();
  waiting_.erase(found);
  return true;
}

std::vector<slice> resend_queue::due(boot_time now, duration ago) {
  std::vector<slice> frames;
  for (auto& [number, each] : waiting_) {
    if (each.last_sent + ago <= now) {
      each.last_sent = now;
      each.again = true;
      frames.push_back(each.frame);
    }
  }
  return frames;
}

std::optional<boot_time> resend_queue::next_due() const {
  // Numbers grow with time, but a frame that was sent again is later than its successors: the first
  // is at most one interval early, which costs one idle look.
  if (waiting_.empty())
    return std::nullopt;
  return waiting_.begin()->second.last_sent + limits::resend_after;
}

bool seen_window::first_time(std::uint64_t number) {
  if (number < complete_below_ || !above_.insert(number).second)
    return false;
  while (!above_.empty() && *above_.begin() == complete_below_) {
    above_.erase(above_.begin());
    ++complete_below_;
  }
  const std::uint64_t highest = above_.empty() ? complete_below_ : *above_.rbegin();
  if (highest > complete_below_ + span) {
    complete_below_ = highest - span;
    above_.erase(above_.begin(), above_.lower_bound(complete_below_));
  }
  return true;
}

} // namespace skein
