// The chunked body, byte by byte: strict, bounded, without knowledge of sockets.
//
//   size [;extension] CR LF  data CR LF  ...  0 CR LF  [trailer CR LF]...  CR LF
//
// Extensions and trailers are checked, bounded and dropped. Errors: invalid_request; too_large as
// soon as a chunk's size says that the body would exceed its limit, before any of it is taken.
#pragma once

#include "protocol/limits.hpp"
#include "protocol/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace skein {

class chunk_decoder {
 public:
  explicit chunk_decoder(std::size_t body_max) : body_max_{body_max} {}

  /// Takes from `in` what belongs to the body and appends its data to `out`. Returns how many bytes
  /// it took: all of them unless the body ends before.
  result<std::size_t> feed(std::string_view in, std::string& out);

  bool complete() const noexcept { return state_ == state::complete; }

 private:
  enum class state : std::uint8_t {
    size_first, // needs a digit
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_first, // a name, or the CR of the last line
    trailer_name,
    trailer_value,
    trailer_lf,
    last_lf,
    complete,
  };

  result<void> step(char c);
  result<void> step_size(char c);
  result<void> step_trailer(char c);
  result<void> add_digit(char c);
  result<void> end_size();
  result<void> expect(char c, char wanted, state next);

  std::size_t body_max_;
  std::size_t taken_ = 0;   // of the body's data
  std::uint64_t left_ = 0;  // of this chunk; while its size is read: the size so far
  std::size_t line_ = 0;    // bytes of the chunk line
  std::string extensions_;  // of this chunk, from the first ';' on
  std::size_t trailer_ = 0; // bytes of all trailers
  state state_ = state::size_first;
};

} // namespace skein
