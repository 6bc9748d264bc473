#include "nodes/access/token_maker.hpp"

#include "protocol/check.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <array>

namespace skein {

namespace {

constexpr std::size_t random_bytes = 32;
constexpr std::size_t shown_letters = 6; // 36 bits of 256
constexpr std::string_view letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void append_base64url(std::string& out, const std::array<unsigned char, random_bytes>& bytes) {
  unsigned held = 0;
  unsigned bits = 0;
  for (const unsigned char byte : bytes) {
    held = (held << 8 | byte) & 0xffff;
    for (bits += 8; bits >= 6; bits -= 6)
      out.push_back(letters[held >> (bits - 6) & 63]);
  }
  if (bits > 0)
    out.push_back(letters[held << (6 - bits) & 63]);
}

} // namespace

void secret_text::forget() noexcept {
  OPENSSL_cleanse(text_.data(), text_.size());
  text_.clear();
}

new_token make_token(role may) {
  std::array<unsigned char, random_bytes> bytes{};
  SKEIN_CHECK(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
  std::string text;
  text.reserve(64); // it never moves and leaves no copy behind
  text.append("skn_").append(to_text(may)).append("_");
  new_token made;
  const std::size_t secret_at = text.size();
  append_base64url(text, bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  made.prefix = text.substr(0, secret_at + shown_letters);
  made.digest = digest_of(text);
  made.text = secret_text{std::move(text)};
  return made;
}

token_digest digest_of(std::string_view text) {
  token_digest digest{};
  static_assert(std::tuple_size_v<token_digest> == SHA256_DIGEST_LENGTH);
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

} // namespace skein
