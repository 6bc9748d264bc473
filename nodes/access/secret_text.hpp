// A text that nobody is to see but whom it is for: no stream takes it, no JSON, no log, and its
// memory is overwritten before it is given back.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace skein {

class secret_text {
 public:
  secret_text() = default;
  explicit secret_text(std::string text) : text_{std::move(text)} {}
  ~secret_text() { forget(); }
  secret_text(const secret_text&) = delete;
  secret_text& operator=(const secret_text&) = delete;
  secret_text(secret_text&& other) noexcept : text_{other.text_} { other.forget(); }
  secret_text& operator=(secret_text&& other) noexcept {
    forget();
    text_ = other.text_;
    other.forget();
    return *this;
  }

  /// For the one place that sends or prints it.
  std::string_view reveal() const noexcept { return text_; }
  bool empty() const noexcept { return text_.empty(); }

 private:
  void forget() noexcept;
  std::string text_;
};

} // namespace skein
