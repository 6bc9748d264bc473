#include "nodes/http/chunk_decoder.hpp"

#include "nodes/http/http_framing.hpp"
#include "protocol/text.hpp"

#include <algorithm>
#include <limits>

namespace skein {

namespace {

error malformed(std::string detail) { return {errc::invalid_request, std::move(detail)}; }

std::size_t token_size(std::string_view text) noexcept {
  std::size_t size = 0;
  while (size < text.size() && is_token_char(text[size]))
    ++size;
  return size;
}

/// The size of a quoted string at the start of `text`, its quotes included; 0 if there is none.
std::size_t quoted_size(std::string_view text) noexcept {
  for (std::size_t i = 1; i < text.size() && text.front() == '"'; ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      return i + 1;
  }
  return 0;
}

/// Any number of ;name, ;name=token or ;name="quoted".
bool are_extensions(std::string_view text) noexcept {
  while (!text.empty()) {
    if (text.front() != ';')
      return false;
    text.remove_prefix(1);
    const std::size_t name = token_size(text);
    if (name == 0)
      return false;
    text.remove_prefix(name);
    if (!text.starts_with('='))
      continue;
    text.remove_prefix(1);
    const std::size_t value = std::max(token_size(text), quoted_size(text));
    if (value == 0)
      return false;
    text.remove_prefix(value);
  }
  return true;
}

} // namespace

result<std::size_t> chunk_decoder::feed(std::string_view in, std::string& out) {
  std::size_t at = 0;
  while (at < in.size() && state_ != state::complete) {
    if (state_ == state::data) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size() - at));
      out.append(in.substr(at, size));
      at += size;
      taken_ += size;
      left_ -= size;
      if (left_ == 0)
        state_ = state::data_cr;
      continue;
    }
    if (auto stepped = step(in[at]); !stepped)
      return stepped.error();
    ++at;
  }
  return at;
}

result<void> chunk_decoder::step(char c) {
  switch (state_) {
    case state::size_first:
    case state::size:
    case state::extension:
      return step_size(c);
    case state::size_lf:
      if (c != '\n')
        return malformed("A chunk's line has a CR without LF.");
      return end_size();
    case state::data_cr:
      return expect(c, '\r', state::data_lf);
    case state::data_lf:
      line_ = 0;
      left_ = 0;
      return expect(c, '\n', state::size_first);
    case state::data:
    case state::complete:
      break; // not reached: feed handles both
    default:
      return step_trailer(c);
  }
  return {};
}

result<void> chunk_decoder::step_size(char c) {
  if (++line_ > limits::http_chunk_line_bytes_max)
    return malformed("A chunk's line is longer than " +
                     std::to_string(limits::http_chunk_line_bytes_max) + " bytes.");
  if (c == '\r' && state_ != state::size_first) {
    state_ = state::size_lf;
    return {};
  }
  if (c == ';' && state_ == state::size)
    state_ = state::extension;
  if (state_ != state::extension)
    return add_digit(c);
  if (!is_value_char(c))
    return malformed("A chunk extension has a control character.");
  extensions_.push_back(c);
  return {};
}

result<void> chunk_decoder::add_digit(char c) {
  const int digit = hex_digit(c);
  if (digit < 0)
    return malformed("A chunk's size must be a hexadecimal number.");
#ifndef SKEIN_BUG_CHUNK_SIZE_OVERFLOW
  if (left_ > std::numeric_limits<std::uint64_t>::max() >> 4)
    return malformed("A chunk's size is beyond any possible size.");
#endif
  left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
  state_ = state::size;
  return {};
}

result<void> chunk_decoder::end_size() {
  if (!are_extensions(extensions_))
    return malformed("A chunk extension is ;name, ;name=token or ;name=\"text\".");
  extensions_.clear();
  if (left_ > body_max_ - taken_)
    return error{errc::too_large,
                 "The body may have at most " + std::to_string(body_max_) + " bytes."};
  state_ = left_ == 0 ? state::trailer_first : state::data;
  return {};
}

result<void> chunk_decoder::step_trailer(char c) {
  if (++trailer_ > limits::http_trailer_bytes_max)
    return malformed("The trailers have more than " +
                     std::to_string(limits::http_trailer_bytes_max) + " bytes.");
  switch (state_) {
    case state::trailer_first:
      if (c == '\r') {
        state_ = state::last_lf;
        return {};
      }
      [[fallthrough]];
    case state::trailer_name:
      if (c == ':' && state_ == state::trailer_name)
        state_ = state::trailer_value;
      else if (is_token_char(c))
        state_ = state::trailer_name;
      else
        return malformed("A trailer's name is not a token directly before a colon.");
      return {};
    case state::trailer_value:
      if (c == '\r')
        state_ = state::trailer_lf;
      else if (!is_value_char(c))
        return malformed("A trailer has a control character.");
      return {};
    case state::trailer_lf:
      return expect(c, '\n', state::trailer_first);
    default:
      return expect(c, '\n', state::complete);
  }
}

result<void> chunk_decoder::expect(char c, char wanted, state next) {
  if (c != wanted)
    return malformed("A chunk does not end where its size says.");
  state_ = next;
  return {};
}

} // namespace skein
