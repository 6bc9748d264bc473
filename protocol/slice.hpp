// Immutable bytes with shared ownership: a view and whatever keeps it alive. Copying is cheap and
// never copies the bytes, so one received frame feeds the lanes, the journal and the agents.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace skein {

class slice {
 public:
  slice() = default;

  /// Owns a copy of nothing: takes the string over.
  explicit slice(std::string bytes) {
    auto owner = std::make_shared<const std::string>(std::move(bytes));
    view_ = *owner;
    owner_ = std::move(owner);
  }

  /// `view` must lie in memory that `owner` keeps alive and unchanged.
  slice(std::shared_ptr<const void> owner, std::string_view view)
    : owner_{std::move(owner)}, view_{view} {}

  /// The same bytes in memory of their own: for a small part that is kept long after the rest of
  /// what it came in (a frame of a thousand events).
  slice copy() const {
    if (view_.empty())
      return {};
    auto bytes = std::make_shared_for_overwrite<char[]>(view_.size());
    std::memcpy(bytes.get(), view_.data(), view_.size());
    const std::string_view copied{bytes.get(), view_.size()};
    return {std::move(bytes), copied};
  }

  /// A part of this slice that shares its owner. `part` must lie within view().
  slice part(std::string_view part) const { return slice{owner_, part}; }

  std::string_view view() const noexcept { return view_; }
  const char* data() const noexcept { return view_.data(); }
  std::size_t size() const noexcept { return view_.size(); }
  bool empty() const noexcept { return view_.empty(); }
  const std::shared_ptr<const void>& owner() const noexcept { return owner_; }

  friend bool operator==(const slice& a, const slice& b) noexcept { return a.view_ == b.view_; }

 private:
  std::shared_ptr<const void> owner_;
  std::string_view view_;
};

} // namespace skein
