// Keys of CURVE, as everybody writes them: 32 bytes are 40 characters of Z85.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace skein {

inline constexpr std::size_t curve_key_bytes = 32;
inline constexpr std::size_t curve_key_characters = 40;

/// Whether the text is a key: 40 characters of Z85 that stand for 32 bytes.
bool is_curve_key(std::string_view text);

/// The text of 32 bytes; empty if they are not 32.
std::string curve_key_text(std::string_view bytes);

/// A secret key. There is no way to print it, and its memory is overwritten at the end.
class secret_key {
 public:
  secret_key() = default;
  explicit secret_key(std::string text) : text_{std::move(text)} {}
  secret_key(const secret_key&) = default;
  secret_key(secret_key&& other) noexcept : text_{other.text_} { other.wipe(); }
  secret_key& operator=(const secret_key& other) {
    if (this != &other) {
      wipe();
      text_ = other.text_;
    }
    return *this;
  }
  ~secret_key() { wipe(); }

  /// For the library that uses it, and for its file. 40 characters, ended by a zero.
  const std::string& reveal() const { return text_; }

 private:
  void wipe() noexcept;
  std::string text_;
};

struct key_pair {
  std::string public_key;
  secret_key secret;
};

/// Its public key does not begin with '-', so that it is no option to a command line.
key_pair make_key_pair();

/// The public key that belongs to a secret one; empty if that is no key.
std::optional<std::string> public_key_of(const secret_key& secret);

} // namespace skein
