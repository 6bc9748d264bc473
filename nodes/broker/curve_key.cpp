#include "nodes/broker/curve_key.hpp"

#include "protocol/check.hpp"

#include <array>
#include <cstdint>
#include <string.h>
#include <zmq.h>

namespace skein {

namespace {
using key_text = std::array<char, curve_key_characters + 1>; // with a zero
}

bool is_curve_key(std::string_view text) {
  if (text.size() != curve_key_characters || text.find('\0') != std::string_view::npos)
    return false;
  std::array<std::uint8_t, curve_key_bytes> bytes{};
  return zmq_z85_decode(bytes.data(), std::string{text}.c_str()) != nullptr;
}

std::string curve_key_text(std::string_view bytes) {
  key_text text{};
  if (bytes.size() != curve_key_bytes ||
      zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(bytes.data()),
                     bytes.size()) == nullptr)
    return {};
  return text.data();
}

void secret_key::wipe() noexcept {
  explicit_bzero(text_.data(), text_.size());
  text_.clear();
}

key_pair make_key_pair() {
  key_text open{}, closed{};
  do
    SKEIN_CHECK(zmq_curve_keypair(open.data(), closed.data()) == 0);
  while (open[0] == '-');
  key_pair made{open.data(), secret_key{closed.data()}};
  explicit_bzero(closed.data(), closed.size());
  return made;
}

std::optional<std::string> public_key_of(const secret_key& secret) {
  key_text open{};
  if (!is_curve_key(secret.reveal()) || zmq_curve_public(open.data(), secret.reveal().c_str()) != 0)
    return std::nullopt;
  return open.data();
}

} // namespace skein
