#include "actors/jobs/cron.hpp"

#include <bit>

namespace skein {

namespace {

using namespace std::chrono;

constexpr int years_ahead = 50; // a 29th of February of one weekday comes every 28 or 40 years

unsigned day_number(year_month_day_last last) { return unsigned{last.day()}; }

/// 0 is Sunday.
unsigned weekday_of(year_month month, unsigned day) {
  return weekday{sys_days{month / static_cast<int>(day)}}.c_encoding();
}

/// The Monday to Friday nearest to the day, within its month.
unsigned nearest_weekday(year_month_day_last last, unsigned day) {
  const unsigned end = day_number(last);
  switch (weekday_of(last.year() / last.month(), day)) {
    case 6:
      return day == 1 ? 3 : day - 1;
    case 0:
      return day == end ? end - 2 : day + 1;
    default:
      return day;
  }
}

/// The first bit at or behind `from`.
template <class Bits>
std::optional<unsigned> first_of(Bits bits, unsigned from) {
  const Bits left = from < sizeof(Bits) * 8 ? static_cast<Bits>(bits >> from << from) : Bits{0};
  return left == 0 ? std::nullopt : std::optional{static_cast<unsigned>(std::countr_zero(left))};
}

} // namespace

cron::days_of_month cron::by_date(year_month_day_last last) const {
  const unsigned end = day_number(last);
  days_of_month found = days_ & static_cast<days_of_month>((std::uint64_t{2} << end) - 1);
  for (unsigned back = 0; back < end; ++back)
    if ((days_before_last_ >> back & 1) != 0)
      found |= 1u << (end - back);
  for (unsigned day = 1; day <= end; ++day)
    if ((nearest_weekdays_ >> day & 1) != 0)
      found |= 1u << nearest_weekday(last, day);
  if (last_weekday_)
    found |= 1u << nearest_weekday(last, end);
  return found;
}

cron::days_of_month cron::by_weekday(year_month_day_last last) const {
  const unsigned end = day_number(last);
  days_of_month found = 0;
  for (unsigned day = 1; day <= end; ++day) {
    const unsigned of_week = weekday_of(last.year() / last.month(), day);
    const bool matches = (weekdays_ >> of_week & 1) != 0 ||
                         (nth_weekdays_[(day - 1) / 7 + 1] >> of_week & 1) != 0 ||
                         (day + 7 > end && (nth_weekdays_[0] >> of_week & 1) != 0);
    found |= matches ? 1u << day : 0u;
  }
  return found;
}

cron::days_of_month cron::days_in(year_month month) const {
  const year_month_day_last last = month / std::chrono::last;
  const days_of_month date = by_date(last);
  const days_of_month week = by_weekday(last);
  return days_are_both_ ? date & week : date | week;
}

/// The first time of a day at or behind `from`.
std::optional<seconds> cron::time_from(seconds from) const {
  const hh_mm_ss at{from};
  const auto hour_now = static_cast<unsigned>(at.hours().count());
  for (auto hour = first_of(hours_, hour_now); hour; hour = first_of(hours_, *hour + 1)) {
    const bool same_hour = *hour == hour_now;
    const unsigned minute_now = same_hour ? static_cast<unsigned>(at.minutes().count()) : 0;
    for (auto minute = first_of(minutes_, minute_now); minute;
         minute = first_of(minutes_, *minute + 1)) {
      const bool same = same_hour && *minute == minute_now;
      const unsigned second_now = same ? static_cast<unsigned>(at.seconds().count()) : 0;
      if (const auto second = first_of(seconds_, second_now))
        return hours{*hour} + minutes{*minute} + seconds{*second};
    }
  }
  return std::nullopt;
}

std::optional<local_seconds> cron::next(local_seconds from) const {
  const local_days today = floor<days>(from);
  const year_month_day first{today};
  const year_month end = first.year() / first.month() + years{years_ahead};
  if (const auto later = time_from(from - today);
      later && (months_ >> unsigned{first.month()} & 1) != 0 &&
      (days_in(first.year() / first.month()) >> unsigned{first.day()} & 1) != 0)
    return today + *later;
  const auto time = time_from(seconds{0});
  unsigned day_from = unsigned{first.day()} + 1;
  for (year_month month = first.year() / first.month(); time && month <= end;
       month += months{1}, day_from = 1)
    if ((months_ >> unsigned{month.month()} & 1) != 0)
      if (const auto day = first_of(days_in(month), day_from))
        return local_days{month / static_cast<int>(*day)} + *time;
  return std::nullopt;
}

} // namespace skein
