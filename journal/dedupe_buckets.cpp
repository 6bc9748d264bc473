#include "journal/dedupe_buckets.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace skein::journal {

namespace {

/// Identities between asking the memory and looking: what it takes to answer.
constexpr std::size_t memory_ahead = 8;

} // namespace

dedupe_buckets::dedupe_buckets(settings how, identity_log& log) : how_{std::move(how)}, log_{log} {
  SKEIN_CHECK(how_.place.size > 0 && how_.place.size <= limits::dedupe_bucket_identities);
}

bucket_place dedupe_buckets::place_of(std::uint64_t begin) const {
  bucket_place place = how_.place;
  place.begin = begin;
  return place;
}

std::size_t dedupe_buckets::in_memory() const noexcept {
  std::size_t identities = 0;
  for (const memory_bucket& each : memory_)
    identities += each.ids->size();
  return identities;
}

result<std::optional<dedupe_buckets::known>> dedupe_buckets::find(const hash128& identity,
                                                                  instant now) {
  for (auto each = memory_.rbegin(); each != memory_.rend(); ++each) {
    if (const auto found = each->ids->find(identity, now))
      return found;
#ifdef SKEIN_BUG_FROZEN_BUCKET_NOT_ASKED
    break;
#endif
  }
  const filter_group::mask* const known_left = looked_up(identity);
  for (std::size_t g = 0; g < filters_.size(); ++g) {
    const filters& group = *filters_[g];
    auto left = known_left != nullptr ? known_left[g] : group.bits->ask(identity, group.asked);
    for (; left != 0; left &= left - 1) {
      auto found = ask(group.owner_of(left), identity, now);
      if (!found || *found)
        return found;
    }
  }
  return std::optional<known>{};
}

void dedupe_buckets::prefetch(const hash128& identity) const noexcept {
  if (!memory_.empty())
    memory_.back().ids->prefetch(identity);
}

void dedupe_buckets::look_ahead(std::span<const hash128> identities) {
  ahead_.clear();
  if (filters_.empty())
    return;
  ahead_.identities.assign(identities.begin(), identities.end());
  ahead_.left.resize(identities.size() * filters_.size());
  for (std::size_t i = 0; i < identities.size() + memory_ahead; ++i) {
    if (i < identities.size())
      for (const auto& group : filters_)
        group->bits->prefetch(identities[i]);
    if (i >= memory_ahead)
      look_near(i - memory_ahead);
  }
  for (const std::size_t each : ahead_.candidates)
    look_far(each);
}

result<void> dedupe_buckets::look_ahead(std::span<const placed_identity> identities) {
  asked_.clear();
  for (const placed_identity& each : identities)
    asked_.push_back(each.identity);
  look_ahead(std::span<const hash128>{asked_});
  return {};
}

void dedupe_buckets::look_near(std::size_t number) {
  for (std::size_t g = 0; g < filters_.size(); ++g) {
    const std::size_t place = number * filters_.size() + g;
    ahead_.left[place] = filters_[g]->bits->ask_near(ahead_.identities[number], filters_[g]->asked);
    if (ahead_.left[place] != 0)
      ahead_.candidates.push_back(place);
  }
}

void dedupe_buckets::look_far(std::size_t place) noexcept {
  const hash128& identity = ahead_.identities[place / filters_.size()];
  const filters& group = *filters_[place % filters_.size()];
  ahead_.left[place] = group.bits->ask_far(identity, ahead_.left[place]);
  for (auto left = ahead_.left[place]; left != 0; left &= left - 1)
    group.owner_of(left).file.will_find(identity);
}

/// What look_ahead() has found, if it was told of this one.
const filter_group::mask* dedupe_buckets::looked_up(const hash128& identity) noexcept {
  while (ahead_.next < ahead_.identities.size())
    if (const std::size_t number = ahead_.next++; ahead_.identities[number] == identity)
      return &ahead_.left[number * filters_.size()];
  return nullptr;
}

result<std::optional<dedupe_buckets::known>>
dedupe_buckets::ask(closed_bucket& bucket, const hash128& identity, instant now) {
  std::optional<known> none;
  if (is_old(bucket.file.header().last_at, now))
    return none;
  ++counts_.reads;
  auto found = bucket.file.find(identity);
  if (!found) {
    if (auto healed = heal(bucket); !healed)
      return healed.error();
    found = bucket.file.find(identity);
    if (!found)
      return found.error();
  }
  if (!*found)
    ++counts_.false_reads;
  if (!*found || is_old((*found)->at, now))
    return none;
  return std::optional{known{(*found)->content, (*found)->sequence}};
}

/// In the middle of a commit, which takes about a second longer: damage is rare.
result<void> dedupe_buckets::heal(closed_bucket& bucket) {
  auto made = remake(bucket.file.header().first, place_of(begin_of(bucket.file.header().last)));
  if (!made)
    return made.error();
  static_cast<void>(made->take_filter()); // the one in memory is the same
  counts_.bytes += made->bytes() - bucket.file.bytes();
  bucket.file = std::move(*made);
  ++counts_.healed;
  return {};
}

result<bool> dedupe_buckets::insert(const hash128& identity, std::uint64_t content,
                                    std::uint64_t sequence, instant at) {
  SKEIN_CHECK(sequence == next_);
  if (next_ - first_live_ >= how_.entries_max && looked_at_ != at) {
    const auto first = log_.first_after(at - how_.window);
    if (!first)
      return first.error();
    first_live_ = *first;
    looked_at_ = at;
  }
  if (next_ - first_live_ >= how_.entries_max) {
#ifdef SKEIN_BUG_DEDUP_EVICTED_BY_SIZE
    memory_.front().ids->expire(instant::max(), 1);
    ++first_live_;
#else
    return false;
#endif
  }
  const std::uint64_t begin = begin_of(sequence);
  if (memory_.empty() || memory_.back().begin != begin) {
    if (in_memory() >= how_.memory_max)
      return false;
    memory_.push_back({begin, std::make_shared<dedupe_window>(how_.window), std::nullopt});
  }
  memory_.back().ids->insert(identity, content, sequence, at);
  ++next_;
  return true;
}

void dedupe_buckets::take_back(std::uint64_t sequence) {
  while (!memory_.empty() && memory_.back().begin >= sequence)
    memory_.pop_back();
  if (!memory_.empty() && !memory_.back().seal)
    memory_.back().ids->take_back(sequence);
  next_ = std::min(next_, sequence);
}

bool dedupe_buckets::sweep(instant now, std::size_t records_max) {
  // A full bucket is being written, or waits for it: nobody changes it.
  return !memory_.empty() && !memory_.front().seal && memory_.front().ids->expire(now, records_max);
}

result<void> dedupe_buckets::upkeep(instant now) {
  const auto first = log_.first_after(now - how_.window);
  if (!first)
    return first.error();
  first_live_ = *first;
  looked_at_ = now;
#ifdef SKEIN_BUG_BUCKET_UNLINKED_TOO_EARLY
  const auto is_over = [&](const bucket_header& header) { return is_old(header.first_at, now); };
#else
  const auto is_over = [&](const bucket_header& header) { return is_old(header.last_at, now); };
#endif
  for (; !closed_.empty() && is_over(closed_.front().file.header()); closed_.pop_front()) {
    const closed_bucket& old = closed_.front();
    const std::string path = place_of(begin_of(old.file.header().last)).path();
    if (auto removed = vfs_file::remove(how_.place.vfs, path); !removed)
      return removed;
    --counts_.buckets;
    counts_.bytes -= old.file.bytes();
    release(old.filter);
  }
  return close_full(true);
}

dedupe_buckets::counts dedupe_buckets::counted() const noexcept {
  counts all = counts_;
  all.identities = next_ - first_live_;
  all.in_memory = in_memory();
  return all;
}

} // namespace skein::journal
