// Reads JSON (RFC 8259) pull by pull, strictly: the whole grammar, UTF-8, no half surrogate pairs,
// no name twice in an object, a limit of depth. Values that are not ours to understand are given as
// the text they are, so numbers keep their digits and objects their order; that, the names and the
// need of padded copies are why this is not a library's parser (simdjson checks the UTF-8).
//
// The first failure sticks: later reads give empty views and false, and the caller asks for
// problem(). Memory: only for the names of the objects now open.
#pragma once

#include "protocol/error.hpp"
#include "protocol/limits.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <string>
#include <string_view>
#include <vector>

namespace skein {

class json_reader {
 public:
  /// Containers that may be open around a value(): a batch and an event, or what a node wraps
  /// around an event when it shows it.
  static constexpr std::size_t envelope_levels = 8;

  enum class type : std::uint8_t { end, object, array, string, number, boolean, null };

  /// `text` must live as long as the reader and what it gave. A value() in it, or in containers
  /// that the caller opened, may have limits::json_depth_max levels of its own.
  explicit json_reader(std::string_view text);

  bool failed() const noexcept { return problem_.code != errc::none; }
  /// errc::none, invalid_json or too_deep, with the place in the text.
  const error& problem() const noexcept { return problem_; }

  /// What comes next, without taking it; `end` also after a failure.
  type next() noexcept;

  /// Opens an object. Then member() gives each name (valid as long as the reader), whose value the
  /// caller must take, and false when the object has been closed.
  bool open_object();
  bool member(std::string_view& name);
  /// The same for arrays.
  bool open_array();
  bool element();

  /// The decoded content: a view into the text, or into `buffer` if it had escapes.
  std::string_view string(std::string& buffer);
  /// As it is written.
  std::string_view number();
  bool boolean();
  void null();
  /// Any whole value as it is written.
  std::string_view value();

  /// Nothing but white space may be left.
  void finish();

 private:
  struct level {
    std::size_t names_before; // names_ from here on are of this object
    bool is_object;
    bool is_first; // no member yet
  };

  void fail(errc code, const char* what);
  void skip_space() noexcept;
  bool take(char wanted, const char* what);
  bool open(char bracket, bool is_object, const char* what);
  void close_object();
  /// The bytes between the quotes, escapes checked but not decoded.
  std::string_view quoted(bool& has_escapes);
  bool check_escape();
  void word(std::string_view wanted);
  void scalar();
  bool next_in_level();

  const char* begin_;
  const char* at_;
  const char* end_;
  std::size_t depth_ = 0;
  std::size_t depth_max_ = limits::json_depth_max + envelope_levels;
  std::array<level, limits::json_depth_max + envelope_levels> levels_;
  std::vector<std::string_view> names_;
  std::forward_list<std::string> decoded_; // names that had escapes
  error problem_;
};

} // namespace skein
