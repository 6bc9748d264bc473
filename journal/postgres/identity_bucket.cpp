#include "journal/postgres/identity_bucket.hpp"

#include "protocol/check.hpp"

#include <utility>

namespace skein::journal {

namespace {
constexpr std::size_t slots_at_first = 16;
}

const identity_bucket::record* identity_bucket::find(const hash128& identity,
                                                     instant oldest) const noexcept {
  if (slots_.empty())
    return nullptr;
  const std::size_t mask = slots_.size() - 1;
  // One that came back after its time has a newer record besides the old one.
  for (std::size_t i = identity.low & mask; slots_[i] != 0; i = (i + 1) & mask)
    if (const record& found = record_of(slots_[i]); found.identity == identity && found.at > oldest)
      return &found;
  return nullptr;
}

void identity_bucket::insert(const record& made) {
  if ((records_.size() + 1) * 2 > slots_.size())
    grow();
  const slot number = first_ + static_cast<slot>(records_.size());
  SKEIN_CHECK(number != 0);
  records_.push_back(made);
  place(made.identity, number);
}

void identity_bucket::place(const hash128& identity, slot number) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = identity.low & mask;
  while (slots_[i] != 0)
    i = (i + 1) & mask;
  slots_[i] = number;
}

void identity_bucket::grow() {
  const std::size_t size = slots_.empty() ? slots_at_first : slots_.size() * 2;
  slots_.assign(size, 0);
  slot number = first_;
  for (const record& each : records_)
    place(each.identity, number++);
}

/// Closes the gap by moving later slots of the run forward.
void identity_bucket::remove(const hash128& identity, slot number) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t gap = identity.low & mask;
  while (slots_[gap] != number) {
    SKEIN_CHECK(slots_[gap] != 0);
    gap = (gap + 1) & mask;
  }
  for (std::size_t i = (gap + 1) & mask; slots_[i] != 0; i = (i + 1) & mask) {
    const std::size_t home = record_of(slots_[i]).identity.low & mask;
    if (((i - home) & mask) >= ((i - gap) & mask)) {
      slots_[gap] = slots_[i];
      gap = i;
    }
  }
  slots_[gap] = 0;
}

bool identity_bucket::take_back(std::uint64_t sequence) {
  if (records_.empty() || records_.back().sequence < sequence)
    return false;
  remove(records_.back().identity, first_ + static_cast<slot>(records_.size() - 1));
  records_.pop_back();
  return true;
}

bool identity_bucket::expire(instant oldest) {
  if (records_.empty() || records_.front().at > oldest)
    return false;
  remove(records_.front().identity, first_);
  records_.pop_front();
  ++first_;
  return true;
}

} // namespace skein::journal
