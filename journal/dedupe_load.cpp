// dedupe_buckets: the window as it is found at a start.
#include "journal/dedupe_buckets.hpp"
#include "journal/store_folder.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

result<void> dedupe_buckets::load(instant now, std::uint64_t next) {
  const auto first = log_.first_after(now - how_.window);
  if (!first)
    return first.error();
  first_live_ = *first;
  looked_at_ = now;
  next_ = next;
  if (how_.place.vfs_is_system)
    if (auto made = make_private_subfolder(how_.place.directory); !made)
      return made;
  const std::uint64_t open = begin_of(next);
#ifndef SKEIN_BUG_BUCKET_FORGOTTEN_AT_START
  for (std::uint64_t begin = begin_of(first_live_); begin < open; begin += how_.place.size)
    if (auto loaded = load_closed(begin); !loaded)
      return loaded;
#endif
  if (auto removed = remove_before(begin_of(first_live_)); !removed)
    return removed;
  const std::uint64_t from = std::max(open, first_live_);
  if (from == next)
    return {};
  memory_.push_back({open, std::make_shared<dedupe_window>(how_.window), std::nullopt});
#ifdef SKEIN_BUG_DEDUP_KEPT_IN_CACHE_ONLY
  return {};
#endif
  const auto read = log_.read(from, next - 1, *memory_.back().ids);
  return read ? result<void>{} : read.error();
}

result<void> dedupe_buckets::load_closed(std::uint64_t begin) {
  const bucket_place place = place_of(begin);
  const std::uint64_t first = std::max(begin, first_live_);
  if (place.vfs_is_system)
    if (auto safe = check_store_file(place.path()); !safe)
      return safe;
  auto found = bucket_file::open(place);
  if (!found)
    return found.error();
  if (*found) {
    const bucket_header& header = (*found)->header();
    const auto is_ours = log_.has(header.seal, header.last);
    if (!is_ours)
      return is_ours.error();
    if (!*is_ours || header.first > first)
      found->reset();
  }
  if (!*found) {
    auto made = remake(first, place);
    if (!made)
      return made.error();
    *found = std::move(*made);
    ++counts_.remade;
  }
  const column filter = take_column();
  filter.of->bits->fill(filter.number, (*found)->take_filter());
  add_closed(std::move(**found), filter);
  return {};
}

/// The bucket's file from the commits, from this sequence on.
result<bucket_file> dedupe_buckets::remake(std::uint64_t first, const bucket_place& place) {
  dedupe_window identities{how_.window};
  const auto seal = log_.read(first, place.last(), identities);
  if (!seal)
    return seal.error();
  const std::atomic<bool> never = false;
  if (auto written = write_bucket(place, *seal, identities, never); !written)
    return written.error();
  auto opened = bucket_file::open(place);
  if (!opened)
    return opened.error();
  if (!*opened)
    return error{errc::io_error, place.path() + " was written, but is not there whole"};
  return std::move(**opened);
}

/// Files of buckets that were out of the window when nobody was there to remove them.
result<void> dedupe_buckets::remove_before(std::uint64_t begin) {
  while (begin > how_.place.size) {
    begin -= how_.place.size;
    const std::string path = place_of(begin).path();
    const auto there = vfs_file::exists(how_.place.vfs, path);
    if (!there)
      return there.error();
    if (!*there)
      return {};
    if (auto removed = vfs_file::remove(how_.place.vfs, path); !removed)
      return removed;
  }
  return {};
}

} // namespace skein::journal
