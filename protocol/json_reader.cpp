#include "protocol/json_reader.hpp"

#include "protocol/check.hpp"
#include "protocol/json_scan.hpp"
#include "protocol/utf8.hpp"

#include <algorithm>
#include <utility>

namespace skein {

namespace {

static_assert(limits::json_depth_max == 32, "an error below says so in words");
constexpr std::size_t few_names = 16; // up to here all pairs are compared, above it is sorted

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// The value of four hexadecimal digits; -1 if they are not.
int hex4(const char* at, const char* end) noexcept {
  if (end - at < 4)
    return -1;
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = at[i];
    const int digit = is_digit(c)            ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0)
      return -1;
    value = value * 16 + digit;
  }
  return value;
}

constexpr bool is_high_half(int unit) { return unit >= 0xd800 && unit < 0xdc00; }
constexpr bool is_low_half(int unit) { return unit >= 0xdc00 && unit < 0xe000; }

/// Decodes one escape, `at` behind its backslash; it was checked. Gives the place behind it.
const char* decode_escape(const char* at, const char* end, std::string& out) {
  constexpr std::string_view letters = "\"\\/bfnrt";
  constexpr std::string_view values = "\"\\/\b\f\n\r\t";
  if (*at != 'u') {
    out += values[letters.find(*at)];
    return at + 1;
  }
  int unit = hex4(at + 1, end);
  at += 5;
  if (is_high_half(unit)) {
    unit = 0x10000 + ((unit - 0xd800) << 10) + (hex4(at + 2, end) - 0xdc00);
    at += 6;
  }
  append_utf8(out, static_cast<char32_t>(unit));
  return at;
}

void decode(std::string_view quoted, std::string& out) {
  const char* at = quoted.data();
  const char* end = at + quoted.size();
  while (at != end) {
    const char* escape = std::find(at, end, '\\');
    out.append(at, escape);
    at = escape == end ? end : decode_escape(escape + 1, end, out);
  }
}

bool has_duplicate(std::string_view* first, std::string_view* last) {
  if (static_cast<std::size_t>(last - first) > few_names) {
    std::sort(first, last);
    return std::adjacent_find(first, last) != last;
  }
  for (auto* one = first; one != last; ++one)
    if (std::find(one + 1, last, *one) != last)
      return true;
  return false;
}

} // namespace

json_reader::json_reader(std::string_view text)
  : begin_{text.data()}, at_{text.data()}, end_{text.data() + text.size()} {
  names_.reserve(2 * few_names);
  if (!is_utf8(text))
    fail(errc::invalid_json, "it is not UTF-8 as a whole");
}

void json_reader::fail(errc code, const char* what) {
  if (!failed())
    problem_ = error{code, "At byte " + std::to_string(at_ - begin_) + ": " + what + "."};
  at_ = end_;
  depth_ = 0;
}

void json_reader::skip_space() noexcept {
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t'))
    ++at_;
}

json_reader::type json_reader::next() noexcept {
  skip_space();
  if (at_ == end_)
    return type::end;
  switch (*at_) {
    case '{':
      return type::object;
    case '[':
      return type::array;
    case '"':
      return type::string;
    case 't':
    case 'f':
      return type::boolean;
    case 'n':
      return type::null;
    default:
      return type::number; // or nothing at all, which taking it will find out
  }
}

bool json_reader::take(char wanted, const char* what) {
  skip_space();
  if (at_ == end_ || *at_ != wanted) {
    fail(errc::invalid_json, what);
    return false;
  }
  ++at_;
  return true;
}

bool json_reader::open(char bracket, bool is_object, const char* what) {
  if (!take(bracket, what))
    return false;
  if (depth_ == depth_max_) {
    fail(errc::too_deep, "there are more than 32 levels of objects and arrays");
    return false;
  }
  levels_[depth_++] = level{names_.size(), is_object, true};
  return true;
}

bool json_reader::open_object() { return open('{', true, "an object must stand here"); }

bool json_reader::open_array() { return open('[', false, "an array must stand here"); }

void json_reader::close_object() {
  auto* first = names_.data() + levels_[depth_ - 1].names_before;
  auto* last = names_.data() + names_.size();
  if (has_duplicate(first, last)) {
    fail(errc::invalid_json, "the object that ends here has the same name twice");
    return;
  }
  names_.resize(levels_[--depth_].names_before);
}

bool json_reader::member(std::string_view& name) {
  if (failed())
    return false;
  SKEIN_CHECK(depth_ > 0);
  level& top = levels_[depth_ - 1];
  SKEIN_CHECK(top.is_object);
  skip_space();
  if (at_ != end_ && *at_ == '}') {
    ++at_;
    close_object();
    return false;
  }
  if (!top.is_first && !take(',', "a ',' or '}' must stand here"))
    return false;
  top.is_first = false;
  skip_space();
  bool has_escapes = false;
  std::string_view text = quoted(has_escapes);
  if (has_escapes && !failed()) {
    decode(text, decoded_.emplace_front());
    text = decoded_.front();
  }
  names_.push_back(text);
  name = text;
  return take(':', "a ':' must stand here");
}

bool json_reader::element() {
  if (failed())
    return false;
  SKEIN_CHECK(depth_ > 0);
  level& top = levels_[depth_ - 1];
  SKEIN_CHECK(!top.is_object);
  skip_space();
  if (at_ != end_ && *at_ == ']') {
    ++at_;
    --depth_;
    return false;
  }
  if (!top.is_first && !take(',', "a ',' or ']' must stand here"))
    return false;
  top.is_first = false;
  return true;
}

bool json_reader::check_escape() {
  const char* escape = at_++; // the backslash
  if (at_ != end_ && *at_ == 'u') {
    const int unit = hex4(at_ + 1, end_);
    if (is_high_half(unit)) {
      const bool has_low =
          end_ - at_ >= 11 && at_[5] == '\\' && at_[6] == 'u' && is_low_half(hex4(at_ + 7, end_));
      at_ += has_low ? 11 : 0;
    } else if (unit >= 0 && !is_low_half(unit)) {
      at_ += 5;
    }
    if (at_ != escape + 1)
      return true;
    at_ = escape;
    fail(errc::invalid_json, unit < 0 ? "four hexadecimal digits must follow \\u"
                                      : "a \\u escape is half of a surrogate pair");
    return false;
  }
  if (at_ != end_ && std::string_view{"\"\\/bfnrt"}.find(*at_) != std::string_view::npos) {
    ++at_;
    return true;
  }
  at_ = escape;
  fail(errc::invalid_json, "there is no such escape");
  return false;
}

std::string_view json_reader::quoted(bool& has_escapes) {
  if (!take('"', "a string must stand here"))
    return {};
  const char* first = at_;
  for (;;) {
    at_ = find_json_special(at_, end_);
    if (at_ == end_) {
      fail(errc::invalid_json, "the text ends inside a string");
      return {};
    }
    if (*at_ == '"')
      return {first, static_cast<std::size_t>(at_++ - first)};
    if (*at_ != '\\') {
      fail(errc::invalid_json, "a control character in a string must be escaped");
      return {};
    }
    has_escapes = true;
    if (!check_escape())
      return {};
  }
}

std::string_view json_reader::string(std::string& buffer) {
  bool has_escapes = false;
  const std::string_view text = quoted(has_escapes);
  if (!has_escapes || failed())
    return text;
  buffer.clear();
  decode(text, buffer);
  return buffer;
}

std::string_view json_reader::number() {
  skip_space();
  const char* first = at_;
  const auto digits = [this] {
    const char* start = at_;
    while (at_ != end_ && is_digit(*at_))
      ++at_;
    return at_ != start;
  };
  if (at_ != end_ && *at_ == '-')
    ++at_;
  bool whole = at_ != end_ && *at_ == '0';
  if (whole)
    ++at_; // nothing may follow a leading zero
  else
    whole = digits();
  if (!whole) {
    fail(errc::invalid_json, "a value must stand here");
    return {};
  }
  if (at_ != end_ && *at_ == '.' && (++at_, !digits())) {
    fail(errc::invalid_json, "a digit must follow the '.'");
    return {};
  }
  if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
    ++at_;
    if (at_ != end_ && (*at_ == '+' || *at_ == '-'))
      ++at_;
    if (!digits()) {
      fail(errc::invalid_json, "a digit must stand in the exponent");
      return {};
    }
  }
  return {first, static_cast<std::size_t>(at_ - first)};
}

void json_reader::word(std::string_view wanted) {
  skip_space();
  if (!std::string_view{at_, static_cast<std::size_t>(end_ - at_)}.starts_with(wanted)) {
    fail(errc::invalid_json, "a value must stand here");
    return;
  }
  at_ += wanted.size();
}

bool json_reader::boolean() {
  skip_space();
  const bool value = at_ != end_ && *at_ == 't';
  word(value ? "true" : "false");
  return value && !failed();
}

void json_reader::null() { word("null"); }

void json_reader::scalar() {
  bool has_escapes = false;
  switch (next()) {
    case type::string:
      quoted(has_escapes);
      break;
    case type::boolean:
      boolean();
      break;
    case type::null:
      null();
      break;
    default:
      number();
      break;
  }
}

bool json_reader::next_in_level() {
  std::string_view name;
  return levels_[depth_ - 1].is_object ? member(name) : element();
}

std::string_view json_reader::value() {
  skip_space();
  const char* first = at_;
  const std::size_t outer = depth_;
  const std::size_t outer_max = std::exchange(depth_max_, outer + limits::json_depth_max);
  SKEIN_CHECK(depth_max_ <= levels_.size());
  bool more = !failed();
  while (more) { // once a value
    switch (next()) {
      case type::object:
        open_object();
        break;
      case type::array:
        open_array();
        break;
      default:
        scalar();
        break;
    }
    more = false;
    while (!more && depth_ > outer && !failed())
      more = next_in_level();
  }
  depth_max_ = outer_max;
  if (failed())
    return {};
  return {first, static_cast<std::size_t>(at_ - first)};
}

void json_reader::finish() {
  skip_space();
  if (at_ != end_)
    fail(errc::invalid_json, "nothing may follow the value");
}

} // namespace skein
