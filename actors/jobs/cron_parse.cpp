#include "actors/jobs/cron.hpp"
#include "protocol/text.hpp"

#include <algorithm>
#include <charconv>
#include <span>
#include <vector>

namespace skein {

namespace {

constexpr std::size_t text_max = 256;
constexpr std::string_view month_names[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                            "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::string_view weekday_names[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

struct field {
  std::string_view name;
  unsigned low;
  unsigned high;
  std::span<const std::string_view> names{}; // of low, low + 1, ...
};

constexpr field second_field{"second", 0, 59};
constexpr field minute_field{"minute", 0, 59};
constexpr field hour_field{"hour", 0, 23};
constexpr field day_field{"day of month", 1, 31};
constexpr field month_field{"month", 1, 12, month_names};
constexpr field weekday_field{"day of week", 0, 7, weekday_names};

struct macro {
  std::string_view name;
  std::string_view text;
};
constexpr macro macros[] = {{"@yearly", "0 0 1 1 *"},  {"@annually", "0 0 1 1 *"},
                            {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
                            {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
                            {"@hourly", "0 * * * *"}};

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

std::string upper(std::string_view text) {
  std::string all{text};
  std::transform(all.begin(), all.end(), all.begin(), [](char c) { return upper(c); });
  return all;
}

std::vector<std::string_view> split(std::string_view text, std::string_view at) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find_first_of(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos)
      return parts;
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string_view> words_of(std::string_view text) {
  auto words = split(text, blanks);
  std::erase(words, std::string_view{});
  return words;
}

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_whole = problem == std::errc{} && end == text.data() + text.size();
  return is_whole ? std::optional{value} : std::nullopt;
}

error wrong(const field& in, std::string_view item, const std::string& why) {
  return {errc::invalid_argument, std::string{in.name} + " '" + std::string{item} + "': " + why};
}

std::string bounds_of(const field& in) {
  std::string text = std::to_string(in.low) + " to " + std::to_string(in.high);
  if (!in.names.empty())
    text += ", " + std::string{in.names.front()} + " to " + std::string{in.names.back()};
  return text;
}

} // namespace

class cron_parser {
 public:
  explicit cron_parser(std::string_view text) : text_{upper(trimmed(text))} {}

  result<cron> run() {
    if (text_.size() > text_max)
      return error{errc::invalid_argument, "a cron expression has 256 characters at most"};
    if (text_.starts_with('@'))
      if (auto known = expand(); !known)
        return known.error();
    auto fields = words_of(text_);
    if (fields.size() != 5 && fields.size() != 6)
      return error{errc::invalid_argument,
                   "a cron expression has 5 fields (minute hour day-of-month month day-of-week) or "
                   "6 (second first), not " +
                       std::to_string(fields.size())};
    if (fields.size() == 5)
      fields.insert(fields.begin(), "0");
    for (auto read : {plain(second_field, fields[0], found_.seconds_),
                      plain(minute_field, fields[1], found_.minutes_), hours(fields[2]),
                      month_days(fields[3]), months(fields[4]), weekdays(fields[5])})
      if (!read)
        return read.error();
    found_.days_are_both_ = is_any(fields[3]) || is_any(fields[5]);
    using namespace std::chrono;
    if (!found_.next(local_days{year{2000} / January / 1}))
      return error{errc::invalid_argument, "no day of any year has day of month '" +
                                               std::string{fields[3]} + "', month '" +
                                               std::string{fields[4]} + "' and day of week '" +
                                               std::string{fields[5]} + "'"};
    return found_;
  }

 private:
  static bool is_any(std::string_view text) {
    return text.starts_with('*') || text.starts_with('?');
  }

  result<void> expand() {
    const auto* known = std::find_if(std::begin(macros), std::end(macros),
                                     [&](const macro& each) { return upper(each.name) == text_; });
    if (known == std::end(macros))
      return error{errc::invalid_argument,
                   "there is no '" + text_ +
                       "': @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly "
                       "are known"};
    text_ = known->text;
    return {};
  }

  static result<unsigned> value(const field& in, std::string_view text) {
    const auto named = std::find(in.names.begin(), in.names.end(), text);
    if (named != in.names.end())
      return in.low + static_cast<unsigned>(named - in.names.begin());
    const auto found = number(text);
    if (!found || *found < in.low || *found > in.high)
      return wrong(in, text, "must be one of " + bounds_of(in));
    return *found;
  }

  /// `*`, a value or a range, with or without a step.
  template <class Bits>
  static result<void> add_item(const field& in, std::string_view item, Bits& bits) {
    const auto parts = split(item, "/");
    unsigned step = 1;
    if (parts.size() > 2)
      return wrong(in, item, "has more than one step");
    if (parts.size() == 2) {
      const auto given = number(parts[1]);
      if (!given || *given == 0 || *given > in.high)
        return wrong(in, item, "a step is 1 to " + std::to_string(in.high));
      step = *given;
    }
    unsigned low = in.low, high = in.high;
    if (parts[0] != "*") {
      const auto ends = split(parts[0], "-");
      if (ends.size() > 2)
        return wrong(in, item, "a range is low-high");
      const auto from = value(in, ends[0]);
      const auto to = ends.size() == 2 ? value(in, ends[1]) : from;
      if (!from || !to)
        return (!from ? from : to).error();
      low = *from;
      high = ends.size() == 2 || parts.size() == 1 ? *to : in.high;
      // Monday to Sunday is 1-7, and Friday to Sunday FRI-SUN, although SUN alone is 0.
      if (&in == &weekday_field && high == 0 && low > 0)
        high = 7;
      if (low > high)
        return wrong(in, item,
                     "runs backwards; write it as two ranges, such as " + std::string{ends[0]} +
                         "-" + std::to_string(in.high) + "," + std::to_string(in.low) + "-" +
                         std::string{ends[1]});
    }
    for (unsigned each = low; each <= high; each += step)
      bits |= static_cast<Bits>(Bits{1} << each);
    return {};
  }

  /// `add` takes each item of the list.
  template <class Add>
  static result<void> each_item(std::string_view text, const Add& add) {
    for (const std::string_view item : split(text, ","))
      if (auto added = add(item); !added)
        return added;
    return {};
  }

  template <class Bits>
  static result<void> plain(const field& in, std::string_view text, Bits& bits) {
    return each_item(text, [&](std::string_view item) { return add_item(in, item, bits); });
  }

  result<void> hours(std::string_view text) {
    found_.any_hour_ = text.starts_with('*');
    return plain(hour_field, text, found_.hours_);
  }
  result<void> months(std::string_view text) { return plain(month_field, text, found_.months_); }

  result<void> month_days(std::string_view text) {
    return each_item(text == "?" ? "*" : text,
                     [&](std::string_view item) { return add_month_day(item); });
  }

  result<void> add_month_day(std::string_view item) {
    if (item == "LW") {
      found_.last_weekday_ = true;
      return {};
    }
    if (item == "L" || item.starts_with("L-")) {
      const auto back = item == "L" ? std::optional{0u} : number(item.substr(2));
      if (!back || *back > 30)
        return wrong(day_field, item, "L-n is n days before the last, 0 to 30");
      found_.days_before_last_ |= 1u << *back;
      return {};
    }
    if (!item.ends_with('W'))
      return add_item(day_field, item, found_.days_);
    const auto day = value(day_field, item.substr(0, item.size() - 1));
    if (!day)
      return wrong(day_field, item, "nW is the weekday nearest to the day n, 1 to 31");
    found_.nearest_weekdays_ |= 1u << *day;
    return {};
  }

  result<void> weekdays(std::string_view text) {
    auto added = each_item(text == "?" ? "*" : text,
                           [&](std::string_view item) { return add_weekday(item); });
    found_.weekdays_ |= found_.weekdays_ >> 7 & 1;
    return added;
  }

  result<void> add_weekday(std::string_view item) {
    const std::size_t hash = item.find('#');
    const bool is_last = item.size() > 1 && item.ends_with('L');
    if (item == "L")
      return wrong(weekday_field, item, "of which day? 5L is the last Friday of the month");
    if (hash == std::string_view::npos && !is_last)
      return add_item(weekday_field, item, found_.weekdays_);
    const auto day = value(weekday_field, item.substr(0, is_last ? item.size() - 1 : hash));
    if (!day)
      return day.error();
    const auto nth = is_last ? std::optional{0u} : number(item.substr(hash + 1));
    if (!nth || (!is_last && (*nth < 1 || *nth > 5)))
      return wrong(weekday_field, item, "d#n is the nth d of the month, n being 1 to 5");
    found_.nth_weekdays_[*nth] |= static_cast<std::uint8_t>(1u << *day % 7);
    return {};
  }

  std::string text_;
  cron found_;
};

result<cron> cron::parse(std::string_view text) { return cron_parser{text}.run(); }

} // namespace skein
