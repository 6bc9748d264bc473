#include "nodes/cli/tar_gz.hpp"

#include "protocol/check.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>

namespace skein::cli {

namespace {

// A header of POSIX.1-1988 (ustar): fields at fixed places, numbers in octal digits.
constexpr std::size_t block = 512;
constexpr std::size_t name_size = 100;
constexpr std::size_t mode_at = 100;
constexpr std::size_t user_at = 108;
constexpr std::size_t group_at = 116;
constexpr std::size_t size_at = 124;
constexpr std::size_t time_at = 136;
constexpr std::size_t sum_at = 148;
constexpr std::size_t kind_at = 156;
constexpr std::size_t magic_at = 257;

using header = std::array<char, block>;

void put(header& into, std::size_t at, std::string_view text) {
  std::copy(text.begin(), text.end(), into.begin() + static_cast<std::ptrdiff_t>(at));
}

header header_of(std::string_view name, std::size_t size, instant made) {
  header out{};
  put(out, 0, name);
  put(out, mode_at, "0000600");
  put(out, user_at, "0000000");
  put(out, group_at, "0000000");
  put(out, size_at, fmt::format("{:011o}", size));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(made.time_since_epoch());
  put(out, time_at, fmt::format("{:011o}", std::max<std::int64_t>(seconds.count(), 0)));
  put(out, kind_at, "0");
  put(out, magic_at, std::string_view{"ustar\00000", 8});
  put(out, sum_at, "        "); // as which it counts in the sum
  const auto sum = std::accumulate(out.begin(), out.end(), 0u, [](unsigned all, char each) {
    return all + static_cast<unsigned char>(each);
  });
  put(out, sum_at, std::string_view{fmt::format("{:06o}", sum) + '\0' + ' '});
  return out;
}

} // namespace

void tar_archive::add(std::string_view name, std::string_view text) {
  SKEIN_CHECK(name.size() < name_size);
  const header before = header_of(name, text.size(), made_);
  bytes_.append(before.data(), before.size());
  bytes_ += text;
  bytes_.append((block - text.size() % block) % block, '\0');
}

std::string tar_archive::finish() {
  bytes_.append(2 * block, '\0');
  constexpr int with_gzip = 15 + 16; // the largest window, and gzip's header
  constexpr int memory = 8;
  z_stream stream{};
  SKEIN_CHECK(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, with_gzip, memory,
                           Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, static_cast<uLong>(bytes_.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(bytes_.data());
  stream.avail_in = static_cast<uInt>(bytes_.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  SKEIN_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END); // there is room for the worst case
  out.resize(stream.total_out);
  deflateEnd(&stream);
  bytes_.clear();
  return out;
}

} // namespace skein::cli
