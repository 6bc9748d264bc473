// SipHash-2-4 with 128 bits: the authors' vectors, another implementation, and feeding in pieces.
#include "protocol/siphash.hpp"

#include "protocol/event.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <random>
#include <string>

using namespace skein;

namespace {

constexpr std::uint64_t key_high = 0x0706050403020100; // bytes 00 01 .. 07
constexpr std::uint64_t key_low = 0x0f0e0d0c0b0a0908;  // bytes 08 .. 0f

std::string counting(std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i)
    text += static_cast<char>(i);
  return text;
}

hash128 from_bytes(const std::array<unsigned char, 16>& bytes) {
  hash128 value;
  std::memcpy(&value.high, bytes.data(), 8);
  std::memcpy(&value.low, bytes.data() + 8, 8);
  return value;
}

hash128 openssl_siphash(std::string_view text, std::uint64_t high, std::uint64_t low) {
  std::array<unsigned char, 16> key{};
  std::memcpy(key.data(), &high, 8);
  std::memcpy(key.data() + 8, &low, 8);
  std::size_t size = 16;
  const std::array params{OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                          OSSL_PARAM_construct_end()};
  const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> mac{
      EVP_MAC_fetch(nullptr, "SIPHASH", nullptr), EVP_MAC_free};
  const std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context{
      EVP_MAC_CTX_new(mac.get()), EVP_MAC_CTX_free};
  std::array<unsigned char, 16> out{};
  std::size_t written = 0;
  REQUIRE(EVP_MAC_init(context.get(), key.data(), key.size(), params.data()) == 1);
  REQUIRE(EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(text.data()),
                         text.size()) == 1);
  REQUIRE(EVP_MAC_final(context.get(), out.data(), &written, out.size()) == 1);
  REQUIRE(written == out.size());
  return from_bytes(out);
}

} // namespace

TEST_CASE("siphash gives the vectors of its authors") {
  CHECK(siphash128("", key_high, key_low) ==
        from_bytes({0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7,
                    0x55, 0x02, 0x93}));
  CHECK(siphash128(counting(1), key_high, key_low) ==
        from_bytes({0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b,
                    0x22, 0xfc, 0x45}));
  CHECK(siphash128(counting(2), key_high, key_low) ==
        from_bytes({0x81, 0x77, 0x22, 0x8d, 0xa4, 0xa4, 0x5d, 0xc7, 0xfc, 0xa3, 0x8b, 0xde, 0xf6,
                    0x0a, 0xff, 0xe4}));
}

TEST_CASE("siphash agrees with OpenSSL for every length and many keys") {
  std::mt19937_64 random{4711};
  for (std::size_t bytes = 0; bytes < 300; ++bytes) {
    CAPTURE(bytes);
    const std::uint64_t high = random();
    const std::uint64_t low = random();
    std::string text(bytes, '\0');
    for (char& each : text)
      each = static_cast<char>(random());
    REQUIRE(siphash128(text, high, low) == openssl_siphash(text, high, low));
  }
}

TEST_CASE("what is fed in pieces hashes as the whole") {
  std::mt19937_64 random{4712};
  const std::string text = counting(200);
  for (int i = 0; i < 2'000; ++i) {
    siphasher hasher{key_high, key_low};
    std::size_t at = 0;
    while (at < text.size()) {
      const std::size_t piece = std::min<std::size_t>(random() % 23, text.size() - at);
      if (piece == 1)
        hasher.add_byte(static_cast<std::uint8_t>(text[at]));
      else
        hasher.add(std::string_view{text}.substr(at, piece));
      at += piece;
    }
    REQUIRE(hasher.finish() == siphash128(text, key_high, key_low));
  }
}

TEST_CASE("a field is its length and its bytes, so fields cannot run into each other") {
  const auto pair = [](std::string_view one, std::string_view two) {
    siphasher hasher{key_high, key_low};
    hasher.add_field(one);
    hasher.add_field(two);
    return hasher.finish();
  };
  CHECK(pair("ab", "c") != pair("a", "bc"));
  CHECK(pair("", "abc") != pair("abc", ""));
  CHECK(pair("ab", "c") ==
        siphash128(std::string_view{"\2\0\0\0ab\1\0\0\0c", 11}, key_high, key_low));
}
