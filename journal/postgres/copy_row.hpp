// A row in the binary form of COPY, field by field.
#pragma once

#include "journal/byte_words.hpp"
#include "protocol/time.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace skein::journal {

class copy_row {
 public:
  copy_row(std::string& out, int fields) : out_{out} {
    append_number(out, static_cast<std::uint64_t>(fields), 2);
  }
  copy_row& int2(std::int64_t value) { return number(value, 2); }
  copy_row& int4(std::int64_t value) { return number(value, 4); }
  copy_row& int8(std::int64_t value) { return number(value, 8); }
  /// no_instant is NULL.
  copy_row& time(instant value) {
    if (value != no_instant)
      return int8(to_ns(value));
    append_number(out_, 0xffffffff, 4);
    return *this;
  }
  copy_row& bytes(std::string_view value) {
    append_number(out_, value.size(), 4);
    out_ += value;
    return *this;
  }

 private:
  copy_row& number(std::int64_t value, int bytes) {
    char field[12] = {0, 0, 0, static_cast<char>(bytes)};
    for (int i = 0; i < bytes; ++i)
      field[4 + i] = static_cast<char>(value >> (8 * (bytes - 1 - i)));
    out_.append(field, static_cast<std::size_t>(4 + bytes));
    return *this;
  }

  std::string& out_;
};

} // namespace skein::journal
