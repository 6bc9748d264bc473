// dedupe_buckets: full buckets on their way into files.
#include "journal/dedupe_buckets.hpp"
#include "journal/journal.hpp"

#include <bit>
#include <utility>

namespace skein::journal {

struct dedupe_buckets::build {
  bucket_place place;
  bucket_seal seal;
  std::shared_ptr<const dedupe_window> ids;
  column filter; // its group's owner keeps the rest of the column
  std::shared_ptr<filter_group> bits;
  std::atomic<bool> give_up = false;
  std::atomic<bool> is_done = false;
  // when done:
  result<std::optional<bucket_file>> made = errc::internal;

  void run() {
    made = make();
    is_done.store(true, std::memory_order_release);
  }
  result<std::optional<bucket_file>> make() {
    if (auto written = write_bucket(place, seal, *ids, give_up); !written)
      return written.error();
    auto opened = bucket_file::open(place);
    if (opened && *opened)
      bits->fill(filter.number, (*opened)->take_filter());
    return opened;
  }
};

dedupe_buckets::~dedupe_buckets() {
  if (build_)
    build_->give_up = true;
}

result<void> dedupe_buckets::keep(const bucket_seal& seal) {
  for (memory_bucket& each : memory_)
    if (!each.seal && each.begin + how_.place.size <= next_)
      each.seal = seal;
  return close_full(false);
}

/// One at a time, the oldest first. `again`: what was refused too.
result<void> dedupe_buckets::close_full(bool again) {
  for (refused_ = refused_ && !again;;) {
    if (build_ && !build_->is_done.load(std::memory_order_acquire))
      return {};
    if (build_)
      if (auto ended = end_build(); !ended)
        return ended;
    while (!memory_.empty() && memory_.front().seal && memory_.front().ids->size() == 0)
      memory_.pop_front(); // all of it was swept out
    if (refused_ || memory_.empty() || !memory_.front().seal)
      return {};
    if (refused_ = !has_room(); refused_)
      return {};
    begin_build();
  }
}

/// Else a file that finds no room takes what is left from the commits until it is refused, again
/// and again.
bool dedupe_buckets::has_room() const {
  const auto free = how_.free ? how_.free() : std::nullopt;
#ifdef SKEIN_BUG_BUCKET_KEEPS_ITS_ROOM
  return true;
#endif
  return !free ||
         *free >= bucket_bytes(memory_.front().ids->size(), how_.place.size) + how_.reserve;
}

void dedupe_buckets::begin_build() {
  const memory_bucket& full = memory_.front();
  build_ = std::make_shared<build>();
  build_->place = place_of(full.begin);
  build_->seal = *full.seal;
  build_->ids = full.ids;
  build_->filter = take_column();
  build_->bits = build_->filter.of->bits;
  how_.run([job = build_] { job->run(); });
}

result<void> dedupe_buckets::end_build() {
  const auto ended = std::exchange(build_, nullptr);
  if (!ended->made || !*ended->made) {
    release(ended->filter);
    if (ended->made)
      return error{errc::io_error, ended->place.path() + " was written, but is not there whole"};
    refused_ = is_refusal(ended->made.error().code);
    return refused_ ? result<void>{} : ended->made.error();
  }
  add_closed(std::move(**ended->made), ended->filter);
  auto in_memory = std::exchange(memory_.front().ids, nullptr);
  memory_.pop_front();
  ended->ids = nullptr;
  how_.run([in_memory] {}); // a million small pieces of memory to be given back, over there
  return {};
}

void dedupe_buckets::add_closed(bucket_file file, column filter) {
  ++counts_.buckets;
  counts_.bytes += file.bytes();
  closed_.push_back({std::move(file), filter});
  filter.of->owners[filter.number] = &closed_.back();
  filter.of->asked |= 1u << filter.number;
  ahead_.clear();
}

dedupe_buckets::column dedupe_buckets::take_column() {
  constexpr filter_group::mask all = (1u << filter_group::columns) - 1;
  ahead_.clear();
  for (const auto& each : filters_)
    if (each->taken != all) {
      const auto number = static_cast<unsigned>(std::countr_one(each->taken));
      each->taken |= 1u << number;
      return {each.get(), number};
    }
  auto& made = *filters_.emplace_back(std::make_unique<filters>());
  made.bits = std::make_shared<filter_group>(filter_size(how_.place.size));
  made.taken = 1;
  return {&made, 0};
}

void dedupe_buckets::release(column which) {
  const filter_group::mask bit = 1u << which.number;
  ahead_.clear();
  which.of->asked &= ~bit;
  which.of->taken &= ~bit;
  if (which.of->taken == 0)
    std::erase_if(filters_, [&](const auto& each) { return each.get() == which.of; });
}

} // namespace skein::journal
