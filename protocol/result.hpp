// result<T>: a value or an error. Operating errors are values; asking for the wrong side is a
// programmer's error and ends the process.
#pragma once

#include "protocol/check.hpp"
#include "protocol/error.hpp"

#include <utility>
#include <variant>

namespace skein {

template <class T>
class [[nodiscard]] result {
 public:
  result(T value) : state_{std::in_place_index<0>, std::move(value)} {}
  result(skein::error problem) : state_{std::in_place_index<1>, std::move(problem)} {}
  result(errc code) : state_{std::in_place_index<1>, skein::error{code, {}}} {}

  bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  T& value() & {
    SKEIN_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    SKEIN_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    SKEIN_CHECK(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const skein::error& error() const {
    SKEIN_CHECK(!ok());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, skein::error> state_;
};

template <>
class [[nodiscard]] result<void> {
 public:
  result() = default;
  result(skein::error problem) : problem_{std::move(problem)} {}
  result(errc code) : problem_{skein::error{code, {}}} {}

  bool ok() const noexcept { return problem_.code == errc::none; }
  explicit operator bool() const noexcept { return ok(); }
  const skein::error& error() const {
    SKEIN_CHECK(!ok());
    return problem_;
  }

 private:
  skein::error problem_;
};

} // namespace skein
