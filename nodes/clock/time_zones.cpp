#include "nodes/clock/time_zones.hpp"

#include <date/tz.h>

#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>

namespace skein {

namespace {

using std::chrono::seconds;

/// The library's first and last seconds are beyond what an instant can hold.
instant instant_of(date::sys_seconds at) {
  constexpr seconds first = std::chrono::ceil<seconds>(instant::min().time_since_epoch());
  constexpr seconds last = std::chrono::floor<seconds>(instant::max().time_since_epoch());
  if (at.time_since_epoch() <= first)
    return instant::min();
  return at.time_since_epoch() >= last ? instant::max() : instant{at.time_since_epoch()};
}

class system_zone final : public zone_rules {
 public:
  explicit system_zone(const date::time_zone& zone) : zone_{zone} {}

  offset_span at(instant when) const override {
    const date::sys_info info =
        zone_.get_info(date::sys_seconds{std::chrono::floor<seconds>(when.time_since_epoch())});
    return {instant_of(info.begin), instant_of(info.end), info.offset};
  }

 private:
  const date::time_zone& zone_;
};

/// The library tells by exceptions; none of them leaves this file.
result<const date::tzdb*> database() {
  try {
    return &date::get_tzdb();
  } catch (const std::exception& problem) {
    return error{errc::io_error,
                 std::string{"the system's time zones cannot be read (tzdata): "} + problem.what()};
  }
}

} // namespace

result<const zone_rules*> find_zone(std::string_view name) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<system_zone>, std::less<>> known;
  const auto zones = database();
  if (!zones)
    return zones.error();
  const std::scoped_lock hold{mutex};
  if (const auto found = known.find(name); found != known.end())
    return found->second.get();
  try {
    const date::time_zone* const zone = date::locate_zone(name);
    return known.emplace(std::string{name}, std::make_unique<system_zone>(*zone))
        .first->second.get();
  } catch (const std::runtime_error&) {
    return error{errc::not_found, "there is no time zone '" + std::string{name} +
                                      "'; names are those of the IANA database, such as "
                                      "Europe/Berlin"};
  }
}

result<std::vector<std::string>> zone_names() {
  const auto zones = database();
  if (!zones)
    return zones.error();
  std::vector<std::string> names;
  for (const date::time_zone& each : (*zones)->zones)
    names.push_back(each.name());
  return names;
}

} // namespace skein
