#include "protocol/time.hpp"

#include <array>
#include <limits>

namespace skein {

namespace {

using days = std::chrono::duration<std::int64_t, std::ratio<86'400>>;

constexpr std::int64_t ns_per_second = 1'000'000'000;
constexpr int first_year = 1678; // all of it and of last_year lies within 64 bits of nanoseconds
constexpr int last_year = 2261;

/// Takes characters off the front of a text; every step says whether the text was as expected.
class text_reader {
 public:
  explicit text_reader(std::string_view text) noexcept : rest_{text} {}

  bool done() const noexcept { return rest_.empty(); }
  bool next_is_digit() const noexcept { return !done() && rest_[0] >= '0' && rest_[0] <= '9'; }

  bool take(char wanted) noexcept {
    if (done() || rest_[0] != wanted)
      return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool take_either(char one, char other) noexcept { return take(one) || take(other); }

  bool take(std::string_view wanted) noexcept {
    if (!rest_.starts_with(wanted))
      return false;
    rest_.remove_prefix(wanted.size());
    return true;
  }

  int digit() noexcept {
    const int value = rest_[0] - '0';
    rest_.remove_prefix(1);
    return value;
  }

  /// Exactly `count` digits with a value within [low, high].
  bool number(int count, int low, int high, int& value) noexcept {
    value = 0;
    for (int i = 0; i < count; ++i) {
      if (!next_is_digit())
        return false;
      value = value * 10 + digit();
    }
    return value >= low && value <= high;
  }

 private:
  std::string_view rest_;
};

struct civil_time {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  std::int64_t fraction_ns = 0;
  int offset_minutes = 0;
};

/// One digit or more; what is finer than a nanosecond is cut off.
bool read_fraction(text_reader& in, std::int64_t& ns) {
  if (!in.next_is_digit())
    return false;
  std::int64_t unit = ns_per_second;
  ns = 0;
  while (in.next_is_digit()) {
    unit /= 10;
    ns += in.digit() * unit;
  }
  return true;
}

bool read_offset(text_reader& in, int& minutes) {
  minutes = 0;
  if (in.take_either('Z', 'z'))
    return true;
  const bool west = in.take('-');
  if (!west && !in.take('+'))
    return false;
  int hour = 0;
  int minute = 0;
  if (!in.number(2, 0, 23, hour) || !in.take(':') || !in.number(2, 0, 59, minute))
    return false;
  minutes = (hour * 60 + minute) * (west ? -1 : 1);
  return true;
}

bool read_civil(text_reader& in, civil_time& at) {
  const bool date = in.number(4, 0, 9999, at.year) && in.take('-') &&
                    in.number(2, 1, 12, at.month) && in.take('-') && in.number(2, 1, 31, at.day);
  const bool time = date && in.take_either('T', 't') && in.number(2, 0, 23, at.hour) &&
                    in.take(':') && in.number(2, 0, 59, at.minute) && in.take(':') &&
                    in.number(2, 0, 60, at.second);
  if (!time || (in.take('.') && !read_fraction(in, at.fraction_ns)))
    return false;
  return read_offset(in, at.offset_minutes) && in.done();
}

std::chrono::year_month_day date_of(int year, int month, int day) {
  return std::chrono::year_month_day{std::chrono::year{year},
                                     std::chrono::month{static_cast<unsigned>(month)},
                                     std::chrono::day{static_cast<unsigned>(day)}};
}

void put_digits(std::string& out, std::int64_t value, int count) {
  std::array<char, 20> text{};
  for (int i = count; i-- > 0; value /= 10)
    text[static_cast<std::size_t>(i)] = static_cast<char>('0' + value % 10);
  out.append(text.data(), static_cast<std::size_t>(count));
}

struct unit {
  std::string_view name;
  std::int64_t ns;
};
// Large to small; "m" stands behind "ms" when reading because the longer name is tried first.
constexpr std::array<unit, 5> units{{{"d", 86'400 * ns_per_second},
                                     {"h", 3'600 * ns_per_second},
                                     {"m", 60 * ns_per_second},
                                     {"s", ns_per_second},
                                     {"ms", 1'000'000}}};

/// The index of the unit whose name is next; units.size() if none is.
std::size_t take_unit(text_reader& in) {
  if (in.take("ms"))
    return units.size() - 1;
  for (std::size_t i = 0; i + 1 < units.size(); ++i)
    if (in.take(units[i].name))
      return i;
  return units.size();
}

/// `ns` written in the units of `mask` only, each as large as it can be; empty if that leaves a
/// rest.
std::string in_units(std::int64_t ns, unsigned mask) {
  std::string text;
  for (std::size_t i = 0; i < units.size(); ++i) {
    if ((mask & (1u << i)) == 0)
      continue;
    if (const std::int64_t count = ns / units[i].ns; count > 0)
      text.append(std::to_string(count)).append(units[i].name);
    ns %= units[i].ns;
  }
  return ns == 0 ? text : std::string{};
}

} // namespace

std::string format_rfc3339(instant at) {
  const auto ns = at.time_since_epoch();
  const auto day = std::chrono::floor<days>(ns);
  const std::chrono::year_month_day date{
      std::chrono::sys_days{std::chrono::days{static_cast<int>(day.count())}}};
  const std::int64_t of_day = (ns - day).count();
  const std::int64_t second = of_day / ns_per_second;

  std::string text;
  text.reserve(sizeof "2026-07-28T12:34:56.123456789Z");
  put_digits(text, static_cast<int>(date.year()), 4);
  put_digits(text += '-', static_cast<unsigned>(date.month()), 2);
  put_digits(text += '-', static_cast<unsigned>(date.day()), 2);
  put_digits(text += 'T', second / 3'600, 2);
  put_digits(text += ':', second / 60 % 60, 2);
  put_digits(text += ':', second % 60, 2);
  if (std::int64_t fraction = of_day % ns_per_second; fraction != 0) {
    int digits = 9;
    for (; fraction % 1'000 == 0; fraction /= 1'000)
      digits -= 3;
    put_digits(text += '.', fraction, digits);
  }
  return text += 'Z';
}

namespace {

/// Seconds since 1970 of RFC 3339 of any year, and the fraction.
struct civil_instant {
  std::int64_t second = 0;
  std::int64_t fraction_ns = 0;

  bool is_far() const {
    const auto seconds_at = [](int year) {
      return std::int64_t{std::chrono::sys_days{date_of(year, 1, 1)}.time_since_epoch().count()} *
             86'400;
    };
    return second < seconds_at(first_year) || second >= seconds_at(last_year + 1);
  }
};

std::optional<civil_instant> read_rfc3339(std::string_view text) {
  text_reader in{text};
  civil_time at;
  if (!read_civil(in, at))
    return std::nullopt;
  const auto date = date_of(at.year, at.month, at.day);
  if (!date.ok())
    return std::nullopt;

  const std::int64_t day = std::chrono::sys_days{date}.time_since_epoch().count();
  const std::int64_t minute = day * 1'440 + at.hour * 60 + at.minute - at.offset_minutes;
  const std::int64_t second = minute * 60 + at.second;
  if (at.second == 60) { // UTC has leap seconds only before the first of a month
    const auto next = std::chrono::floor<std::chrono::days>(std::chrono::seconds{second});
    const std::chrono::year_month_day next_date{std::chrono::sys_days{next}};
    if (next != std::chrono::seconds{second} || next_date.day() != std::chrono::day{1})
      return std::nullopt;
  }
  return civil_instant{second, at.fraction_ns};
}

struct read_span {
  std::int64_t ns = 0;
  bool is_far = false; // beyond 64 bits; ns means nothing then
};

std::optional<read_span> read_duration(std::string_view text) {
  text_reader in{text};
  if (in.done())
    return std::nullopt;
  read_span sum;
  std::size_t next_unit = 0; // units come large to small, each once
  while (!in.done()) {
    if (!in.next_is_digit())
      return std::nullopt;
    std::int64_t count = 0;
    while (in.next_is_digit()) {
      const int digit = in.digit();
      if (__builtin_mul_overflow(count, 10, &count) || __builtin_add_overflow(count, digit, &count))
        sum.is_far = true;
    }
    const std::size_t index = take_unit(in);
    if (index < next_unit || index == units.size())
      return std::nullopt;
    next_unit = index + 1;
    if (__builtin_mul_overflow(count, units[index].ns, &count) ||
        __builtin_add_overflow(sum.ns, count, &sum.ns))
      sum.is_far = true;
  }
  return sum;
}

} // namespace

std::optional<instant> parse_rfc3339(std::string_view text) {
  const auto at = read_rfc3339(text);
  if (!at || at->is_far())
    return std::nullopt;
  return from_ns(at->second * ns_per_second + at->fraction_ns);
}

bool is_far_rfc3339(std::string_view text) {
  const auto at = read_rfc3339(text);
  return at && at->is_far();
}

std::optional<duration> parse_duration(std::string_view text) {
  const auto span = read_duration(text);
  return span && !span->is_far ? std::optional{duration{span->ns}} : std::nullopt;
}

bool is_far_duration(std::string_view text) {
  const auto span = read_duration(text);
  return span && span->is_far;
}

std::optional<instant> parse_time(std::string_view text, instant now) {
  if (!text.starts_with('-'))
    return parse_rfc3339(text);
  const auto back = parse_duration(text.substr(1));
  return back ? std::optional{now - *back} : std::nullopt;
}

std::string format_duration(duration value) {
  const std::int64_t ns = value.count() - value.count() % units.back().ns;
  if (ns <= 0)
    return "0s";
  std::string shortest;
  for (unsigned mask = 1; mask < 1u << units.size(); ++mask) {
    std::string text = in_units(ns, mask);
    if (!text.empty() && (shortest.empty() || text.size() < shortest.size()))
      shortest = std::move(text);
  }
  return shortest;
}

} // namespace skein
