#include "journal/pending_codec.hpp"

#include "journal/byte_words.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <span>
#include <unordered_map>

namespace skein::journal {

namespace {

constexpr std::uint32_t chunk_events = 512;
constexpr std::size_t bitmap_bytes = chunk_events / 8;
constexpr std::size_t bitmap_from = 64; // events

using chunk_of_marks = std::span<const placed_mark>;

std::uint32_t kind_of(const pending_mark& mark) {
  return static_cast<std::uint32_t>(mark.live) << 16 | mark.tag;
}

void write_places(std::string& out, chunk_of_marks marks) {
  if (marks.size() >= bitmap_from) {
    std::array<char, bitmap_bytes> bits{};
    for (const placed_mark& each : marks)
      bits[each.slot % chunk_events / 8] |= static_cast<char>(1u << each.slot % 8);
    out.append(bits.data(), bits.size());
    return;
  }
  std::uint32_t next = 0;
  for (const placed_mark& each : marks) {
    append_varint(out, each.slot % chunk_events - next);
    next = each.slot % chunk_events + 1;
  }
}

void write_kinds(std::string& out, chunk_of_marks marks) {
  std::vector<std::uint32_t> kinds;
  std::unordered_map<std::uint32_t, std::size_t> numbers;
  std::vector<std::size_t> of_each;
  of_each.reserve(marks.size());
  for (const placed_mark& each : marks) {
    const std::uint32_t kind = kind_of(each.mark);
    if (!of_each.empty() && kinds[of_each.back()] == kind) {
      of_each.push_back(of_each.back());
      continue;
    }
    const auto [known, is_new] = numbers.try_emplace(kind, kinds.size());
    if (is_new)
      kinds.push_back(kind);
    of_each.push_back(known->second);
  }
  append_varint(out, kinds.size());
  for (const std::uint32_t each : kinds) {
    append_varint(out, each >> 16);
    append_varint(out, each & 0xffff);
  }
  if (kinds.size() > 1)
    for (const std::size_t each : of_each)
      append_number(out, each, kinds.size() > 256 ? 2 : 1);
}

/// Takes bytes off the front; all answers are empty once something is missing.
class byte_reader {
 public:
  explicit byte_reader(std::string_view bytes) : bytes_{bytes} {}

  bool at_end() const noexcept { return bytes_.empty(); }
  std::optional<std::string_view> take(std::size_t count) {
    if (bytes_.size() < count)
      return std::nullopt;
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  std::optional<std::uint64_t> varint(std::uint64_t max) {
    const auto value = take_varint(bytes_);
    return value && *value <= max ? value : std::nullopt;
  }

 private:
  std::string_view bytes_;
};

class unpacking {
 public:
  unpacking(std::string_view bytes, std::uint64_t range_events)
    : in_{bytes}, range_events_{range_events} {}

  std::optional<placed_marks> run() {
    const auto width = in_.take(1);
    if (!width || (width->front() != 1 && width->front() != 2))
      return std::nullopt;
    width_ = static_cast<std::size_t>(width->front());
    while (!in_.at_end())
      if (!read_chunk())
        return std::nullopt;
    return std::move(all_);
  }

 private:
  bool read_chunk() {
    const auto skipped = in_.varint(range_events_ / chunk_events);
    const auto count = in_.varint(chunk_events);
    if (!skipped || !count || *count == 0)
      return false;
    const std::uint64_t first = (next_chunk_ + *skipped) * chunk_events;
    next_chunk_ += *skipped + 1;
    const std::size_t before = all_.size();
    if (first >= range_events_ || !read_places(static_cast<std::uint32_t>(first), *count))
      return false;
    const std::span<placed_mark> marks = std::span{all_}.subspan(before);
    return marks.back().slot < range_events_ && read_kinds(marks) && read_shards(marks);
  }

  bool read_places(std::uint32_t first, std::uint64_t count) {
    if (count >= bitmap_from) {
      const auto bits = in_.take(bitmap_bytes);
      if (!bits)
        return false;
      const std::size_t before = all_.size();
      for (std::uint32_t i = 0; i < bitmap_bytes; ++i)
        for (unsigned byte = static_cast<unsigned char>((*bits)[i]); byte != 0; byte &= byte - 1)
          all_.push_back({first + i * 8 + static_cast<std::uint32_t>(std::countr_zero(byte)), {}});
      return all_.size() - before == count;
    }
    std::uint32_t next = first;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto step = in_.varint(chunk_events - 1);
      if (!step || next + *step >= first + chunk_events)
        return false;
      all_.push_back({next + static_cast<std::uint32_t>(*step), {}});
      next = all_.back().slot + 1;
    }
    return true;
  }

  bool read_kinds(std::span<placed_mark> marks) {
    const auto count = in_.varint(marks.size());
    if (!count || *count == 0)
      return false;
    kinds_.clear();
    for (std::uint64_t i = 0; i < *count; ++i) {
      const auto live = in_.varint(0xffff);
      const auto tag = in_.varint(0xffff);
      if (!live || !tag || *live == 0)
        return false;
      kinds_.push_back({.live = static_cast<std::uint16_t>(*live),
                        .shard = 0,
                        .tag = static_cast<std::uint16_t>(*tag)});
    }
    const std::size_t width = *count == 1 ? 0 : *count > 256 ? 2 : 1;
    const auto numbers = in_.take(marks.size() * width);
    if (!numbers)
      return false;
    for (std::size_t i = 0; i < marks.size(); ++i) {
      const std::uint64_t kind = width == 0 ? 0 : read_number(numbers->substr(i * width), width);
      if (kind >= kinds_.size())
        return false;
      marks[i].mark = kinds_[kind];
    }
    return true;
  }

  bool read_shards(std::span<placed_mark> marks) {
    const auto shards = in_.take(marks.size() * width_);
    if (!shards)
      return false;
    for (std::size_t i = 0; i < marks.size(); ++i)
      marks[i].mark.shard =
          static_cast<std::uint16_t>(read_number(shards->substr(i * width_), width_));
    return true;
  }

  byte_reader in_;
  std::uint64_t range_events_;
  std::size_t width_ = 1;
  std::uint64_t next_chunk_ = 0;
  std::vector<pending_mark> kinds_;
  placed_marks all_;
};

} // namespace

std::string pack_marks(const placed_marks& marks) {
  const bool is_wide = std::any_of(marks.begin(), marks.end(),
                                   [](const placed_mark& each) { return each.mark.shard > 0xff; });
  const std::size_t width = is_wide ? 2 : 1;
  std::string out(1, static_cast<char>(width));
  std::uint32_t next_chunk = 0;
  for (auto from = marks.begin(); from != marks.end();) {
    const std::uint32_t number = from->slot / chunk_events;
    const auto to = std::find_if(from, marks.end(), [number](const placed_mark& each) {
      return each.slot / chunk_events != number;
    });
    const chunk_of_marks part{from, to};
    append_varint(out, number - next_chunk);
    append_varint(out, part.size());
    write_places(out, part);
    write_kinds(out, part);
    for (const placed_mark& each : part)
      append_number(out, each.mark.shard, static_cast<int>(width));
    next_chunk = number + 1;
    from = to;
  }
  return out;
}

std::optional<placed_marks> unpack_marks(std::string_view bytes, std::uint64_t range_events) {
  return unpacking{bytes, range_events}.run();
}

} // namespace skein::journal
