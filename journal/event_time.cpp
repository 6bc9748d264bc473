#include "journal/event_time.hpp"

namespace skein::journal {

namespace {

/// Commits by number, read as a search by halves goes.
class commit_times {
 public:
  static result<commit_times> open(database& db) {
    auto first = db.number("SELECT min(no) FROM commits", 1);
    auto last = db.number("SELECT max(no) FROM commits", 0);
    auto time = db.prepare("SELECT at FROM commits WHERE no = ?");
    auto whole = db.prepare("SELECT " SKEIN_COMMIT_COLUMNS " FROM commits WHERE no = ?");
    for (const error& each : {first ? error{} : first.error(), last ? error{} : last.error(),
                              time ? error{} : time.error(), whole ? error{} : whole.error()})
      if (each.code != errc::none)
        return each;
    commit_times opened;
    opened.first_ = *first;
    opened.end_ = *last + 1;
    opened.time_ = std::move(*time);
    opened.whole_ = std::move(*whole);
    return opened;
  }

  std::int64_t first() const { return first_; }
  std::int64_t end() const { return end_; }

  /// The first commit that is not before `at`; commits() if there is none.
  result<std::int64_t> not_before(instant at) {
    std::int64_t low = first_;
    std::int64_t high = end_;
    while (low < high) {
      const std::int64_t middle = low + (high - low) / 2;
      const reset_at_end end{time_};
      if (const int code = time_.bind(1, middle).step(); code != SQLITE_ROW)
        return missing(code, middle);
      (time_.time(0) < at ? low : high) = time_.time(0) < at ? middle + 1 : middle;
    }
    return low;
  }

  struct checked {
    instant at = no_instant;
    std::uint64_t first_event = 0;
    std::uint64_t events = 0;
  };
  result<checked> read(std::int64_t number, const unchecked_rows& old) {
    const reset_at_end end{whole_};
    if (const int code = whole_.bind(1, number).step(); code != SQLITE_ROW)
      return missing(code, number);
    const auto commit = commit_at(whole_, old);
    if (!commit)
      return commit.error();
    return checked{from_ns(commit->at), static_cast<std::uint64_t>(commit->first_event),
                   static_cast<std::uint64_t>(commit->events)};
  }

 private:
  error missing(int code, std::int64_t number) {
    return code == SQLITE_DONE ? damaged_store("commit " + std::to_string(number) + " is missing")
                               : sqlite_error(time_.db(), code, "reading commits");
  }

  std::int64_t first_ = 1;
  std::int64_t end_ = 1;
  statement time_;
  statement whole_;
};

} // namespace

/// The search reads times alone, as a row may be large; the two commits that it ends between are
/// then read whole. If those are right, so is the place, whatever was read on the way.
result<std::uint64_t> first_accepted_at(database& db, instant at, const unchecked_rows& old) {
  auto commits = commit_times::open(db);
  if (!commits)
    return commits.error();
  const auto found = commits->not_before(at);
  if (!found)
    return found.error();
  std::uint64_t event = 1;
  bool is_right = true;
  if (*found > commits->first()) {
    const auto before = commits->read(*found - 1, old);
    if (!before)
      return before.error();
    is_right = before->at < at;
    event = before->first_event + before->events;
  }
  if (*found < commits->end()) {
    const auto after = commits->read(*found, old);
    if (!after)
      return after.error();
    is_right = is_right && after->at >= at;
    event = after->first_event;
  }
  if (!is_right)
    return damaged_store("the times of the commits around " + std::to_string(*found) +
                         " are not in order");
  return event;
}

} // namespace skein::journal
